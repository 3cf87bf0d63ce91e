// A layer between a program and the C library, for LD_PRELOAD: of all calls that change something below a folder, the
// N-th one fails. Python, its extensions and what they call go through it alike.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

char folder[PATH_MAX] = "";
long calls = 0;     // that would change something, since the last `failing_disk`
long fail_at = 0;   // the call that fails, counted from 1; 0: none
int number = 0;     // errno of the failure; 0: half of what was to be written is, and the next call finds no space
bool cut = false;   // a write was cut short
char failed[64] = "";

template <typename Function> Function next(const char *name) { return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name)); }

bool below(const char *path) { return *folder && path && std::strncmp(path, folder, std::strlen(folder)) == 0; }

bool below(int file) {
    if (!*folder) return false;
    char link[64], path[PATH_MAX];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0) return false;
    path[size] = 0;
    return below(path);
}

// Whether this call is the one that fails; then errno says why.
bool fails(const char *name) {
    ++calls;
    if (cut) { errno = ENOSPC; return true; }
    if (calls != fail_at || number == 0) return false;
    std::snprintf(failed, sizeof failed, "%s", name);
    errno = number;
    return true;
}

// Bytes of a write that get through, where this is the one to be cut short; else all.
size_t kept(size_t size) {
    if (calls != fail_at || number != 0 || size < 2) return size;
    std::snprintf(failed, sizeof failed, "%s", "short write");
    cut = true;
    return size / 2;
}

bool writes(int flags) { return flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC); }

} // namespace

extern "C" {

// Fail the `at`-th call below `path` (absolute; "" for none) with `error`; how many calls were counted since the last time.
long failing_disk(const char *path, long at, int error) {
    const long counted = calls;
    std::snprintf(folder, sizeof folder, "%s", path);
    calls = 0; fail_at = at; number = error; cut = false; *failed = 0;
    return counted;
}

// Which call failed since then; "" for none.
const char *failing_disk_failed() { return failed; }

#define OPEN(NAME)                                                                                       \
    int NAME(const char *path, int flags, ...) {                                                         \
        va_list more; va_start(more, flags); const mode_t mode = va_arg(more, mode_t); va_end(more);     \
        if (below(path) && writes(flags) && fails("open")) return -1;                                    \
        return next<int (*)(const char *, int, ...)>(#NAME)(path, flags, mode);                          \
    }
#define OPENAT(NAME)                                                                                     \
    int NAME(int at, const char *path, int flags, ...) {                                                 \
        va_list more; va_start(more, flags); const mode_t mode = va_arg(more, mode_t); va_end(more);     \
        if (below(path) && writes(flags) && fails("open")) return -1;                                    \
        return next<int (*)(int, const char *, int, ...)>(#NAME)(at, path, flags, mode);                 \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

ssize_t write(int file, const void *data, size_t size) {
    if (below(file)) {
        if (fails("write")) return -1;
        size = kept(size);
    }
    return next<ssize_t (*)(int, const void *, size_t)>("write")(file, data, size);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    if (below(file) && fails("write")) return -1;
    return next<ssize_t (*)(int, const struct iovec *, int)>("writev")(file, parts, count);
}

#define PWRITE(NAME, OFFSET)                                                                             \
    ssize_t NAME(int file, const void *data, size_t size, OFFSET offset) {                               \
        if (below(file)) {                                                                               \
            if (fails("write")) return -1;                                                               \
            size = kept(size);                                                                           \
        }                                                                                                \
        return next<ssize_t (*)(int, const void *, size_t, OFFSET)>(#NAME)(file, data, size, offset);    \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

// Below the folder nothing is synced: its files need survive no power cut.
#define ON_FILE(NAME)                                                                                    \
    int NAME(int file) {                                                                                 \
        if (below(file)) return fails(#NAME) ? -1 : 0;                                                   \
        return next<int (*)(int)>(#NAME)(file);                                                          \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)

int rename(const char *from, const char *to) {
    if (below(to) && fails("rename")) return -1;
    return next<int (*)(const char *, const char *)>("rename")(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    if (below(to) && fails("rename")) return -1;
    return next<int (*)(int, const char *, int, const char *)>("renameat")(from_at, from, to_at, to);
}

int mkdir(const char *path, mode_t mode) {
    if (below(path) && fails("mkdir")) return -1;
    return next<int (*)(const char *, mode_t)>("mkdir")(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode) {
    if (below(path) && fails("mkdir")) return -1;
    return next<int (*)(int, const char *, mode_t)>("mkdirat")(at, path, mode);
}

int unlink(const char *path) {
    if (below(path) && fails("unlink")) return -1;
    return next<int (*)(const char *)>("unlink")(path);
}

} // extern "C"
