/* jute/records: laws that hold for every record, and packets as real servers and
 * clients send them (client-protocol 1.9, storage-format 2, quorum-protocol 9). */
#include "jute/records.h"

#include "jute/kinds.h"
#include "jute/opcodes.h"
#include "tests/unit/test_jute_samples.h"

/* ---- A sample of every record: no null, no empty part, so that each byte counts. */

#define SAMPLE_i32    INT32_MIN
#define SAMPLE_i64    INT64_MIN
#define SAMPLE_hex    0x0102030405060708
#define SAMPLE_flag   true
#define SAMPLE_str    jute_text("/path")
#define SAMPLE_buf    jute_text("data")
#define SAMPLE_secret jute_text("tell nobody")
#define SAMPLE_stat_persisted                                                          \
    {                                                                                  \
        .czxid = 1, .mzxid = 2, .ctime_ms = 3, .mtime_ms = 4, .version = 5, .pzxid = 6 \
    }
#define SAMPLE_zk_stat                                                                       \
    {                                                                                        \
        .czxid = 1, .mzxid = 2, .ctime_ms = 3, .mtime_ms = 4, .num_children = 5, .pzxid = -1 \
    }

#define SAMPLE_FIELD(type, name) .name = SAMPLE_##type,
#define DEFINE_SAMPLE(name, LIST)                          \
    static void write_sample_##name(struct bytes *out)     \
    {                                                      \
        struct name r = { LIST(SAMPLE_FIELD) };            \
                                                           \
        jute_write_##name(out, &r);                        \
        ck_assert_uint_eq(jute_size_##name(&r), out->len); \
    }

JUTE_RECORDS(DEFINE_SAMPLE)

#define SAMPLE_WRITER(name, LIST) write_sample_##name,

static void (*const write_sample[JUTE_KIND_COUNT])(struct bytes *out) = {
    JUTE_RECORDS(SAMPLE_WRITER)
};

START_TEST(every_record_survives_the_wire)
{
    const struct jute_record_kind *kind = &jute_record_kinds[_i];
    struct bytes b = { 0 };
    struct bytes again = { 0 };
    union jute_any_record r;

    write_sample[_i](&b);

    struct jute_in in = test_in(&b);

    kind->read(&in, &r);
    ck_assert_msg(!in.bad, "%s", kind->name);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_uint_eq(kind->size(&r), b.len);
    kind->write(&again, &r);
    ck_assert_uint_eq(again.len, b.len);
    ck_assert_mem_eq(again.at, b.at, b.len);
    bytes_done(&again);
    bytes_done(&b);
}
END_TEST

START_TEST(every_truncation_is_refused)
{
    const struct jute_record_kind *kind = &jute_record_kinds[_i];
    struct bytes b = { 0 };

    write_sample[_i](&b);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = test_exact(b.at, len);
        struct jute_in in = jute_in(exact, len);
        union jute_any_record r;

        kind->read(&in, &r);
        ck_assert_msg(in.bad, "%s was accepted when cut to %zu bytes", kind->name, len);
        free(exact);
    }
    bytes_done(&b);
}
END_TEST

START_TEST(bytes_behind_a_record_are_left)
{
    const struct jute_record_kind *kind = &jute_record_kinds[_i];
    struct bytes b = { 0 };
    union jute_any_record r;

    write_sample[_i](&b);
    test_put_hex(&b, "ffff");

    struct jute_in in = test_in(&b);

    kind->read(&in, &r);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 2);
    bytes_done(&b);
}
END_TEST

