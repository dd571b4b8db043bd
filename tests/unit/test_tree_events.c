/* server/tree: who hears of what, in which order (client-protocol 4.2), and the results
 * that replies are made of (3.16). */
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

static void watch(const char *path, uint32_t watcher, enum watch_mode mode)
{
    watch_add(g.w, text(path), watcher, mode);
}

START_TEST(a_create_is_told_at_the_node_and_then_at_its_parent)
{
    watch("/p/a", 1, WATCH_DATA);
    watch("/p", 2, WATCH_CHILD);
    watch("/p", 3, WATCH_DATA);
    ck_assert_int_eq(make(&g, "/p/a", ""), 0);
    expect_heard(&g, "created /p/a acl=2 > 1\nchildren /p acl=2 > 2\n");
    ck_assert_int_eq(make(&g, "/p/b", ""), 0);
    expect_heard(&g, "");
}
END_TEST

START_TEST(the_root_is_a_parent_by_its_own_path)
{
    watch("/", 2, WATCH_CHILD);
    ck_assert_int_eq(make(&g, "/x", ""), 0);
    expect_heard(&g, "children / acl=-1 > 2\n");
    watch("/", 3, WATCH_CHILD);
    ck_assert_int_eq(del(&g, "/x"), 0);
    expect_heard(&g, "children / acl=-1 > 3\n");
    watch("/", 4, WATCH_DATA);
    ck_assert_int_eq(set(&g, "/", "x", 1), 0);
    expect_heard(&g, "changed / acl=-1 > 4\n");
}
END_TEST

START_TEST(a_change_of_data_is_told_at_the_node_only)
{
    watch("/p", 1, WATCH_DATA);
    watch("/p", 2, WATCH_CHILD);
    watch("/", 3, WATCH_CHILD);
    ck_assert_int_eq(set(&g, "/p", "x", 1), 0);
    expect_heard(&g, "changed /p acl=2 > 1\n");
}
END_TEST

START_TEST(a_deletion_is_told_once_to_each_and_then_at_the_parent)
{
    watch("/p", 1, WATCH_DATA);
    watch("/p", 1, WATCH_CHILD);
    watch("/p", 2, WATCH_CHILD);
    watch("/", 3, WATCH_CHILD);
    ck_assert_int_eq(del(&g, "/p"), 0);
    expect_heard(&g, "deleted /p acl=2 > 1\ndeleted /p acl=2 > 2\nchildren / acl=-1 > 3\n");
    ck_assert(watch_table_is_empty(g.w));
}
END_TEST

static void check_list(void *ctx, const struct tree_event *ev, const uint32_t *watchers,
                       size_t count)
{
    struct tree *t = ctx;

    (void)watchers;
    (void)count;
    if (ev->type == ZK_EVENT_NODE_DELETED)
        ck_assert_int_eq((int32_t)jute_load32(tree_acl(t, ev->acl).at), ZK_PERM_WRITE);
}

/* It is what decides who may hear of the deletion, though nobody else has it. */
START_TEST(a_deleted_nodes_list_can_be_read_in_its_event)
{
    struct delete_txn r = { .path = text("/p") };
    struct tree_sink sink = { .ctx = g.t, .event = check_list };
    struct txn txn = { .head = { .zxid = 9, .type = ZK_OP_DELETE } };

    ck_assert_int_eq(set_perms(&g, "/p", ZK_PERM_WRITE, 1), 0);
    watch("/p", 1, WATCH_DATA);
    g.record.len = 0;
    jute_write_delete_txn(&g.record, &r);
    txn.body = jute_in(g.record.at, g.record.len);
    tree_apply(g.t, &txn, g.w, &sink);
}
END_TEST

START_TEST(recursive_watchers_hear_of_nodes_but_not_of_children)
{
    watch("/p", 1, WATCH_RECURSIVE);
    ck_assert_int_eq(make(&g, "/p/a", ""), 0);
    expect_heard(&g, "created /p/a acl=2 > 1\n");
    ck_assert_int_eq(make(&g, "/p/a/b", ""), 0);
    expect_heard(&g, "created /p/a/b acl=2 > 1\n");
    ck_assert_int_eq(set(&g, "/p/a/b", "x", 1), 0);
    expect_heard(&g, "changed /p/a/b acl=2 > 1\n");
    ck_assert_int_eq(del(&g, "/p/a/b"), 0);
    expect_heard(&g, "deleted /p/a/b acl=2 > 1\n");
}
END_TEST

