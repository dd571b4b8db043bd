/* zab/packet: what travels on the quorum port and on the election port. */
#include "zab/packet.h"

#include <errno.h>

#include "tests/unit/test_jute_hex.h"

enum { MAX = 2 << 20 };

/* quorum-protocol 9. */
static const char proposal[] =
    "00000002 00000006 00000005 00000057 03000000 00000001 00000005 00000006"
    "00000005 0000018b cfe56800 00000001 00000002 2f610000 00017800 00000100"
    "00001f00 00000577 6f726c64 00000006 616e796f 6e650000 00000100 00000200"
    "00000123 456789ff ffffff";
static const char request[] =
    "00000001 ffffffff ffffffff 00000016 03000000 00000001 00000009 00000009"
    "00000002 2f610000 00010000 00026970 00000009 3132372e 302e302e 31";
static const char *const examples[] = {
    /* FOLLOWERINFO, LEADERINFO, ACKEPOCH, DIFF */
    "0000000b 00000006 00000000 00000014 00000000 00000003 00010000 00000000 00000000 ffffffff",
    "00000011 00000007 00000000 00000004 00010000 ffffffff",
    "00000012 00000006 00000004 00000004 00000006 ffffffff",
    "0000000d 00000006 00000005 ffffffff ffffffff",
    /* PROPOSAL of a create */
    proposal,
    /* COMMIT, ACK of NEWLEADER, UPTODATE */
    "00000004 00000006 00000005 ffffffff ffffffff",
    "00000003 00000007 00000000 ffffffff ffffffff",
    "0000000c ffffffff ffffffff ffffffff ffffffff",
    /* PING, its answer with one session and with none */
    "00000005 00000007 00000001 ffffffff ffffffff",
    "00000005 00000007 00000001 0000000c 03000000 00000001 00007530 ffffffff",
    "00000005 00000007 00000001 00000000 ffffffff",
    /* REVALIDATE, asked and answered */
    "00000006 ffffffff ffffffff 0000000c 03000000 00000001 00007530 ffffffff",
    "00000006 ffffffff ffffffff 00000009 03000000 00000001 01ffffff ff",
    /* REQUEST createSession, and sync with an identity */
    "00000001 ffffffff ffffffff 00000014 03000000 00000001 00000000 fffffff6 00007530 ffffffff",
    request,
    /* SYNC, COMMITANDACTIVATE */
    "00000007 00000000 00000000 ffffffff ffffffff",
    "00000009 00000007 00000009 00000008 00000000 00000002 ffffffff",
};
enum { EXAMPLES = sizeof examples / sizeof examples[0] };

static int64_t read_hex(struct zab_packet *ret, const char *hex, size_t max)
{
    static struct bytes b;

    bytes_done(&b);
    b = test_hex(hex);
    return zab_packet_read(ret, b.at, b.len, max);
}