START_TEST(every_text_is_one_line_that_tells_no_secret)
{
    const struct jute_record_kind *kind = &jute_record_kinds[_i];
    struct bytes b = { 0 };
    struct bytes text = { 0 };
    union jute_any_record r;

    write_sample[_i](&b);

    struct jute_in in = test_in(&b);

    kind->read(&in, &r);
    kind->print(&text, &r);
    ck_assert(text.len > 2 && text.at[0] == '{' && text.at[text.len - 1] == '}');
    for (size_t i = 0; i < text.len; i++)
        ck_assert(text.at[i] >= ' ' && text.at[i] < 0x7f);
    ck_assert_ptr_null(memmem(text.at, text.len, "nobody", 6));
    ck_assert_ptr_null(memmem(text.at, text.len, "AAA=", 4));
    bytes_done(&text);
    bytes_done(&b);
}
END_TEST

START_TEST(every_kind_is_found_by_its_name)
{
    ck_assert_ptr_eq(jute_record_kind_find(jute_record_kinds[_i].name), &jute_record_kinds[_i]);
    ck_assert_ptr_null(jute_record_kind_find("no_such_record"));
}
END_TEST

/* ---- Packets of clients. */

START_TEST(a_connect_request_has_its_flag_behind_the_list)
{
    struct bytes b = test_hex("00000000 0000000000000000 00007530 0000000000000000 00000010"
                              "00000000000000000000000000000000 00");
    struct jute_in in = test_in(&b);
    struct connect_request r;
    bool read_only = true;

    ck_assert_uint_eq(b.len, 0x2d);
    jute_read_connect_request(&in, &r);
    ck_assert(!in.bad);
    ck_assert_int_eq(r.protocol_version, 0);
    ck_assert_int_eq(r.timeout_ms, 30000);
    ck_assert_int_eq(r.session_id, 0);
    ck_assert_int_eq(r.passwd.len, 16);
    ck_assert_uint_eq(jute_left(&in), 1);
    jute_read_flag(&in, &read_only);
    ck_assert(!in.bad && !read_only);
    bytes_done(&b);
}
END_TEST

START_TEST(a_connect_response_is_written_as_zk_does)
{
    struct bytes passwd = test_hex("054cc74a37327db215e702e20c73f005");
    struct connect_response r = {
        .timeout_ms = 30000,
        .session_id = 0x0100000000000001,
        .passwd = { .at = passwd.at, .len = 16 },
    };
    struct bytes b = { 0 };

    jute_write_connect_response(&b, &r);
    jute_write_flag(&b, false);
    test_is_hex(&b, "00000000 00007530 0100000000000001 00000010"
                    "054cc74a37327db215e702e20c73f005 00");
    bytes_done(&b);
    bytes_done(&passwd);
}
END_TEST

START_TEST(a_create_request_is_read_as_a_client_sends_it)
{
    struct bytes b = test_hex("00000001 00000001 00000002 2f61 00000001 78 00000001 0000001f"
                              "00000005 776f726c64 00000006 616e796f6e65 00000000");
    struct jute_in in = test_in(&b);
    struct request_header header;
    struct create_request r;
    struct jute_acl acl;

    ck_assert_uint_eq(b.len, 0x32);
    jute_read_request_header(&in, &header);
    jute_read_create_request(&in, &r);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(header.xid, 1);
    ck_assert_int_eq(header.type, ZK_OP_CREATE);
    ck_assert(jute_is_text(r.path, "/a"));
    ck_assert(jute_is_text(r.data, "x"));
    ck_assert_int_eq(r.flags, ZK_CREATE_PERSISTENT);
    ck_assert_int_eq(r.acl.count, 1);

    struct jute_in walk = jute_walk(r.acl);

    ck_assert(jute_next_acl(&walk, &acl));
    ck_assert_int_eq(acl.perms, ZK_PERM_ALL);
    ck_assert(jute_is_text(acl.scheme, "world"));
    ck_assert(jute_is_text(acl.id, "anyone"));
    ck_assert(!jute_next_acl(&walk, &acl));
    bytes_done(&b);
}
END_TEST

