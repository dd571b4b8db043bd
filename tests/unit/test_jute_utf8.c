/* jute/utf8: what a ZK server makes of the bytes of a string. The expectations were
 * produced by Java's decoder. */
#include "jute/utf8.h"

#include "tests/unit/test_jute_hex.h"

#define R "efbfbd "

static const struct {
    const char *bytes, *repaired;
} INVALID[] = {
    /* Bytes that begin nothing. */
    { "80", R },
    { "bf", R },
    { "c0", R },
    { "c1bf", R R },
    { "f5808080", R R R R },
    { "f8888080", R R R R },
    { "fe", R },
    { "ff", R },
    { "6180 62", "61" R "62" },
    /* Overlong forms. */
    { "c080", R R },
    { "e08080", R R R },
    { "e09fbf", R R R },
    { "f0808080", R R R R },
    { "f08fbfbf", R R R R },
    /* Beyond U+10FFFF. */
    { "f4908080", R R R R },
    /* An encoded surrogate counts once, a pair of them twice. */
    { "eda080", R },
    { "edbfbf", R },
    { "eda0bdedb880", R R },
    { "eda0", R },
    { "eda041", R "41" },
    { "eda0c3a9", R "c3a9" },
    /* Cut characters: what could have begun one counts once. */
    { "c3", R },
    { "c341", R "41" },
    { "e2", R },
    { "e282", R },
    { "e28241", R "41" },
    { "e241", R "41" },
    { "e080", R R },
    { "e0a0", R },
    { "f0", R },
    { "f090", R },
    { "f08f", R R },
    { "f09f98", R },
    { "f09f9841", R "41" },
    { "f09f41", R "41" },
    { "f490", R R },
    { "f09f98f09f9880", R "f09f9880" },
    /* Behind a long run of ASCII, and with good characters on both sides. */
    { "6162636465666768696a6b6c6d6e6f70ff", "6162636465666768696a6b6c6d6e6f70" R },
    { "c3a9 e282ac ff f09f9880 80 41", "c3a9 e282ac" R "f09f9880" R "41" },
};

static const char *const VALID[] = {
    "",       "00",     "7f",       "6162636465666768", "6162636465666768696a6b6c6d6e6f7071",
    "c280",   "dfbf",   "e0a080",   "ed9fbf",           "ee8080",
    "efbfbd", "efbfbf", "f0908080", "f48fbfbf",         "61626364656667c3a96162636465666768",
};

START_TEST(valid_text_passes_unchanged)
{
    for (size_t i = 0; i < sizeof VALID / sizeof *VALID; i++) {
        struct bytes b = test_hex(VALID[i]);
        uint8_t *exact = test_exact(b.at, b.len);
        struct bytes out = { 0 };

        ck_assert_msg(utf8_is_valid(exact, b.len), "refused: %s", VALID[i]);
        utf8_repair(&out, exact, b.len);
        test_is_hex(&out, VALID[i]);
        bytes_done(&out);
        free(exact);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(invalid_bytes_become_replacements_as_in_java)
{
    for (size_t i = 0; i < sizeof INVALID / sizeof *INVALID; i++) {
        struct bytes b = test_hex(INVALID[i].bytes);
        uint8_t *exact = test_exact(b.at, b.len);
        struct bytes out = { 0 };
        struct bytes want = test_hex(INVALID[i].repaired);

        ck_assert_msg(!utf8_is_valid(exact, b.len), "accepted: %s", INVALID[i].bytes);
        utf8_repair(&out, exact, b.len);
        ck_assert_msg(out.len == want.len && out.len > 0 && memcmp(out.at, want.at, want.len) == 0,
                      "repaired otherwise: %s", INVALID[i].bytes);
        ck_assert(utf8_is_valid(out.at, out.len));
        bytes_done(&want);
        bytes_done(&out);
        free(exact);
        bytes_done(&b);
    }
}
END_TEST

START_TEST(an_invalid_byte_is_found_at_every_offset)
{
    uint8_t text[40];

    for (size_t len = 1; len <= sizeof text; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, 'a', sizeof text);
            ck_assert(utf8_is_valid(text, len));
            text[at] = 0xff;
            ck_assert(!utf8_is_valid(text, len));
        }
    }
}
END_TEST

START_TEST(no_bytes_at_all_are_valid)
{
    struct bytes out = { 0 };

    ck_assert(utf8_is_valid(NULL, 0));
    utf8_repair(&out, NULL, 0);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jute utf8");
    TCase *texts = tcase_create("texts");

    tcase_add_test(texts, valid_text_passes_unchanged);
    tcase_add_test(texts, invalid_bytes_become_replacements_as_in_java);
    tcase_add_test(texts, an_invalid_byte_is_found_at_every_offset);
    tcase_add_test(texts, no_bytes_at_all_are_valid);
    suite_add_tcase(suite, texts);
    return test_run(suite);
}