START_TEST(each_example_is_read_whole_and_written_back)
{
    struct bytes b = test_hex(examples[_i]);
    struct bytes out = { 0 };
    struct zab_packet p;

    ck_assert_int_eq(zab_packet_read(&p, b.at, b.len, MAX), (int64_t)b.len);
    zab_packet_write(&p, &out);
    test_is_hex(&out, examples[_i]);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(a_packet_cut_anywhere_is_not_all_there)
{
    struct bytes b = test_hex(examples[_i]);
    struct zab_packet p = { .type = 77 };

    for (size_t have = 0; have < b.len; have++) {
        uint8_t *exact = test_exact(b.at, have);

        ck_assert_int_eq(zab_packet_read(&p, exact, have, MAX), 0);
        ck_assert_int_eq(p.type, 77);
        free(exact);
    }
    bytes_done(&b);
}
END_TEST

START_TEST(what_stands_behind_a_packet_is_left_alone)
{
    struct bytes b = { 0 };
    struct zab_packet p;
    int64_t at = 0;

    for (size_t i = 0; i < EXAMPLES; i++)
        test_put_hex(&b, examples[i]);
    for (size_t i = 0; i < EXAMPLES; i++) {
        int64_t len = zab_packet_read(&p, b.at + at, b.len - (size_t)at, MAX);

        ck_assert_int_gt(len, 0);
        at += len;
    }
    ck_assert_int_eq(at, (int64_t)b.len);
    bytes_done(&b);
}
END_TEST

START_TEST(the_fields_are_what_the_bytes_say)
{
    struct zab_packet p;
    struct jute_id id;

    ck_assert_int_eq(read_hex(&p, examples[14], MAX), 61);
    ck_assert_int_eq(p.type, ZAB_REQUEST);
    ck_assert_int_eq(p.zxid, -1);
    ck_assert_int_eq(p.data.len, 22);
    ck_assert_int_eq(p.authinfo.count, 1);
    struct jute_in walk = jute_walk(p.authinfo);
    ck_assert(jute_next_id(&walk, &id));
    ck_assert(jute_is_text(id.scheme, "ip"));
    ck_assert(jute_is_text(id.id, "127.0.0.1"));
    ck_assert(!jute_next_id(&walk, &id));
}
END_TEST

START_TEST(null_and_empty_are_not_the_same)
{
    struct zab_packet p;

    ck_assert_int_eq(read_hex(&p, "00000005 00000007 00000001 00000000 ffffffff", MAX), 20);
    ck_assert_int_eq(p.data.len, 0);
    ck_assert_int_eq(p.authinfo.count, -1);
    ck_assert_int_eq(read_hex(&p, "00000005 00000007 00000001 ffffffff 00000000", MAX), 20);
    ck_assert_int_eq(p.data.len, -1);
    ck_assert_int_eq(p.authinfo.count, 0);
}
END_TEST

START_TEST(data_that_is_too_long_is_refused_by_its_length_alone)
{
    struct zab_packet p;

    ck_assert_int_eq(read_hex(&p, "00000002 00000006 00000005 00000010", 16), 0);
    ck_assert_int_eq(read_hex(&p, "00000002 00000006 00000005 00000011", 16), -EBADMSG);
    ck_assert_int_eq(read_hex(&p, "00000002 00000006 00000005 7fffffff", MAX), -EBADMSG);
    ck_assert_int_eq(read_hex(&p, "00000002 00000006 00000005 fffffffe", MAX), -EBADMSG);
}
END_TEST

/* A client may have any number; their bytes are what is bounded. */
START_TEST(identities_are_not_counted)
{
    enum { IDS = 4096 };
    struct bytes b = test_hex("00000001 00000000 00000000 ffffffff");
    struct zab_packet p;

    jute_write_i32(&b, IDS);
    ck_assert_int_eq(zab_packet_read(&p, b.at, b.len, IDS * 8), 0);
    for (int i = 0; i < IDS; i++)
        test_put_hex(&b, "ffffffff 00000000");
    ck_assert_int_eq(zab_packet_read(&p, b.at, b.len, IDS * 8), (int64_t)b.len);
    ck_assert_int_eq(p.authinfo.count, IDS);
    ck_assert_int_eq(zab_packet_read(&p, b.at, b.len, IDS * 8 - 1), -EBADMSG);
    bytes_done(&b);
    ck_assert_int_eq(read_hex(&p, "00000001 00000000 00000000 ffffffff fffffffe", MAX), -EBADMSG);
}
END_TEST

START_TEST(identities_together_are_no_longer_than_one_buffer_may_be)
{
    const char *two = "00000001 00000000 00000000 ffffffff 00000002"
                      "00000004 61616161 00000004 62626262 00000004 61616161 00000004 62626262";
    struct zab_packet p;

    ck_assert_int_eq(read_hex(&p, two, 32), 52);
    ck_assert_int_eq(read_hex(&p, two, 31), -EBADMSG);
    ck_assert_int_eq(read_hex(&p, two, 3), -EBADMSG);
}
END_TEST

START_TEST(a_type_that_nobody_knows_is_read)
{
    struct zab_packet p;

    ck_assert_int_eq(read_hex(&p, "80000000 00000000 00000000 ffffffff ffffffff", MAX), 20);
    ck_assert_int_eq(p.type, INT32_MIN);
    ck_assert_str_eq(zab_packet_name(p.type), "?");
    ck_assert_str_eq(zab_packet_name(0), "?");
    ck_assert_str_eq(zab_packet_name(20), "?");
}
END_TEST

START_TEST(types_have_the_names_that_zookeeper_gives_them)
{
    ck_assert_str_eq(zab_packet_name(ZAB_REQUEST), "REQUEST");
    ck_assert_str_eq(zab_packet_name(11), "FOLLOWERINFO");
    ck_assert_str_eq(zab_packet_name(18), "ACKEPOCH");
    ck_assert_str_eq(zab_packet_name(ZAB_INFORMANDACTIVATE), "INFORMANDACTIVATE");
}
END_TEST

/* ---- Notifications. */

static const char notification[] =
    "00000063 00000000 00000000 00000003 00000006 00000004 00000000 00000001"
    "00000000 00000006 00000002 00000037 73657276 65722e31 3d613a32 3838383a"
    "33383838 3a706172 74696369 70616e74 3b302e30 2e302e30 3a323138 310a7665"
    "7273696f 6e3d30";
static const char notification_text[] = "server.1=a:2888:3888:participant;0.0.0.0:2181\nversion=0";

/* The first `len` bytes of a body with this version and length of the text. */
static int read_body(struct zab_notification *ret, size_t len, const char *version,
                     const char *text_len)
{
    struct bytes b = test_hex("00000002 00000000 00000003 00000006 00000004 00000000 00000001"
                              "00000000 00000009");

    test_put_hex(&b, version);
    test_put_hex(&b, text_len);
    test_put_hex(&b, "76657273 696f6e3d 30000000");
    ck_assert_uint_le(len, b.len);
    uint8_t *exact = test_exact(b.at, len);
    int r = zab_notification_read(ret, exact, len);
    if (r == 0 && ret->config.len > 0) {
        static uint8_t kept[64];

        memcpy(kept, ret->config.at, (size_t)ret->config.len);
        ret->config.at = kept;
    }
    free(exact);
    bytes_done(&b);
    return r;
}

START_TEST(the_example_of_a_notification_is_read_and_written_back)
{
    struct bytes b = test_hex(notification);
    struct bytes out = { 0 };
    struct zab_notification n;

    ck_assert_int_eq(zab_notification_read(&n, b.at + 4, b.len - 4), 0);
    ck_assert_int_eq(n.state, ZAB_STATE_LOOKING);
    ck_assert_int_eq(n.vote.leader, 3);
    ck_assert_int_eq(n.vote.zxid, zxid_make(6, 4));
    ck_assert_int_eq(n.vote.round, 1);
    ck_assert_int_eq(n.vote.epoch, 6);
    ck_assert_int_eq(n.version, 2);
    ck_assert(jute_is_text(n.config, notification_text));
    zab_notification_write(&n, &out);
    test_is_hex(&out, notification);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(a_notification_below_28_bytes_is_ignored)
{
    struct zab_notification n;

    for (size_t len = 0; len < 28; len++)
        ck_assert_int_eq(read_body(&n, len, "00000002", "00000000"), -EBADMSG);
}
END_TEST

START_TEST(a_notification_of_28_bytes_takes_the_epoch_from_its_zxid)
{
    struct zab_notification n;

    ck_assert_int_eq(read_body(&n, 28, "00000002", "00000000"), 0);
    ck_assert_int_eq(n.vote.epoch, 6);
    ck_assert_int_eq(n.version, 0);
    ck_assert_int_eq(n.config.len, -1);
}
END_TEST

START_TEST(a_notification_of_40_bytes_has_no_version_whatever_it_says)
{
    struct zab_notification n;

    ck_assert_int_eq(read_body(&n, 40, "00000002", "00000000"), 0);
    ck_assert_int_eq(n.vote.epoch, 9);
    ck_assert_int_eq(n.version, 0);
    ck_assert_int_eq(n.config.len, -1);
}
END_TEST

START_TEST(a_notification_that_ends_within_a_field_is_ignored)
{
    struct zab_notification n;

    for (size_t len = 29; len < 40; len++)
        ck_assert_int_eq(read_body(&n, len, "00000002", "00000000"), -EBADMSG);
    for (size_t len = 41; len < 44; len++)
        ck_assert_int_eq(read_body(&n, len, "00000002", "00000000"), -EBADMSG);
}
END_TEST

START_TEST(a_notification_of_version_1_has_no_configuration)
{
    struct zab_notification n;

    for (size_t len = 41; len < 52; len++) {
        ck_assert_int_eq(read_body(&n, len, "00000001", "7fffffff"), 0);
        ck_assert_int_eq(n.version, 1);
        ck_assert_int_eq(n.vote.epoch, 9);
        ck_assert_int_eq(n.config.len, -1);
    }
}
END_TEST

START_TEST(a_notification_of_a_later_version_is_read_as_one_of_2)
{
    struct zab_notification n;

    ck_assert_int_eq(read_body(&n, 53, "00000003", "00000009"), 0);
    ck_assert_int_eq(n.version, 3);
    ck_assert(jute_is_text(n.config, "version=0"));
}
END_TEST

START_TEST(a_configuration_that_is_not_all_there_makes_a_notification_ignored)
{
    struct zab_notification n;

    ck_assert_int_eq(read_body(&n, 52, "00000002", "00000009"), -EBADMSG);
    ck_assert_int_eq(read_body(&n, 53, "00000002", "00000010"), -EBADMSG);
    ck_assert_int_eq(read_body(&n, 53, "00000002", "7fffffff"), -EBADMSG);
    ck_assert_int_eq(read_body(&n, 53, "00000002", "ffffffff"), -EBADMSG);
    ck_assert_int_eq(read_body(&n, 53, "00000002", "fffffffe"), -EBADMSG);
}
END_TEST

START_TEST(bytes_behind_a_configuration_are_ignored)
{
    struct zab_notification n;

    ck_assert_int_eq(read_body(&n, 56, "00000002", "00000009"), 0);
    ck_assert(jute_is_text(n.config, "version=0"));
    ck_assert_int_eq(read_body(&n, 44, "00000002", "00000000"), 0);
    ck_assert_int_eq(n.config.len, 0);
}
END_TEST

START_TEST(an_unknown_state_is_read)
{
    struct bytes b = test_hex(notification);
    struct zab_notification n;

    b.at[4] = 0x80;
    ck_assert_int_eq(zab_notification_read(&n, b.at + 4, b.len - 4), 0);
    ck_assert_int_eq(n.state, INT32_MIN);
    bytes_done(&b);
}
END_TEST

START_TEST(a_notification_is_written_in_format_2_and_fits_a_frame)
{
    static uint8_t long_text[ZAB_FRAME_MAX];
    struct zab_notification n = { .config = { .len = -1 } };
    struct bytes out = { 0 };

    zab_notification_write(&n, &out);
    ck_assert_uint_eq(out.len, 4 + 44);
    ck_assert_uint_eq(jute_load32(out.at), 44);
    ck_assert_uint_eq(jute_load32(out.at + 4 + 36), 2);
    ck_assert_uint_eq(jute_load32(out.at + 4 + 40), 0);

    out.len = 0;
    n.config = (struct jute_bytes){ .at = long_text, .len = ZAB_FRAME_MAX - 44 };
    zab_notification_write(&n, &out);
    ck_assert_uint_eq(jute_load32(out.at), ZAB_FRAME_MAX);
    ck_assert_uint_eq(out.len, 4 + ZAB_FRAME_MAX);

    out.len = 0;
    n.config.len++;
    zab_notification_write(&n, &out);
    ck_assert_uint_eq(jute_load32(out.at), 44);
    bytes_done(&out);
}
END_TEST

static TCase *packets(void)
{
    TCase *tc = tcase_create("packets");

    tcase_add_loop_test(tc, each_example_is_read_whole_and_written_back, 0, EXAMPLES);
    tcase_add_loop_test(tc, a_packet_cut_anywhere_is_not_all_there, 0, EXAMPLES);
    tcase_add_test(tc, what_stands_behind_a_packet_is_left_alone);
    tcase_add_test(tc, the_fields_are_what_the_bytes_say);
    tcase_add_test(tc, null_and_empty_are_not_the_same);
    tcase_add_test(tc, data_that_is_too_long_is_refused_by_its_length_alone);
    tcase_add_test(tc, identities_are_not_counted);
    tcase_add_test(tc, identities_together_are_no_longer_than_one_buffer_may_be);
    tcase_add_test(tc, a_type_that_nobody_knows_is_read);
    tcase_add_test(tc, types_have_the_names_that_zookeeper_gives_them);
    return tc;
}

static TCase *notifications(void)
{
    TCase *tc = tcase_create("notifications");

    tcase_add_test(tc, the_example_of_a_notification_is_read_and_written_back);
    tcase_add_test(tc, a_notification_below_28_bytes_is_ignored);
    tcase_add_test(tc, a_notification_of_28_bytes_takes_the_epoch_from_its_zxid);
    tcase_add_test(tc, a_notification_of_40_bytes_has_no_version_whatever_it_says);
    tcase_add_test(tc, a_notification_that_ends_within_a_field_is_ignored);
    tcase_add_test(tc, a_notification_of_version_1_has_no_configuration);
    tcase_add_test(tc, a_notification_of_a_later_version_is_read_as_one_of_2);
    tcase_add_test(tc, a_configuration_that_is_not_all_there_makes_a_notification_ignored);
    tcase_add_test(tc, bytes_behind_a_configuration_are_ignored);
    tcase_add_test(tc, an_unknown_state_is_read);
    tcase_add_test(tc, a_notification_is_written_in_format_2_and_fits_a_frame);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("zab_packet");

    suite_add_tcase(s, packets());
    suite_add_tcase(s, notifications());
    return test_run(s);
}