START_TEST(replies_are_written_as_zk_does)
{
    struct bytes b = { 0 };

    jute_write_reply_header(&b, &(struct reply_header){ .xid = 1, .zxid = 0x500000002 });
    jute_write_create_response(&b, &(struct create_response){ .path = jute_text("/a") });
    test_is_hex(&b, "00000001 0000000500000002 00000000 00000002 2f61");
    b.len = 0;
    jute_write_reply_header(&b, &(struct reply_header){ .xid = 7, .err = ZK_NO_NODE });
    test_is_hex(&b, "00000007 0000000000000000 ffffff9b");
    b.len = 0;
    jute_write_reply_header(&b, &(struct reply_header){ .xid = ZK_XID_WATCH, .zxid = 3 });
    jute_write_watcher_event(&b, &(struct watcher_event){ .type = ZK_EVENT_NODE_CREATED,
                                                          .state = ZK_STATE_SYNC_CONNECTED,
                                                          .path = jute_text("/a") });
    test_is_hex(&b, "ffffffff 0000000000000003 00000000 00000001 00000003 00000002 2f61");
    bytes_done(&b);
}
END_TEST

START_TEST(a_ping_is_a_header_alone)
{
    struct bytes b = test_hex("fffffffe 0000000b");
    struct jute_in in = test_in(&b);
    struct request_header r;

    jute_read_request_header(&in, &r);
    ck_assert(!in.bad);
    ck_assert_int_eq(r.xid, ZK_XID_PING);
    ck_assert_int_eq(r.type, ZK_OP_PING);
    bytes_done(&b);
}
END_TEST

START_TEST(the_stats_have_the_sizes_of_the_protocol)
{
    struct zk_stat stat = { 0 };
    struct stat_persisted persisted = { 0 };
    struct txn_header header = { 0 };

    ck_assert_uint_eq(jute_size_zk_stat(&stat), 68);
    ck_assert_uint_eq(jute_size_stat_persisted(&persisted), 60);
    ck_assert_uint_eq(jute_size_txn_header(&header), 32);
}
END_TEST

/* ---- Entries of logs. */

START_TEST(a_logged_create_session_is_read)
{
    struct bytes b = test_hex("00000000a2310965 00000030"
                              "0100000f4c8d0000 00000000 0000000000000001 000001a2004c0865 fffffff6"
                              "00009c40 00000002 0000000051c6d660");
    struct jute_in in = test_in(&b);
    struct log_entry_head entry;
    struct txn_header header;
    struct create_session_txn txn;
    struct txn_digest digest;

    jute_read_log_entry_head(&in, &entry);
    ck_assert_int_eq(entry.checksum, 0xa2310965);
    ck_assert_uint_eq((size_t)entry.length, jute_left(&in));
    jute_read_txn_header(&in, &header);
    jute_read_create_session_txn(&in, &txn);
    jute_read_txn_digest(&in, &digest);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(header.session_id, 0x100000f4c8d0000);
    ck_assert_int_eq(header.cxid, 0);
    ck_assert_int_eq(header.zxid, 1);
    ck_assert_int_eq(header.time_ms, 1795301312613);
    ck_assert_int_eq(header.type, ZK_OP_CREATE_SESSION);
    ck_assert_int_eq(txn.timeout_ms, 40000);
    ck_assert_int_eq(digest.version, 2);
    ck_assert_int_eq(digest.tree_digest, 1371985504);
    bytes_done(&b);
}
END_TEST

START_TEST(a_logged_create_is_written_as_zk_does)
{
    struct txn_header header = {
        .session_id = 0x100000f4c8d0000,
        .cxid = 1,
        .zxid = 2,
        .time_ms = 0x1a2004c08a2,
        .type = ZK_OP_CREATE,
    };
    struct bytes acls = { 0 };
    struct bytes b = { 0 };

    jute_write_acl(&acls, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });

    struct create_txn txn = {
        .path = jute_text("/p"),
        .data = jute_text("hello"),
        .acl = jute_vector_of(&acls, 1),
        .ephemeral = false,
        .parent_cversion = 1,
    };

    jute_write_txn_header(&b, &header);
    jute_write_create_txn(&b, &txn);
    jute_write_txn_digest(&b, &(struct txn_digest){ .version = 2, .tree_digest = 0x6c2a0c71 });
    ck_assert_uint_eq(b.len, 0x5b);
    test_is_hex(&b, "0100000f4c8d0000 00000001 0000000000000002 000001a2004c08a2 00000001"
                    "00000002 2f70 00000005 68656c6c6f 00000001 0000001f 00000005 776f726c64"
                    "00000006 616e796f6e65 00 00000001 00000002 000000006c2a0c71");
    bytes_done(&b);
    bytes_done(&acls);
}
END_TEST

