/* server/state/load_stream: what is not a snapshot stream is refused. */
#include <errno.h>

#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_stream_lib.h"

static void is_refused(const struct bytes *b, const char *text)
{
    struct load_stream *l = begin_load();
    bool done = false;
    int64_t r = feed(l, b->at, b->len, &done);

    ck_assert_int_eq(r, -EBADMSG);
    ck_assert_msg(strstr(load_stream_why(l), text) != NULL, "%s", load_stream_why(l));
    ck_assert_int_eq(feed(l, b->at, b->len, &done), -EBADMSG);
    load_stream_free(l);
}

static void put_node(struct bytes *b, const char *path)
{
    jute_write_str(b, jute_text(path));
    jute_write_buf(b, (struct jute_bytes){ .at = NULL, .len = -1 });
    jute_write_i64(b, -1);
    for (int i = 0; i < 15; i++)
        jute_write_i32(b, 0);
}

START_TEST(what_cannot_be_is_refused)
{
    static const struct {
        int32_t sessions, acls;
        const char *path;
        const char *why;
    } cases[] = {
        { 0, 0, "/a/b", "has no parent" },
        { 0, 0, "//", "unusable path" },
        { 0, 0, "/a/", "unusable path" },
    };
    struct bytes b = { .at = NULL };

    jute_write_i32(&b, cases[_i].sessions);
    jute_write_i32(&b, cases[_i].acls);
    put_node(&b, "");
    put_node(&b, cases[_i].path);
    is_refused(&b, cases[_i].why);
    bytes_done(&b);
}
END_TEST

START_TEST(impossible_lengths_are_refused)
{
    struct bytes b = { .at = NULL };

    jute_write_i32(&b, -5); /* No sessions. */
    jute_write_i32(&b, 0);
    jute_write_i32(&b, -1);
    is_refused(&b, "a path has an impossible length");
    b.len = 8;
    jute_write_i32(&b, 0x7fffffff);
    is_refused(&b, "a path has an impossible length");
    b.len = 8;
    jute_write_i32(&b, 0);
    jute_write_i32(&b, -2);
    is_refused(&b, "the data of a znode has an impossible length");
    b.len = 4;
    jute_write_i32(&b, 1); /* One list of two entries. */
    jute_write_i64(&b, 1);
    jute_write_i32(&b, 2);
    jute_write_i32(&b, 31);
    jute_write_i32(&b, 0x7ffffff0);
    is_refused(&b, "a string has an impossible length");
    bytes_done(&b);
}
END_TEST

START_TEST(a_list_that_comes_twice_is_refused)
{
    struct bytes b = { .at = NULL };

    jute_write_i32(&b, 0);
    jute_write_i32(&b, 2);
    for (int i = 0; i < 2; i++) {
        jute_write_i64(&b, 5);
        jute_write_i32(&b, 0);
    }
    is_refused(&b, "is there twice");
    bytes_done(&b);
}
END_TEST

START_TEST(a_wrong_signature_is_refused)
{
    struct bytes b = { .at = NULL };

    jute_write_i32(&b, 0);
    jute_write_i32(&b, 0);
    put_node(&b, "");
    jute_write_str(&b, jute_text("/"));
    jute_write_str(&b, jute_text("BenWasThere"));
    is_refused(&b, "signature");
    b.len -= 15;
    jute_write_str(&b, jute_text("BenIsThere"));
    is_refused(&b, "signature");
    bytes_done(&b);
}
END_TEST

START_TEST(a_path_that_comes_twice_is_found_at_the_end)
{
    struct bytes b = { .at = NULL };
    struct load_stream *l = begin_load();
    struct state got;
    bool done = false;

    jute_write_i32(&b, 0);
    jute_write_i32(&b, 0);
    put_node(&b, "");
    put_node(&b, "/a");
    put_node(&b, "/a");
    jute_write_str(&b, jute_text("/"));
    jute_write_str(&b, jute_text("BenWasHere"));
    ck_assert_int_eq(feed(l, b.at, b.len, &done), (int64_t)b.len);
    ck_assert(done);
    ck_assert_int_eq(load_stream_end(l, 5, &got), -EBADMSG);
    load_stream_free(l);
    bytes_done(&b);
}
END_TEST

START_TEST(a_stream_that_is_not_over_gives_no_state)
{
    struct bytes b = { .at = NULL };
    struct load_stream *l;
    struct state got;
    bool done = false;

    fill();
    dump_all(&state, 1000, &b);
    l = begin_load();
    ck_assert_int_eq(feed(l, b.at, b.len - 1, &done), (int64_t)b.len - 1);
    ck_assert(!done);
    ck_assert_int_eq(load_stream_end(l, zxid, &got), -EBADMSG);
    load_stream_free(l);
    load_stream_free(NULL);
    bytes_done(&b);
}
END_TEST

/* Whatever byte is wrong: no crash, and what loads is a state like others. */
START_TEST(every_changed_byte_is_survived)
{
    struct bytes b = { .at = NULL };

    fill();
    dump_all(&state, 1000, &b);
    for (size_t at = 0; at < b.len; at++) {
        struct load_stream *l = begin_load();
        struct state got;
        bool done = false;

        b.at[at] ^= (uint8_t)(1u << _i);
        (void)feed(l, b.at, b.len, &done);
        if (done && load_stream_end(l, zxid, &got) == 0)
            state_done(&got);
        load_stream_free(l);
        b.at[at] ^= (uint8_t)(1u << _i);
    }
    bytes_done(&b);
}
END_TEST

/* A list with as many entries as bytes allow, byte by byte: each entry is looked at once. */
START_TEST(a_long_list_in_small_pieces_takes_no_longer)
{
    struct load_stream *l = begin_load();
    struct bytes b = { .at = NULL };
    bool done = false;

    jute_write_i32(&b, 0);
    jute_write_i32(&b, 1);
    jute_write_i64(&b, 1);
    jute_write_i32(&b, 100000);
    for (int i = 0; i < 100000; i++) {
        jute_write_i32(&b, 31);
        jute_write_i32(&b, 0);
        jute_write_i32(&b, -1);
    }
    for (size_t i = 0; i < b.len; i++)
        ck_assert_int_eq(load_stream_feed(l, b.at + i, 1, &done), 1);
    load_stream_free(l);
    bytes_done(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stream_refused");
    TCase *c = tcase_create("stream");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, what_cannot_be_is_refused, 0, 3);
    tcase_add_test(c, impossible_lengths_are_refused);
    tcase_add_test(c, a_list_that_comes_twice_is_refused);
    tcase_add_test(c, a_wrong_signature_is_refused);
    tcase_add_test(c, a_path_that_comes_twice_is_found_at_the_end);
    tcase_add_test(c, a_stream_that_is_not_over_gives_no_state);
    tcase_add_loop_test(c, every_changed_byte_is_survived, 0, 8);
    tcase_add_test(c, a_long_list_in_small_pieces_takes_no_longer);
    suite_add_tcase(s, c);
    return test_run(s);
}
