/*
 * Faults of disk and clock for one process, switched while it runs.
 *
 *   cc -shared -fPIC -O2 -o shim.so tests/faults/shim.c -ldl -lpthread
 *   head -c 4096 /dev/zero > control
 *   BECKON_FAULTS=control LD_PRELOAD=./shim.so beckon serve ...
 *
 * The control file is 4,096 bytes that the process maps: what is written into it holds from the next call on, and the
 * counters can be read from it. Words are signed 64-bit numbers in the machine's order, by index (byte = 8 * index):
 *
 *    0  SYNC_DELAY_US  fsync and fdatasync take so many microseconds more
 *    1  SYNC_ERROR     errno that they fail with, while word 2 says so
 *    2  SYNC_FAILURES  how many of them are still to fail; -1: all
 *    3  SYNC_FORGETS   1: one that fails also loses what it was to sync, as a kernel does that drops dirty pages; every
 *                      other descriptor of that file fails once too, as Linux has it since 4.13 (needs word 10)
 *    4  SYNC_LIES      1: they say that all is well and do nothing (with a cut: what a missing fsync would lose)
 *    5  WRITE_ERROR    errno that writes fail with once the room is used up (ENOSPC, EIO, EROFS)
 *    6  WRITE_ROOM     bytes that may still be written before word 5 holds; the write that crosses it is cut short
 *    7  CLOCK_MS       the wall clock is so many milliseconds ahead; negative: behind
 *    8  CUT_IN         the power fails at the n-th call from now that writes, truncates or syncs: whatever no fsync
 *                      has confirmed is lost, and the process ends by SIGKILL (needs word 10)
 *    9  CUT_SEED       0: all of it is lost; else each sector of 512 bytes of it is lost or kept, by this seed
 *   10  TRACK          1 before the process starts: remember what was written since the last fsync of each file
 *   11  KILL_AFTER     the process ends by SIGKILL once the n-th sync from now is done, before it returns
 *   16  SYNCS          counted: syncs of such files that were done
 *   17  SYNCS_FAILED   counted: syncs that were made to fail
 *   18  WRITES_FAILED  counted: writes that were made to fail
 *   19  LOST           counted: writes that a cut or a failed sync took back
 *
 * From byte 512 on stands a text that ends with 0: ends of the names of files that all of this is about but the clock,
 * parted by commas, such as `.db,-wal`; empty: every regular file. Directories are taken to be durable as they are.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    SYNC_DELAY_US, SYNC_ERROR, SYNC_FAILURES, SYNC_FORGETS, SYNC_LIES, WRITE_ERROR, WRITE_ROOM, CLOCK_MS, CUT_IN,
    CUT_SEED, TRACK, KILL_AFTER, SYNCS = 16, SYNCS_FAILED, WRITES_FAILED, LOST
};
enum { SIZE = 4096, NAMES = 512, SECTOR = 512, FILES = 65536 };

static volatile int64_t none[SIZE / 8];
static volatile int64_t *control = none;

/* What changed a file since its last fsync, latest first. */
struct change {
    struct change *before;
    off_t at, size_before, size_after;
    size_t fresh_length, old_length;
    char *fresh, *old;
};

struct file {
    struct file *next;
    dev_t device;
    ino_t inode;
    int fd; /* Of our own; never closed while the file has a name: that would drop the process's POSIX locks. */
    struct change *latest;
    int64_t failures;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct file *files;
/* By descriptor: 0 unknown, 1 not ours, 2 ours; and how many failures of its file it was told of. */
static unsigned char kinds[FILES];
static int64_t told[FILES];

#define REAL(result, name, parameters)                                     \
    static result(*real_##name) parameters;                                \
    static result(*find_##name(void)) parameters {                         \
        if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name); \
        return real_##name;                                                \
    }
REAL(ssize_t, write, (int, const void *, size_t))
REAL(ssize_t, pwrite, (int, const void *, size_t, off_t))
REAL(int, fsync, (int))
REAL(int, fdatasync, (int))
REAL(int, ftruncate, (int, off_t))
REAL(int, posix_fallocate, (int, off_t, off_t))
REAL(int, close, (int))
REAL(int, clock_gettime, (clockid_t, struct timespec *))

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("BECKON_FAULTS");
    int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) {
        fputs("shim: BECKON_FAULTS names no file that can be opened\n", stderr);
        _exit(70);
    }
    void *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) _exit(70);
    find_close()(fd);
    control = map;
}

static void count(int word) { __atomic_fetch_add(&control[word], 1, __ATOMIC_SEQ_CST); }

