/* server/tree: what each txn does to the tree (client-protocol 3, storage-format 4.3). */
#include <inttypes.h>

#include "tests/unit/test_tree_lib.h"

static struct ground g;

static void setup(void)
{
    g = ground_new();
}

static void setup_extended(void)
{
    g = ground_with(&(struct tree_conf){ .hash_seed = 7, .extended_types = true, .digest = true });
}

static void teardown(void)
{
    ck_assert_uint_eq(tree_digest(g.t), slow_digest(g.t));
    ground_done(&g);
}

/* ---- The pristine tree. */

START_TEST(a_new_tree_has_the_four_built_in_nodes)
{
    struct tree_totals totals;

    tree_totals(g.t, &totals);
    ck_assert_uint_eq(totals.nodes, 4);
    ck_assert_uint_eq(totals.data_bytes, 44); /* As a fresh ZK's approximate_data_size. */
    ck_assert_int_eq(stat_at(&g, "/").cversion, -1);
    ck_assert_int_eq(stat_at(&g, "/zookeeper").cversion, -2);
    ck_assert_int_eq(stat_at(&g, "/zookeeper/config").aversion, -1);
    ck_assert_int_eq(stat_at(&g, "/zookeeper/config").cversion, 0);
    expect_data(&g, "/zookeeper/quota", "");
    ck_assert_int_eq(znode_acl(look(&g, "/")), TREE_ACL_OPEN);
    ck_assert_int_eq(znode_acl(look(&g, "/zookeeper/config")), 1);
    ck_assert_int_eq(znode_descendant_count(g.t, look(&g, "/")), 3);
}
END_TEST

START_TEST(config_is_readable_only)
{
    struct jute_vector list = tree_acl(g.t, 1);
    struct jute_in walk = jute_walk(list);
    struct jute_acl acl;

    ck_assert_int_eq(list.count, 1);
    ck_assert(jute_next_acl(&walk, &acl));
    ck_assert_int_eq(acl.perms, ZK_PERM_READ);
    ck_assert(jute_is_text(acl.scheme, "world"));
    ck_assert(jute_is_text(acl.id, "anyone"));
    list = tree_acl(g.t, TREE_ACL_OPEN);
    walk = jute_walk(list);
    ck_assert(jute_next_acl(&walk, &acl));
    ck_assert_int_eq(acl.perms, ZK_PERM_ALL);
}
END_TEST

/* ---- Finding. */

START_TEST(an_ill_formed_path_is_a_missing_node)
{
    static const char *const odd[] = { "a", "/a/", "//a", "/a//b", "/a/b/", "a/b", "//", "/ab" };

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_int_eq(make(&g, "/a/b", ""), 0);
    ck_assert_ptr_nonnull(look(&g, "/a/b"));
    ck_assert_ptr_eq(look(&g, ""), look(&g, "/"));
    ck_assert_ptr_null(look(&g, NULL));
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        ck_assert_msg(look(&g, odd[i]) == NULL, "%s", odd[i]);
}
END_TEST

START_TEST(the_parent_is_the_text_before_the_last_slash)
{
    struct jute_bytes name;

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_ptr_eq(tree_find_parent(g.t, text("/a/x"), &name), look(&g, "/a"));
    ck_assert(jute_is_text(name, "x"));
    ck_assert_ptr_eq(tree_find_parent(g.t, text("/x"), &name), look(&g, "/"));
    ck_assert_ptr_eq(tree_find_parent(g.t, text("/a/"), &name), look(&g, "/a"));
    ck_assert_int_eq(name.len, 0);
    ck_assert_ptr_eq(tree_find_parent(g.t, text("/"), &name), look(&g, "/"));
    ck_assert_ptr_null(tree_find_parent(g.t, text("x"), &name));
    ck_assert_ptr_null(tree_find_parent(g.t, text("x/y"), &name));
    ck_assert_ptr_null(tree_find_parent(g.t, text("//y"), &name));
    ck_assert_ptr_null(tree_find_parent(g.t, text("/x/y"), &name));
    ck_assert_ptr_null(tree_find_parent(g.t, text(""), &name));
    ck_assert_ptr_null(tree_find_parent(g.t, text(NULL), &name));
}
END_TEST

