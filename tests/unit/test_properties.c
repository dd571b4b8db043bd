/* util/properties: Java's .properties syntax. */
#include "util/properties.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parses a copy in memory of exactly its size, so that AddressSanitizer sees the
 * first byte that is read beyond it. */
static int parse_bytes(struct properties *ret, struct properties_error *err, const void *at,
                       size_t len)
{
    void *exact = len > 0 ? malloc(len) : NULL;

    ck_assert(exact != NULL || len == 0);
    if (len > 0)
        memcpy(exact, at, len);
    int r = properties_parse(ret, err, exact, len);
    free(exact);
    return r;
}

static struct properties parse(const char *text)
{
    struct properties p;
    struct properties_error err;
    int r = parse_bytes(&p, &err, text, strlen(text));

    ck_assert_msg(r == 0, "refused: line %d: %s", err.line, err.text);
    return p;
}

/* One key and its value out of a text. */
static const struct pair {
    const char *text, *key, *value;
    int line;
} pairs[] = {
    { "a=b", "a", "b", 1 },
    { "a:b\n", "a", "b", 1 },
    { "a b\r\n", "a", "b", 1 },
    { "  a \t=\f b  \n", "a", "b", 1 },
    { "a = = b", "a", "= b", 1 },
    { "a : = b", "a", "= b", 1 },
    { "a", "a", "", 1 },
    { "a=", "a", "", 1 },
    { "=b", "", "b", 1 },
    { "# c\n! c\n\n \t\na=b", "a", "b", 5 },
    { "# c \\\na=b", "a", "b", 2 },
    { "a=b # c", "a", "b # c", 1 },
    { "a=b\\\n  c", "a", "bc", 1 },
    { "a=b\\\r\n\tc", "a", "bc", 1 },
    { "a=b\\\rc", "a", "bc", 1 },
    { "a=b\\\n\\\nc", "a", "bc", 1 },
    { "a=b\\\n#c", "a", "b#c", 1 },
    { "\\\n\n# c\na=b", "a", "b", 4 },
    { "a=b\\", "a", "b", 1 },
    { "a=b\\\\", "a", "b\\", 1 },
    { "a\\=b\\:c\\ d=e", "a=b:c d", "e", 1 },
    { "a=\\q\\\"\\tx\\'", "a", "q\"\tx'", 1 },
    { "a=\\u0062\\u00e9\\u20AC", "a", "b\xc3\xa9\xe2\x82\xac", 1 },
    { "a=\\ud83d\\uDE00", "a", "\xf0\x9f\x98\x80", 1 },
    { "a=\xe9", "a", "\xc3\xa9", 1 },
    { "\xef\xbb\xbf"
      "a=b",
      "a", "b", 1 },
    { "a=\\u0020b\\n", "a", "b", 1 },
};

START_TEST(a_line_gives_the_key_and_value_that_java_reads)
{
    const struct pair *want = &pairs[_i];
    struct properties p = parse(want->text);

    ck_assert_uint_eq(p.count, 1);
    ck_assert_str_eq(p.items[0].key, want->key);
    ck_assert_str_eq(p.items[0].value, want->value);
    ck_assert_int_eq(p.items[0].line, want->line);
    properties_done(&p);
}
END_TEST

/* Where the error is. */
static const struct refusal {
    const char *text;
    int line;
} refusals[] = {
    { "a=b\nc=\\u12", 2 },
    { "a=\\u12x4", 1 },
    { "\n\na=\\ud83d", 3 },
    { "a=\\ud83dx", 1 },
    { "a=\\ud83d\\u0041", 1 },
    { "a=\\ude00", 1 },
    { "a=b\\u0000c", 1 },
    { "a=b\x01"
      "c",
      1 },
    { "a=b\\\n\\\n\\u12\n", 1 },
    { "a=b\\nc", 1 },
    { "a\x7f"
      "b",
      1 },
};

START_TEST(what_has_no_meaning_is_refused_with_its_line)
{
    struct properties p;
    struct properties_error err;
    int r = parse_bytes(&p, &err, refusals[_i].text, strlen(refusals[_i].text));

    ck_assert_int_eq(r, -EINVAL);
    ck_assert_int_eq(err.line, refusals[_i].line);
    ck_assert_str_ne(err.text, "");
}
END_TEST

START_TEST(a_nul_byte_is_refused_inside_and_trimmed_at_the_end)
{
    struct properties p;
    struct properties_error err;

    ck_assert_int_eq(parse_bytes(&p, &err, "a=b\0c", 5), -EINVAL);
    ck_assert_int_eq(parse_bytes(&p, &err, "a=b\0", 4), 0);
    ck_assert_str_eq(p.items[0].value, "b");
    properties_done(&p);
}
END_TEST

START_TEST(several_lines_keep_their_order_and_numbers)
{
    struct properties p = parse("b=1\r\n\r\na=2\rb=3\\\n\n\nc=\\\n4\n");

    ck_assert_uint_eq(p.count, 4);
    ck_assert_str_eq(p.items[0].key, "b");
    ck_assert_int_eq(p.items[1].line, 3);
    ck_assert_str_eq(p.items[2].value, "3");
    ck_assert_int_eq(p.items[2].line, 4);
    ck_assert_str_eq(p.items[3].value, "4");
    ck_assert_int_eq(p.items[3].line, 7);
    ck_assert(!p.items[3].is_latin1);
    properties_done(&p);
}
END_TEST

