/* For the tests of jute/: bytes written as hex, and memory of exactly their size, so
 * that AddressSanitizer sees the first byte that is read beyond them. */
#ifndef TEST_JUTE_HEX_H
#define TEST_JUTE_HEX_H

#include <check.h>
#include <stdlib.h>

#include "jute/codec.h"

static inline uint8_t test_hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = strchr(digits, c);

    ck_assert_msg(c != '\0' && at != NULL, "no hex digit: '%c'", c);
    return (uint8_t)(at - digits);
}

/* Appends what the hex digits say; blanks between bytes are skipped. */
static inline void test_put_hex(struct bytes *out, const char *hex)
{
    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }

        uint8_t byte = (uint8_t)(test_hex_digit(hex[0]) << 4 | test_hex_digit(hex[1]));

        bytes_put(out, &byte, 1);
        hex += 2;
    }
}

static inline struct bytes test_hex(const char *hex)
{
    struct bytes b = { 0 };

    test_put_hex(&b, hex);
    return b;
}

/* A copy in a malloc of exactly `len` bytes, NULL for none; free() it. */
static inline uint8_t *test_exact(const void *at, size_t len)
{
    if (len == 0)
        return NULL;

    uint8_t *copy = malloc(len);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, at, len);
    return copy;
}

static inline struct jute_in test_in(const struct bytes *b)
{
    return jute_in(b->at, b->len);
}

static inline void test_is_hex(const struct bytes *b, const char *hex)
{
    struct bytes want = test_hex(hex);

    ck_assert_uint_eq(b->len, want.len);
    if (want.len > 0)
        ck_assert_mem_eq(b->at, want.at, want.len);
    bytes_done(&want);
}

static inline void test_is_text(const struct bytes *b, const char *text)
{
    ck_assert_msg(b->len == strlen(text) && memcmp(b->at, text, b->len) == 0, "want %s\n have %.*s",
                  text, (int)b->len, (const char *)b->at);
}

/* Runs the suite; returns what main() returns. */
static inline int test_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