START_TEST(a_node_knows_its_name_path_and_parent)
{
    struct bytes path = { 0 };

    ck_assert_int_eq(make(&g, "/a", ""), 0);
    ck_assert_int_eq(make(&g, "/a/bc", ""), 0);
    znode_path(g.t, look(&g, "/a/bc"), &path);
    znode_path(g.t, look(&g, "/"), &path);
    ck_assert_mem_eq(path.at, "/a/bc/", 6);
    ck_assert_uint_eq(path.len, 6);
    ck_assert(jute_is_text(znode_name(g.t, look(&g, "/a/bc")), "bc"));
    ck_assert(jute_is_text(znode_name(g.t, look(&g, "/")), ""));
    ck_assert_ptr_eq(tree_parent(g.t, look(&g, "/a/bc")), look(&g, "/a"));
    ck_assert_ptr_null(tree_parent(g.t, look(&g, "/")));
    ck_assert_ptr_eq(tree_find_child(g.t, look(&g, "/a"), text("bc")), look(&g, "/a/bc"));
    ck_assert_ptr_null(tree_find_child(g.t, look(&g, "/a"), text("")));
    bytes_done(&path);
}
END_TEST

/* ---- create. */

START_TEST(a_new_nodes_stat_is_that_of_its_txn)
{
    g.time_ms = 5000;
    ck_assert_int_eq(make(&g, "/a", "data"), 0);

    struct zk_stat s = stat_at(&g, "/a");

    ck_assert_int_eq(s.czxid, 1);
    ck_assert_int_eq(s.mzxid, 1);
    ck_assert_int_eq(s.pzxid, 1);
    ck_assert_int_eq(s.ctime_ms, 5000);
    ck_assert_int_eq(s.mtime_ms, 5000);
    ck_assert_int_eq(s.version | s.cversion | s.aversion, 0);
    ck_assert_int_eq(s.ephemeral_owner, 0);
    ck_assert_int_eq(s.data_length, 4);
    ck_assert_int_eq(s.num_children, 0);
    expect_same_stat(&g.results[0].stat, &s);
    ck_assert(jute_is_text(g.results[0].path, "/a"));
    ck_assert_int_eq(g.results[0].type, ZK_OP_CREATE);
}
END_TEST

START_TEST(null_and_empty_data_differ)
{
    ck_assert_int_eq(make(&g, "/null", NULL), 0);
    ck_assert_int_eq(make(&g, "/empty", ""), 0);
    expect_data(&g, "/null", NULL);
    expect_data(&g, "/empty", "");
    ck_assert_int_eq(stat_at(&g, "/null").data_length, 0);
    ck_assert_int_eq(set(&g, "/empty", NULL, 1), 0);
    expect_data(&g, "/empty", NULL);
}
END_TEST

START_TEST(a_create_counts_at_the_parent_which_is_not_modified)
{
    ck_assert_int_eq(make(&g, "/p", ""), 0);
    ck_assert_int_eq(make(&g, "/p/a", ""), 0);
    ck_assert_int_eq(make(&g, "/p/b", ""), 0);

    struct zk_stat s = stat_at(&g, "/p");

    ck_assert_int_eq(s.cversion, 2);
    ck_assert_int_eq(s.pzxid, 3);
    ck_assert_int_eq(s.mzxid, 1);
    ck_assert_int_eq(s.version, 0);
    ck_assert_int_eq(s.num_children, 2);
    ck_assert_int_eq(del(&g, "/p/a"), 0);
    s = stat_at(&g, "/p");
    ck_assert_int_eq(s.cversion, 3); /* Two creations and a deletion. */
    ck_assert_int_eq(s.pzxid, 4);
    ck_assert_int_eq(s.num_children, 1);
}
END_TEST

