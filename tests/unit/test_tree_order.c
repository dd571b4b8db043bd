/* server/tree: children are told in the order in which they were created, whoever of them goes, and
 * after a snapshot, too. */
#include "tests/unit/test_tree_lib.h"

static struct ground g;

static void setup(void)
{
    g = ground_new();
    ck_assert_int_eq(make(&g, "/p", ""), 0);
}

static void teardown(void)
{
    ck_assert_uint_eq(tree_digest(g.t), slow_digest(g.t));
    ground_done(&g);
}

static void expect_children(const char *want)
{
    struct bytes have = { 0 };
    int32_t count = 0;

    for (const struct znode *n = znode_first_child(g.t, look(&g, "/p")); n != NULL;
         n = znode_next_sibling(g.t, n)) {
        struct jute_bytes name = znode_name(g.t, n);

        bytes_printf(&have, "%.*s ", name.len, (const char *)name.at);
        count++;
    }
    bytes_put(&have, "", 1);
    ck_assert_str_eq((const char *)have.at, want);
    ck_assert_int_eq(count, znode_child_count(g.t, look(&g, "/p")));
    bytes_done(&have);
}

static void make_some(void)
{
    static const char *const paths[] = { "/p/c", "/p/a", "/p/d", "/p/b" };

    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        ck_assert_int_eq(make(&g, paths[i], ""), 0);
    expect_children("c a d b ");
}

START_TEST(the_oldest_child_comes_first)
{
    expect_children("");
    make_some();
    ck_assert_ptr_null(znode_next_sibling(g.t, look(&g, "/")));
}
END_TEST

START_TEST(the_order_stays_when_one_goes)
{
    make_some();
    ck_assert_int_eq(del(&g, "/p/a"), 0);
    expect_children("c d b ");
    ck_assert_int_eq(del(&g, "/p/c"), 0); /* The oldest. */
    expect_children("d b ");
    ck_assert_int_eq(del(&g, "/p/b"), 0); /* The youngest. */
    expect_children("d ");
    ck_assert_int_eq(make(&g, "/p/c", ""), 0);
    expect_children("d c ");
    ck_assert_int_eq(del(&g, "/p/d"), 0);
    ck_assert_int_eq(del(&g, "/p/c"), 0);
    expect_children("");
    ck_assert_int_eq(make(&g, "/p/e", ""), 0);
    expect_children("e ");
}
END_TEST

enum { SNAPSHOT_MAX = 16 };

/* A snapshot is a walk, and a load of what it met. */
static void go_through_a_snapshot(void)
{
    struct bytes paths[SNAPSHOT_MAX] = { { 0 } };
    struct znode_raw raws[SNAPSHOT_MAX];
    struct tree_walk walk;
    size_t count = 0;

    tree_walk_begin(g.t, &walk);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        ck_assert_uint_lt(count, SNAPSHOT_MAX);
        znode_path(g.t, n, &paths[count]);
        znode_raw(g.t, n, &raws[count++]);
    }
    tree_walk_end(&walk);
    tree_load_begin(g.t, count);
    for (size_t i = 0; i < count; i++) {
        struct jute_bytes path = { .at = paths[i].at, .len = i > 0 ? (int32_t)paths[i].len : 0 };

        ck_assert_int_eq(tree_load_node(g.t, path, text(""), -1, &raws[i]), 0);
        bytes_done(&paths[i]);
    }
    ck_assert_int_eq(tree_load_end(g.t, g.zxid), 0);
}

START_TEST(the_order_stays_over_snapshots)
{
    make_some();
    go_through_a_snapshot();
    expect_children("c a d b ");
    ck_assert_int_eq(make(&g, "/p/e", ""), 0);
    ck_assert_int_eq(del(&g, "/p/c"), 0);
    go_through_a_snapshot();
    expect_children("a d b e ");
}
END_TEST

START_TEST(a_walk_does_not_meet_who_comes_to_its_siblings)
{
    struct tree_walk walk;
    int met = 0;

    make_some();
    tree_walk_begin(g.t, &walk);
    while (tree_walk_next(&walk) != look(&g, "/p/b"))
        ;
    ck_assert_int_eq(del(&g, "/p/c"), 0);
    ck_assert_int_eq(make(&g, "/p/c", ""), 0);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        ck_assert_ptr_ne(n, look(&g, "/p/c"));
        met += tree_parent(g.t, n) == look(&g, "/p");
    }
    ck_assert_int_eq(met, 2);
    tree_walk_end(&walk);
    expect_children("a d b c ");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_order");
    TCase *c = tcase_create("all");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, the_oldest_child_comes_first);
    tcase_add_test(c, the_order_stays_when_one_goes);
    tcase_add_test(c, the_order_stays_over_snapshots);
    tcase_add_test(c, a_walk_does_not_meet_who_comes_to_its_siblings);
    suite_add_tcase(s, c);
    return run_suite(s);
}
