/* zab/packet: the initial message of a connection to the election port. */
#include <errno.h>

#include "tests/unit/test_jute_hex.h"
#include "zab/packet.h"

static const char initial[] =
    "ffffffff ffff0000 00000000 00000003 0000000e 3132372e 302e302e 313a3338 3838";

static int64_t read_initial(struct zab_initial *ret, const char *addresses)
{
    static struct bytes b;

    bytes_done(&b);
    jute_write_i64(&b, -65535);
    jute_write_i64(&b, 3);
    jute_write_str(&b, jute_text(addresses));
    return zab_initial_read(ret, b.at, b.len);
}

START_TEST(the_example_of_an_initial_message_is_read_and_written_back)
{
    struct bytes b = test_hex(initial);
    struct bytes out = { 0 };
    struct zab_initial i;

    ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), 34);
    ck_assert_int_eq(i.sid, 3);
    ck_assert(jute_is_text(i.addresses, "127.0.0.1:3888"));
    zab_initial_write(3, "127.0.0.1:3888", false, &out);
    test_is_hex(&out, initial);
    bytes_done(&out);
    bytes_done(&b);
}
END_TEST

START_TEST(an_initial_message_cut_anywhere_is_not_all_there)
{
    struct bytes b = test_hex(initial);
    struct zab_initial i;

    for (size_t have = 0; have < b.len; have++) {
        uint8_t *exact = test_exact(b.at, have);

        ck_assert_int_eq(zab_initial_read(&i, exact, have), 0);
        free(exact);
    }
    test_put_hex(&b, "00");
    ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), 34);
    bytes_done(&b);
}
END_TEST

START_TEST(the_old_form_is_a_sid_and_nothing_else)
{
    struct bytes b = test_hex("00000000 00000007 aaaa");
    struct zab_initial i;

    ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), 8);
    ck_assert_int_eq(i.sid, 7);
    ck_assert_int_eq(i.addresses.len, -1);
    bytes_done(&b);
}
END_TEST

START_TEST(other_versions_are_refused)
{
    const char *const all[] = { "ffffffff ffff0002", "ffffffff fffeffff", "ffffffff ffffffff",
                                "80000000 00000000" };
    struct zab_initial i;

    for (size_t at = 0; at < 4; at++) {
        struct bytes b = test_hex(all[at]);

        ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), -EBADMSG);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(a_length_of_addresses_is_from_1_to_2048)
{
    const char *const bad[] = { "00000000", "00000801", "ffffffff", "80000000" };
    struct zab_initial i;

    for (size_t at = 0; at < 4; at++) {
        struct bytes b = test_hex("ffffffff ffff0001 00000000 00000003");

        test_put_hex(&b, bad[at]);
        ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), -EBADMSG);
        bytes_done(&b);
    }
    struct bytes b = test_hex("ffffffff ffff0001 00000000 00000003 00000800");
    ck_assert_int_eq(zab_initial_read(&i, b.at, b.len), 0);
    bytes_done(&b);
}
END_TEST

START_TEST(malformed_addresses_are_refused)
{
    const char *const all[] = { "a",      "a:",          "a:b",      ":1",     "a:1:2",  "[::1]",
                                "[::1]1", "[::1:1",      "::1:1",    "a:-1",   "a:+1",   "a:65536",
                                "a:1|",   "|a:1",        "a:1||b:1", "a b:1",  "a:1 ",   "[]:1",
                                "a:1|b",  "a:999999999", "a\x7f:1",  "\xc3:1", "a:1|:2", "]:1" };
    struct zab_initial i;

    for (size_t at = 0; at < sizeof all / sizeof all[0]; at++) {
        bool is_fine = strcmp(all[at], "a:1|") == 0 || strcmp(all[at], "]:1") == 0;

        ck_assert_msg((read_initial(&i, all[at]) == -EBADMSG) == !is_fine, "%s", all[at]);
    }
}
END_TEST

START_TEST(each_address_of_a_list_is_found)
{
    struct zab_initial i;
    struct zab_initial_address a;

    ck_assert_int_gt(read_initial(&i, "one:1|[::1]:65535|10.0.0.1:3888"), 0);
    struct jute_bytes rest = i.addresses;
    ck_assert_int_eq(zab_initial_next(&rest, &a), 1);
    ck_assert(jute_is_text(a.host, "one"));
    ck_assert_uint_eq(a.port, 1);
    ck_assert_int_eq(zab_initial_next(&rest, &a), 1);
    ck_assert(jute_is_text(a.host, "::1"));
    ck_assert_uint_eq(a.port, 65535);
    ck_assert_int_eq(zab_initial_next(&rest, &a), 1);
    ck_assert(jute_is_text(a.host, "10.0.0.1"));
    ck_assert_int_eq(zab_initial_next(&rest, &a), 0);
}
END_TEST

START_TEST(a_list_of_nothing_but_bars_is_empty_and_accepted)
{
    struct zab_initial i;
    struct zab_initial_address a;

    ck_assert_int_eq(read_initial(&i, "|||"), 23);
    ck_assert_int_eq(zab_initial_next(&i.addresses, &a), 0);
}
END_TEST

START_TEST(a_list_goes_out_under_its_own_version)
{
    struct bytes out = { 0 };

    zab_initial_write(3, "a:1|b:2", true, &out);
    test_is_hex(&out, "ffffffff ffff0001 00000000 00000003 00000007 613a317c 623a32");
    bytes_done(&out);
}
END_TEST

START_TEST(addresses_that_do_not_fit_are_left_out)
{
    char text[3001] = { 0 };
    struct bytes out = { 0 };
    struct zab_initial i;

    for (int at = 0; at < 3000; at += 10)
        memcpy(text + at, "abcdef:12|", 10);
    text[2999] = '\0';
    zab_initial_write(3, text, true, &out);
    ck_assert_int_eq(zab_initial_read(&i, out.at, out.len), (int64_t)out.len);
    ck_assert_int_eq(i.addresses.len, 2039);
    bytes_done(&out);
}
END_TEST

static TCase *initial_messages(void)
{
    TCase *tc = tcase_create("initial messages");

    tcase_add_test(tc, the_example_of_an_initial_message_is_read_and_written_back);
    tcase_add_test(tc, an_initial_message_cut_anywhere_is_not_all_there);
    tcase_add_test(tc, the_old_form_is_a_sid_and_nothing_else);
    tcase_add_test(tc, other_versions_are_refused);
    tcase_add_test(tc, a_length_of_addresses_is_from_1_to_2048);
    tcase_add_test(tc, malformed_addresses_are_refused);
    tcase_add_test(tc, each_address_of_a_list_is_found);
    tcase_add_test(tc, a_list_of_nothing_but_bars_is_empty_and_accepted);
    tcase_add_test(tc, a_list_goes_out_under_its_own_version);
    tcase_add_test(tc, addresses_that_do_not_fit_are_left_out);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("zab_initial");

    suite_add_tcase(s, initial_messages());
    return test_run(s);
}