START_TEST(a_logged_error_has_nothing_behind_it)
{
    struct bytes b = test_hex("0100000f4c8d0000 0000002b 000000000000002c 000001a2004c0962 ffffffff"
                              "ffffff92");
    struct jute_in in = test_in(&b);
    struct txn_header header;
    struct error_txn txn;

    jute_read_txn_header(&in, &header);
    jute_read_error_txn(&in, &txn);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(header.type, ZK_OP_ERROR);
    ck_assert_int_eq(txn.err, ZK_NODE_EXISTS);
    bytes_done(&b);
}
END_TEST

START_TEST(a_logged_multi_is_walked_operation_by_operation)
{
    struct bytes b = test_hex("00000003 00000001 0000002c 00000004 2f6d2f78 ffffffff 00000001"
                              "0000001f 00000005 776f726c64 00000006 616e796f6e65 00 00000007"
                              "ffffffff 00000004 ffffff99 ffffffff 00000004 fffffffe"
                              "00000002 0000001098ee078b");
    struct jute_in in = test_in(&b);
    struct multi_txn multi;
    struct txn_digest digest;
    struct jute_txn element;
    struct create_txn create;

    jute_read_multi_txn(&in, &multi);
    jute_read_txn_digest(&in, &digest);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(digest.tree_digest, 0x1098ee078b);

    struct jute_in walk = jute_walk(multi.txns);

    ck_assert(jute_next_txn(&walk, &element));
    ck_assert_int_eq(element.type, ZK_OP_CREATE);

    struct jute_in record = jute_inside(element.record);

    jute_read_create_txn(&record, &create);
    ck_assert(!record.bad);
    ck_assert_uint_eq(jute_left(&record), 0);
    ck_assert(jute_is_text(create.path, "/m/x"));
    ck_assert_int_eq(create.data.len, -1);
    ck_assert_int_eq(create.parent_cversion, 7);
    ck_assert(jute_next_txn(&walk, &element) && element.type == ZK_OP_ERROR);
    ck_assert_int_eq((int32_t)jute_load32(element.record.at), ZK_BAD_VERSION);
    ck_assert(jute_next_txn(&walk, &element) && element.type == ZK_OP_ERROR);
    ck_assert_int_eq((int32_t)jute_load32(element.record.at), ZK_RUNTIME_INCONSISTENCY);
    ck_assert(!jute_next_txn(&walk, &element));
    bytes_done(&b);
}
END_TEST

/* ---- Packets of peers. */

START_TEST(a_followerinfo_is_written_as_zk_does)
{
    struct bytes data = { 0 };
    struct bytes b = { 0 };

    jute_write_learner_info(&data, &(struct learner_info){ .sid = 3, .protocol_version = 0x10000 });

    struct quorum_packet packet = {
        .type = 11,
        .zxid = 0x600000000,
        .data = { .at = data.at, .len = (int32_t)data.len },
        .authinfo = { .count = -1 },
    };

    jute_write_quorum_packet(&b, &packet);
    test_is_hex(&b, "0000000b 0000000600000000 00000014 0000000000000003 00010000"
                    "0000000000000000 ffffffff");
    bytes_done(&b);
    bytes_done(&data);
}
END_TEST