START_TEST(a_create_without_a_parent_does_nothing)
{
    ck_assert_int_eq(make(&g, "/a/b", ""), ZK_NO_NODE);
    ck_assert_int_eq(make(&g, "x", ""), ZK_NO_NODE);
    ck_assert_int_eq(make(&g, "", ""), ZK_NO_NODE);
    ck_assert_int_eq(make(&g, NULL, ""), ZK_NO_NODE);
    ck_assert_int_eq(make(&g, "/", ""), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(make(&g, "/zookeeper/", ""), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, 0);
}
END_TEST

START_TEST(a_parent_is_raised_to_the_recorded_cversion_and_never_lowered)
{
    record_create(&g, "/a", text(""), false, 9);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE), 0);
    ck_assert_int_eq(stat_at(&g, "/").cversion, 2 * 9 - 2);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, 1);
    record_create(&g, "/b", text(""), false, 9);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE2), 0);
    ck_assert_int_eq(stat_at(&g, "/").cversion, 2 * 9 - 3);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, 1); /* pzxid moves with it only. */
    ck_assert_int_eq(make(&g, "/c", ""), 0);
    ck_assert_int_eq(stat_at(&g, "/").cversion, 2 * 10 - 4);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, 3);
}
END_TEST

/* client-protocol 3.4: the counter sticks, and pzxid with it. */
START_TEST(cversion_sticks_at_its_maximum)
{
    struct znode_raw raw;

    record_create(&g, "/a", text(""), false, INT32_MAX);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE), 0);
    record_create(&g, "/b", text(""), false, INT32_MIN);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE), 0);
    ck_assert_int_eq(make(&g, "/c", ""), 0);
    znode_raw(g.t, look(&g, "/"), &raw);
    ck_assert_int_eq(raw.cversion, INT32_MAX);
    ck_assert_int_eq(raw.pzxid, 1);
    ck_assert_int_eq(stat_at(&g, "/").cversion, -2 - 4);
}
END_TEST

/* What a fuzzy snapshot leads to. ZK repairs the parent for type 1 only; the others
 * leave it behind what the leader has. */
START_TEST(a_create_of_what_is_there_changes_its_acl_and_raises_the_parent)
{
    int32_t types[] = { ZK_OP_CREATE, ZK_OP_CREATE2 };

    ck_assert_int_eq(make(&g, "/a", "old"), 0);
    for (int32_t i = 0; i < 2; i++) {
        ck_assert_int_eq(set_perms(&g, "/a", ZK_PERM_READ, 5), 0);
        record_create(&g, "/a", text("new"), false, 7 + i);
        ck_assert_int_eq(ground_apply(&g, types[i]), ZK_NODE_EXISTS);
        expect_data(&g, "/a", "old");
        ck_assert_int_eq(stat_at(&g, "/a").czxid, 1);
        ck_assert_int_eq(stat_at(&g, "/a").aversion, 5);
        ck_assert_int_eq(stat_at(&g, "/").cversion, 2 * (7 + i) - 2);
        ck_assert_int_eq(stat_at(&g, "/").pzxid, g.zxid);
        expect_heard(&g, "");

        struct jute_vector acl = tree_acl(g.t, znode_acl(look(&g, "/a")));

        ck_assert_uint_eq(acl.at[3], ZK_PERM_ALL);
    }
}
END_TEST

/* ---- delete. */

START_TEST(a_delete_moves_the_parents_pzxid_even_if_the_node_is_gone)
{
    ck_assert_int_eq(make(&g, "/p", ""), 0);
    ck_assert_int_eq(del(&g, "/p/a"), ZK_NO_NODE);
    ck_assert_int_eq(stat_at(&g, "/p").pzxid, 2);
    ck_assert_int_eq(stat_at(&g, "/p").cversion, 0);
    ck_assert_int_eq(del(&g, "/x/a"), ZK_NO_NODE);
    ck_assert_int_eq(del(&g, "a"), ZK_NO_NODE);
}
END_TEST

