/*
 * Lets the n-th call that touches a file below one folder fail, as a full or broken disk would, or a process that has too
 * many files open. Loaded by LD_PRELOAD into the real program; the program knows nothing of it.
 *
 *   FAIL_FOLDER  absolute path; calls elsewhere are left alone
 *   FAIL_WITH    ENOSPC, EIO or EMFILE: which calls count, and how they fail
 *   FAIL_AT      which one fails; 0 for none
 *   FAIL_ON      1: every later one fails too, as on a disk that stays full
 *   FAIL_STATE   a file of 8 bytes, shared by all processes: calls that counted, calls that failed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum call { OPEN, MAKE, WRITE, SYNC, NAME };

struct state {
  atomic_uint calls;
  atomic_uint failed;
};

static struct state *state;
static char folder[4096];
static size_t folder_length;
static int failure;
static unsigned at;
static int goes_on;

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("FAIL_FOLDER"), *with = getenv("FAIL_WITH"), *shared = getenv("FAIL_STATE");
  if (path == NULL || with == NULL || shared == NULL) return;
  int file = open(shared, O_RDWR | O_CLOEXEC);
  if (file == -1) return;
  void *mapped = mmap(NULL, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return;
  folder_length = (size_t)snprintf(folder, sizeof folder, "%s", path);
  failure = strcmp(with, "ENOSPC") == 0 ? ENOSPC : strcmp(with, "EMFILE") == 0 ? EMFILE : EIO;
  at = getenv("FAIL_AT") == NULL ? 0 : (unsigned)atoi(getenv("FAIL_AT"));
  goes_on = getenv("FAIL_ON") != NULL && atoi(getenv("FAIL_ON")) != 0;
  state = mapped;
}

static int is_below(const char *path) {
  return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == '/' || path[folder_length] == 0);
}

static int path_counts(const char *path) {
  if (state == NULL || path == NULL) return 0;
  if (path[0] == '/') return is_below(path);
  char whole[8192];
  if (getcwd(whole, 4096) == NULL) return 0;
  strcat(whole, "/");
  strncat(whole, path, 4000);
  return is_below(whole);
}

static int file_counts(int file) {
  if (state == NULL) return 0;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return is_below(path);
}

/* What a full disk refuses is not what a broken one does, or a table of open files that is full. */
static int concerns(enum call call) {
  if (failure == EMFILE) return call == OPEN || call == MAKE;
  if (failure == ENOSPC) return call == MAKE || call == WRITE || call == NAME;
  return call != OPEN;
}

/* 1 when the call must fail; errno is set then. */
static int fails(enum call call, int counts) {
  int before = errno;
  if (!counts || !concerns(call)) return 0;
  unsigned number = atomic_fetch_add(&state->calls, 1) + 1;
  if (at == 0 || number < at || (number > at && !goes_on)) {
    errno = before;
    return 0;
  }
  atomic_fetch_add(&state->failed, 1);
  errno = failure;
  return 1;
}

#define REAL(name) \
  static __typeof__(&name) real; \
  if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPENING(name, at_parameter, at_argument) \
  int name(at_parameter const char *path, int flags, ...) { \
    REAL(name); \
    va_list list; \
    va_start(list, flags); \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0; \
    va_end(list); \
    if (fails((flags & O_CREAT) != 0 ? MAKE : OPEN, path_counts(path))) return -1; \
    return real(at_argument path, flags, mode); \
  }
#define FOLDER_PARAMETER int directory,
#define FOLDER_ARGUMENT directory,
OPENING(open, , )
OPENING(open64, , )
OPENING(openat, FOLDER_PARAMETER, FOLDER_ARGUMENT)
OPENING(openat64, FOLDER_PARAMETER, FOLDER_ARGUMENT)

/* A disk that fills up takes a part of what it is given first. */
static size_t taken(size_t length) {
  return failure == ENOSPC && goes_on && length > 1 ? length / 2 : 0;
}

ssize_t write(int file, const void *bytes, size_t length) {
  REAL(write);
  if (!fails(WRITE, file_counts(file))) return real(file, bytes, length);
  size_t part = atomic_load(&state->failed) == 1 ? taken(length) : 0;
  return part > 0 ? real(file, bytes, part) : -1;
}

#define PLACED(name) \
  ssize_t name(int file, const void *bytes, size_t length, __typeof__(off64_t) offset) { \
    REAL(name); \
    if (!fails(WRITE, file_counts(file))) return real(file, bytes, length, offset); \
    size_t part = atomic_load(&state->failed) == 1 ? taken(length) : 0; \
    return part > 0 ? real(file, bytes, part, offset) : -1; \
  }
PLACED(pwrite)
PLACED(pwrite64)

ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(writev);
  return fails(WRITE, file_counts(file)) ? -1 : real(file, parts, count);
}

#define PLACED_PARTS(name) \
  ssize_t name(int file, const struct iovec *parts, int count, __typeof__(off64_t) offset) { \
    REAL(name); \
    return fails(WRITE, file_counts(file)) ? -1 : real(file, parts, count, offset); \
  }
PLACED_PARTS(pwritev)
PLACED_PARTS(pwritev64)

#define OF_FILE(name, call) \
  int name(int file) { \
    REAL(name); \
    return fails(call, file_counts(file)) ? -1 : real(file); \
  }
OF_FILE(fsync, SYNC)
OF_FILE(fdatasync, SYNC)

#define SIZING(name) \
  int name(int file, __typeof__(off64_t) length) { \
    REAL(name); \
    return fails(WRITE, file_counts(file)) ? -1 : real(file, length); \
  }
SIZING(ftruncate)
SIZING(ftruncate64)

/* Its error is returned, not set. */
#define RESERVING(name) \
  int name(int file, __typeof__(off64_t) offset, __typeof__(off64_t) length) { \
    REAL(name); \
    return fails(WRITE, file_counts(file)) ? failure : real(file, offset, length); \
  }
RESERVING(posix_fallocate)
RESERVING(posix_fallocate64)

int mkdir(const char *path, mode_t mode) {
  REAL(mkdir);
  return fails(NAME, path_counts(path)) ? -1 : real(path, mode);
}

int rename(const char *from, const char *to) {
  REAL(rename);
  return fails(NAME, path_counts(to)) ? -1 : real(from, to);
}

int link(const char *from, const char *to) {
  REAL(link);
  return fails(NAME, path_counts(to)) ? -1 : real(from, to);
}
