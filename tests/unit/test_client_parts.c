/* client/: server lists, paths and the table of watches. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/hosts.h"
#include "client/resolve.h"
#include "client/watches.h"
#include "client/zabclient.h"

static const struct {
    const char *text;
    int count; /* -1: refused. */
    const char *host;
    unsigned port;
    const char *chroot;
} lists[] = {
    { "a", 1, "a", 2181, "" },         { "a:1", 1, "a", 1, "" },
    { " a:1 , ", 1, "a", 1, "" },      { "a:1/", 1, "a", 1, "" },
    { "a:1/x/y", 1, "a", 1, "/x/y" },  { "[::1]:7", 1, "::1", 7, "" },
    { "[::1]", 1, "::1", 2181, "" },   { "::1", 1, "::1", 2181, "" },
    { "a,a,a/c", 3, "a", 2181, "/c" }, { "", -1, NULL, 0, NULL },
    { ",", -1, NULL, 0, NULL },        { "/x", -1, NULL, 0, NULL },
    { "a:0", -1, NULL, 0, NULL },      { "a:65536", -1, NULL, 0, NULL },
    { "a:b", -1, NULL, 0, NULL },      { "a:", -1, NULL, 0, NULL },
    { ":1", -1, NULL, 0, NULL },       { "[::1:7", -1, NULL, 0, NULL },
    { "[::1]x", -1, NULL, 0, NULL },   { "a/x/", -1, NULL, 0, NULL },
    { "a//x", -1, NULL, 0, NULL },
};

START_TEST(a_server_list_is_read)
{
    struct rand_state rand;
    struct hosts h;

    rand_seed(&rand, 1);
    if (lists[_i].count < 0) {
        ck_assert_int_eq(hosts_parse(&h, lists[_i].text, &rand), -EINVAL);
        return;
    }
    ck_assert_int_eq(hosts_parse(&h, lists[_i].text, &rand), 0);
    ck_assert_uint_eq(h.count, (size_t)lists[_i].count);
    ck_assert_str_eq(h.items[0].name, lists[_i].host);
    ck_assert_uint_eq(h.items[0].port, lists[_i].port);
    ck_assert_str_eq(h.chroot, lists[_i].chroot);
    hosts_done(&h);
}
END_TEST

START_TEST(the_order_of_servers_is_shuffled_and_keeps_all)
{
    bool was_first[4] = { false };

    for (uint64_t seed = 1; seed < 64; seed++) {
        struct rand_state rand;
        struct hosts h;
        unsigned seen = 0;

        rand_seed(&rand, seed);
        ck_assert_int_eq(hosts_parse(&h, "h0,h1,h2,h3", &rand), 0);
        for (size_t i = 0; i < h.count; i++)
            seen |= 1u << (h.items[i].name[1] - '0');
        ck_assert_uint_eq(seen, 15);
        was_first[h.items[0].name[1] - '0'] = true;
        hosts_done(&h);
    }
    ck_assert(was_first[0] && was_first[1] && was_first[2] && was_first[3]);
}
END_TEST

START_TEST(without_chance_the_order_of_servers_stays)
{
    struct hosts h;

    ck_assert_int_eq(hosts_parse(&h, "h2,h0,h1", NULL), 0);
    ck_assert_str_eq(h.items[0].name, "h2");
    ck_assert_str_eq(h.items[1].name, "h0");
    ck_assert_str_eq(h.items[2].name, "h1");
    hosts_done(&h);
}
END_TEST

START_TEST(the_order_of_addresses_is_shuffled_and_keeps_all)
{
    bool was_first[4] = { false };

    for (uint64_t seed = 1; seed < 64; seed++) {
        struct rand_state rand;
        struct resolved r = { .count = 4 };
        unsigned seen = 0;

        rand_seed(&rand, seed);
        for (size_t i = 0; i < r.count; i++)
            r.at[i].ss_family = (sa_family_t)i;
        resolved_shuffle(&r, &rand);
        for (size_t i = 0; i < r.count; i++)
            seen |= 1u << r.at[i].ss_family;
        ck_assert_uint_eq(seen, 15);
        was_first[r.at[0].ss_family] = true;
    }
    ck_assert(was_first[0] && was_first[1] && was_first[2] && was_first[3]);
}
END_TEST

static const struct {
    const char *path;
    bool is_sequential;
    const char *wrong; /* NULL: nothing. */
} paths[] = {
    { "/", false, NULL },
    { "/a", false, NULL },
    { "/a/.b/c..", false, NULL },
    { "/a/...", false, NULL },
    { "/\xc3\xa4", false, NULL },
    { "", false, "Path length must be > 0" },
    { "", true, "Path must start with / character" },
    { "a", false, "Path must start with / character" },
    { "/a/", false, "Path must not end with / character" },
    { "/a/", true, NULL },
    { "/a/.", true, NULL },
    { "/a//b", false, "Invalid path string \"/a//b\" caused by empty node name specified @3" },
    { "/a/./b", false, "Invalid path string \"/a/./b\" caused by relative paths not allowed @3" },
    { "/a/../b", false, "Invalid path string \"/a/../b\" caused by relative paths not allowed @4" },
    { "/a/..", false, "Invalid path string \"/a/..\" caused by relative paths not allowed @4" },
    { "/a\x01", false, "Invalid path string \"/a\x01\" caused by invalid character @2" },
    { "/\xc3\xa4\x7f", false,
      "Invalid path string \"/\xc3\xa4\x7f\" caused by invalid character @2" },
    { "/\xf0\x9f\x98\x80", false,
      "Invalid path string \"/\xf0\x9f\x98\x80\" caused by invalid character @1" },
    { "/\xff", false, "Invalid path string \"/\xff\" caused by invalid character @1" },
};

