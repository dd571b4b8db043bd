/* The log: one line an event, `area: what key=value`, zxid in hex. Only the top
 * floors write it (server/, server/net/, server/order/driver): util, jute, zab,
 * tree and store return errors instead.
 *
 * To stderr each line has journald's priority prefix (`<6>`) when stderr is
 * connected to the journal, else a timestamp and the level. Thread-safe: one
 * write(2) a line. */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Sends lines to the file at `path` (created 0600, appended), or to stderr when it
 * is NULL. Returns 0 or a negative errno, and then nothing has changed. */
int log_open(const char *path);
/* Opens the same file anew (SIGHUP after a rotation). */
int log_reopen(void);
void log_set_level(enum log_level level);
bool log_level_from_name(enum log_level *ret, const char *name);
bool log_is_on(enum log_level level);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);
/* Adds `error=TEXT` for the negative errno `err`, logs at `level`, returns err. */
__attribute__((format(printf, 3, 4))) int log_errno(enum log_level level, int err,
                                                    const char *format, ...);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) \
    (log_is_on(LOG_LEVEL_DEBUG) ? log_line(LOG_LEVEL_DEBUG, __VA_ARGS__) : (void)0)

#endif