START_TEST(bytes_above_ascii_are_marked)
{
    struct properties p = parse("a=\xc3\xa9\nb=c");

    ck_assert(p.items[0].is_latin1);
    ck_assert_str_eq(p.items[0].value, "\xc3\x83\xc2\xa9");
    ck_assert(!p.items[1].is_latin1);
    properties_done(&p);
}
END_TEST

START_TEST(nothing_gives_no_keys)
{
    struct properties p = parse("");

    ck_assert_uint_eq(p.count, 0);
    properties_done(&p);
    p = parse("# only this\n  \\\n");
    ck_assert_uint_eq(p.count, 0);
    properties_done(&p);
}
END_TEST

START_TEST(as_many_keys_as_allowed_pass_and_one_more_does_not)
{
    char *text = malloc(2 * PROPERTIES_MAX_KEYS + 2);
    struct properties p;
    struct properties_error err;

    ck_assert_ptr_nonnull(text);
    for (size_t i = 0; i <= PROPERTIES_MAX_KEYS; i++)
        text[2 * i] = 'a', text[2 * i + 1] = '\n';
    ck_assert_int_eq(parse_bytes(&p, &err, text, 2 * (size_t)PROPERTIES_MAX_KEYS), 0);
    ck_assert_uint_eq(p.count, PROPERTIES_MAX_KEYS);
    properties_done(&p);
    ck_assert_int_eq(parse_bytes(&p, &err, text, 2 * (size_t)PROPERTIES_MAX_KEYS + 1), -E2BIG);
    ck_assert_int_eq(err.line, PROPERTIES_MAX_KEYS + 1);
    free(text);
}
END_TEST

START_TEST(as_many_bytes_as_allowed_pass_and_one_more_does_not)
{
    char *text = malloc(PROPERTIES_MAX_BYTES + 1);
    struct properties p;
    struct properties_error err;

    ck_assert_ptr_nonnull(text);
    memset(text, '\xe9', PROPERTIES_MAX_BYTES + 1);
    ck_assert_int_eq(parse_bytes(&p, &err, text, PROPERTIES_MAX_BYTES), 0);
    ck_assert_uint_eq(strlen(p.items[0].key), 2 * (size_t)PROPERTIES_MAX_BYTES);
    properties_done(&p);
    ck_assert_int_eq(parse_bytes(&p, &err, text, PROPERTIES_MAX_BYTES + 1), -E2BIG);
    ck_assert_int_eq(err.line, 0);
    free(text);
}
END_TEST

/* Writes `len` bytes to a new file, whose name it returns (static). */
static const char *make_file(const void *at, size_t len)
{
    static char name[64];

    (void)snprintf(name, sizeof name, "%s", "/tmp/zabd-properties-XXXXXX");
    int fd = mkstemp(name);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, at, len), (ssize_t)len);
    ck_assert_int_eq(close(fd), 0);
    return name;
}

START_TEST(a_file_is_read_whole)
{
    size_t len = 100000;
    char *text = malloc(len);
    struct properties p;
    struct properties_error err;

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', len);
    const char *name = make_file(text, len);
    ck_assert_int_eq(properties_read(&p, &err, name), 0);
    ck_assert_uint_eq(strlen(p.items[0].key), len);
    properties_done(&p);
    ck_assert_int_eq(unlink(name), 0);
    free(text);
}
END_TEST

START_TEST(a_file_that_is_too_large_missing_or_a_directory_says_so)
{
    struct properties p;
    struct properties_error err;

    ck_assert_int_eq(properties_read(&p, &err, "/dev/zero"), -E2BIG);
    ck_assert_int_eq(properties_read(&p, &err, "/nowhere/zoo.cfg"), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.text, "No such file"));
    ck_assert_int_eq(properties_read(&p, &err, "/tmp"), -EISDIR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("properties");
    TCase *syntax = tcase_create("syntax");
    TCase *limits = tcase_create("limits");

    tcase_add_loop_test(syntax, a_line_gives_the_key_and_value_that_java_reads, 0,
                        (int)(sizeof pairs / sizeof pairs[0]));
    tcase_add_loop_test(syntax, what_has_no_meaning_is_refused_with_its_line, 0,
                        (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(syntax, a_nul_byte_is_refused_inside_and_trimmed_at_the_end);
    tcase_add_test(syntax, several_lines_keep_their_order_and_numbers);
    tcase_add_test(syntax, bytes_above_ascii_are_marked);
    tcase_add_test(syntax, nothing_gives_no_keys);
    suite_add_tcase(suite, syntax);
    tcase_add_test(limits, as_many_keys_as_allowed_pass_and_one_more_does_not);
    tcase_add_test(limits, as_many_bytes_as_allowed_pass_and_one_more_does_not);
    tcase_add_test(limits, a_file_is_read_whole);
    tcase_add_test(limits, a_file_that_is_too_large_missing_or_a_directory_says_so);
    suite_add_tcase(suite, limits);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
