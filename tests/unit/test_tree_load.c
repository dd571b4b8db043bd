/* server/tree: loading a snapshot, the digest's worked values, expiry, size. */
#include <errno.h>

#include "tests/unit/test_tree_lib.h"

static struct ground g;

static void setup(void)
{
    g = ground_with(&(struct tree_conf){ .hash_seed = 7, .extended_types = true, .digest = true });
}

static void teardown(void)
{
    ck_assert_uint_eq(tree_digest(g.t), slow_digest(g.t));
    ground_done(&g);
}

static int load(const char *path, const char *data, int64_t acl, int64_t owner)
{
    struct znode_raw raw = { .czxid = 5, .mzxid = 5, .pzxid = 5, .owner = owner };

    return tree_load_node(g.t, text(path), text(data), acl, &raw);
}

static int load_list(int64_t id, int32_t perms)
{
    struct bytes hold = { 0 };
    int r = tree_load_acl(g.t, id, acl_of(&hold, perms));

    bytes_done(&hold);
    return r;
}

START_TEST(loading_forgets_the_pristine_nodes)
{
    struct tree_totals totals;

    tree_load_begin(g.t, 10);
    ck_assert_int_eq(load("", "root", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper", "mine", -1, 0), 0);
    ck_assert_int_eq(tree_load_end(g.t, 77), 0);
    ck_assert_int_eq(tree_zxid(g.t), 77);
    expect_data(&g, "/", "root");
    expect_data(&g, "/zookeeper", "mine");
    ck_assert_int_eq(stat_at(&g, "/zookeeper/config").aversion, -1); /* Added. */
    ck_assert_int_eq(stat_at(&g, "/zookeeper/quota").cversion, 0);
    tree_totals(g.t, &totals);
    ck_assert_uint_eq(totals.nodes, 4);
    ck_assert_uint_eq(totals.data_bytes, 44 + 8);
}
END_TEST

START_TEST(every_field_of_a_stat_is_loaded)
{
    struct znode_raw raw = { .czxid = 1,
                             .mzxid = 2,
                             .pzxid = 3,
                             .ctime = 4,
                             .mtime = 5,
                             .version = 6,
                             .cversion = 7,
                             .aversion = 8,
                             .owner = 9 };
    struct znode_raw have;

    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(tree_load_node(g.t, text("/a"), text("x"), -1, &raw), 0);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
    znode_raw(g.t, look(&g, "/a"), &have);
    ck_assert_int_eq(have.czxid, 1);
    ck_assert_int_eq(have.mzxid, 2);
    ck_assert_int_eq(have.pzxid, 3);
    ck_assert_int_eq(have.ctime, 4);
    ck_assert_int_eq(have.mtime, 5);
    ck_assert_int_eq(have.version, 6);
    ck_assert_int_eq(have.cversion, 7);
    ck_assert_int_eq(have.aversion, 8);
    ck_assert_int_eq(have.owner, 9);
    ck_assert_ptr_eq(tree_first_ephemeral(g.t, 9), look(&g, "/a"));
}
END_TEST

START_TEST(a_node_without_a_parent_is_refused)
{
    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("/a", "", -1, 0), -ENOENT);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("/a/b", "", -1, 0), -ENOENT);
    ck_assert_int_eq(load("/a", "", -1, 0), 0);
    ck_assert_int_eq(load("/a/b", "", -1, 0), 0);
    ck_assert_int_eq(load("x/b", "", -1, 0), -ENOENT);
    ck_assert_int_eq(load("//b", "", -1, 0), -ENOENT);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
}
END_TEST

START_TEST(unusable_paths_and_owners_are_refused)
{
    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 44), -EINVAL);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("/", "", -1, 0), -EINVAL);
    ck_assert_int_eq(load("/a", "", -1, (int64_t)0xff00010000000001u), -EINVAL);
    ck_assert_int_eq(load("/zookeeper", "", -1, 44), -EINVAL);
    ck_assert_int_eq(load("/a", "", -1, 0), 0);
    ck_assert_int_eq(load("/a/", "", -1, 0), -EINVAL);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
}
END_TEST

START_TEST(a_path_without_a_slash_is_the_root)
{
    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("abc", "r", -1, 0), 0);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
    expect_data(&g, "/", "r");
}
END_TEST