START_TEST(a_persistent_watcher_hears_one_deletion)
{
    watch("/p", 1, WATCH_PERSISTENT);
    ck_assert_int_eq(make(&g, "/p/a", ""), 0);
    expect_heard(&g, "children /p acl=2 > 1\n");
    ck_assert_int_eq(del(&g, "/p/a"), 0);
    expect_heard(&g, "children /p acl=2 > 1\n");
    ck_assert_int_eq(del(&g, "/p"), 0);
    expect_heard(&g, "deleted /p acl=2 > 1\n");
}
END_TEST

START_TEST(what_fails_is_not_told)
{
    watch("/p/a", 1, WATCH_DATA);
    watch("/p", 1, WATCH_CHILD);
    watch("/p", 1, WATCH_DATA);
    ck_assert_int_eq(del(&g, "/p/a"), ZK_NO_NODE);
    expect_heard(&g, "");
    ck_assert_int_eq(make(&g, "/p", ""), ZK_NODE_EXISTS);
    expect_heard(&g, "");
    ck_assert_int_eq(set_perms(&g, "/p", 1, 1), 0);
    expect_heard(&g, "");
}
END_TEST

START_TEST(a_sessions_end_is_told_path_by_path)
{
    const char *const listed[] = { "/p/e2" };

    ck_assert_int_eq(make_ephemeral(&g, "/p/e1"), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/p/e2"), 0);
    watch("/p/e1", 1, WATCH_DATA);
    watch("/p/e2", 1, WATCH_DATA);
    watch("/p", 2, WATCH_CHILD);
    ck_assert_int_eq(close_session(&g, listed, 1), 0);
    expect_heard(&g, "deleted /p/e2 acl=2 > 1\nchildren /p acl=2 > 2\ndeleted /p/e1 acl=2 > 1\n");
}
END_TEST

START_TEST(one_shot_watches_are_used_up_though_nobody_listens)
{
    struct set_data_txn r = { .path = text("/p"), .data = text("x"), .version = 1 };
    struct txn txn = { .head = { .zxid = 9, .type = ZK_OP_SET_DATA } };

    watch("/p", 1, WATCH_DATA);
    jute_write_set_data_txn(&g.record, &r);
    txn.body = jute_in(g.record.at, g.record.len);
    tree_apply(g.t, &txn, g.w, NULL);
    ck_assert(watch_table_is_empty(g.w));
}
END_TEST

/* ---- Multi. */

static struct bytes members;
static int32_t member_count;

static void member(int32_t type)
{
    jute_write_txn(&members, (struct jute_txn){ type, { g.record.at, (int32_t)g.record.len } });
    member_count++;
    g.record.len = 0;
}

static void apply_members(void)
{
    g.record.len = 0;
    jute_write_txns(&g.record, jute_vector_of(&members, member_count));
    (void)ground_apply(&g, ZK_OP_MULTI);
    bytes_done(&members);
    member_count = 0;
}

static void member_create(const char *path)
{
    record_create(&g, path, text(""), false, -1);
    member(ZK_OP_CREATE2);
}

static void member_set(const char *path, int32_t version)
{
    g.record.len = 0;
    jute_write_set_data_txn(&g.record, &(struct set_data_txn){ text(path), text("m"), version });
    member(ZK_OP_SET_DATA);
}

static void member_error(int32_t err)
{
    g.record.len = 0;
    jute_write_error_txn(&g.record, &(struct error_txn){ err });
    member(ZK_OP_ERROR);
}

START_TEST(a_multi_is_told_op_by_op)
{
    watch("/p/a", 1, WATCH_DATA);
    watch("/p", 2, WATCH_PERSISTENT);
    member_create("/p/a");
    member_set("/p", 1);
    member_create("/p/b");
    apply_members();
    expect_heard(&g, "created /p/a acl=2 > 1\nchildren /p acl=2 > 2\nchanged /p acl=2 > 2\n"
                     "children /p acl=2 > 2\n");
    ck_assert_int_eq(stat_at(&g, "/p/a").czxid, stat_at(&g, "/p/b").czxid);
}
END_TEST

START_TEST(a_multis_stats_are_those_right_after_each_op)
{
    g.record.len = 0;
    jute_write_check_version_txn(&g.record, &(struct check_version_txn){ text("/p"), 1 });
    member(ZK_OP_CHECK);
    member_set("/p", 1);
    member_create("/p/a");
    member_set("/p", 2);
    jute_write_delete_txn(&g.record, &(struct delete_txn){ text("/p/a") });
    member(ZK_OP_DELETE);
    apply_members();
    ck_assert_uint_eq(g.result_count, 5);
    ck_assert_int_eq(g.results[0].type, ZK_OP_CHECK);
    ck_assert_int_eq(g.results[1].type, ZK_OP_SET_DATA);
    ck_assert_int_eq(g.results[1].stat.version, 1);
    ck_assert_int_eq(g.results[1].stat.num_children, 0);
    ck_assert_int_eq(g.results[2].type, ZK_OP_CREATE2);
    ck_assert(jute_is_text(g.results[2].path, "/p/a"));
    ck_assert_int_eq(g.results[3].stat.version, 2);
    ck_assert_int_eq(g.results[3].stat.num_children, 1);
    ck_assert_int_eq(g.results[4].type, ZK_OP_DELETE);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(g.results[i].err, 0);
}
END_TEST

START_TEST(one_error_voids_a_multi)
{
    uint64_t digest = tree_digest(g.t);

    watch("/p", 2, WATCH_PERSISTENT);
    member_create("/p/a");
    member_set("/p", 1);
    member_error(ZK_BAD_VERSION);
    member_error(ZK_RUNTIME_INCONSISTENCY);
    member_create("/p/b");
    apply_members();
    expect_heard(&g, "");
    ck_assert_uint_eq(tree_digest(g.t), digest);
    ck_assert_int_eq(tree_zxid(g.t), 2);
    ck_assert_uint_eq(g.result_count, 5);

    static const int32_t want[] = { 0, 0, ZK_BAD_VERSION, ZK_RUNTIME_INCONSISTENCY,
                                    ZK_RUNTIME_INCONSISTENCY };

    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(g.results[i].err, want[i]);
        ck_assert_int_eq(g.results[i].type, ZK_OP_ERROR);
    }
}
END_TEST

