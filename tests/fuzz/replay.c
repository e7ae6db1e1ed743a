/*
 * replay: runs a fuzz target over the files of a corpus, or over single files, without libFuzzer, so that the
 * ordinary tests (and the sanitizer build) hold every input that was ever interesting. Fails when there is none,
 * and when one of them takes more of the processor than any input may: the clock on the wall would measure what
 * else the machine does.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/alloc.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 20, INPUT_CPU_MS_MAX = 5000 };

struct replay {
    uint8_t *scratch; /* INPUT_BYTES_MAX */
    int count;
    bool failed;
    uint64_t slowest_ms;
    char slowest[256];
};

static uint64_t cpu_ms(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void note_time(struct replay *r, const char *path, uint64_t took_ms)
{
    if (took_ms > INPUT_CPU_MS_MAX) {
        fprintf(stderr, "%s: takes %llu ms of CPU\n", path, (unsigned long long)took_ms);
        r->failed = true;
    }
    if (took_ms <= r->slowest_ms)
        return;
    r->slowest_ms = took_ms;
    snprintf(r->slowest, sizeof r->slowest, "%s", path);
}

/* The file's bytes in a block of exactly their size, so that a sanitizer sees a look behind the end. */
static void replay_file(struct replay *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    uint64_t begun_ms;
    size_t len;
    uint8_t *data;

    if (!f) {
        perror(path);
        r->failed = true;
        return;
    }
    len = fread(r->scratch, 1, INPUT_BYTES_MAX, f);
    fclose(f);
    data = xmalloc(len ? len : 1);
    memcpy(data, r->scratch, len);
    begun_ms = cpu_ms();
    LLVMFuzzerTestOneInput(data, len);
    note_time(r, path, cpu_ms() - begun_ms);
    xfree(data);
    r->count++;
}

static void replay_path(struct replay *r, const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir) {
        replay_file(r, path);
        return;
    }
    while ((entry = readdir(dir))) {
        char inside[4096];
        struct stat st;

        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (stat(inside, &st) == 0 && S_ISREG(st.st_mode))
            replay_file(r, inside);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    struct replay r = { .scratch = xmalloc(INPUT_BYTES_MAX) };

    if (argc < 2)
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY|FILE ...\n", argv[0]);
    for (int i = 1; i < argc; i++)
        replay_path(&r, argv[i]);
    xfree(r.scratch);
    printf("%d inputs replayed; the slowest took %llu ms of CPU: %s\n", r.count,
           (unsigned long long)r.slowest_ms, r.slowest);
    return r.failed || r.count == 0;
}
