/* server/tree/path: the rules of client-protocol 3.1. */
#include "server/tree/path.h"

#include <check.h>
#include <stdlib.h>

static void expect_valid(const char *const *paths, size_t count, bool want)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(path_is_valid(jute_text(paths[i])) == want, "'%s'", paths[i]);
}

#define EACH(...)                         \
    (const char *const[]){ __VA_ARGS__ }, \
        sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)

START_TEST(ordinary_paths_are_valid)
{
    expect_valid(EACH("/", "/a", "/a/b", "/a b", "/...", "/.a", "/a..", "/a.", "/..a/b", "/~",
                      "/\xc2\xa0", "/\xc3\xa9", "/\xe4\xb8\xad/\xe6\x96\x87", "/\xed\x9f\xbf",
                      "/\xef\xa4\x80", "/\xef\xbf\xaf"),
                 true);
}
END_TEST

START_TEST(ill_formed_paths_are_not)
{
    expect_valid(EACH("", "a", "a/b", "//", "/a/", "/a//b", "//a", "/.", "/..", "/a/.", "/a/..",
                      "/./a", "/a/../b"),
                 false);
    ck_assert(!path_is_valid((struct jute_bytes){ .len = -1 }));
}
END_TEST

START_TEST(forbidden_characters_make_a_path_invalid)
{
    expect_valid(EACH("/\x01", "/\x1f", "/\x7f", "/a\tb", "/\xc2\x80", "/\xc2\x9f",
                      "/\xee\x80\x80" /* U+E000 */, "/\xef\xa3\xbf" /* U+F8FF */,
                      "/\xef\xbf\xb0" /* U+FFF0 */, "/\xef\xbf\xbd" /* U+FFFD */,
                      "/\xef\xbf\xbf" /* U+FFFF */, "/\xed\xa0\x80" /* U+D800 */,
                      "/\xf0\x9f\x98\x80" /* U+1F600 */),
                 false);
    ck_assert(!path_is_valid((struct jute_bytes){ .at = (const uint8_t *)"/a\0b", .len = 4 }));
}
END_TEST

START_TEST(a_cut_character_is_not_read_beyond_the_end)
{
    static const char *const cut[] = { "/\xc3", "/\xe4", "/\xe4\xb8", "/a\xe4\xb8" };

    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        size_t len = strlen(cut[i]);
        uint8_t *exact = malloc(len);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, cut[i], len);
        ck_assert(!path_is_valid((struct jute_bytes){ .at = exact, .len = (int32_t)len }));
        free(exact);
    }
}
END_TEST

START_TEST(a_plausible_path_has_a_slash_and_no_nul)
{
    ck_assert(path_is_plausible(jute_text("/")));
    ck_assert(path_is_plausible(jute_text("a/b/")));
    ck_assert(!path_is_plausible(jute_text("")));
    ck_assert(!path_is_plausible(jute_text("abc")));
    ck_assert(!path_is_plausible((struct jute_bytes){ .at = (const uint8_t *)"/a\0", .len = 3 }));
    ck_assert(!path_is_plausible((struct jute_bytes){ .len = -1 }));
    ck_assert(path_has_nul((struct jute_bytes){ .at = (const uint8_t *)"\0", .len = 1 }));
    ck_assert(!path_has_nul((struct jute_bytes){ .len = -1 }));
}
END_TEST

START_TEST(four_paths_are_reserved)
{
    ck_assert(path_is_reserved(jute_text("/")));
    ck_assert(path_is_reserved(jute_text("/zookeeper")));
    ck_assert(path_is_reserved(jute_text("/zookeeper/quota")));
    ck_assert(path_is_reserved(jute_text("/zookeeper/config")));
    ck_assert(!path_is_reserved(jute_text("")));
    ck_assert(!path_is_reserved(jute_text("/zookeeper/quota/a")));
    ck_assert(!path_is_reserved(jute_text("/zookeeper/")));
}
END_TEST

START_TEST(a_path_splits_at_its_last_slash)
{
    ck_assert(jute_is_text(path_parent(jute_text("/a/b")), "/a"));
    ck_assert(jute_is_text(path_last(jute_text("/a/b")), "b"));
    ck_assert(jute_is_text(path_parent(jute_text("/a")), ""));
    ck_assert(jute_is_text(path_last(jute_text("/a/")), ""));
    ck_assert(jute_is_text(path_parent(jute_text("x/y")), "x"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("path");
    TCase *c = tcase_create("all");

    tcase_add_test(c, ordinary_paths_are_valid);
    tcase_add_test(c, ill_formed_paths_are_not);
    tcase_add_test(c, forbidden_characters_make_a_path_invalid);
    tcase_add_test(c, a_cut_character_is_not_read_beyond_the_end);
    tcase_add_test(c, a_plausible_path_has_a_slash_and_no_nul);
    tcase_add_test(c, four_paths_are_reserved);
    tcase_add_test(c, a_path_splits_at_its_last_slash);
    suite_add_tcase(s, c);

    SRunner *runner = srunner_create(s);

    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed > 0;
}
