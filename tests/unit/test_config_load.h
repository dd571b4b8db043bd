/* For the tests of server/config: loads from a text, as if it were a zoo.cfg. */
#ifndef TEST_CONFIG_LOAD_H
#define TEST_CONFIG_LOAD_H

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"

/* What a load gave. */
struct loaded {
    struct config *conf; /* NULL when refused. */
    struct config_report report;
    int status;
};

static char file_name[64];

static inline void write_file(const char *text)
{
    (void)snprintf(file_name, sizeof file_name, "%s", "/tmp/zabd-config-XXXXXX");
    int fd = mkstemp(file_name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    ck_assert_int_eq(close(fd), 0);
}

/* Loads from a file that holds `text`; the defines end with NULL. */
static inline struct loaded load_text(const char *text, char *const *defines)
{
    struct loaded l = { 0 };
    size_t count = 0;

    while (defines != NULL && defines[count] != NULL)
        count++;
    write_file(text);
    l.status = config_load(&l.conf, &l.report, file_name, defines, count);
    ck_assert_int_eq(unlink(file_name), 0);
    return l;
}

/* Loads `line` in a file that is complete without it. */
static inline struct loaded load_line(const char *line)
{
    char text[4096];
    int len = snprintf(text, sizeof text, "dataDir=/d\nclientPort=2181\n%s\n", line);

    ck_assert_int_lt(len, (int)sizeof text);
    return load_text(text, NULL);
}

static inline void done(struct loaded *l)
{
    l->conf = config_free(l->conf);
    config_report_done(&l->report);
}

/* All notes as one text. */
static inline const char *notes_of(const struct loaded *l)
{
    static char text[65536];
    FILE *out = fmemopen(text, sizeof text - 1, "w");

    ck_assert_ptr_nonnull(out);
    memset(text, 0, sizeof text);
    config_report_print(&l->report, out);
    (void)fclose(out);
    return text;
}

static inline void is_quiet(const struct loaded *l)
{
    ck_assert_msg(l->status == 0 && l->conf != NULL && l->report.count == 0, "status %d: %s",
                  l->status, notes_of(l));
}

/* Runs the suite; returns what main() returns. */
static inline int run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
