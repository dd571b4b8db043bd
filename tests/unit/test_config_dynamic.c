/* server/dynamic: memberships move out of zoo.cfg into files of their own. */
#include "server/dynamic.h"

#include <sys/stat.h>

#include "tests/unit/test_config_lib.h"
#include "zab/config.h"

#define MEMBERS_5                                                                \
    "server.10=b:1:2:participant;h:3\nserver.2=a:1:2:participant;0.0.0.0:2181\n" \
    "server.3=c:1:2:observer;0.0.0.0:2181"

static struct zab_config *config(const char *text)
{
    static const struct zab_config_rules rules = { .standalone_enabled = true };
    struct zab_config *c = NULL;
    char why[ZAB_CONFIG_WHY_MAX];

    ck_assert_msg(zab_config_parse(&c, text, strlen(text), &rules, why) == 0, "%s", why);
    return c;
}

static void store(struct dynamic *d, struct zab_config *cur, struct zab_config *last_seen)
{
    char why[DYNAMIC_WHY_MAX] = "";

    ck_assert_msg(dynamic_store(d, cur, last_seen, why) == 0, "%s", why);
}

#define STATIC_BEFORE                                                        \
    "# server.1 in a comment \\\nclientPort=2181\n  clientPortAddress : h\n" \
    "clientPortListenBacklog=9\nserver.2=a:1:2:\\\n  participant;2181\n"     \
    "group.1=2\nweight.2=1\npeerType observer\ndataDir=/d\\\n/server.5\nreconfigEnabled=true"

START_TEST(an_activated_configuration_moves_out_of_the_static_file)
{
    struct zab_config *cur = config(MEMBERS_5 "\nversion=5");
    struct dynamic d = { .self = 3 };
    char path[128], want[1024];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", STATIC_BEFORE);
    ck_assert_int_eq(chmod(path, 0640), 0);
    store(&d, cur, NULL);
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.5"), MEMBERS_5);
    (void)snprintf(want, sizeof want,
                   "# server.1 in a comment \\\nclientPortListenBacklog=9\n"
                   "dataDir=/d\\\n/server.5\nreconfigEnabled=true\n"
                   "dynamicConfigFile=%s/zoo.cfg.dynamic.5\n",
                   dir);
    ck_assert_str_eq(get_file("zoo.cfg"), want);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0640);
    zab_config_unref(cur);
}
END_TEST

/* It was in a line of the members before, and taken out of zoo.cfg for that. */
START_TEST(a_client_port_that_leaves_the_members_comes_back_to_the_static_file)
{
    struct zab_config *cur = config("server.1=a:1:2:participant;2181\nserver.2=b:1:2:participant\n"
                                    "version=5");
    struct dynamic d = { .self = 2, .stored = 4, .client_host = "b", .client_port = 2182 };
    char path[128], want[512];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "tickTime=2000\nclientPortListenBacklog=9\ndynamicConfigFile=/x\n");
    store(&d, cur, NULL);
    (void)snprintf(want, sizeof want,
                   "tickTime=2000\nclientPortListenBacklog=9\nclientPort=2182\n"
                   "clientPortAddress=b\ndynamicConfigFile=%s/zoo.cfg.dynamic.5\n",
                   dir);
    ck_assert_str_eq(get_file("zoo.cfg"), want);
    zab_config_unref(cur);
    cur = config("server.1=a:1:2:participant;2181\nserver.2=b:1:3:participant\nversion=100000003");
    store(&d, cur, NULL);
    ck_assert_ptr_nonnull(
        strstr(get_file("zoo.cfg"), "9\nclientPort=2182\nclientPortAddress=b\nd"));
    zab_config_unref(cur);
}
END_TEST

START_TEST(a_client_port_that_is_in_no_line_stays_in_the_static_file)
{
    struct zab_config *cur = config("server.1=a:1:2\nserver.2=b:1:2\nversion=5");
    struct dynamic d = { .self = 1 };
    char path[128];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "clientPort=2181\ndynamicConfigFile=x\n");
    store(&d, cur, NULL);
    ck_assert_ptr_eq(strstr(get_file("zoo.cfg"), "clientPort=2181\ndynamicConfigFile=/tmp/"),
                     get_file("zoo.cfg"));
    zab_config_unref(cur);
}
END_TEST

