#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/alloc.h"
#include "common/process.h"

void process_tell_version(const char *program, const char *serves_as)
{
    printf("Redis server v=%s sha=00000000:0 malloc=%s bits=%zu build=%s-%s\n", serves_as,
           alloc_name(), sizeof(void *) * CHAR_BIT, program, HF_VERSION);
}

/* The program of this name in our own folder. False: our folder is not known, or its name too long. */
static bool beside_us(const char *program, char *out_path, size_t size)
{
    ssize_t len = readlink("/proc/self/exe", out_path, size - 1);
    char *name;

    if (len < 0)
        return false;
    out_path[len] = '\0';
    name = strrchr(out_path, '/');
    if (!name || (size_t)(name + 1 - out_path) + strlen(program) >= size)
        return false;
    strcpy(name + 1, program);
    return true;
}

/* A directive of that name ("--sentinel monitor …") has values, the bare word has none. */
static bool is_bare(int argc, char **argv, int at, const char *word)
{
    return strcmp(argv[at], word) == 0 && (at + 1 == argc || strncmp(argv[at + 1], "--", 2) == 0);
}

enum err process_become(int argc, char **argv, const char *word, const char *program,
                        struct errmsg *out_why)
{
    char path[PATH_MAX];
    int kept = 1;

    for (int i = 1; i < argc; i++)
        if (!is_bare(argc, argv, i, word))
            argv[kept++] = argv[i];
    if (kept >= argc)
        return OK;
    argv[kept] = NULL;
    if (beside_us(program, path, sizeof path))
        execv(path, argv);
    execvp(program, argv);
    errmsg_set(out_why,
               "%s is the work of %s, which is neither beside this program nor in PATH: %s", word,
               program, strerror(errno));
    return ERR_NOTFOUND;
}
