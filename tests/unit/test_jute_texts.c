/* jute/records: the texts of records, as logs show them. */
#include "tests/unit/test_jute_samples.h"

START_TEST(a_text_names_its_fields_in_order)
{
    struct set_data_request r = { .path = jute_text("/a"),
                                  .data = jute_text("hello"),
                                  .version = -1 };
    struct reply_header header = { .xid = 1, .zxid = 0x100000002, .err = ZK_NO_NODE };
    struct bytes b = { 0 };

    jute_print_set_data_request(&b, &r);
    test_is_text(&b, "{path=/a data=5:68656c6c6f version=-1}");
    b.len = 0;
    jute_print_reply_header(&b, &header);
    test_is_text(&b, "{xid=1 zxid=0x100000002 err=-101}");
    bytes_done(&b);
}
END_TEST

START_TEST(a_text_shows_vectors_nulls_and_nested_records)
{
    struct create_request create = { .path = { .len = -1 },
                                     .data = { .len = -1 },
                                     .acl = SAMPLE_acls };
    struct set_data_response response = { .stat = { .czxid = 0x10, .ctime_ms = 5 } };
    struct get_children_response children = { .children = { .count = -1 } };
    struct multi_txn multi = { .txns = SAMPLE_txns };
    struct bytes b = { 0 };

    jute_print_create_request(&b, &create);
    test_is_text(&b, "{path=null data=null acl=[31:world:anyone 1:digest:bob:secret] flags=0}");
    b.len = 0;
    jute_print_set_data_response(&b, &response);
    test_is_text(&b, "{stat={czxid=0x10 mzxid=0x0 ctime_ms=5 mtime_ms=0 version=0 cversion=0 "
                     "aversion=0 ephemeral_owner=0x0 data_length=0 num_children=0 pzxid=0x0}}");
    b.len = 0;
    jute_print_get_children_response(&b, &children);
    test_is_text(&b, "{children=null}");
    b.len = 0;
    jute_print_multi_txn(&b, &multi);
    test_is_text(&b, "{txns=[2:4:31323334]}");
    bytes_done(&b);
}
END_TEST

START_TEST(a_text_escapes_what_could_break_a_line)
{
    struct sync_request r = { .path = jute_text("/a b\n{\\\x1b\xc3\xa9\x7f") };
    struct bytes b = { 0 };

    jute_print_sync_request(&b, &r);
    test_is_text(&b, "{path=/a\\x20b\\x0a\\x7b\\x5c\\x1b\\xc3\\xa9\\x7f}");
    bytes_done(&b);
}
END_TEST

START_TEST(passwords_and_tokens_are_left_out_of_texts)
{
    struct jute_bytes secret = jute_text("hunter2");
    struct bytes b = { 0 };

    jute_print_connect_request(&b, &(struct connect_request){ .passwd = secret });
    jute_print_connect_response(&b, &(struct connect_response){ .passwd = secret });
    jute_print_auth_packet(&b, &(struct auth_packet){ .scheme = { .len = -1 }, .auth = secret });
    jute_print_sasl_token(&b, &(struct sasl_token){ .token = secret });
    jute_print_quorum_auth_packet(&b, &(struct quorum_auth_packet){ .token = secret });
    test_is_text(&b, "{protocol_version=0 last_zxid_seen=0x0 timeout_ms=0 session_id=0x0 "
                     "passwd=7:secret}"
                     "{protocol_version=0 timeout_ms=0 session_id=0x0 passwd=7:secret}"
                     "{type=0 scheme=null auth=7:secret}"
                     "{token=7:secret}"
                     "{magic=0 status=0 token=7:secret}");
    bytes_done(&b);
}
END_TEST

START_TEST(a_text_is_bounded)
{
    struct bytes big = { 0 };
    struct bytes strs = { 0 };
    struct bytes b = { 0 };

    memset(bytes_room(&big, 100000), 'x', 100000);
    bytes_added(&big, 100000);
    for (int i = 0; i < 1000; i++)
        jute_write_str(&strs, (struct jute_bytes){ .at = big.at, .len = 300 });

    struct set_data_request r = { .path = { .at = big.at, .len = 100000 },
                                  .data = { .at = big.at, .len = 100000 } };
    struct get_children_response children = { .children = jute_vector_of(&strs, 1000) };

    jute_print_set_data_request(&b, &r);
    ck_assert_uint_lt(b.len, 500);
    ck_assert_ptr_nonnull(memmem(b.at, b.len, "x..(100000) data=100000:7878", 28));
    b.len = 0;
    jute_print_get_children_response(&b, &children);
    ck_assert_uint_lt(b.len, 2000);
    ck_assert_ptr_nonnull(memmem(b.at, b.len, "x..(300) ..(1000)]}", 19));
    bytes_done(&b);
    bytes_done(&strs);
    bytes_done(&big);
}
END_TEST

static TCase *case_of_texts(void)
{
    TCase *texts = tcase_create("texts");

    tcase_add_checked_fixture(texts, make_samples, drop_samples);
    tcase_add_test(texts, a_text_names_its_fields_in_order);
    tcase_add_test(texts, a_text_shows_vectors_nulls_and_nested_records);
    tcase_add_test(texts, a_text_escapes_what_could_break_a_line);
    tcase_add_test(texts, passwords_and_tokens_are_left_out_of_texts);
    tcase_add_test(texts, a_text_is_bounded);
    return texts;
}

int main(void)
{
    Suite *suite = suite_create("jute texts");

    suite_add_tcase(suite, case_of_texts());
    return test_run(suite);
}