/* Takes one from a word that counts down; true for the call that took the last one. */
static int last_of(int word) {
    int64_t left = __atomic_load_n(&control[word], __ATOMIC_SEQ_CST);
    while (left > 0)
        if (__atomic_compare_exchange_n(&control[word], &left, left - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            return left == 1;
    return 0;
}

static int ends_with_one(const char *path) {
    const char *names = (const char *)control + NAMES;
    size_t length = strlen(path);
    if (!*names) return 1;
    while (*names) {
        size_t part = strcspn(names, ",");
        if (part <= length && memcmp(path + length - part, names, part) == 0) return 1;
        names += part + (names[part] == ',');
    }
    return 0;
}

static struct file *file_of(int fd);

static int ours(int fd) {
    if (fd < 0 || fd >= FILES || control == none) return 0;
    if (kinds[fd] == 0) {
        char link[64], path[4096];
        struct stat about;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
        kinds[fd] = length > 0 && fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && ends_with_one(path) ? 2 : 1;
        if (kinds[fd] == 2 && control[TRACK]) {
            /* What failed before it was opened is no concern of a descriptor. */
            pthread_mutex_lock(&lock);
            struct file *file = file_of(fd);
            told[fd] = file ? file->failures : 0;
            pthread_mutex_unlock(&lock);
        }
    }
    return kinds[fd] == 2;
}

/* The file of a descriptor; the lock is held. Its number is taken as long as our own descriptor is open. */
static struct file *file_of(int fd) {
    struct stat about;
    if (fstat(fd, &about)) return NULL;
    for (struct file *file = files; file; file = file->next)
        if (file->device == about.st_dev && file->inode == about.st_ino) return file;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int own_fd = open(link, O_RDWR | O_CLOEXEC);
    if (own_fd < 0) return NULL;
    struct file *file = calloc(1, sizeof *file);
    file->device = about.st_dev, file->inode = about.st_ino, file->fd = own_fd, file->next = files;
    return files = file;
}

static void forget(struct change *change) {
    while (change) {
        struct change *before = change->before;
        free(change->fresh), free(change->old), free(change);
        change = before;
    }
}

/* Notes a change that is about to be made; the lock is held. `fresh` is null for a change of size alone. */
static void note(int fd, const void *fresh, size_t length, off_t at, off_t size_after) {
    struct file *file = file_of(fd);
    struct stat about;
    if (!file || fstat(fd, &about)) return;
    struct change *change = calloc(1, sizeof *change);
    change->before = file->latest, file->latest = change;
    change->at = at, change->size_before = about.st_size;
    change->size_after = size_after > about.st_size || !fresh ? size_after : about.st_size;
    size_t old = fresh ? length : at < about.st_size ? (size_t)(about.st_size - at) : 0;
    change->old = malloc(old ? old : 1);
    ssize_t got = old ? pread(file->fd, change->old, old, at) : 0;
    change->old_length = got > 0 ? got : 0;
    if (fresh) {
        change->fresh = malloc(length ? length : 1), change->fresh_length = length;
        memcpy(change->fresh, fresh, length);
    }
}

static uint64_t dice;
static int heads(void) {
    dice += 0x9e3779b97f4a7c15u;
    uint64_t mixed = (dice ^ dice >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed >> 63;
}

/* Makes the changes again that a cut left, the earliest first. */
static void redo(struct file *file, struct change *change) {
    if (!change) return;
    redo(file, change->before);
    if (!change->fresh) {
        if (heads()) find_ftruncate()(file->fd, change->size_after);
        return;
    }
    for (size_t from = 0; from < change->fresh_length;) {
        size_t part = SECTOR - (size_t)((change->at + from) % SECTOR);
        if (part > change->fresh_length - from) part = change->fresh_length - from;
        if (heads()) find_pwrite()(file->fd, change->fresh + from, part, change->at + from);
        from += part;
    }
}

/* Takes back what was not confirmed; the lock is held. */
static void take_back(struct file *file) {
    for (struct change *change = file->latest; change; change = change->before) {
        if (find_ftruncate()(file->fd, change->size_before)) abort();
        if (find_pwrite()(file->fd, change->old, change->old_length, change->at) != (ssize_t)change->old_length) abort();
        count(LOST);
    }
}

static void cut(void) {
    pthread_mutex_lock(&lock); /* Never given back: nobody writes any more. */
    dice = control[CUT_SEED];
    for (struct file *file = files; file; file = file->next) {
        struct stat own;
        if (fstat(file->fd, &own) || own.st_nlink == 0) continue;
        take_back(file);
        if (dice) redo(file, file->latest);
    }
    kill(getpid(), SIGKILL);
    pause();
}

/* How much of a write may be done; -1 with errno where none of it. */
static ssize_t room(size_t length) {
    int64_t error = control[WRITE_ERROR];
    if (!error) return length;
    int64_t left = __atomic_load_n(&control[WRITE_ROOM], __ATOMIC_SEQ_CST);
    int64_t part;
    do {
        part = left < (int64_t)length ? left : (int64_t)length;
        if (part <= 0 && length > 0) {
            count(WRITES_FAILED);
            errno = (int)error;
            return -1;
        }
    } while (!__atomic_compare_exchange_n(&control[WRITE_ROOM], &left, left - part, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    return part;
}

static ssize_t written(int fd, const void *bytes, size_t length, off_t at, int placed) {
    if (last_of(CUT_IN)) cut();
    ssize_t part = room(length);
    if (part < 0) return -1;
    if (!control[TRACK]) return placed ? find_pwrite()(fd, bytes, part, at) : find_write()(fd, bytes, part);
    pthread_mutex_lock(&lock);
    if (!placed) {
        struct stat about;
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        at = appends && fstat(fd, &about) == 0 ? about.st_size : lseek(fd, 0, SEEK_CUR);
    }
    note(fd, bytes, part, at, at + part);
    ssize_t done = placed ? find_pwrite()(fd, bytes, part, at) : find_write()(fd, bytes, part);
    int error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    return ours(fd) ? written(fd, bytes, length, 0, 0) : find_write()(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return ours(fd) ? written(fd, bytes, length, at, 1) : find_pwrite()(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t at) { return pwrite(fd, bytes, length, at); }

int ftruncate(int fd, off_t size) {
    if (!ours(fd)) return find_ftruncate()(fd, size);
    if (last_of(CUT_IN)) cut();
    if (room(1) < 0) return -1;
    if (!control[TRACK]) return find_ftruncate()(fd, size);
    pthread_mutex_lock(&lock);
    note(fd, NULL, 0, size, size);
    int done = find_ftruncate()(fd, size), error = errno;
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int ftruncate64(int fd, off_t size) { return ftruncate(fd, size); }

int posix_fallocate(int fd, off_t at, off_t length) {
    if (!ours(fd)) return find_posix_fallocate()(fd, at, length);
    ssize_t part = room((size_t)length);
    return part < 0 ? errno : part < length ? ENOSPC : find_posix_fallocate()(fd, at, length);
}

int posix_fallocate64(int fd, off_t at, off_t length) { return posix_fallocate(fd, at, length); }

/* Whether this sync is to fail, and what that takes with it. */
static int fails(int fd) {
    int64_t error = control[SYNC_ERROR];
    int64_t left = error ? __atomic_load_n(&control[SYNC_FAILURES], __ATOMIC_SEQ_CST) : 0;
    if (left > 0) {
        __atomic_fetch_sub(&control[SYNC_FAILURES], 1, __ATOMIC_SEQ_CST);
    }
    pthread_mutex_lock(&lock);
    struct file *file = control[TRACK] ? file_of(fd) : NULL;
    int now = left != 0;
    if (file && now && control[SYNC_FORGETS]) {
        take_back(file);
        forget(file->latest);
        file->latest = NULL;
        file->failures++;
    }
    /* A descriptor that has not heard of a failure of its file yet is told now, also where the fault is over: what it
     * wrote may be among what was lost. */
    if (file && told[fd] != file->failures) {
        told[fd] = file->failures;
        now = 1;
    }
    pthread_mutex_unlock(&lock);
    if (!now) return 0;
    count(SYNCS_FAILED);
    errno = error ? (int)error : EIO;
    return 1;
}

static int synced(int fd, int (*sync)(int)) {
    if (last_of(CUT_IN)) cut();
    int64_t delay = control[SYNC_DELAY_US];
    if (delay > 0) {
        struct timespec time = {delay / 1000000, delay % 1000000 * 1000};
        nanosleep(&time, NULL);
    }
    if (fails(fd)) return -1;
    if (control[SYNC_LIES]) return 0;
    struct file *file = NULL;
    struct change *confirmed = NULL;
    if (control[TRACK]) {
        pthread_mutex_lock(&lock);
        file = file_of(fd);
        confirmed = file ? file->latest : NULL;
        pthread_mutex_unlock(&lock);
    }
    int done = sync(fd), error = errno;
    if (done == 0 && file) {
        pthread_mutex_lock(&lock);
        /* A sync of another thread failed meanwhile and took with it what this one was to confirm: Linux looks for
         * errors once the writing is over, so it tells of that here. */
        if (told[fd] != file->failures) {
            told[fd] = file->failures;
            pthread_mutex_unlock(&lock);
            count(SYNCS_FAILED);
            errno = EIO;
            return -1;
        }
        /* What was written meanwhile is not confirmed by this. Another sync may have been quicker. */
        struct change **from = &file->latest;
        while (*from && *from != confirmed) from = &(*from)->before;
        if (confirmed) {
            forget(*from);
            *from = NULL;
        }
        pthread_mutex_unlock(&lock);
    }
    if (done == 0) count(SYNCS);
    if (done == 0 && last_of(KILL_AFTER)) {
        kill(getpid(), SIGKILL);
        pause();
    }
    errno = error;
    return done;
}

int fsync(int fd) { return ours(fd) ? synced(fd, find_fsync()) : find_fsync()(fd); }

int fdatasync(int fd) { return ours(fd) ? synced(fd, find_fdatasync()) : find_fdatasync()(fd); }

int close(int fd) {
    if (fd >= 0 && fd < FILES) kinds[fd] = 0, told[fd] = 0;
    return find_close()(fd);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = find_clock_gettime()(clock, time);
    int64_t ahead = control[CLOCK_MS];
    if (done == 0 && ahead && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t ms = time->tv_nsec / 1000000 + ahead % 1000;
        int64_t carry = ms < 0 ? -1 : ms / 1000;
        time->tv_sec += ahead / 1000 + carry;
        time->tv_nsec = (ms - carry * 1000) * 1000000 + time->tv_nsec % 1000000;
    }
    return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