START_TEST(a_proposed_configuration_waits_in_next_until_it_is_in_force)
{
    struct zab_config *old = config(MEMBERS_5 "\nversion=5");
    struct zab_config *new = config("server.1=a:1:2\nserver.2=b:1:2\nversion=100000003");
    struct dynamic d = { .self = 3, .stored = 5 };
    char path[128];

    (void)snprintf(path, sizeof path, "%s/zoo.cfg", dir);
    d.config_path = path;
    put_file("zoo.cfg", "dataDir=/d\n");
    store(&d, old, new);
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.next"),
                     "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nversion=100000003");
    ck_assert_str_eq(get_file("zoo.cfg"), "dataDir=/d\n");
    store(&d, new, new);
    ck_assert_ptr_null(get_file("zoo.cfg.dynamic.next"));
    ck_assert_str_eq(get_file("zoo.cfg.dynamic.100000003"),
                     "server.1=a:1:2:participant\nserver.2=b:1:2:participant");
    ck_assert_int_eq(unlink(in_dir("zoo.cfg.dynamic.100000003")), 0);
    store(&d, new, new); /* Nothing new, so nothing is written. */
    ck_assert_ptr_null(get_file("zoo.cfg.dynamic.100000003"));
    zab_config_unref(old);
    zab_config_unref(new);
}
END_TEST

static void check_same(const struct zab_config *a, const struct zab_config *b)
{
    struct bytes a_text = { 0 }, b_text = { 0 };

    zab_config_print(a, &a_text);
    zab_config_print(b, &b_text);
    ck_assert_uint_eq(a_text.len, b_text.len);
    ck_assert_mem_eq(a_text.at, b_text.at, a_text.len);
    bytes_done(&a_text);
    bytes_done(&b_text);
}

START_TEST(what_was_stored_is_what_the_next_start_finds)
{
    char before[512];

    (void)snprintf(before, sizeof before, LIMITS "clientPort=2181\nreconfigEnabled=true\n" THREE);
    struct loaded l = start(before, "2", CONFIG_START);
    is_quiet(&l);
    struct zab_config *cur = zab_config_with_version(l.conf->members, 0x100000000);
    struct zab_config *next = config(THREE "server.4=d:1:2\nversion=100000003");
    struct dynamic d = { .config_path = l.conf->path, .self = l.conf->sid };
    store(&d, cur, next);
    done(&l);
    ck_assert_ptr_nonnull(strstr(get_file("zoo.cfg.bak"), THREE));

    l.status = config_load(&l.conf, &l.report, in_dir("zoo.cfg"), NULL, 0);
    ck_assert_int_eq(l.status, 0);
    l.status = config_settle(l.conf, &l.report, CONFIG_START);
    is_quiet(&l);
    ck_assert_int_eq(l.conf->members->version, 0x100000000);
    check_same(l.conf->members, cur);
    ck_assert_int_eq(l.conf->last_seen->version, 0x100000003);
    check_same(l.conf->last_seen, next);
    ck_assert_int_eq(l.conf->client_port, 2181);
    done(&l);
    zab_config_unref(cur);
    zab_config_unref(next);
}
END_TEST

START_TEST(what_cannot_be_written_is_told)
{
    struct zab_config *cur = config("server.1=a:1:2\nserver.2=b:1:2\nversion=5");
    struct dynamic d = { .config_path = "/nowhere/zoo.cfg", .self = 1 };
    char why[DYNAMIC_WHY_MAX];

    ck_assert_int_eq(dynamic_store(&d, cur, NULL, why), -ENOENT);
    ck_assert_str_eq(why, "/nowhere/zoo.cfg.dynamic.5: cannot be written: No such file or "
                          "directory");
    ck_assert_int_eq(dynamic_back_up("/nowhere/zoo.cfg", why), -ENOENT);
    zab_config_unref(cur);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config that is written");
    TCase *files = tcase_create("files");

    tcase_add_checked_fixture(files, set_up, tear_down);
    tcase_add_test(files, an_activated_configuration_moves_out_of_the_static_file);
    tcase_add_test(files, a_client_port_that_is_in_no_line_stays_in_the_static_file);
    tcase_add_test(files, a_client_port_that_leaves_the_members_comes_back_to_the_static_file);
    tcase_add_test(files, a_proposed_configuration_waits_in_next_until_it_is_in_force);
    tcase_add_test(files, what_was_stored_is_what_the_next_start_finds);
    tcase_add_test(files, what_cannot_be_written_is_told);
    suite_add_tcase(suite, files);
    return run(suite);
}
