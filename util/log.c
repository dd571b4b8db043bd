#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static int log_fd = STDERR_FILENO;
static char *log_path;
static enum log_level log_max = LOG_LEVEL_INFO;

static const char *const level_names[] = { "ERROR", "WARN", "INFO", "DEBUG" };
static const int level_priorities[] = { 3, 4, 6, 7 }; /* syslog(3)'s numbers. */

static int open_append(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd;
}

int log_open(const char *path)
{
    if (path == NULL)
        return 0;
    int fd = open_append(path);
    if (fd < 0)
        return fd;
    free(log_path);
    log_path = strdup(path);
    log_fd = fd;
    return 0;
}

int log_reopen(void)
{
    if (log_path == NULL)
        return 0;
    int fd = open_append(log_path);
    if (fd < 0)
        return fd;
    /* dup2 keeps the number that other threads may be writing to. */
    int r = dup2(fd, log_fd) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

void log_set_level(enum log_level level)
{
    log_max = level;
}

bool log_level_from_name(enum log_level *ret, const char *name)
{
    for (int i = 0; i <= LOG_LEVEL_DEBUG; i++) {
        if (strcasecmp(name, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_is_on(enum log_level level)
{
    return level <= log_max;
}

/* The journal says which file it listens on: then it wants a priority, and stamps
 * the time itself. */
static bool to_journal(void)
{
    static int known = -1;

    if (known < 0) {
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long dev = 0;
        unsigned long long ino = 0;
        struct stat st;

        known = stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
    }
    return known == 1 && log_fd == STDERR_FILENO;
}

static int put_prefix(char *line, size_t size, enum log_level level)
{
    struct timespec now;
    struct tm tm;

    if (to_journal())
        return snprintf(line, size, "<%d>", level_priorities[level]);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &tm);
    size_t len = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
    return (int)len + snprintf(line + len, size - len, ".%03ldZ %-5s ", now.tv_nsec / 1000000,
                               level_names[level]);
}

__attribute__((format(printf, 3, 0))) static void emit(enum log_level level, int err,
                                                       const char *format, va_list args)
{
    char line[LINE_MAX_BYTES];
    size_t room = sizeof line - 1; /* For the newline. */
    size_t len = (size_t)put_prefix(line, room, level);
    int more = vsnprintf(line + len, room - len, format, args);

    len = more < 0 ? len : len + (size_t)more;
    if (err != 0 && len < room) {
        more = snprintf(line + len, room - len, " error='%s'", strerror(err < 0 ? -err : err));
        len = more < 0 ? len : len + (size_t)more;
    }
    if (len >= room)
        len = room - 1;
    /* What a client sent may be in the line: it must not break it in two. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = '?';
    line[len++] = '\n';
    /* A log that can't be written must not stop the server. */
    ssize_t put = write(log_fd, line, len);
    (void)put;
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level))
        return;
    va_list args;
    va_start(args, format);
    emit(level, 0, format, args);
    va_end(args);
}

int log_errno(enum log_level level, int err, const char *format, ...)
{
    if (!log_is_on(level))
        return err;
    va_list args;
    va_start(args, format);
    emit(level, err, format, args);
    va_end(args);
    return err;
}
