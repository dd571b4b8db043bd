/* Fuzz target of server/config: a zoo.cfg, and behind each 0xff byte a -D option.
 *
 * Broken laws abort; a read beyond the bytes is AddressSanitizer's to find. The laws:
 *   - a load fails if and only if the report holds an error;
 *   - each note is one line without control characters, and no line number is beyond
 *     the lines there are;
 *   - what was accepted has a directory, a port, and limits that agree;
 *   - loading again says the same. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/config.h"
#include "util/check.h"
#include "zab/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEFINES_MAX = 16, SEPARATOR = 0xff };

/* The loader wants a name, so the bytes go to a file in memory. */
static const char *file_holding(const uint8_t *at, size_t len)
{
    static char name[32];
    static int fd = -1;

    if (fd < 0) {
        fd = memfd_create("zoo.cfg", MFD_CLOEXEC);
        zk_assert(fd >= 0);
        (void)snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    }
    zk_assert(ftruncate(fd, 0) == 0);
    zk_assert(len == 0 || pwrite(fd, at, len, 0) == (ssize_t)len);
    return name;
}

static int count_lines(const uint8_t *at, size_t len)
{
    int lines = 1;

    for (size_t i = 0; i < len; i++)
        lines += at[i] == '\n' || at[i] == '\r';
    return lines;
}

static void check_report(const struct config_report *report, int line_count)
{
    size_t errors = 0;

    for (size_t i = 0; i < report->count; i++) {
        const struct config_note *note = &report->notes[i];
        errors += note->severity == CONFIG_ERROR;
        zk_assert(note->line >= 0 && note->line <= line_count);
        zk_assert(note->file[0] != '\0' || note->line == 0);
        zk_assert(note->text[0] != '\0');
        for (const char *c = note->text; *c != '\0'; c++)
            zk_assert((unsigned char)*c >= ' ');
    }
    zk_assert(errors == report->error_count);
}

static void check_config(const struct config *conf)
{
    zk_assert(conf->data_dir != NULL && conf->data_dir[0] != '\0');
    zk_assert(conf->data_log_dir != NULL && conf->data_log_dir[0] != '\0');
    bool is_ensemble = conf->members != NULL || conf->dynamic_path != NULL;
    zk_assert(conf->client_port >= (is_ensemble ? -1 : 0) && conf->client_port <= 65535);
    zk_assert(conf->members == NULL || (conf->init_limit > 0 && conf->sync_limit > 0));
    zk_assert(conf->members == NULL || conf->members->voters > 1 || !conf->standalone_enabled);
    zk_assert(conf->notify_min_ms > 0 && conf->notify_min_ms <= conf->notify_max_ms);
    zk_assert(conf->tick_ms > 0);
    zk_assert(conf->session_timeout_min_ms >= 0);
    zk_assert(conf->session_timeout_min_ms <= conf->session_timeout_max_ms);
    zk_assert(conf->max_frame_bytes > 0);
    zk_assert(conf->max_ingress_bytes > conf->max_frame_bytes);
    zk_assert(conf->conn_egress_bytes <= conf->max_egress_bytes);
    zk_assert(conf->snap_count >= 2 && conf->purge_retain_count >= 3);
    zk_assert(conf->prealloc_bytes >= 0 && conf->purge_interval_ms >= 0);
    zk_assert(conf->digest_algorithm != NULL && conf->words_whitelist != NULL);
    zk_assert(conf->enforce_auth == (conf->enforce_schemes != NULL));
}

/* Loads once. Returns the number of notes. */
static size_t load(const char *name, char **defines, size_t count, int line_count)
{
    struct config *conf = NULL;
    struct config_report report = { 0 };
    int r = config_load(&conf, &report, name, defines, count);
    size_t notes = report.count;

    check_report(&report, line_count);
    zk_assert((r < 0) == (report.error_count > 0));
    zk_assert((r < 0) == (conf == NULL));
    if (conf != NULL)
        check_config(conf);
    (void)config_free(conf);
    config_report_done(&report);
    return notes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *defines[DEFINES_MAX];
    size_t count = 0;
    const uint8_t *end = data + size;
    const uint8_t *at = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
    size_t file_len = at != NULL ? (size_t)(at - data) : size;

    while (at != NULL && count < DEFINES_MAX) {
        at++;
        const uint8_t *next = at < end ? memchr(at, SEPARATOR, (size_t)(end - at)) : NULL;
        size_t len = (size_t)((next != NULL ? next : end) - at);
        char *define = zk_xmalloc(len + 1);
        memcpy(define, at, len);
        define[len] = '\0';
        defines[count++] = define;
        at = next;
    }

    const char *name = file_holding(data, file_len);
    int line_count = count_lines(data, file_len);
    size_t notes = load(name, defines, count, line_count);
    zk_assert(load(name, defines, count, line_count) == notes);
    for (size_t i = 0; i < count; i++)
        free(defines[i]);
    return 0;
}