START_TEST(a_forwarded_request_is_read)
{
    struct bytes b = test_hex("00000001 ffffffffffffffff 00000016 0300000000000001 00000009"
                              "00000009 00000002 2f61 00000001 00000002 6970"
                              "00000009 3132372e302e302e31");
    struct jute_in in = test_in(&b);
    struct quorum_packet packet;
    struct forwarded_request request;
    struct sync_request sync;
    struct jute_id id;

    jute_read_quorum_packet(&in, &packet);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(packet.authinfo.count, 1);

    struct jute_in walk = jute_walk(packet.authinfo);

    ck_assert(jute_next_id(&walk, &id));
    ck_assert(jute_is_text(id.scheme, "ip") && jute_is_text(id.id, "127.0.0.1"));

    struct jute_in data = jute_inside(packet.data);

    jute_read_forwarded_request(&data, &request);
    jute_read_sync_request(&data, &sync);
    ck_assert(!data.bad);
    ck_assert_uint_eq(jute_left(&data), 0);
    ck_assert_int_eq(request.session_id, 0x300000000000001);
    ck_assert_int_eq(request.cxid, 9);
    ck_assert_int_eq(request.type, ZK_OP_SYNC);
    ck_assert(jute_is_text(sync.path, "/a"));
    bytes_done(&b);
}
END_TEST

START_TEST(an_election_notification_is_read)
{
    struct bytes b = test_hex("00000000 0000000000000003 0000000600000004 0000000000000001"
                              "0000000000000006 00000002 00000009 76657273696f6e3d30");
    struct jute_in in = test_in(&b);
    struct vote_notification r;

    jute_read_vote_notification(&in, &r);
    ck_assert(!in.bad);
    ck_assert_uint_eq(jute_left(&in), 0);
    ck_assert_int_eq(r.leader, 3);
    ck_assert_int_eq(r.zxid, 0x600000004);
    ck_assert_int_eq(r.peer_epoch, 6);
    ck_assert(jute_is_text(r.config, "version=0"));
    bytes_done(&b);
}
END_TEST

static TCase *case_of_laws(void)
{
    TCase *laws = tcase_create("laws");

    tcase_add_checked_fixture(laws, make_samples, drop_samples);
    tcase_add_loop_test(laws, every_record_survives_the_wire, 0, JUTE_KIND_COUNT);
    tcase_add_loop_test(laws, every_truncation_is_refused, 0, JUTE_KIND_COUNT);
    tcase_add_loop_test(laws, bytes_behind_a_record_are_left, 0, JUTE_KIND_COUNT);
    tcase_add_loop_test(laws, every_text_is_one_line_that_tells_no_secret, 0, JUTE_KIND_COUNT);
    tcase_add_loop_test(laws, every_kind_is_found_by_its_name, 0, JUTE_KIND_COUNT);
    return laws;
}

static TCase *case_of_packets(void)
{
    TCase *packets = tcase_create("packets");

    tcase_add_test(packets, a_connect_request_has_its_flag_behind_the_list);
    tcase_add_test(packets, a_connect_response_is_written_as_zk_does);
    tcase_add_test(packets, a_create_request_is_read_as_a_client_sends_it);
    tcase_add_test(packets, replies_are_written_as_zk_does);
    tcase_add_test(packets, a_ping_is_a_header_alone);
    tcase_add_test(packets, the_stats_have_the_sizes_of_the_protocol);
    tcase_add_test(packets, a_logged_create_session_is_read);
    tcase_add_test(packets, a_logged_create_is_written_as_zk_does);
    tcase_add_test(packets, a_logged_error_has_nothing_behind_it);
    tcase_add_test(packets, a_logged_multi_is_walked_operation_by_operation);
    tcase_add_test(packets, a_followerinfo_is_written_as_zk_does);
    tcase_add_test(packets, a_forwarded_request_is_read);
    tcase_add_test(packets, an_election_notification_is_read);
    return packets;
}

int main(void)
{
    Suite *suite = suite_create("jute records");

    suite_add_tcase(suite, case_of_laws());
    suite_add_tcase(suite, case_of_packets());
    return test_run(suite);
}
