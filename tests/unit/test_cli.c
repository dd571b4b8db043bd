/* cli/: words, options, JSON and base64. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/words.h"

static const struct {
    const char *line;
    const char *words; /* Joined with |. */
} lines[] = {
    { "", "" },
    { "ls /", "ls|/" },
    { "  ls \t /  ", "ls|/" },
    { "set /a \"two words\"", "set|/a|two words" },
    { "set '/with blank' \"a 'b' c\"", "set|/with blank|a 'b' c" },
    { "set /a \"\"", "set|/a|" },
    { "set /a b\"c d\"", "set|/a|b\"c|d\"" },
    { "\"a\"b", "a|b" },
    { "set /a \"open", "set|/a|open" },
    { "'", "" },
    { "  ", " " },
    { "  'x", " 'x" },
    { "say it's", "say|it's" },
};

static const char *joined(const struct words *w)
{
    static char ret[256];
    size_t len = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < w->count; i++)
        len += (size_t)snprintf(ret + len, sizeof ret - len, "%s%s", i > 0 ? "|" : "", w->at[i]);
    return ret;
}

START_TEST(a_line_is_split_as_zkcli_does)
{
    struct words w;

    words_split(&w, lines[_i].line);
    ck_assert_str_eq(joined(&w), lines[_i].words);
    words_done(&w);
}
END_TEST

/* ---- Options. */

static const struct option_spec specs[] = {
    { "s", false, "stats" },    { "w", false, "watch" }, { "v", true, "version" },
    { "file", true, "a file" }, { NULL, false, NULL },
};

#define COMMONS "org.apache.commons.cli."

static const struct {
    const char *line;
    enum option_group group;
    const char *args; /* Joined with |; of an error its words. */
    const char *v;    /* The value of -v, or of -file. */
    bool has_s, has_w, is_wrong;
} commands[] = {
    { "c /a", OPTIONS_FREE, "c|/a", NULL, false, false, false },
    { "c -s /a", OPTIONS_FREE, "c|/a", NULL, true, false, false },
    { "c /a -s -w", OPTIONS_FREE, "c|/a", NULL, true, true, false },
    { "c -sw /a", OPTIONS_FREE, "c|/a", NULL, true, true, false },
    { "c -v 5 /a", OPTIONS_FREE, "c|/a", "5", false, false, false },
    { "c -v -5 /a", OPTIONS_FREE, "c|/a", "-5", false, false, false },
    { "c -v5 /a", OPTIONS_FREE, "c|/a", "5", false, false, false },
    { "c -v=5 /a", OPTIONS_FREE, "c|/a", "5", false, false, false },
    { "c -sv 5 /a", OPTIONS_FREE, "c|/a", "5", true, false, false },
    { "c -v 5 -v 6 /a", OPTIONS_FREE, "c|/a", "5", false, false, false },
    { "c -file x /a", OPTIONS_FREE, "c|/a", "x", false, false, false },
    { "c -- -s /a", OPTIONS_FREE, "c|-s|/a", NULL, false, false, false },
    { "c - /a", OPTIONS_FREE, "c|-|/a", NULL, false, false, false },
    { "c -x /a", OPTIONS_FREE, COMMONS "UnrecognizedOptionException: Unrecognized option: -x", NULL,
      false, false, true },
    { "c -sx /a", OPTIONS_FREE, COMMONS "UnrecognizedOptionException: Unrecognized option: -sx",
      NULL, false, false, true },
    { "c -s=5 /a", OPTIONS_FREE, COMMONS "UnrecognizedOptionException: Unrecognized option: -s=5",
      NULL, false, false, true },
    { "c /a -v", OPTIONS_FREE, COMMONS "MissingArgumentException: Missing argument for option: v",
      NULL, false, false, true },
    { "c -v -s /a", OPTIONS_FREE,
      COMMONS "MissingArgumentException: Missing argument for option: v", NULL, false, false,
      true },
    { "c -s -w /a", OPTIONS_ONE,
      COMMONS "AlreadySelectedException: The option 'w' was specified but an option from this "
              "group has already been selected: 's'",
      NULL, false, false, true },
    { "c -s -s /a", OPTIONS_ONE, "c|/a", NULL, true, false, false },
    { "c /a", OPTIONS_ONE, "c|/a", NULL, false, false, false },
    { "c /a", OPTIONS_ONE_MUST,
      COMMONS "MissingOptionException: Missing required option: [-s stats, -w watch, -v version, "
              "-file a file]",
      NULL, false, false, true },
};