/* Whether it is found at once or some nodes later. */
START_TEST(a_path_that_comes_twice_is_refused)
{
    char path[16];

    for (int between = 0; between < 40; between++) {
        int r = 0;

        tree_load_begin(g.t, 0);
        ck_quick(load("", "", -1, 0) == 0);
        ck_quick(load("/a", "one", -1, 0) == 0);
        for (int i = 0; i < between; i++) {
            (void)snprintf(path, sizeof path, "/b%d", i);
            ck_quick(load(path, "", -1, 0) == 0);
        }
        ck_quick(load("/a", "three", -1, 0) == 0);
        for (int i = 0; i < between && r == 0; i++) {
            (void)snprintf(path, sizeof path, "/c%d", i);
            r = load(path, "", -1, 0);
        }
        ck_assert_int_eq(tree_load_end(g.t, 1), -EEXIST);
        ck_assert(r == 0 || r == -EEXIST);
    }
    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("", "", -1, 0), -EEXIST);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
}
END_TEST

/* Whatever the order, if only parents come first. */
START_TEST(a_loaded_tree_has_all_its_nodes_in_any_order)
{
    static char paths[3000][40];
    size_t count = 0;
    struct znode_raw raw = { .czxid = 1 };

    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    for (size_t i = 0; i < 3000; i++) {
        const char *above = i < 5 ? "" : paths[(i * 7919 + i / 13) % i];

        if (strlen(above) > 30)
            above = "";
        (void)snprintf(paths[i], sizeof paths[i], "%s/%zx", above, i);
        ck_quick(tree_load_node(g.t, text(paths[i]), text(paths[i]), -1, &raw) == 0);
        count++;
    }
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
    for (size_t i = 0; i < count; i++) {
        const struct znode *n = look(&g, paths[i]);

        ck_quick(n != NULL && jute_bytes_equal(znode_data(g.t, n), text(paths[i])));
    }
    ck_assert_int_eq(znode_descendant_count(g.t, look(&g, "/")), 3003);
}
END_TEST

static void count_list(void *ctx, int32_t id, struct jute_vector acls)
{
    (void)id;
    (void)acls;
    ++*(int *)ctx;
}

START_TEST(lists_are_loaded_by_the_files_ids)
{
    int count = 0;

    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load_list(0, 1), -EINVAL);
    ck_assert_int_eq(load_list(-1, 1), -EINVAL);
    ck_assert_int_eq(load_list(INT64_MAX, ZK_PERM_WRITE), 0);
    ck_assert_int_eq(load_list(INT64_MAX, ZK_PERM_READ), -EEXIST);
    ck_assert_int_eq(load_list(7, ZK_PERM_DELETE), 0);
    ck_assert_int_eq(load_list(8, ZK_PERM_ADMIN), 0); /* Nobody has it. */
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("/a", "", INT64_MAX, 0), 0);
    ck_assert_int_eq(load("/b", "", 7, 0), 0);
    ck_assert_int_eq(load("/zookeeper", "", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper/config", "", 7, 0), 0);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
    ck_assert_int_eq((int32_t)jute_load32(tree_acl(g.t, znode_acl(look(&g, "/a"))).at),
                     ZK_PERM_WRITE);
    ck_assert_int_eq((int32_t)jute_load32(tree_acl(g.t, znode_acl(look(&g, "/b"))).at),
                     ZK_PERM_DELETE);
    ck_assert_int_eq(znode_acl(look(&g, "/")), TREE_ACL_OPEN);
    tree_each_acl(g.t, count_list, &count);
    ck_assert_int_eq(count, 2);
}
END_TEST

START_TEST(a_node_whose_list_is_missing_is_open_to_nobody)
{
    struct jute_vector list;

    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("/a", "", 99, 0), -ENOKEY);
    ck_assert_int_eq(load("/b", "", 0, 0), -ENOKEY);
    ck_assert_int_eq(tree_load_end(g.t, 1), 0);
    list = tree_acl(g.t, znode_acl(look(&g, "/a")));
    ck_assert_int_eq(list.count, 1);
    ck_assert_int_eq((int32_t)jute_load32(list.at), 0);
}
END_TEST

