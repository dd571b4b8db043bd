/* server/state/dump_stream, load_stream: what a leader sends behind SNAP is what a learner
 * gets, however it is cut. What else comes is in test_stream_refused.c. */
#include <errno.h>
#include <inttypes.h>

#include "tests/unit/test_jute_hex.h"
#include "tests/unit/test_stream_lib.h"

/* Quorum-protocol 9: an empty database, up to the terminator. */
static const char *const empty_database =
    "00000000 00000001 00000000 00000001 00000001 00000001 00000005 776f726c"
    "64000000 06616e79 6f6e6500 00000000 000000ff ffffffff ffffff00 00000000"
    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    "00000000 00000000 00000000 00000000 00000000 00000000 00000a2f 7a6f6f6b"
    "65657065 72000000 00ffffff ffffffff ff000000 00000000 00000000 00000000"
    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    "00000000 00000000 00000000 00000000 112f7a6f 6f6b6565 7065722f 636f6e66"
    "69670000 00000000 00000000 00010000 00000000 00000000 00000000 00000000"
    "00000000 00000000 00000000 00000000 00000000 0000ffff ffff0000 00000000"
    "00000000 00000000 00000000 00102f7a 6f6f6b65 65706572 2f71756f 74610000"
    "0000ffff ffffffff ffff0000 00000000 00000000 00000000 00000000 00000000"
    "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000"
    "00000000 00000000 00012f";

static void print_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    bytes_printf(ctx, "%" PRId64 " %d\n", id, timeout_ms);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Nodes with all they have, in order of their paths, then sessions. */
static void print_state(struct state *s, struct bytes *out)
{
    struct tree_walk walk;
    char *lines[500];
    size_t count = 0;

    tree_walk_begin(s->tree, &walk);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        struct bytes line = { .at = NULL };
        struct znode_raw z;
        struct jute_bytes data = znode_data(s->tree, n);
        struct jute_vector acl = tree_acl(s->tree, znode_acl(n));

        znode_path(s->tree, n, &line);
        znode_raw(s->tree, n, &z);
        bytes_printf(&line,
                     " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                     " %d %d %d %" PRIx64 " %d data %d ",
                     z.czxid, z.mzxid, z.pzxid, z.ctime, z.mtime, z.version, z.cversion, z.aversion,
                     (uint64_t)z.owner, znode_child_count(s->tree, n), data.len);
        for (int32_t i = 0; i < data.len; i++)
            bytes_printf(&line, "%02x", data.at[i]);
        for (size_t i = 0; i < acl.len; i++)
            bytes_printf(&line, "%02x", acl.at[i]);
        bytes_put(&line, "", 1);
        ck_assert_uint_lt(count, 500);
        lines[count++] = (char *)line.at;
    }
    tree_walk_end(&walk);
    qsort(lines, count, sizeof lines[0], by_text);
    for (size_t i = 0; i < count; i++) {
        bytes_printf(out, "%s\n", lines[i]);
        free(lines[i]);
    }
    session_book_each(s->sessions, print_session, out);
    bytes_put(out, "", 1);
}

static void is_equal(struct state *a, struct state *b)
{
    struct bytes x = { .at = NULL };
    struct bytes y = { .at = NULL };

    print_state(a, &x);
    print_state(b, &y);
    ck_assert(strcmp((char *)x.at, (char *)y.at) == 0);
    ck_assert_uint_eq(tree_digest(a->tree), tree_digest(b->tree));
    ck_assert_int_eq(tree_zxid(a->tree), tree_zxid(b->tree));
    bytes_done(&x);
    bytes_done(&y);
}

/* ---- Facts. */

START_TEST(an_empty_database_loads_from_its_bytes)
{
    struct bytes b = { .at = NULL };
    struct load_stream *l = begin_load();
    struct state got;
    bool done = false;

    test_put_hex(&b, empty_database);
    ck_assert_uint_eq(b.len, 395);
    jute_write_str(&b, jute_text("BenWasHere"));
    bytes_put(&b, "next", 4);
    ck_assert_int_eq(feed(l, b.at, b.len, &done), (int64_t)b.len - 4);
    ck_assert(done);
    ck_assert_int_eq(load_stream_end(l, 0, &got), 0);
    load_stream_free(l);
    ck_assert_uint_eq(tree_digest(got.tree), 0x51c6d660);
    ck_assert_uint_eq(tree_digest(got.tree), tree_digest(state.tree));
    state_done(&got);
    bytes_done(&b);
}
END_TEST

START_TEST(an_empty_database_dumps_to_as_many_bytes)
{
    struct bytes want = { .at = NULL };
    struct bytes got = { .at = NULL };

    test_put_hex(&want, empty_database);
    dump_all(&state, 100, &got);
    ck_assert_uint_eq(got.len, want.len + 14);
    /* Sessions, ACLs, the root, /zookeeper: children come in any order. */
    ck_assert_mem_eq(got.at, want.at, 119);
    bytes_done(&want);
    bytes_done(&got);
}
END_TEST

START_TEST(every_split_gives_the_same_state)
{
    struct bytes b = { .at = NULL };

    fill();
    dump_all(&state, 1, &b);
    for (size_t at = 0; at <= b.len; at++) {
        struct load_stream *l = begin_load();
        struct state got;
        bool done = false;

        ck_assert_int_eq(feed(l, b.at, at, &done), (int64_t)at);
        ck_assert_int_eq(done, at == b.len);
        if (!done)
            ck_assert_int_eq(feed(l, b.at + at, b.len - at, &done), (int64_t)(b.len - at));
        ck_assert(done);
        ck_assert_int_eq(load_stream_end(l, zxid, &got), 0);
        load_stream_free(l);
        if (at % 97 == 0)
            is_equal(&got, &state);
        ck_assert_uint_eq(tree_digest(got.tree), tree_digest(state.tree));
        state_done(&got);
    }
    bytes_done(&b);
}
END_TEST

