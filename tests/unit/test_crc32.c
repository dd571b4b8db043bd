/* CRC-32: both ways of computing it give zlib's result, at every length and place. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "util/crc32.h"
#include "util/rand.h"

enum { SIZE = 1024 };

static uint8_t bytes[SIZE + 16];

static void setup(void)
{
    struct rand_state r;

    rand_seed(&r, 5);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)rand_next(&r);
}

START_TEST(the_check_value_is_the_standards)
{
    ck_assert_uint_eq(crc32_more(0, "123456789", 9), 0xcbf43926);
    ck_assert_uint_eq(crc32_more(0, "", 0), 0);
}
END_TEST

START_TEST(every_length_and_alignment_agrees_with_zlib)
{
    for (size_t at = 0; at < 16; at++)
        for (size_t len = 0; len <= SIZE; len++) {
            uint32_t expected = (uint32_t)crc32_z(0x12345678, bytes + at, len);
            ck_assert_uint_eq(crc32_more(0x12345678, bytes + at, len), expected);
            ck_assert_uint_eq(crc32_more_by_table(0x12345678, bytes + at, len), expected);
        }
}
END_TEST

START_TEST(parts_give_the_whole)
{
    for (size_t cut = 0; cut <= SIZE; cut += 7) {
        uint32_t crc = crc32_more(crc32_more(0, bytes, cut), bytes + cut, SIZE - cut);
        ck_assert_uint_eq(crc, (uint32_t)crc32_z(0, bytes, SIZE));
    }
}
END_TEST

START_TEST(nothing_beyond_the_end_is_read)
{
    for (size_t len = 0; len < 200; len++) {
        uint8_t *exact = malloc(len + (len == 0));
        memcpy(exact, bytes, len);
        ck_assert_uint_eq(crc32_more(0, exact, len), (uint32_t)crc32_z(0, bytes, len));
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("crc32");
    TCase *tc = tcase_create("crc32");

    tcase_add_unchecked_fixture(tc, setup, NULL);
    tcase_add_test(tc, the_check_value_is_the_standards);
    tcase_add_test(tc, every_length_and_alignment_agrees_with_zlib);
    tcase_add_test(tc, parts_give_the_whole);
    tcase_add_test(tc, nothing_beyond_the_end_is_read);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
