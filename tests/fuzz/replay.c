/*
 * replay: runs a fuzz target over the files of a corpus without libFuzzer, so that the ordinary tests
 * (and the sanitizer build) hold every input that was ever interesting. Fails when there is none.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/alloc.h"
#include "tests/fuzz/fuzz.h"

enum { INPUT_BYTES_MAX = 1 << 20 };

/* The file's bytes in a block of exactly their size, so that a sanitizer sees a look behind the end. */
static int replay_file(const char *path, uint8_t *scratch)
{
    FILE *f = fopen(path, "rb");
    size_t len;
    uint8_t *data;

    if (!f) {
        perror(path);
        return -1;
    }
    len = fread(scratch, 1, INPUT_BYTES_MAX, f);
    fclose(f);
    data = xmalloc(len ? len : 1);
    memcpy(data, scratch, len);
    LLVMFuzzerTestOneInput(data, len);
    xfree(data);
    return 0;
}

int main(int argc, char **argv)
{
    DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *scratch = xmalloc(INPUT_BYTES_MAX);
    struct dirent *entry;
    int count = 0, failed = 0;

    if (!dir) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(dir))) {
        char path[4096];
        struct stat st;

        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        failed |= replay_file(path, scratch);
        count++;
    }
    closedir(dir);
    xfree(scratch);
    printf("%d inputs replayed\n", count);
    return failed || count == 0;
}