START_TEST(an_empty_multi_takes_its_zxid)
{
    apply_members();
    ck_assert_uint_eq(g.result_count, 0);
    ck_assert_int_eq(tree_zxid(g.t), 2);
}
END_TEST

/* As in ZK: what came before it stays, the rest is lost (storage-format 2.10). */
START_TEST(a_foreign_member_ends_a_multi)
{
    member_create("/p/a");
    g.record.len = 0;
    jute_write_set_acl_txn(&g.record, &(struct set_acl_txn){ .path = text("/p"), .version = 7 });
    member(ZK_OP_SET_ACL);
    member_create("/p/b");
    apply_members();
    ck_assert_ptr_nonnull(look(&g, "/p/a"));
    ck_assert_ptr_null(look(&g, "/p/b"));
    ck_assert_int_eq(stat_at(&g, "/p").aversion, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_events");
    TCase *c = tcase_create("all");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_create_is_told_at_the_node_and_then_at_its_parent);
    tcase_add_test(c, the_root_is_a_parent_by_its_own_path);
    tcase_add_test(c, a_change_of_data_is_told_at_the_node_only);
    tcase_add_test(c, a_deletion_is_told_once_to_each_and_then_at_the_parent);
    tcase_add_test(c, a_deleted_nodes_list_can_be_read_in_its_event);
    tcase_add_test(c, recursive_watchers_hear_of_nodes_but_not_of_children);
    tcase_add_test(c, a_persistent_watcher_hears_one_deletion);
    tcase_add_test(c, what_fails_is_not_told);
    tcase_add_test(c, a_sessions_end_is_told_path_by_path);
    tcase_add_test(c, one_shot_watches_are_used_up_though_nobody_listens);
    tcase_add_test(c, a_multi_is_told_op_by_op);
    tcase_add_test(c, a_multis_stats_are_those_right_after_each_op);
    tcase_add_test(c, one_error_voids_a_multi);
    tcase_add_test(c, an_empty_multi_takes_its_zxid);
    tcase_add_test(c, a_foreign_member_ends_a_multi);
    suite_add_tcase(s, c);
    return run_suite(s);
}
