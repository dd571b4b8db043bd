/* server/tree: quotas (client-protocol 3.18, storage-format 7.4). */
#include "server/tree/namespaces.h"
#include "server/tree/quota_text.h"
#include "tests/unit/test_tree_lib.h"

static struct ground g;

static void setup(void)
{
    g = ground_new();
}

static void teardown(void)
{
    ck_assert_uint_eq(tree_digest(g.t), slow_digest(g.t));
    ground_done(&g);
}

/* The shell's order: limits, then stats. */
static void set_quota(const char *path, const char *limits)
{
    char full[256];

    (void)snprintf(full, sizeof full, "/zookeeper/quota%s", path);
    for (char *p = full + 17; *p != 0; p++) {
        if (*p == '/') {
            *p = 0;
            if (look(&g, full) == NULL)
                ck_assert_int_eq(make(&g, full, ""), 0);
            *p = '/';
        }
    }
    if (look(&g, full) == NULL)
        ck_assert_int_eq(make(&g, full, ""), 0);
    (void)snprintf(full, sizeof full, "/zookeeper/quota%s/zookeeper_limits", path);
    ck_assert_int_eq(make(&g, full, limits), 0);
    (void)snprintf(full, sizeof full, "/zookeeper/quota%s/zookeeper_stats", path);
    ck_assert_int_eq(make(&g, full, "count=0,bytes=0"), 0);
}

static void expect_used(const char *path, const char *want)
{
    char full[256];

    (void)snprintf(full, sizeof full, "/zookeeper/quota%s/zookeeper_stats", path);
    expect_data(&g, full, want);
}

START_TEST(usage_is_computed_when_the_stats_node_is_created)
{
    ck_assert_int_eq(make(&g, "/a", "12345"), 0);
    ck_assert_int_eq(make(&g, "/a/b", NULL), 0);
    ck_assert_int_eq(make(&g, "/a/b/c", "67"), 0);
    set_quota("/a", "count=5,bytes=10");
    expect_used("/a", "count=3,bytes=7");
    /* The reply was made before that. */
    ck_assert_int_eq(g.results[0].stat.data_length, 15);
    ck_assert_int_eq(stat_at(&g, "/zookeeper/quota/a/zookeeper_stats").data_length, 15);
}
END_TEST

START_TEST(changes_at_and_below_the_path_are_counted)
{
    ck_assert_int_eq(make(&g, "/a", "12345"), 0);
    set_quota("/a", "count=5,bytes=10");

    struct zk_stat before = stat_at(&g, "/zookeeper/quota/a/zookeeper_stats");

    ck_assert_int_eq(make(&g, "/a/b", "xyz"), 0);
    expect_used("/a", "count=2,bytes=8");
    ck_assert_int_eq(set(&g, "/a/b", "", 1), 0);
    expect_used("/a", "count=2,bytes=5");
    ck_assert_int_eq(set(&g, "/a", "123456789", 1), 0);
    expect_used("/a", "count=2,bytes=9");
    ck_assert_int_eq(make(&g, "/ab", "xyz"), 0);
    expect_used("/a", "count=2,bytes=9");
    ck_assert_int_eq(del(&g, "/a/b"), 0);
    expect_used("/a", "count=1,bytes=9");
    ck_assert_int_eq(del(&g, "/a"), 0);
    expect_used("/a", "count=0,bytes=0");

    struct zk_stat after = stat_at(&g, "/zookeeper/quota/a/zookeeper_stats");

    expect_same_stat(&before, &after);
}
END_TEST

START_TEST(usage_changes_are_not_told)
{
    ck_assert_int_eq(make(&g, "/a", ""), 0);
    set_quota("/a", "count=5,bytes=10");
    watch_add(g.w, text("/zookeeper/quota/a/zookeeper_stats"), 1, WATCH_DATA);
    watch_add(g.w, text("/zookeeper"), 1, WATCH_RECURSIVE);
    ck_assert_int_eq(make(&g, "/a/b", "x"), 0);
    expect_heard(&g, "");
}
END_TEST

