/* jute/frame: the length prefix. */
#include "jute/frame.h"

#include "jute/limits.h"
#include "tests/unit/test_jute_hex.h"

START_TEST(a_frame_is_whole_only_with_its_last_byte)
{
    struct bytes b = test_hex("00000003 616263");
    struct jute_frame frame;

    for (size_t have = 0; have < b.len; have++) {
        uint8_t *exact = test_exact(b.at, have);

        ck_assert_int_eq(jute_frame_look(&frame, exact, have, 100), JUTE_FRAME_MORE);
        ck_assert_ptr_null(frame.body);
        ck_assert_uint_eq(frame.wanted, have < 4 ? 4 : 7);
        free(exact);
    }
    ck_assert_int_eq(jute_frame_look(&frame, b.at, b.len, 100), JUTE_FRAME_WHOLE);
    ck_assert_ptr_eq(frame.body, b.at + 4);
    ck_assert_uint_eq(frame.len, 3);
    ck_assert_uint_eq(frame.wanted, 7);
    bytes_done(&b);
}
END_TEST

START_TEST(bytes_behind_a_frame_are_left_alone)
{
    struct bytes b = test_hex("00000001 61 00000001 62");
    struct jute_frame frame;

    ck_assert_int_eq(jute_frame_look(&frame, b.at, b.len, 100), JUTE_FRAME_WHOLE);
    ck_assert_uint_eq(frame.len, 1);
    bytes_drop(&b, frame.wanted);
    ck_assert_int_eq(jute_frame_look(&frame, b.at, b.len, 100), JUTE_FRAME_WHOLE);
    ck_assert_int_eq(frame.body[0], 'b');
    bytes_done(&b);
}
END_TEST

START_TEST(an_empty_frame_is_whole)
{
    struct bytes b = test_hex("00000000");
    struct jute_frame frame;

    ck_assert_int_eq(jute_frame_look(&frame, b.at, b.len, 100), JUTE_FRAME_WHOLE);
    ck_assert_uint_eq(frame.len, 0);
    ck_assert_uint_eq(frame.wanted, 4);
    bytes_done(&b);
}
END_TEST

START_TEST(a_length_at_the_limit_passes_and_one_more_is_bad_at_once)
{
    struct bytes at_limit = test_hex("000fffff");
    struct bytes beyond = test_hex("00100000");
    struct jute_frame frame;

    ck_assert_int_eq(JUTE_PACKET_BYTES_MAX, 1048575);
    ck_assert_int_eq(JUTE_ENTRY_BYTES_MAX, 2097150);
    ck_assert_int_eq(jute_frame_look(&frame, at_limit.at, 4, JUTE_PACKET_BYTES_MAX),
                     JUTE_FRAME_MORE);
    ck_assert_uint_eq(frame.wanted, 4 + 1048575);
    ck_assert_int_eq(jute_frame_look(&frame, beyond.at, 4, JUTE_PACKET_BYTES_MAX), JUTE_FRAME_BAD);
    ck_assert_int_eq(jute_frame_look(&frame, beyond.at, 3, JUTE_PACKET_BYTES_MAX), JUTE_FRAME_MORE);
    bytes_done(&at_limit);
    bytes_done(&beyond);
}
END_TEST

START_TEST(a_negative_length_is_bad_under_any_limit)
{
    struct bytes b = test_hex("ffffffff 80000000");
    struct jute_frame frame;

    ck_assert_int_eq(jute_frame_look(&frame, b.at, 4, SIZE_MAX), JUTE_FRAME_BAD);
    ck_assert_int_eq(jute_frame_look(&frame, b.at + 4, 4, SIZE_MAX), JUTE_FRAME_BAD);
    ck_assert_uint_eq(frame.wanted, 0);
    bytes_done(&b);
}
END_TEST

START_TEST(a_written_frame_counts_its_body_only)
{
    struct bytes b = { 0 };

    bytes_put(&b, "before", 6);

    size_t first = jute_frame_begin(&b);

    jute_write_i32(&b, 7);
    jute_frame_end(&b, first);
    jute_frame_end(&b, jute_frame_begin(&b));
    bytes_drop(&b, 6);
    test_is_hex(&b, "00000004 00000007 00000000");
    bytes_done(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jute frame");
    TCase *frames = tcase_create("frames");

    tcase_add_test(frames, a_frame_is_whole_only_with_its_last_byte);
    tcase_add_test(frames, bytes_behind_a_frame_are_left_alone);
    tcase_add_test(frames, an_empty_frame_is_whole);
    tcase_add_test(frames, a_length_at_the_limit_passes_and_one_more_is_bad_at_once);
    tcase_add_test(frames, a_negative_length_is_bad_under_any_limit);
    tcase_add_test(frames, a_written_frame_counts_its_body_only);
    suite_add_tcase(suite, frames);
    return test_run(suite);
}
