/* For the tests of ensembles in server/config: a directory with zoo.cfg and the files beside it. */
#ifndef TEST_CONFIG_LIB_H
#define TEST_CONFIG_LIB_H

#include "tests/unit/test_config_load.h"

#define LIMITS "initLimit=10\nsyncLimit=5\n"
#define THREE  "server.1=a:2888:3888\nserver.2=b:2888:3888\nserver.3=c:2888:3888\n"

/* Of zoo.cfg; it is the data directory too. */
static char dir[64];

static inline const char *in_dir(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static inline void put_file(const char *name, const char *text)
{
    FILE *out = fopen(in_dir(name), "w");

    ck_assert_ptr_nonnull(out);
    ck_assert_int_ge(fputs(text, out), 0);
    ck_assert_int_eq(fclose(out), 0);
}

/* The text of a file, or NULL when there is none. */
static inline const char *get_file(const char *name)
{
    static char text[8192];
    FILE *in = fopen(in_dir(name), "r");

    if (in == NULL)
        return NULL;
    size_t len = fread(text, 1, sizeof text - 1, in);
    text[len] = '\0';
    (void)fclose(in);
    return text;
}

static inline void set_up(void)
{
    (void)snprintf(dir, sizeof dir, "%s", "/tmp/zabd-ensemble-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static inline void tear_down(void)
{
    static const char *const names[] = { "zoo.cfg",
                                         "zoo.cfg.bak",
                                         "myid",
                                         "zoo.cfg.dynamic",
                                         "zoo.cfg.dynamic.next",
                                         "zoo.cfg.dynamic.5",
                                         "zoo.cfg.dynamic.100000000",
                                         "zoo.cfg.dynamic.100000003" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)unlink(in_dir(names[i]));
    ck_assert_int_eq(rmdir(dir), 0);
}

/* Loads zoo.cfg, which says dataDir and then `text`, and settles it. myid may be NULL. */
static inline struct loaded start(const char *text, const char *myid, enum config_use use)
{
    char whole[4096];
    struct loaded l = { 0 };

    (void)snprintf(whole, sizeof whole, "dataDir=%s\n%s", dir, text);
    put_file("zoo.cfg", whole);
    if (myid != NULL)
        put_file("myid", myid);
    l.status = config_load(&l.conf, &l.report, in_dir("zoo.cfg"), NULL, 0);
    if (l.status == 0)
        l.status = config_settle(l.conf, &l.report, use);
    return l;
}

#endif