START_TEST(quotas_are_active_and_counted_anew_after_loading)
{
    struct tree_quota q;
    struct jute_bytes path;

    tree_load_begin(g.t, 0);
    ck_assert_int_eq(load("", "", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper", "", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper/quota", "", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper/quota/a", "", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper/quota/a/zookeeper_stats", "count=0,bytes=0", -1, 0), 0);
    ck_assert_int_eq(load("/zookeeper/quota/a/zookeeper_limits", "count=9", -1, 0), 0);
    ck_assert_int_eq(load("/a", "12", -1, 0), 0);
    ck_assert_int_eq(load("/a/b", "345", -1, 0), 0);
    ck_assert_int_eq(tree_load_end(g.t, 9), 0);
    expect_data(&g, "/zookeeper/quota/a/zookeeper_stats", "count=2,bytes=5");
    ck_assert(tree_quota_of(g.t, text("/a/b"), &q, &path));
    ck_assert_int_eq(q.count_soft, 9);
    g.zxid = 9;
    ck_assert_int_eq(make(&g, "/a/c", "6"), 0);
    expect_data(&g, "/zookeeper/quota/a/zookeeper_stats", "count=3,bytes=6");
}
END_TEST

/* ---- ACL lists. */

START_TEST(equal_lists_have_one_id_and_unused_ones_go)
{
    int count = 0;

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_int_eq(make(&g, "/b", ""), 0);
    ck_assert_int_eq(znode_acl(look(&g, "/a")), znode_acl(look(&g, "/b")));
    ck_assert_int_eq(set_perms(&g, "/b", ZK_PERM_READ, 1), 0);
    ck_assert_int_eq(znode_acl(look(&g, "/b")), 1); /* That of /zookeeper/config. */
    tree_each_acl(g.t, count_list, &count);
    ck_assert_int_eq(count, 2);
    ck_assert_int_eq(del(&g, "/a"), 0);
    count = 0;
    tree_each_acl(g.t, count_list, &count);
    ck_assert_int_eq(count, 1);
}
END_TEST

START_TEST(a_null_list_is_open_and_an_empty_one_is_not_it)
{
    struct create_txn r = { .path = text("/null"), .acl = { .count = -1 }, .parent_cversion = -1 };

    jute_write_create_txn(&g.record, &r);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE), 0);
    ck_assert_int_eq(znode_acl(look(&g, "/null")), TREE_ACL_OPEN);
    r.path = text("/empty");
    r.acl = (struct jute_vector){ .count = 0 };
    g.record.len = 0;
    jute_write_create_txn(&g.record, &r);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE), 0);
    ck_assert_int_ne(znode_acl(look(&g, "/empty")), TREE_ACL_OPEN);
    ck_assert_int_eq(tree_acl(g.t, znode_acl(look(&g, "/empty"))).count, 0);
}
END_TEST

/* ---- Digest: the values worked out in storage-format 6.3 and 6.4. */

static void expect_digest(const char *path, const char *data, struct znode_raw raw, uint64_t want)
{
    ck_assert_uint_eq(digest_of(digest_content_crc(text(path), text(data)), &raw), want);
}

START_TEST(the_worked_digests_come_out)
{
    const int64_t t = 0x000001a200000000;

    expect_digest(
        "", "root data",
        (struct znode_raw){
            .mzxid = 0x3d, .pzxid = 0x3f, .mtime = t + 0x4c0a67, .version = 1, .cversion = 14 },
        0x1fbb9c2f);
    expect_digest(
        "/", "root data",
        (struct znode_raw){
            .mzxid = 0x3d, .pzxid = 0x3f, .mtime = t + 0x4c0a67, .version = 1, .cversion = 14 },
        0x1fbb9c2f);
    expect_digest("/zookeeper", "", (struct znode_raw){ 0 }, 0x4db44d58);
    expect_digest("/cont", "container",
                  (struct znode_raw){ .czxid = 0x1f,
                                      .mzxid = 0x1f,
                                      .pzxid = 0x20,
                                      .ctime = t + 0x4c0927,
                                      .mtime = t + 0x4c0927,
                                      .cversion = 1,
                                      .owner = ZNODE_CONTAINER_OWNER },
                  0xc88cd590);
    expect_digest("/ttlmax", "ttl max",
                  (struct znode_raw){ .czxid = 0x25,
                                      .mzxid = 0x25,
                                      .pzxid = 0x25,
                                      .ctime = t + 0x4c093b,
                                      .mtime = t + 0x4c093b,
                                      .owner = (int64_t)0xff0000ffffffffffu },
                  0x8d3e0f07);
    expect_digest("/eph", "e",
                  (struct znode_raw){ .czxid = 0x2e,
                                      .mzxid = 0x2e,
                                      .pzxid = 0x2e,
                                      .ctime = t + 0x4c0967,
                                      .mtime = t + 0x4c0967,
                                      .owner = 0x100000f4c8d0000 },
                  0xfe46e650);
    expect_digest("/p/null", NULL,
                  (struct znode_raw){ .czxid = 3,
                                      .mzxid = 0xb,
                                      .pzxid = 3,
                                      .ctime = t + 0x4c08b8,
                                      .mtime = t + 0x4c08d6,
                                      .version = 2 },
                  0xe6636068);
    expect_digest("/acl/changed", "acl changed",
                  (struct znode_raw){ .czxid = 0x1c,
                                      .mzxid = 0x1c,
                                      .pzxid = 0x1c,
                                      .ctime = t + 0x4c091b,
                                      .mtime = t + 0x4c091b,
                                      .aversion = 2 },
                  0x72df9e7d);
    ck_assert_uint_eq(tree_digest(g.t), 1371985504); /* Of the pristine tree. */
}
END_TEST

