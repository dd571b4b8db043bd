/* server/state/dump_stream, load_stream: what a leader sends behind SNAP is what a learner
 * gets, however it is cut; and whatever else comes is refused. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/state/dump_stream.h"
#include "server/state/load_stream.h"
#include "util/check.h"
#include "util/rand.h"

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

static const struct tree_conf conf = { .hash_seed = 1, .extended_types = true, .digest = true };
static struct state state;
static zk_zxid zxid;
static struct rand_state rnd;
static struct bytes history[500]; /* Txns by zxid. */

static void new_state(struct state *s)
{
    ck_assert_int_eq(tree_new(&s->tree, &conf), 0);
    s->sessions = session_book_new(1);
}

static void setup(void)
{
    new_state(&state);
    zxid = 0;
    rand_seed(&rnd, 1);
}

static void teardown(void)
{
    state_done(&state);
    for (size_t i = 0; i < sizeof history / sizeof history[0]; i++)
        bytes_done(&history[i]);
}

/* ---- Txns. */

static void replay(struct state *s, zk_zxid z)
{
    static const struct tree_sink nowhere;
    struct txn txn;

    ck_assert(txn_parse(&txn, history[z].at, history[z].len));
    state_apply(s, &txn, NULL, &nowhere);
}

/* What the txn makes of it: as in a log, an absolute value. */
static int32_t next_cversion(const char *path)
{
    struct jute_bytes name;
    struct znode_raw raw;

    znode_raw(state.tree, tree_find_parent(state.tree, jute_text(path), &name), &raw);
    return raw.cversion + 1;
}

static void apply(int32_t type, int64_t session, const struct bytes *record)
{
    zxid++;
    struct txn_header head = {
        .session_id = session, .cxid = 1, .zxid = zxid, .time_ms = 1000 + zxid, .type = type
    };

    ck_assert_int_lt(zxid, (zk_zxid)(sizeof history / sizeof history[0]));
    jute_write_txn_header(&history[zxid], &head);
    bytes_put(&history[zxid], record->at, record->len);
    replay(&state, zxid);
}

static void open_session(int64_t id)
{
    struct create_session_txn txn = { .timeout_ms = (int32_t)(id * 1000) };
    struct bytes record = { .at = NULL };

    jute_write_create_session_txn(&record, &txn);
    apply(ZK_OP_CREATE_SESSION, id, &record);
    bytes_done(&record);
}

/* A list of its own for each number, or, for 0, open to all. */
static struct jute_vector acl_of(struct bytes *out, int number)
{
    char id[32];
    int len = snprintf(id, sizeof id, "user%d:x", number);
    struct jute_bytes text = { .at = (const uint8_t *)id, .len = len };

    out->len = 0;
    if (number == 0)
        jute_write_acl(out, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });
    else
        jute_write_acl(out, (struct jute_acl){ 7, jute_text("digest"), text });
    return jute_vector_of(out, 1);
}

static void create(const char *path, int32_t type, int64_t session, int32_t len, int acl)
{
    struct bytes record = { .at = NULL };
    struct bytes entry = { .at = NULL };
    uint8_t *data = zk_xcalloc(1, (size_t)(len > 0 ? len : 1));
    struct jute_bytes value = { .at = data, .len = len };

    memset(data, 'x', (size_t)(len > 0 ? len : 1));
    if (type == ZK_OP_CREATE_TTL) {
        struct create_ttl_txn txn = { .path = jute_text(path),
                                      .data = value,
                                      .acl = acl_of(&entry, acl),
                                      .parent_cversion = next_cversion(path),
                                      .ttl_ms = 5000 };

        jute_write_create_ttl_txn(&record, &txn);
    } else if (type == ZK_OP_CREATE_CONTAINER) {
        struct create_container_txn txn = { .path = jute_text(path),
                                            .data = value,
                                            .acl = acl_of(&entry, acl),
                                            .parent_cversion = next_cversion(path) };

        jute_write_create_container_txn(&record, &txn);
    } else {
        struct create_txn txn = { .path = jute_text(path),
                                  .data = value,
                                  .acl = acl_of(&entry, acl),
                                  .ephemeral = session != 0,
                                  .parent_cversion = next_cversion(path) };

        jute_write_create_txn(&record, &txn);
    }
    apply(type, session, &record);
    bytes_done(&record);
    bytes_done(&entry);
    free(data);
}