START_TEST(a_replayed_delete_does_not_lower_the_parents_pzxid)
{
    ck_assert_int_eq(make(&g, "/a", ""), 0);
    g.zxid = 10;
    ck_assert_int_eq(make(&g, "/b", ""), 0);
    tree_set_zxid(g.t, 0);
    g.zxid = 5;
    ck_assert_int_eq(del(&g, "/a"), 0);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, 11);
}
END_TEST

START_TEST(built_in_nodes_stay)
{
    ck_assert_int_eq(del(&g, "/"), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(del(&g, "/zookeeper"), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(del(&g, "/zookeeper/quota"), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(del(&g, "/zookeeper/config"), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(znode_descendant_count(g.t, look(&g, "/")), 3);
}
END_TEST

START_TEST(a_replayed_delete_takes_what_is_below_along)
{
    struct tree_totals before;
    struct tree_totals after;

    tree_totals(g.t, &before);
    ck_assert_int_eq(make(&g, "/a", "1"), 0);
    ck_assert_int_eq(make(&g, "/a/b", "22"), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/a/b/\xc3\xa9"), 0);
    ck_assert_int_eq(make(&g, "/a/b/d", NULL), 0);
    ck_assert_int_eq(make(&g, "/a/e", "333"), 0);
    ck_assert_int_eq(del(&g, "/a"), 0);
    ck_assert_ptr_null(look(&g, "/a"));
    ck_assert_ptr_null(look(&g, "/a/b/d"));
    ck_assert_ptr_null(tree_first_ephemeral(g.t, g.session));
    tree_totals(g.t, &after);
    ck_assert_uint_eq(after.nodes, before.nodes);
    ck_assert_uint_eq(after.data_bytes, before.data_bytes);
    ck_assert_uint_eq(after.ephemerals, 0);
}
END_TEST

/* ---- setData, setACL, reconfig. */

START_TEST(set_data_takes_version_and_time_from_the_record)
{
    ck_assert_int_eq(make(&g, "/a", "one"), 0);
    g.time_ms = 77;
    ck_assert_int_eq(set(&g, "/a", "three", 12), 0);
    expect_data(&g, "/a", "three");

    struct zk_stat s = stat_at(&g, "/a");

    ck_assert_int_eq(s.version, 12);
    ck_assert_int_eq(s.mzxid, 2);
    ck_assert_int_eq(s.mtime_ms, 77);
    ck_assert_int_eq(s.czxid, 1);
    ck_assert_int_eq(s.pzxid, 1);
    expect_same_stat(&g.results[0].stat, &s);
    ck_assert_int_eq(set(&g, "/a", "back", 3), 0); /* Backwards, too. */
    ck_assert_int_eq(stat_at(&g, "/a").version, 3);
    ck_assert_int_eq(set(&g, "/b", "", 1), ZK_NO_NODE);
    ck_assert_int_eq(set(&g, "/", "root", 1), 0);
    expect_data(&g, "/", "root");
}
END_TEST

START_TEST(data_of_every_size_is_kept)
{
    static const size_t sizes[] = { 0,    1,    7,    8,    9,    1003, 1004, 1005, 1024,   1025,
                                    2028, 2048, 2049, 4075, 4076, 4077, 4096, 4097, 1000000 };
    struct bytes data = { 0 };

    ck_assert_int_eq(make(&g, "/a", "x"), 0);
    memset(bytes_room(&data, 1000000), 'd', 1000000);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < 2; k++) {
            size_t size = k == 0 ? sizes[i] : sizes[(i * 7 + 3) % (sizeof sizes / sizeof *sizes)];
            struct set_data_txn r = { .path = text("/a"),
                                      .data = { .at = data.at, .len = (int32_t)size },
                                      .version = 1 };

            if (size > 0)
                data.at[size - 1] = (uint8_t)i;
            g.record.len = 0;
            jute_write_set_data_txn(&g.record, &r);
            ck_assert_int_eq(ground_apply(&g, ZK_OP_SET_DATA), 0);
            ck_assert(jute_bytes_equal(znode_data(g.t, look(&g, "/a")), r.data));
            ck_assert_uint_eq(tree_digest(g.t), slow_digest(g.t));
        }
    }
    bytes_done(&data);
}
END_TEST

START_TEST(set_acl_touches_acl_and_aversion_only)
{
    ck_assert_int_eq(make(&g, "/a", ""), 0);

    struct zk_stat before = stat_at(&g, "/a");

    ck_assert_int_eq(set_perms(&g, "/a", ZK_PERM_READ, 4), 0);

    struct zk_stat after = stat_at(&g, "/a");

    ck_assert_int_eq(after.aversion, 4);
    expect_same_stat(&g.results[0].stat, &after);
    after.aversion = before.aversion;
    expect_same_stat(&after, &before);
    ck_assert_uint_eq(tree_acl(g.t, znode_acl(look(&g, "/a"))).at[3], ZK_PERM_READ);
    ck_assert_int_eq(set_perms(&g, "/b", ZK_PERM_READ, 1), ZK_NO_NODE);
    expect_heard(&g, "");
}
END_TEST

START_TEST(reconfig_sets_the_config_node)
{
    struct set_data_txn r = { .path = text("/zookeeper/config"),
                              .data = text("server.1=x\nversion=1"),
                              .version = -1 };

    watch_add(g.w, text("/zookeeper/config"), 3, WATCH_DATA);
    jute_write_set_data_txn(&g.record, &r);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_RECONFIG), 0);
    expect_data(&g, "/zookeeper/config", "server.1=x\nversion=1");
    ck_assert_int_eq(stat_at(&g, "/zookeeper/config").version, -1);
    ck_assert_int_eq(g.results[0].stat.version, -1);
    ck_assert_int_eq(stat_at(&g, "/zookeeper/config").mzxid, 1);
    expect_heard(&g, "changed /zookeeper/config acl=1 > 3\n");
}
END_TEST

START_TEST(the_config_node_is_set_without_a_txn)
{
    tree_set_config(g.t, text("server.1=y"), 0x100000002, 4444);
    expect_data(&g, "/zookeeper/config", "server.1=y");

    struct zk_stat s = stat_at(&g, "/zookeeper/config");

    ck_assert_int_eq(s.version, -1);
    ck_assert_int_eq(s.mzxid, 0x100000002);
    ck_assert_int_eq(s.mtime_ms, 4444);
    ck_assert_int_eq(s.pzxid, 0);
    ck_assert_int_eq(tree_zxid(g.t), 0);
}
END_TEST

/* ---- Kinds. */

START_TEST(owners_tell_the_kinds_of_nodes)
{
    int64_t ttl = (int64_t)0xff00000000001234u;

    ck_assert_int_eq(make_ephemeral(&g, "/e"), 0);
    ck_assert_int_eq(make_container(&g, "/c"), 0);
    ck_assert_int_eq(make_ttl(&g, "/t", 0x1234), 0);
    ck_assert_int_eq(stat_at(&g, "/e").ephemeral_owner, g.session);
    ck_assert_int_eq(stat_at(&g, "/c").ephemeral_owner, 0);
    ck_assert_int_eq(stat_at(&g, "/t").ephemeral_owner, 0);
    ck_assert_int_eq(znode_kind_of(g.t, 0), ZNODE_PERSISTENT);
    ck_assert_int_eq(znode_kind_of(g.t, 5), ZNODE_EPHEMERAL);
    ck_assert_int_eq(znode_kind_of(g.t, -5), ZNODE_EPHEMERAL);
    ck_assert_int_eq(znode_kind_of(g.t, ZNODE_CONTAINER_OWNER), ZNODE_CONTAINER);
    ck_assert_int_eq(znode_kind_of(g.t, ttl), ZNODE_TTL);
    ck_assert_int_eq(znode_ttl_ms_of(g.t, ttl), 0x1234);
    ck_assert_int_eq(znode_ttl_ms_of(g.t, 5), 0);
    ck_assert_int_eq(make_ttl(&g, "/t2", 0), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(make_ttl(&g, "/t2", ZNODE_TTL_MAX_MS + 1), ZK_BAD_ARGUMENTS);
    ck_assert_int_eq(make_ttl(&g, "/t2", ZNODE_TTL_MAX_MS), 0);
}
END_TEST

START_TEST(without_extended_types_a_ttl_is_a_session)
{
    int64_t ttl = (int64_t)0xff00000000001234u;

    ck_assert_int_eq(znode_kind_of(g.t, ttl), ZNODE_EPHEMERAL);
    ck_assert_int_eq(make_ttl(&g, "/t", 0x1234), 0);
    ck_assert_int_eq(stat_at(&g, "/t").ephemeral_owner, ttl);
    ck_assert_uint_eq(tree_kill_session(g.t, ttl), 1);
}
END_TEST

START_TEST(emulation_takes_any_other_negative_owner_for_a_ttl)
{
    struct ground e =
        ground_with(&(struct tree_conf){ .extended_types = true, .emulate_353 = true });

    ck_assert_int_eq(znode_kind_of(e.t, ZNODE_CONTAINER_OWNER), ZNODE_CONTAINER);
    ck_assert_int_eq(znode_kind_of(e.t, ZNODE_CONTAINER_OWNER | 77), ZNODE_TTL);
    ck_assert_int_eq(znode_ttl_ms_of(e.t, ZNODE_CONTAINER_OWNER | 77), 77);
    ck_assert_int_eq(znode_kind_of(e.t, 77), ZNODE_EPHEMERAL);
    ground_done(&e);
}
END_TEST

/* ---- Sessions. */

START_TEST(ephemerals_are_listed_in_creation_order)
{
    const struct znode *n;

    ck_assert_int_eq(make_ephemeral(&g, "/b"), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/a"), 0);
    g.session = 0x200;
    ck_assert_int_eq(make_ephemeral(&g, "/x"), 0);
    g.session = 0x100;
    ck_assert_int_eq(make_ephemeral(&g, "/c"), 0);
    ck_assert_int_eq(del(&g, "/a"), 0);
    n = tree_first_ephemeral(g.t, 0x100);
    ck_assert_ptr_eq(n, look(&g, "/b"));
    n = tree_next_ephemeral(g.t, n);
    ck_assert_ptr_eq(n, look(&g, "/c"));
    ck_assert_ptr_null(tree_next_ephemeral(g.t, n));
    ck_assert_uint_eq(tree_ephemeral_count(g.t, 0x100), 2);
    ck_assert_uint_eq(tree_ephemeral_count(g.t, 0x300), 0);
    ck_assert_ptr_null(tree_first_ephemeral(g.t, 0x300));
    ck_assert_int_eq(tree_next_owner(g.t, 0), 0x100);
    ck_assert_int_eq(tree_next_owner(g.t, 0x100), 0x200);
    ck_assert_int_eq(tree_next_owner(g.t, 0x200), 0);
}
END_TEST

START_TEST(close_session_deletes_the_listed_paths_and_what_is_left)
{
    const char *const paths[] = { "/e2", "/not/there", "/gone", "/plain" };

    ck_assert_int_eq(make_ephemeral(&g, "/e1"), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/e2"), 0);
    ck_assert_int_eq(make(&g, "/plain", ""), 0);
    ck_assert_int_eq(make(&g, "/stays", ""), 0);
    ck_assert_int_eq(close_session(&g, paths, 4), 0);
    ck_assert_int_eq(g.results[0].type, ZK_OP_CLOSE_SESSION);
    ck_assert_ptr_null(look(&g, "/e1"));
    ck_assert_ptr_null(look(&g, "/e2"));
    ck_assert_ptr_null(look(&g, "/plain"));
    ck_assert_ptr_nonnull(look(&g, "/stays"));
    ck_assert_int_eq(tree_next_owner(g.t, 0), 0);
    ck_assert_int_eq(stat_at(&g, "/").pzxid, g.zxid);
}
END_TEST

START_TEST(close_session_may_come_without_paths)
{
    ck_assert_int_eq(make_ephemeral(&g, "/e1"), 0);
    g.record.len = 0;
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CLOSE_SESSION), 0);
    ck_assert_ptr_null(look(&g, "/e1"));
}
END_TEST

START_TEST(a_session_is_killed_without_a_txn)
{
    ck_assert_int_eq(make(&g, "/p", ""), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/p/e1"), 0);
    ck_assert_int_eq(make_ephemeral(&g, "/p/e2"), 0);
    tree_set_zxid(g.t, 50);
    ck_assert_uint_eq(tree_kill_session(g.t, g.session), 2);
    ck_assert_int_eq(stat_at(&g, "/p").pzxid, 50);
    ck_assert_int_eq(stat_at(&g, "/p").num_children, 0);
    ck_assert_int_eq(tree_zxid(g.t), 50);
    ck_assert_uint_eq(tree_kill_session(g.t, g.session), 0);
}
END_TEST

START_TEST(session_and_error_txns_leave_the_tree_alone)
{
    struct error_txn error = { .err = ZK_NODE_EXISTS };
    struct create_session_txn session = { .timeout_ms = 4000 };
    uint64_t digest = tree_digest(g.t);

    jute_write_error_txn(&g.record, &error);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_ERROR), ZK_NODE_EXISTS);
    g.record.len = 0;
    jute_write_create_session_txn(&g.record, &session);
    ck_assert_int_eq(ground_apply(&g, ZK_OP_CREATE_SESSION), 0);
    ck_assert_uint_eq(tree_digest(g.t), digest);
    ck_assert_int_eq(tree_zxid(g.t), 2);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_apply");
    TCase *c = tcase_create("plain");
    TCase *extended = tcase_create("extended");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, a_new_tree_has_the_four_built_in_nodes);
    tcase_add_test(c, config_is_readable_only);
    tcase_add_test(c, an_ill_formed_path_is_a_missing_node);
    tcase_add_test(c, the_parent_is_the_text_before_the_last_slash);
    tcase_add_test(c, a_node_knows_its_name_path_and_parent);
    tcase_add_test(c, a_new_nodes_stat_is_that_of_its_txn);
    tcase_add_test(c, null_and_empty_data_differ);
    tcase_add_test(c, a_create_counts_at_the_parent_which_is_not_modified);
    tcase_add_test(c, a_create_without_a_parent_does_nothing);
    tcase_add_test(c, a_parent_is_raised_to_the_recorded_cversion_and_never_lowered);
    tcase_add_test(c, cversion_sticks_at_its_maximum);
    tcase_add_test(c, a_create_of_what_is_there_changes_its_acl_and_raises_the_parent);
    tcase_add_test(c, a_delete_moves_the_parents_pzxid_even_if_the_node_is_gone);
    tcase_add_test(c, a_replayed_delete_does_not_lower_the_parents_pzxid);
    tcase_add_test(c, built_in_nodes_stay);
    tcase_add_test(c, a_replayed_delete_takes_what_is_below_along);
    tcase_add_test(c, set_data_takes_version_and_time_from_the_record);
    tcase_add_test(c, data_of_every_size_is_kept);
    tcase_add_test(c, set_acl_touches_acl_and_aversion_only);
    tcase_add_test(c, reconfig_sets_the_config_node);
    tcase_add_test(c, the_config_node_is_set_without_a_txn);
    tcase_add_test(c, without_extended_types_a_ttl_is_a_session);
    tcase_add_test(c, emulation_takes_any_other_negative_owner_for_a_ttl);
    tcase_add_test(c, ephemerals_are_listed_in_creation_order);
    tcase_add_test(c, close_session_deletes_the_listed_paths_and_what_is_left);
    tcase_add_test(c, close_session_may_come_without_paths);
    tcase_add_test(c, a_session_is_killed_without_a_txn);
    tcase_add_test(c, session_and_error_txns_leave_the_tree_alone);
    tcase_add_checked_fixture(extended, setup_extended, teardown);
    tcase_add_test(extended, owners_tell_the_kinds_of_nodes);
    suite_add_tcase(s, c);
    suite_add_tcase(s, extended);
    return run_suite(s);
}