START_TEST(options_are_parsed_as_commons_cli_does)
{
    struct words w;
    struct options o;
    struct bytes wrong = { 0 };

    words_split(&w, commands[_i].line);

    bool ok = options_parse(&o, &wrong, specs, commands[_i].group, &w);

    bytes_put(&wrong, "", 1);
    ck_assert_int_eq(ok, !commands[_i].is_wrong);
    if (!ok) {
        ck_assert_str_eq((const char *)wrong.at, commands[_i].args);
    } else {
        char args[128] = "";

        for (size_t i = 0; i < o.args_count; i++)
            (void)snprintf(args + strlen(args), sizeof args - strlen(args), "%s%s",
                           i > 0 ? "|" : "", o.args[i]);
        ck_assert_str_eq(args, commands[_i].args);
        ck_assert_int_eq(options_has(&o, "s"), commands[_i].has_s);
        ck_assert_int_eq(options_has(&o, "w"), commands[_i].has_w);

        const char *v =
            options_value(&o, "v") != NULL ? options_value(&o, "v") : options_value(&o, "file");

        ck_assert_pstr_eq(v, commands[_i].v);
    }
    options_done(&o);
    words_done(&w);
    bytes_done(&wrong);
}
END_TEST

/* ---- JSON and base64. */

static struct jute_bytes bytes_of(const char *at, int32_t len)
{
    return (struct jute_bytes){ .at = (const uint8_t *)at, .len = len };
}

START_TEST(an_object_is_one_line_of_json)
{
    struct json j = { 0 };

    json_begin(&j);
    json_str(&j, "a", "q\"\\\n\x7f");
    json_str(&j, "n", NULL);
    json_open(&j, "list", '[');
    json_int(&j, NULL, -5);
    json_open(&j, NULL, '{');
    json_flag(&j, "f", true);
    json_close(&j, '{');
    json_close(&j, '[');
    json_data(&j, "text", bytes_of("\xc3\xa4", 2));
    json_data(&j, "none", bytes_of(NULL, -1));
    json_data(&j, "raw", bytes_of("\xff\0", 2));
    json_bytes(&j, "path", bytes_of("a\xff", 2));
    json_hex(&j, "z", -1);
    json_end(&j);
    bytes_put(&j.text, "", 1);
    ck_assert_str_eq((const char *)j.text.at,
                     "{\"a\":\"q\\\"\\\\\\u000a\\u007f\",\"n\":null,\"list\":[-5,{\"f\":true}],"
                     "\"text\":\"\xc3\xa4\",\"none\":null,\"raw_base64\":\"/wA=\","
                     "\"path\":\"a\xef\xbf\xbd\",\"z\":\"0xffffffffffffffff\"}\n");
    bytes_done(&j.text);
}
END_TEST

static const struct {
    const char *plain;
    const char *text;
} encoded[] = {
    { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" },
};

START_TEST(base64_goes_there_and_back)
{
    struct bytes out = { 0 };
    struct bytes back = { 0 };

    base64_write(&out, jute_text(encoded[_i].plain));
    bytes_put(&out, "", 1);
    ck_assert_str_eq((const char *)out.at, encoded[_i].text);
    ck_assert(base64_read(&back, encoded[_i].text));
    bytes_put(&back, "", 1);
    ck_assert_str_eq((const char *)back.at, encoded[_i].plain);
    bytes_done(&out);
    bytes_done(&back);
}
END_TEST

START_TEST(what_is_no_base64_is_refused)
{
    static const char *const bad[] = { "A", "AB=", "A===", "A*==", "AB C", "=", "====" };
    struct bytes out = { 0 };

    ck_assert(!base64_read(&out, bad[_i]));
    bytes_done(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *text = tcase_create("text");

    tcase_add_loop_test(text, a_line_is_split_as_zkcli_does, 0,
                        (int)(sizeof lines / sizeof lines[0]));
    tcase_add_loop_test(text, options_are_parsed_as_commons_cli_does, 0,
                        (int)(sizeof commands / sizeof commands[0]));
    tcase_add_test(text, an_object_is_one_line_of_json);
    tcase_add_loop_test(text, base64_goes_there_and_back, 0,
                        (int)(sizeof encoded / sizeof encoded[0]));
    tcase_add_loop_test(text, what_is_no_base64_is_refused, 0, 7);
    suite_add_tcase(suite, text);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