static void delete (const char *path)
{
    struct delete_txn txn = { .path = jute_text(path) };
    struct bytes record = { .at = NULL };

    jute_write_delete_txn(&record, &txn);
    apply(ZK_OP_DELETE, 0, &record);
    bytes_done(&record);
}

/* A little of everything. */
static void fill(void)
{
    char path[64];

    open_session(7);
    open_session(8);
    create("/a", ZK_OP_CREATE, 0, 3, 0);
    create("/a/b", ZK_OP_CREATE, 0, -1, 1);
    create("/a/b/c", ZK_OP_CREATE, 0, 0, 2);
    create("/e", ZK_OP_CREATE, 7, 1, 0);
    create("/a/e", ZK_OP_CREATE, 8, 200, 3);
    create("/t", ZK_OP_CREATE_TTL, 0, 5, 0);
    create("/k", ZK_OP_CREATE_CONTAINER, 0, 5, 0);
    create("/k/\xc3\xa9", ZK_OP_CREATE, 0, 5, 0);
    create("/gone", ZK_OP_CREATE, 0, 5, 9);
    delete ("/gone");
    for (int i = 0; i < 20; i++) {
        (void)snprintf(path, sizeof path, "/k/n%d", i);
        create(path, ZK_OP_CREATE, 0, i * 7, i % 3);
    }
}

/* ---- Streams. */

static void dump_all(struct state *s, size_t step, struct bytes *out)
{
    struct dump_stream *d = dump_stream_begin(s);
    int r;

    ck_assert_int_eq(dump_stream_zxid(d), tree_zxid(s->tree));
    while ((r = dump_stream_step(d, s, step, out)) == 0)
        continue;
    ck_assert_int_eq(r, 1);
    dump_stream_free(d, s);
}

static struct load_stream *begin_load(void)
{
    struct state empty;
    struct load_stream *l;

    new_state(&empty);
    l = load_stream_begin(&empty);
    ck_assert_ptr_null(empty.tree);
    return l;
}

/* Feeds a piece that lies in memory of just its size. Returns what feed returns. */
static int64_t feed(struct load_stream *l, const uint8_t *at, size_t len, bool *ret_done)
{
    uint8_t *piece = zk_xmalloc(len + (len == 0 ? 1 : 0));
    int64_t r;

    if (len > 0)
        memcpy(piece, at, len);
    r = load_stream_feed(l, piece, len, ret_done);
    free(piece);
    return r;
}

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

static void parse_hex(const char *text, struct bytes *out)
{
    unsigned byte;

    for (; *text != '\0'; text += 2) {
        while (*text == ' ')
            text++;
        ck_assert_int_eq(sscanf(text, "%2x", &byte), 1);
        bytes_put(out, &(uint8_t){ (uint8_t)byte }, 1);
    }
}

/* ---- Facts. */

START_TEST(an_empty_database_loads_from_its_bytes)
{
    struct bytes b = { .at = NULL };
    struct load_stream *l = begin_load();
    struct state got;
    bool done = false;

    parse_hex(empty_database, &b);
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

    parse_hex(empty_database, &want);
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

/* ---- What is not a stream. */

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
    Suite *s = suite_create("stream");
    TCase *c = tcase_create("stream");
    SRunner *runner = srunner_create(s);

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
    tcase_add_loop_test(c, what_cannot_be_is_refused, 0, 3);
    tcase_add_test(c, impossible_lengths_are_refused);
    tcase_add_test(c, a_list_that_comes_twice_is_refused);
    tcase_add_test(c, a_wrong_signature_is_refused);
    tcase_add_test(c, a_path_that_comes_twice_is_found_at_the_end);
    tcase_add_test(c, a_stream_that_is_not_over_gives_no_state);
    tcase_add_loop_test(c, every_changed_byte_is_survived, 0, 8);
    tcase_add_test(c, a_long_list_in_small_pieces_takes_no_longer);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
