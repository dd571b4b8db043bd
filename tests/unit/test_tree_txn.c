/* server/tree/txn: splitting a log payload (storage-format 2.2, 2.5, 2.9). */
#include "tests/unit/test_tree_lib.h"

static struct bytes payload;

static void head(int32_t type)
{
    struct txn_header h = {
        .session_id = 0x55, .cxid = 3, .zxid = 0x100000002, .time_ms = 99, .type = type
    };

    payload.len = 0;
    jute_write_txn_header(&payload, &h);
}

static void digest(int32_t version)
{
    jute_write_txn_digest(&payload, &(struct txn_digest){ version, 0x1234567890 });
}

/* Parses a copy of exact size. */
static bool parse(struct txn *ret)
{
    static uint8_t *exact;

    free(exact);
    exact = malloc(payload.len > 0 ? payload.len : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, payload.at, payload.len);
    return txn_parse(ret, exact, payload.len);
}

START_TEST(a_payload_splits_into_head_record_and_digest)
{
    struct txn txn;
    struct delete_txn r;

    head(ZK_OP_DELETE);
    jute_write_delete_txn(&payload, &(struct delete_txn){ text("/a") });
    ck_assert(parse(&txn));
    ck_assert(!txn.has_digest);
    digest(2);
    ck_assert(parse(&txn));
    ck_assert(txn.has_digest);
    ck_assert_uint_eq(txn.digest, 0x1234567890);
    ck_assert_int_eq(txn.head.session_id, 0x55);
    ck_assert_int_eq(txn.head.cxid, 3);
    ck_assert_int_eq(txn.head.zxid, 0x100000002);
    ck_assert_int_eq(txn.head.time_ms, 99);
    ck_assert_int_eq(txn.head.type, ZK_OP_DELETE);
    ck_assert_uint_eq(jute_left(&txn.body), 6);
    jute_read_delete_txn(&txn.body, &r);
    ck_assert(jute_is_text(r.path, "/a"));
}
END_TEST

START_TEST(a_digest_of_another_version_is_none)
{
    struct txn txn;

    head(ZK_OP_DELETE);
    jute_write_delete_txn(&payload, &(struct delete_txn){ text("/a") });
    digest(1);
    ck_assert(parse(&txn));
    ck_assert(!txn.has_digest);
    jute_write_i32(&payload, 7); /* Bytes beyond it do not matter. */
    ck_assert(parse(&txn));
}
END_TEST

START_TEST(fewer_bytes_than_a_digest_are_none)
{
    struct txn txn;

    head(ZK_OP_DELETE);
    jute_write_delete_txn(&payload, &(struct delete_txn){ text("/a") });
    jute_write_i64(&payload, 2);
    ck_assert(parse(&txn));
    ck_assert(!txn.has_digest);
}
END_TEST

START_TEST(every_truncation_of_a_head_is_refused)
{
    struct txn txn;

    head(ZK_OP_CLOSE_SESSION); /* Whose record may be missing. */
    for (size_t len = payload.len; len-- > 0;) {
        payload.len = len;
        ck_assert(!parse(&txn));
    }
}
END_TEST

START_TEST(unknown_types_are_refused)
{
    static const int32_t bad[] = { 0, 3, ZK_OP_CHECK, 17, 22, 100, -2, -12, INT32_MIN };
    struct txn txn;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        head(bad[i]);
        jute_write_delete_txn(&payload, &(struct delete_txn){ text("/a") });
        digest(2);
        ck_assert(!parse(&txn));
    }
}
END_TEST

START_TEST(a_record_that_does_not_parse_is_refused)
{
    static const int32_t types[] = { ZK_OP_CREATE,   ZK_OP_CREATE2, ZK_OP_CREATE_CONTAINER,
                                     ZK_OP_SET_DATA, ZK_OP_SET_ACL, ZK_OP_CREATE_TTL,
                                     ZK_OP_RECONFIG, ZK_OP_DELETE,  ZK_OP_CREATE_SESSION,
                                     ZK_OP_MULTI,    ZK_OP_ERROR,   ZK_OP_DELETE_CONTAINER };
    struct txn txn;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        head(types[i]);
        ck_assert(!parse(&txn));
    }
    head(ZK_OP_CLOSE_SESSION);
    jute_write_i32(&payload, 5);
    ck_assert(!parse(&txn));
}
END_TEST

/* Logs of before 3.5 have no parent_cversion. */
START_TEST(an_old_create_is_read)
{
    struct ground g = ground_new();
    struct bytes acl = { 0 };
    struct create_txn_v0 r = { text("/old"), text("x"), acl_of(&acl, ZK_PERM_ALL), true };
    struct txn txn;

    head(ZK_OP_CREATE);
    jute_write_create_txn_v0(&payload, &r);
    ck_assert(parse(&txn));
    ck_assert(!txn.has_digest);
    tree_apply(g.t, &txn, NULL, NULL);
    expect_data(&g, "/old", "x");
    ck_assert_int_eq(stat_at(&g, "/old").ephemeral_owner, 0x55);
    ck_assert_int_eq(stat_at(&g, "/").cversion, 2 - 2);
    bytes_done(&acl);
    ground_done(&g);
}
END_TEST

/* zookeeper.closeSessionTxn.enabled=false: the digest follows the head at once. */
START_TEST(a_close_session_without_paths_is_read)
{
    struct txn txn;

    head(ZK_OP_CLOSE_SESSION);
    ck_assert(parse(&txn));
    ck_assert_uint_eq(jute_left(&txn.body), 0);
    ck_assert(!txn.has_digest);
    digest(2);
    ck_assert(parse(&txn));
    ck_assert_uint_eq(jute_left(&txn.body), 0);
    ck_assert(txn.has_digest);
    ck_assert_uint_eq(txn.digest, 0x1234567890);
}
END_TEST

START_TEST(a_close_session_with_paths_is_read)
{
    struct bytes strs = { 0 };
    struct txn txn;

    jute_write_str(&strs, text("/a"));
    jute_write_str(&strs, text("/b"));
    head(ZK_OP_CLOSE_SESSION);
    jute_write_strs(&payload, jute_vector_of(&strs, 2));
    digest(2);
    ck_assert(parse(&txn));
    ck_assert(txn.has_digest);
    ck_assert_uint_eq(jute_left(&txn.body), 16);
    bytes_done(&strs);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_txn");
    TCase *c = tcase_create("all");

    tcase_add_test(c, a_payload_splits_into_head_record_and_digest);
    tcase_add_test(c, a_digest_of_another_version_is_none);
    tcase_add_test(c, fewer_bytes_than_a_digest_are_none);
    tcase_add_test(c, every_truncation_of_a_head_is_refused);
    tcase_add_test(c, unknown_types_are_refused);
    tcase_add_test(c, a_record_that_does_not_parse_is_refused);
    tcase_add_test(c, an_old_create_is_read);
    tcase_add_test(c, a_close_session_without_paths_is_read);
    tcase_add_test(c, a_close_session_with_paths_is_read);
    suite_add_tcase(s, c);
    return run_suite(s);
}