START_TEST(the_deepest_quota_applies_alone)
{
    struct tree_quota q;
    struct jute_bytes path;

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_int_eq(make(&g, "/a/b", ""), 0);
    set_quota("/a", "count=5,bytes=-1");
    set_quota("/a/b", "count=7,bytes=-1");
    ck_assert_int_eq(make(&g, "/a/b/c", "xx"), 0);
    expect_used("/a", "count=2,bytes=0");
    expect_used("/a/b", "count=2,bytes=2");
    ck_assert(tree_quota_of(g.t, text("/a/b/c/d"), &q, &path));
    ck_assert(jute_is_text(path, "/a/b"));
    ck_assert_int_eq(q.count_soft, 7);
    ck_assert_int_eq(q.count_used, 2);
    ck_assert_int_eq(q.bytes_used, 2);
    ck_assert(tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(q.count_soft, 5);
    ck_assert(!tree_quota_of(g.t, text("/ab"), &q, &path));
    ck_assert(!tree_quota_of(g.t, text("/"), &q, &path));
    ck_assert(!tree_quota_of(g.t, text(""), &q, &path));
}
END_TEST

START_TEST(a_quota_is_active_while_its_limits_exist)
{
    struct tree_quota q;
    struct jute_bytes path;

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    set_quota("/a", "count=5");
    ck_assert_int_eq(del(&g, "/zookeeper/quota/a/zookeeper_limits"), 0);
    ck_assert(!tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(make(&g, "/a/b", ""), 0);
    expect_used("/a", "count=1,bytes=0");
    ck_assert_int_eq(make(&g, "/zookeeper/quota/a/zookeeper_limits", "count=6"), 0);
    ck_assert(tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(make(&g, "/a/c", ""), 0);
    expect_used("/a", "count=2,bytes=0"); /* Counted on from what it was. */
    ck_assert_int_eq(del(&g, "/zookeeper/quota/a/zookeeper_stats"), 0);
    ck_assert_int_eq(make(&g, "/a/d", ""), 0);
    ck_assert(tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert(!q.has_usage);
}
END_TEST

/* ZK shuts down over this one. */
START_TEST(a_quota_on_the_root_never_applies)
{
    struct tree_quota q;
    struct jute_bytes path;

    ck_assert_int_eq(make(&g, "/zookeeper/quota/zookeeper_limits", "count=1"), 0);
    ck_assert_int_eq(make(&g, "/zookeeper/quota/zookeeper_stats", ""), 0);
    expect_used("", "count=6,bytes=7");
    ck_assert_int_eq(make(&g, "/a", ""), 0);
    expect_used("", "count=6,bytes=7");
    ck_assert(!tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(del(&g, "/zookeeper/quota/zookeeper_limits"), 0);
}
END_TEST

START_TEST(a_quota_may_be_set_before_its_path_exists)
{
    set_quota("/later/on", "count=3");
    expect_used("/later/on", "count=0,bytes=0");
    ck_assert_int_eq(make(&g, "/later", "abc"), 0);
    ck_assert_int_eq(make(&g, "/later/on", "abc"), 0);
    expect_used("/later/on", "count=1,bytes=3");
}
END_TEST

START_TEST(limits_that_do_not_parse_are_none)
{
    struct tree_quota q;
    struct jute_bytes path;

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    set_quota("/a", "count=5,bytes=many");
    ck_assert(tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(q.count_soft, -1);
    ck_assert_int_eq(q.bytes_soft, -1);
    ck_assert_int_eq(q.count_used, 1);
    ck_assert_int_eq(set(&g, "/zookeeper/quota/a/zookeeper_limits",
                         "count=1,bytes=2=;byteHardLimit=5000;countHardLimit=10", 1),
                     0);
    ck_assert(tree_quota_of(g.t, text("/a"), &q, &path));
    ck_assert_int_eq(q.count_soft, 1);
    ck_assert_int_eq(q.bytes_soft, 2);
    ck_assert_int_eq(q.count_hard, 10);
    ck_assert_int_eq(q.bytes_hard, 5000);
}
END_TEST

START_TEST(usage_that_does_not_parse_is_counted_anew)
{
    ck_assert_int_eq(make(&g, "/a", "123"), 0);
    set_quota("/a", "count=5");
    ck_assert_int_eq(set(&g, "/zookeeper/quota/a/zookeeper_stats", "rubbish", 1), 0);
    ck_assert_int_eq(make(&g, "/a/b", "4"), 0);
    expect_used("/a", "count=2,bytes=4");
    ck_assert_int_eq(set(&g, "/zookeeper/quota/a/zookeeper_stats", NULL, 1), 0);
    ck_assert_int_eq(make(&g, "/a/c", ""), 0);
    expect_used("/a", "count=3,bytes=4");
}
END_TEST

START_TEST(usage_that_a_client_wrote_is_counted_on)
{
    ck_assert_int_eq(make(&g, "/a", "123"), 0);
    set_quota("/a", "count=5");
    ck_assert_int_eq(
        set(&g, "/zookeeper/quota/a/zookeeper_stats", "bytes=100;zz=1,count=50;aa=2", 1), 0);
    ck_assert_int_eq(make(&g, "/a/b", "4"), 0);
    expect_used("/a", "count=51,bytes=101=;aa=2;zz=1");
    ck_assert_int_eq(set(&g, "/zookeeper/quota/a/zookeeper_stats", "", 1), 0);
    ck_assert_int_eq(make(&g, "/a/c", "4"), 0);
    expect_used("/a", "count=0,bytes=0"); /* From -1, as in ZK. */
}
END_TEST

START_TEST(a_replayed_delete_of_a_subtree_leaves_right_usage)
{
    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_int_eq(make(&g, "/a/b", ""), 0);
    ck_assert_int_eq(make(&g, "/a/b/c", "xx"), 0);
    ck_assert_int_eq(make(&g, "/a/b/c/d", "xx"), 0);
    set_quota("/a", "count=5");
    set_quota("/a/b/c", "count=5");
    expect_used("/a", "count=4,bytes=4");
    ck_assert_int_eq(del(&g, "/a/b"), 0);
    expect_used("/a", "count=1,bytes=0");
    expect_used("/a/b/c", "count=0,bytes=0");
}
END_TEST

static void list(void *ctx, struct jute_bytes path, const struct tree_quota *q)
{
    bytes_printf(ctx, "%.*s:%d ", path.len, (const char *)path.at, (int)q->count_soft);
}

START_TEST(active_quotas_are_listed_in_path_order)
{
    struct bytes out = { 0 };

    set_quota("/b", "count=1");
    set_quota("/a/x", "count=2");
    set_quota("/a", "count=3");
    set_quota("/a-", "count=4");
    tree_each_quota(g.t, list, &out);
    bytes_put(&out, "", 1);
    ck_assert_str_eq((const char *)out.at, "/a:3 /a-:4 /a/x:2 /b:1 ");
    bytes_done(&out);
}
END_TEST

START_TEST(an_ephemerals_end_is_counted)
{
    ck_assert_int_eq(make(&g, "/a", ""), 0);
    set_quota("/a", "count=5");
    ck_assert_int_eq(make_ephemeral(&g, "/a/e"), 0);
    expect_used("/a", "count=2,bytes=0");
    ck_assert_int_eq(close_session(&g, NULL, 0), 0);
    expect_used("/a", "count=1,bytes=0");
}
END_TEST

/* ---- The text. */

static void expect_parse(const char *in, const char *want)
{
    struct quota_text q;
    struct bytes out = { 0 };
    bool ok = quota_text_parse(&q, text(in));

    ck_assert_msg(ok == (want != NULL), "'%s'", in);
    if (ok) {
        quota_text_write(&q, &out);
        bytes_put(&out, "", 1);
        ck_assert_str_eq((const char *)out.at, want);
    }
    bytes_done(&out);
}

/* ---- What is used of each namespace. */

struct uses {
    size_t count;
    struct tree_namespace last;
};

static void see_use(void *ctx, const struct tree_namespace *n)
{
    struct uses *u = ctx;

    u->count++;
    u->last = *n;
}

START_TEST(use_is_counted_by_the_first_component)
{
    struct uses u = { 0 };

    ck_assert_int_eq(make(&g, "/a", "xyz"), 0);
    ck_assert_int_eq(make(&g, "/a/b", "12345"), 0);
    tree_note_read(g.t, jute_text("/a/b"), 5);
    tree_note_read(g.t, jute_text("/"), 5);
    tree_each_namespace(g.t, see_use, &u);
    ck_assert_uint_eq(u.count, 1);
    ck_assert(jute_is_text(u.last.name, "a"));
    ck_assert_uint_eq(u.last.written.count, 2);
    ck_assert_uint_eq(u.last.written.min, 2 + 3);
    ck_assert_uint_eq(u.last.written.max, 4 + 5);
    ck_assert_uint_eq(u.last.read.sum, 4 + 5 + 68);
}
END_TEST

START_TEST(namespaces_that_are_too_many_are_not_counted)
{
    struct uses u = { 0 };
    char path[16];

    for (int i = 0; i < NAMESPACES_MAX + 10; i++) {
        (void)snprintf(path, sizeof path, "/n%d", i);
        tree_note_read(g.t, jute_text(path), 1);
    }
    tree_note_read(g.t, jute_text("/n7"), 1);
    tree_each_namespace(g.t, see_use, &u);
    ck_assert_uint_eq(u.count, NAMESPACES_MAX);
    ck_assert_uint_eq(namespaces_at(g.t, jute_text("/n7"))->read.count, 2);
}
END_TEST

START_TEST(text_is_read_as_zk_reads_it)
{
    expect_parse("", "count=-1,bytes=-1");
    expect_parse("count=3,bytes=19", "count=3,bytes=19");
    expect_parse("bytes=+19;;,count=-3;", "count=-3,bytes=19");
    expect_parse("count=1=2=3,bytes==7", "count=1,bytes=-1");
    expect_parse("count=1,count=2", "count=2,bytes=-1");
    expect_parse(";,", "count=-1,bytes=-1");
    expect_parse("=5", "count=-1,bytes=-1=;=5");
    expect_parse("b=1,a=2,B=3", "count=-1,bytes=-1=;B=3;a=2;b=1");
    expect_parse("count=9223372036854775807,bytes=-9223372036854775808",
                 "count=9223372036854775807,bytes=-9223372036854775808");
}
END_TEST

START_TEST(text_that_zk_cannot_read_is_refused)
{
    static const char *const bad[] = {
        "count",     "count=",   "count==", "=",         ",count=1",
        "count=x",   "count= 1", "count=-", "count=1.5", "count=9223372036854775808",
        "count=1,x", " "
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_parse(bad[i], NULL);
    expect_parse("a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1", NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_quota");
    TCase *c = tcase_create("all");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, usage_is_computed_when_the_stats_node_is_created);
    tcase_add_test(c, changes_at_and_below_the_path_are_counted);
    tcase_add_test(c, usage_changes_are_not_told);
    tcase_add_test(c, the_deepest_quota_applies_alone);
    tcase_add_test(c, a_quota_is_active_while_its_limits_exist);
    tcase_add_test(c, a_quota_on_the_root_never_applies);
    tcase_add_test(c, a_quota_may_be_set_before_its_path_exists);
    tcase_add_test(c, limits_that_do_not_parse_are_none);
    tcase_add_test(c, usage_that_does_not_parse_is_counted_anew);
    tcase_add_test(c, usage_that_a_client_wrote_is_counted_on);
    tcase_add_test(c, a_replayed_delete_of_a_subtree_leaves_right_usage);
    tcase_add_test(c, active_quotas_are_listed_in_path_order);
    tcase_add_test(c, an_ephemerals_end_is_counted);
    tcase_add_test(c, use_is_counted_by_the_first_component);
    tcase_add_test(c, namespaces_that_are_too_many_are_not_counted);
    tcase_add_test(c, text_is_read_as_zk_reads_it);
    tcase_add_test(c, text_that_zk_cannot_read_is_refused);
    suite_add_tcase(s, c);
    return run_suite(s);
}