START_TEST(nodes_below_zookeeper_do_not_count)
{
    ck_assert(digest_counts(text("/")));
    ck_assert(digest_counts(text("")));
    ck_assert(digest_counts(text("/zookeeper")));
    ck_assert(digest_counts(text("/zookeeperx/a")));
    ck_assert(!digest_counts(text("/zookeeper/")));
    ck_assert(!digest_counts(text("/zookeeper/a/b")));

    ck_assert_int_eq(make(&g, "/zookeeper/a", ""), 0);

    uint64_t digest = tree_digest(g.t);

    ck_assert_int_eq(make(&g, "/zookeeper/a/b", ""), 0);
    ck_assert_int_eq(set(&g, "/zookeeper/a", "x", 1), 0);
    ck_assert_uint_eq(tree_digest(g.t), digest);
}
END_TEST

START_TEST(without_digests_none_is_computed)
{
    struct ground off = ground_with(&(struct tree_conf){ .hash_seed = 1 });

    ck_assert_int_eq(make(&off, "/a", "x"), 0);
    ck_assert_uint_eq(tree_digest(off.t), 0);
    ground_done(&off);
}
END_TEST

/* ---- Expiry (client-protocol 3.8). */

static struct bytes expired;

static void note(void *ctx, struct jute_bytes path)
{
    (void)ctx;
    bytes_printf(&expired, "%.*s ", path.len, (const char *)path.at);
}

static void expect_expired(int64_t now, int64_t never_used, size_t max, const char *want)
{
    expired.len = 0;
    (void)tree_expired(g.t, now, never_used, max, note, NULL);
    bytes_put(&expired, "", 1);
    ck_assert_str_eq((const char *)expired.at, want);
    bytes_done(&expired);
}

START_TEST(a_container_expires_once_it_was_used_and_is_empty)
{
    ck_assert_int_eq(make_container(&g, "/c"), 0);
    expect_expired(INT64_MAX, 0, 10, "");
    ck_assert_int_eq(make(&g, "/c/a", ""), 0);
    expect_expired(INT64_MAX, 0, 10, "");
    ck_assert_int_eq(del(&g, "/c/a"), 0);
    expect_expired(0, 0, 10, "/c ");
}
END_TEST

START_TEST(a_container_never_used_expires_only_if_that_is_asked_for)
{
    g.time_ms = 1000;
    ck_assert_int_eq(make_container(&g, "/c"), 0);
    expect_expired(1500, 500, 10, "");
    expect_expired(1501, 500, 10, "/c ");
    expect_expired(1501, 0, 10, "");
}
END_TEST

START_TEST(a_ttl_node_expires_by_its_mtime_while_it_is_empty)
{
    g.time_ms = 1000;
    ck_assert_int_eq(make_ttl(&g, "/t", 100), 0);
    expect_expired(1100, 0, 10, "");
    expect_expired(1101, 0, 10, "/t ");
    g.time_ms = 2000;
    ck_assert_int_eq(set(&g, "/t", "x", 1), 0);
    expect_expired(2100, 0, 10, "");
    ck_assert_int_eq(make(&g, "/t/a", ""), 0);
    expect_expired(5000, 0, 10, "");
    expect_expired(INT64_MIN, 0, 10, "");
}
END_TEST

START_TEST(expiry_goes_round)
{
    char path[16];

    for (int i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof path, "/t%d", i);
        ck_assert_int_eq(make_ttl(&g, path, 1), 0);
    }
    expect_expired(9999, 0, 2, "/t0 /t1 ");
    ck_assert_int_eq(del(&g, "/t2"), 0); /* Where it would go on. */
    expect_expired(9999, 0, 2, "/t3 /t4 ");
    expect_expired(9999, 0, 2, "/t0 /t1 ");
    ck_assert(!tree_expired(g.t, 9999, 0, 9, note, NULL));
    bytes_done(&expired);
}
END_TEST