START_TEST(pieces_of_any_size_give_the_same_state)
{
    struct bytes b = { .at = NULL };
    struct load_stream *l = begin_load();
    struct state got;
    bool done = false;

    fill();
    dump_all(&state, (size_t)_i * 13 + 1, &b);
    rand_seed(&rnd, (uint64_t)_i);
    for (size_t at = 0; at < b.len;) {
        size_t most = _i == 0 ? 1 : (size_t)_i * 10;
        size_t len = (size_t)rand_below(&rnd, most) + 1;

        len = len < b.len - at ? len : b.len - at;
        ck_assert(!done);
        ck_assert_int_eq(feed(l, b.at + at, len, &done), (int64_t)len);
        at += len;
    }
    ck_assert(done);
    ck_assert_int_eq(load_stream_end(l, zxid, &got), 0);
    load_stream_free(l);
    is_equal(&got, &state);
    state_done(&got);
    bytes_done(&b);
}
END_TEST

START_TEST(a_stream_is_the_middle_of_a_file_and_comes_back_from_what_was_loaded)
{
    struct bytes a = { .at = NULL };
    struct bytes b = { .at = NULL };
    struct load_stream *l = begin_load();
    struct state got;
    bool done;

    fill();
    dump_all(&state, 1000000, &a);
    ck_assert_int_eq(feed(l, a.at, a.len, &done), (int64_t)a.len);
    ck_assert_int_eq(load_stream_end(l, zxid, &got), 0);
    load_stream_free(l);
    dump_all(&got, 1, &b);
    ck_assert_uint_eq(a.len, b.len);
    state_done(&got);
    bytes_done(&a);
    bytes_done(&b);
}
END_TEST

/* Changes between the steps of two streams that began at different times, then the txns of the
 * meantime once more, as the leader sends them. Both come to the same state. */
START_TEST(a_fuzzy_stream_and_the_txns_behind_it_give_the_state)
{
    struct bytes out[2] = { { .at = NULL }, { .at = NULL } };
    struct dump_stream *d[2];
    struct state got[2];
    zk_zxid from[2];
    char path[64];
    int running = 2;
    int n = 0;

    fill();
    d[0] = dump_stream_begin(&state);
    from[0] = zxid;
    ck_assert_int_eq(dump_stream_step(d[0], &state, 400, &out[0]), 0);
    create("/between", ZK_OP_CREATE, 0, 5, 4);
    d[1] = dump_stream_begin(&state);
    from[1] = zxid;
    for (int i = 0; running > 0; i++) {
        size_t which = (size_t)i % 2;

        if (d[which] != NULL && dump_stream_step(d[which], &state, 150, &out[which]) == 1) {
            d[which] = dump_stream_free(d[which], &state);
            running--;
        }
        (void)snprintf(path, sizeof path, "/k/n%d", n % 20);
        delete (path);
        create(path, ZK_OP_CREATE, 0, n % 50, n % 5);
        n++;
    }
    for (int i = 0; i < 2; i++) {
        struct load_stream *l = begin_load();
        bool done;

        ck_assert_int_eq(feed(l, out[i].at, out[i].len, &done), (int64_t)out[i].len);
        ck_assert(done);
        ck_assert_int_eq(load_stream_end(l, from[i], &got[i]), 0);
        load_stream_free(l);
        for (zk_zxid z = from[i] + 1; z <= zxid; z++)
            replay(&got[i], z);
        is_equal(&got[i], &state);
        state_done(&got[i]);
        bytes_done(&out[i]);
    }
}
END_TEST

START_TEST(a_stream_whose_tree_goes_ends_and_can_be_freed)
{
    struct dump_stream *d;
    struct bytes out = { .at = NULL };

    fill();
    d = dump_stream_begin(&state);
    ck_assert_int_eq(dump_stream_step(d, &state, 300, &out), 0);
    state_done(&state);
    new_state(&state);
    out.len = 0;
    ck_assert_int_eq(dump_stream_step(d, &state, 300, &out), -ECANCELED);
    ck_assert_uint_eq(out.len, 0);
    dump_stream_free(d, &state);
    dump_stream_free(NULL, &state);
    bytes_done(&out);
}
END_TEST

START_TEST(a_step_keeps_to_its_bytes)
{
    struct dump_stream *d;
    struct bytes out = { .at = NULL };
    int r = 0;

    for (int64_t id = 1; id < 2000; id++)
        session_book_put(state.sessions, id, 5000);
    fill();
    d = dump_stream_begin(&state);
    while (r == 0) {
        size_t before = out.len;

        r = dump_stream_step(d, &state, 1000, &out);
        ck_assert_uint_le(out.len - before, 1000 + 400);
        ck_assert(r == 1 || out.len - before >= 1000);
    }
    dump_stream_free(d, &state);
    bytes_done(&out);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("stream");
    TCase *c = tcase_create("stream");

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_test(c, an_empty_database_loads_from_its_bytes);
    tcase_add_test(c, an_empty_database_dumps_to_as_many_bytes);
    tcase_add_test(c, every_split_gives_the_same_state);
    tcase_add_loop_test(c, pieces_of_any_size_give_the_same_state, 0, 12);
    tcase_add_test(c, a_stream_is_the_middle_of_a_file_and_comes_back_from_what_was_loaded);
    tcase_add_test(c, a_fuzzy_stream_and_the_txns_behind_it_give_the_state);
    tcase_add_test(c, a_stream_whose_tree_goes_ends_and_can_be_freed);
    tcase_add_test(c, a_step_keeps_to_its_bytes);
    suite_add_tcase(s, c);
    return test_run(s);
}