START_TEST(a_path_is_judged_in_zookeepers_words)
{
    struct bytes why = { 0 };
    bool is_wrong = zabc_path_is_wrong(&why, paths[_i].path, paths[_i].is_sequential);

    ck_assert_int_eq(is_wrong, paths[_i].wrong != NULL);
    if (is_wrong) {
        bytes_put(&why, "", 1);
        ck_assert_str_eq((const char *)why.at, paths[_i].wrong);
    }
    bytes_done(&why);
}
END_TEST

/* ---- Watches. */

static struct watches table;

static void nobody(void *arg, const struct zabc_event *event)
{
    (void)arg;
    (void)event;
}

static struct zabc_watcher named(char *name)
{
    return (struct zabc_watcher){ .tell = nobody, .arg = name };
}

static char name_a[] = "a";
static char name_b[] = "b";

static void set(enum watch_kind kind, const char *path, char *name)
{
    struct zabc_watcher w = named(name);

    watches_add(&table, kind, path, &w);
}

/* Who is told, as a string of names. */
static const char *fired(enum zk_event type, const char *path)
{
    static char ret[64];
    struct bytes told = { 0 };
    size_t len = 0;

    watches_fire(&table, type, path, &told);
    for (size_t at = 0; at < told.len; at += sizeof(struct zabc_watcher)) {
        struct zabc_watcher w;

        memcpy(&w, told.at + at, sizeof w);
        ret[len++] = *(const char *)w.arg;
    }
    ret[len] = '\0';
    bytes_done(&told);
    return ret;
}

static void table_setup(void)
{
    watches_init(&table, 1);
}

static void table_teardown(void)
{
    watches_done(&table);
}

START_TEST(one_shot_watches_are_told_once_each)
{
    set(WATCH_DATA, "/n", name_a);
    set(WATCH_DATA, "/n", name_a);
    set(WATCH_CHILD, "/n", name_b);
    ck_assert_uint_eq(table.count, 2);
    ck_assert_str_eq(fired(ZK_EVENT_NODE_DATA_CHANGED, "/other"), "");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_DATA_CHANGED, "/n"), "a");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_DATA_CHANGED, "/n"), "");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CHILDREN_CHANGED, "/n"), "b");
    ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(a_deleted_node_tells_each_watcher_once)
{
    set(WATCH_DATA, "/n", name_a);
    set(WATCH_CHILD, "/n", name_a);
    set(WATCH_PERSISTENT, "/n", name_b);
    set(WATCH_RECURSIVE, "/", name_b);
    ck_assert_str_eq(fired(ZK_EVENT_NODE_DELETED, "/n"), "ab");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_DELETED, "/n"), "b");
}
END_TEST

START_TEST(a_recursive_watch_hears_of_what_lies_below_but_not_of_lists)
{
    set(WATCH_RECURSIVE, "/n", name_a);
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/n/x/y"), "a");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/n"), "a");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/nn"), "");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/"), "");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CHILDREN_CHANGED, "/n"), "");
    set(WATCH_RECURSIVE, "/", name_b);
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/z"), "b");
    ck_assert_str_eq(fired(ZK_EVENT_NODE_CREATED, "/n/z"), "ab");
}
END_TEST

START_TEST(ten_thousand_watches_are_found_and_removed)
{
    char path[32];

    for (int i = 0; i < 10000; i++) {
        (void)snprintf(path, sizeof path, "/%d", i);
        set(WATCH_DATA, path, name_a);
    }
    for (int i = 0; i < 10000; i++) {
        struct zabc_watcher a = named(name_a);
        struct zabc_watcher b = named(name_b);

        (void)snprintf(path, sizeof path, "/%d", i);
        ck_assert(!watches_has(&table, WATCH_DATA, path, &b));
        ck_assert(watches_has(&table, WATCH_DATA, path, &a));
        ck_assert_uint_eq(watches_remove(&table, WATCH_DATA, path, NULL, NULL), 1);
    }
    ck_assert_uint_eq(table.count, 0);
}
END_TEST

START_TEST(errors_have_zookeepers_words)
{
    ck_assert_str_eq(zabc_err_text(ZK_NO_NODE), "NoNode");
    ck_assert_str_eq(zabc_err_text(ZK_NOT_EMPTY), "Directory not empty");
    ck_assert_str_eq(zabc_err_text(ZK_NO_WATCHER), "No such watcher");
    ck_assert_str_eq(zabc_err_text(ZK_CONNECTION_LOSS), "ConnectionLoss");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_parts");
    TCase *parts = tcase_create("parts");
    TCase *watches = tcase_create("watches");

    tcase_add_loop_test(parts, a_server_list_is_read, 0, (int)(sizeof lists / sizeof lists[0]));
    tcase_add_test(parts, the_order_of_servers_is_shuffled_and_keeps_all);
    tcase_add_test(parts, without_chance_the_order_of_servers_stays);
    tcase_add_test(parts, the_order_of_addresses_is_shuffled_and_keeps_all);
    tcase_add_loop_test(parts, a_path_is_judged_in_zookeepers_words, 0,
                        (int)(sizeof paths / sizeof paths[0]));
    tcase_add_test(parts, errors_have_zookeepers_words);
    suite_add_tcase(suite, parts);
    tcase_add_checked_fixture(watches, table_setup, table_teardown);
    tcase_add_test(watches, one_shot_watches_are_told_once_each);
    tcase_add_test(watches, a_deleted_node_tells_each_watcher_once);
    tcase_add_test(watches, a_recursive_watch_hears_of_what_lies_below_but_not_of_lists);
    tcase_add_test(watches, ten_thousand_watches_are_found_and_removed);
    suite_add_tcase(suite, watches);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