START_TEST(one_call_looks_at_a_bounded_number_of_nodes)
{
    char path[16];
    int calls = 1;

    for (int i = 0; i < 50000; i++) {
        (void)snprintf(path, sizeof path, "/c%d", i);
        ck_quick(make_container(&g, path) == 0);
    }
    while (tree_expired(g.t, 0, 0, 10, note, NULL))
        calls++;
    ck_assert_int_gt(calls, 1);
    ck_assert_int_lt(calls, 100);
}
END_TEST

/* ---- Sizes. */

START_TEST(a_million_nodes_of_100_bytes_take_195_mb)
{
    enum { MANY = 1000000 };
    static char data[101];
    struct tree_totals before;
    struct tree_totals after;
    char path[32];

    memset(data, 'd', 100);
    tree_totals(g.t, &before);
    ck_assert_int_eq(make(&g, "/bench", ""), 0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(path, sizeof path, "/bench/n%09d", i);
        ck_quick(make(&g, path, data) == 0);
    }
    tree_totals(g.t, &after);
    ck_assert_uint_le(after.memory_bytes - before.memory_bytes, 195000000);
    /* And what was deleted is given back. */
    ck_assert_int_eq(del(&g, "/bench"), 0);
    tree_totals(g.t, &after);
    ck_assert_uint_le(after.memory_bytes - before.memory_bytes, 20000000);
}
END_TEST

/* Paths of a megabyte may have half a million components: nothing may recurse. */
START_TEST(a_deep_tree_is_walked_counted_and_deleted)
{
    enum { DEPTH = 5000 };
    struct bytes path = { 0 };
    struct bytes have = { 0 };

    for (int i = 0; i < DEPTH; i++) {
        bytes_put(&path, "/d", 3);
        ck_quick(make(&g, (const char *)path.at, "") == 0);
        path.len--;
    }
    ck_assert_int_eq(znode_descendant_count(g.t, look(&g, "/d")), DEPTH - 1);
    znode_path(g.t, look(&g, (const char *)path.at), &have);
    ck_assert_uint_eq(have.len, path.len);
    ck_assert_mem_eq(have.at, path.at, path.len);
    ck_assert_int_eq(del(&g, "/d"), 0);
    ck_assert_int_eq(znode_descendant_count(g.t, look(&g, "/")), 3);
    bytes_done(&path);
    bytes_done(&have);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_load");
    TCase *c = tcase_create("all");

    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, loading_forgets_the_pristine_nodes);
    tcase_add_test(c, every_field_of_a_stat_is_loaded);
    tcase_add_test(c, a_node_without_a_parent_is_refused);
    tcase_add_test(c, unusable_paths_and_owners_are_refused);
    tcase_add_test(c, a_path_without_a_slash_is_the_root);
    tcase_add_test(c, a_path_that_comes_twice_is_refused);
    tcase_add_test(c, a_loaded_tree_has_all_its_nodes_in_any_order);
    tcase_add_test(c, lists_are_loaded_by_the_files_ids);
    tcase_add_test(c, a_node_whose_list_is_missing_is_open_to_nobody);
    tcase_add_test(c, quotas_are_active_and_counted_anew_after_loading);
    tcase_add_test(c, equal_lists_have_one_id_and_unused_ones_go);
    tcase_add_test(c, a_null_list_is_open_and_an_empty_one_is_not_it);
    tcase_add_test(c, the_worked_digests_come_out);
    tcase_add_test(c, nodes_below_zookeeper_do_not_count);
    tcase_add_test(c, without_digests_none_is_computed);
    tcase_add_test(c, a_container_expires_once_it_was_used_and_is_empty);
    tcase_add_test(c, a_container_never_used_expires_only_if_that_is_asked_for);
    tcase_add_test(c, a_ttl_node_expires_by_its_mtime_while_it_is_empty);
    tcase_add_test(c, expiry_goes_round);
    tcase_add_test(c, one_call_looks_at_a_bounded_number_of_nodes);
    tcase_add_test(c, a_million_nodes_of_100_bytes_take_195_mb);
    tcase_add_test(c, a_deep_tree_is_walked_counted_and_deleted);
    suite_add_tcase(s, c);
    return run_suite(s);
}
