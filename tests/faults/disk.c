/*
 * disk - preloaded: between a daemon and one folder, logs every change and makes some of them fail.
 * tests/faults/README.md says what the log and the control file are for.
 *
 * HF_DISK_ROOT: the folder. HF_DISK_LOG: the log. HF_DISK_CONTROL: the control file, one page, mapped.
 * HF_DISK_BOOT_ID: a file that is read in the place of the id of this kernel's boot.
 * One lock makes the order of the log the order of the operations.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FDS = 65536, CONTROL_BYTES = 4096 };

static struct {
    pthread_mutex_t lock;
    bool on;
    char root[PATH_MAX];
    size_t root_len;
    int log;
    const char *control;
    char *paths[FDS];       /* of tracked descriptors, relative to root */
    char renamed[PATH_MAX]; /* the name that was given last */
    unsigned long operations, ignored_at, unlinked_at; /* the first unlink behind that */
    unsigned long loaded_at;                           /* the program, without its libraries */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER, .log = -1 };

#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function)
        abort();
    return function;
}

static int program_first(struct dl_phdr_info *info, size_t size, void *out)
{
    *(unsigned long *)out = info->dlpi_addr;
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *root = getenv("HF_DISK_ROOT"), *log = getenv("HF_DISK_LOG");
    const char *control = getenv("HF_DISK_CONTROL");
    int fd;

    if (!root || !log || !control || !realpath(root, disk.root))
        return;
    disk.root_len = strlen(disk.root);
    disk.log = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    fd = REAL(open)(control, O_RDONLY | O_CLOEXEC);
    if (disk.log < 0 || fd < 0)
        abort();
    disk.control = mmap(NULL, CONTROL_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (disk.control == MAP_FAILED)
        abort();
    close(fd);
    dl_iterate_phdr(program_first, &disk.loaded_at);
    disk.on = true;
}

/* Where path lies under the root: "" for the root itself; NULL: elsewhere. out holds PATH_MAX. */
static const char *inside(const char *path, char *out)
{
    char whole[PATH_MAX * 2], folder[PATH_MAX];
    char *slash;

    if (!disk.on)
        return NULL;
    if (path[0] == '/')
        snprintf(whole, sizeof whole, "%s", path);
    else if (getcwd(folder, sizeof folder))
        snprintf(whole, sizeof whole, "%s/%s", folder, path);
    else
        return NULL;
    if (!strcmp(path, "."))
        slash = NULL;
    else
        slash = strrchr(whole, '/');
    if (slash && strcmp(slash, "/.")) { /* the last part may not exist */
        char last[PATH_MAX];

        snprintf(last, sizeof last, "%s", slash + 1);
        *slash = '\0';
        if (!realpath(*whole ? whole : "/", folder))
            return NULL;
        snprintf(out, PATH_MAX, "%s/%s", folder, last);
    } else if (!realpath(whole, out)) {
        return NULL;
    }
    if (strncmp(out, disk.root, disk.root_len) || (out[disk.root_len] && out[disk.root_len] != '/'))
        return NULL;
    return out[disk.root_len] ? out + disk.root_len + 1 : "";
}

/* Does a line of the control file say this of that path? error: the number between them, where there is one. */
static bool says(const char *verb, const char *kind, const char *path, int *error)
{
    char text[CONTROL_BYTES], *rest = text, *line;

    memcpy(text, disk.control, sizeof text);
    text[sizeof text - 1] = '\0';
    while ((line = strsep(&rest, "\n"))) {
        char first[16], word[32], glob[256];
        int count = error ? sscanf(line, "%15s %31s %d %255s", first, word, error, glob) - 1
                          : sscanf(line, "%15s %31s %255s", first, word, glob);

        if (count == 3 && !strcmp(first, verb) && !strcmp(word, kind) && !fnmatch(glob, path, 0))
            return true;
    }
    return false;
}

/* The errno that the control file wants for this, -1 for "say yes and do nothing", 0 for nothing. */
static int wanted(const char *kind, const char *path)
{
    int error;

    if (says("ignore", kind, path, NULL)) {
        if (!disk.ignored_at)
            disk.ignored_at = disk.operations;
        return -1;
    }
    return says("fail", kind, path, &error) ? error : 0;
}

/* Without the lock: others go on. */
static void wait_while_stalled(const char *kind, int fd)
{
    while (says("stall", kind, disk.paths[fd], NULL))
        usleep(2000);
}

static unsigned long number(const char *name)
{
    const char *at = strstr(disk.control, name);

    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

/* Before an operation happens: does the power go? */
static void step(void)
{
    unsigned long cut = number("cut "), after = number("after "), gone = number("gone ");

    disk.operations++;
    if ((cut && disk.operations >= cut) ||
        (after && disk.ignored_at && disk.operations >= disk.ignored_at + after) ||
        (gone && disk.unlinked_at && disk.operations >= disk.unlinked_at + gone)) {
        raise(SIGKILL);
        pause();
    }
}

static void put(const void *data, size_t len)
{
    if (REAL(write)(disk.log, data, len) != (ssize_t)len)
        abort();
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    char line[PATH_MAX * 3];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put(line, (size_t)len);
}

static const char *tracked(int fd)
{
    return disk.on && fd >= 0 && fd < FDS ? disk.paths[fd] : NULL;
}

/* ---- names ------------------------------------------------------------------------------------------ */

static int open_tracked(const char *path, int flags, mode_t mode)
{
    char whole[PATH_MAX];
    const char *name = inside(path, whole), *boot_id = getenv("HF_DISK_BOOT_ID");
    struct stat st;
    bool existed;
    int fd, error;

    if (boot_id && !strcmp(path, "/proc/sys/kernel/random/boot_id"))
        return REAL(open)(boot_id, flags, mode);
    if (!name)
        return REAL(open)(path, flags, mode);
    pthread_mutex_lock(&disk.lock);
    existed = stat(path, &st) == 0;
    error = flags & O_CREAT ? wanted("open", name) : 0;
    if (error > 0) {
        pthread_mutex_unlock(&disk.lock);
        errno = error;
        return -1;
    }
    if ((flags & O_CREAT && !existed) || flags & O_TRUNC)
        step();
    fd = REAL(open)(path, flags, mode);
    if (fd >= 0 && fd < FDS) {
        free(disk.paths[fd]);
        disk.paths[fd] = strdup(name);
        say("open %d %d %d %s\n", fd, !existed, (flags & O_TRUNC) != 0, name);
    }
    pthread_mutex_unlock(&disk.lock);
    return fd;
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_tracked(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_tracked(path, flags | O_LARGEFILE, mode);
}

int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
    return open_tracked(path, flags, 0);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return open_tracked(path, flags | O_LARGEFILE, 0);
}

int close(int fd)
{
    int result;

    if (!tracked(fd))
        return REAL(close)(fd);
    pthread_mutex_lock(&disk.lock);
    say("close %d\n", fd);
    free(disk.paths[fd]);
    disk.paths[fd] = NULL;
    result = REAL(close)(fd);
    pthread_mutex_unlock(&disk.lock);
    return result;
}

static int two_names(const char *kind, int (*function)(const char *, const char *),
                     const char *from, const char *to)
{
    char whole_from[PATH_MAX], whole_to[PATH_MAX];
    const char *a = inside(from, whole_from), *b = inside(to, whole_to);
    int result, error;

    if (!a || !b)
        return function(from, to);
    pthread_mutex_lock(&disk.lock);
    error = wanted(kind, b);
    step();
    if (error > 0) {
        errno = error;
        result = -1;
    } else {
        result = function(from, to);
    }
    if (result == 0) {
        say("%s\n%s\n%s\n", kind, a, b);
        snprintf(disk.renamed, sizeof disk.renamed, "%s", b);
    }
    pthread_mutex_unlock(&disk.lock);
    return result;
}

int rename(const char *from, const char *to)
{
    return two_names("rename", REAL(rename), from, to);
}

int link(const char *from, const char *to)
{
    return two_names("link", REAL(link), from, to);
}

static int one_name(const char *kind, int result, const char *name)
{
    if (result == 0)
        say("%s\n%s\n", kind, name);
    return result;
}

int unlink(const char *path)
{
    char whole[PATH_MAX];
    const char *name = inside(path, whole);
    int result;

    if (!name)
        return REAL(unlink)(path);
    pthread_mutex_lock(&disk.lock);
    step();
    if (disk.ignored_at && !disk.unlinked_at)
        disk.unlinked_at = disk.operations;
    result = one_name("unlink", REAL(unlink)(path), name);
    pthread_mutex_unlock(&disk.lock);
    return result;
}

int mkdir(const char *path, mode_t mode)
{
    char whole[PATH_MAX];
    const char *name = inside(path, whole);
    int result;

    if (!name)
        return REAL(mkdir)(path, mode);
    pthread_mutex_lock(&disk.lock);
    step();
    result = one_name("mkdir", REAL(mkdir)(path, mode), name);
    pthread_mutex_unlock(&disk.lock);
    return result;
}

/* ---- bytes ------------------------------------------------------------------------------------------ */

/* The real write, cut short or refused where that is wanted; what was written goes into the log. */
static ssize_t write_tracked(int fd, const void *data, size_t len, off_t at)
{
    const char *path = disk.paths[fd];
    int error = wanted("write", path), half = wanted("short", path);
    ssize_t n;

    step();
    if (error > 0 || (half > 0 && len < 2)) {
        errno = error > 0 ? error : half;
        return -1;
    }
    if (half > 0)
        len /= 2;
    n = at < 0 ? REAL(write)(fd, data, len) : REAL(pwrite)(fd, data, len, at);
    if (n > 0) {
        if (at < 0)
            at = lseek(fd, 0, SEEK_CUR) - n;
        say("write %d %lld %zd\n", fd, (long long)at, n);
        put(data, (size_t)n);
    }
    return n;
}

ssize_t write(int fd, const void *data, size_t len)
{
    ssize_t n;

    if (!tracked(fd))
        return REAL(write)(fd, data, len);
    wait_while_stalled("write", fd);
    pthread_mutex_lock(&disk.lock);
    n = write_tracked(fd, data, len, -1);
    pthread_mutex_unlock(&disk.lock);
    return n;
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    ssize_t n, total = 0;

    if (!tracked(fd))
        return REAL(writev)(fd, pieces, count);
    wait_while_stalled("write", fd);
    pthread_mutex_lock(&disk.lock);
    for (int i = 0; i < count; i++) {
        n = write_tracked(fd, pieces[i].iov_base, pieces[i].iov_len, -1);
        if (n < 0 && !total)
            total = -1;
        if (n > 0)
            total += n;
        if (n < (ssize_t)pieces[i].iov_len)
            break;
    }
    pthread_mutex_unlock(&disk.lock);
    return total;
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    ssize_t n;

    if (!tracked(fd))
        return REAL(pwrite)(fd, data, len, at);
    wait_while_stalled("write", fd);
    pthread_mutex_lock(&disk.lock);
    n = write_tracked(fd, data, len, at);
    pthread_mutex_unlock(&disk.lock);
    return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return pwrite(fd, data, len, at);
}

int ftruncate(int fd, off_t len)
{
    int result;

    if (!tracked(fd))
        return REAL(ftruncate)(fd, len);
    pthread_mutex_lock(&disk.lock);
    step();
    result = REAL(ftruncate)(fd, len);
    if (result == 0)
        say("truncate %d %lld\n", fd, (long long)len);
    pthread_mutex_unlock(&disk.lock);
    return result;
}

int ftruncate64(int fd, off64_t len)
{
    return ftruncate(fd, len);
}

/* Is this sync one that a place named by "skip ADDRESS" called for, itself or through a function? */
static bool skipped(void)
{
    const char *at = strstr(disk.control, "skip ");
    unsigned long place = at ? strtoul(at + 5, NULL, 16) : 0;
    void *frames[6];
    int count = place ? backtrace(frames, 6) : 0;

    for (int i = 0; i < count; i++) {
        if ((unsigned long)frames[i] - disk.loaded_at != place)
            continue;
        if (!disk.ignored_at)
            disk.ignored_at = disk.operations;
        return true;
    }
    return false;
}

/* ---- promises --------------------------------------------------------------------------------------- */

/* Syncs of these paths take their time. */
static void dawdle(const char *path)
{
    const char *at = strstr(disk.control, "slow ");
    char glob[256];
    unsigned ms;

    if (at && sscanf(at, "slow %u %255s", &ms, glob) == 2 && !fnmatch(glob, path, 0))
        usleep(ms * 1000);
}

static int sync_tracked(int fd, const char *kind)
{
    struct stat st;
    int error, result = 0;

    dawdle(disk.paths[fd]);
    wait_while_stalled("sync", fd);
    pthread_mutex_lock(&disk.lock);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        kind = "dirsync";
    step();
    error = wanted(kind, *disk.paths[fd] ? disk.paths[fd] : ".");
    if (error == 0 && !strcmp(kind, "dirsync"))
        error = wanted("namesync", disk.renamed);
    if (error > 0) {
        errno = error;
        result = -1;
    } else if (error == 0 && !skipped()) {
        say("sync %d\n", fd);
    }
    pthread_mutex_unlock(&disk.lock);
    return result;
}

int fsync(int fd)
{
    return tracked(fd) ? sync_tracked(fd, "fsync") : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return tracked(fd) ? sync_tracked(fd, "fdatasync") : REAL(fdatasync)(fd);
}
