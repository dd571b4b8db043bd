/* server/state/dump: a snapshot taken while the tree changes, and the log behind it,
 * give the tree that there was. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/state/dump.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"
#include "util/rand.h"

static struct rig_dir dir;
static char why[STORE_WHY_MAX];
static struct state state;
static struct wal *wal;
static int wal_fd, dump_fd;
static zk_zxid zxid;
static struct rand_state rnd;
static uint64_t clock_us;

enum { SESSIONS = 5 };

static const struct tree_conf tree_conf = { .hash_seed = 1,
                                            .extended_types = true,
                                            .digest = true };

static void setup(void)
{
    struct wal_conf conf;

    fault_reset();
    rig_dir_init(&dir);
    ck_assert_int_eq(tree_new(&state.tree, &tree_conf), 0);
    state.sessions = session_book_new(1);
    wal_fd = eventfd(0, EFD_CLOEXEC);
    dump_fd = eventfd(0, EFD_CLOEXEC);
    conf = rig_wal_conf(&dir);
    conf.sync = false;
    ck_assert_int_eq(wal_open(&wal, &conf, wal_fd), 0);
    zxid = 0;
    clock_us = 0;
    rand_seed(&rnd, 42);
}

static void teardown(void)
{
    if (wal != NULL)
        (void)wal_close(wal);
    wal = NULL;
    state_done(&state);
    (void)close(wal_fd);
    (void)close(dump_fd);
    rig_dir_done(&dir);
}

/* A clock that moves by a microsecond a look. */
static uint64_t ticking(void)
{
    return ++clock_us;
}

static uint64_t standing(void)
{
    return 0;
}

/* ---- Txns, logged and applied. */

static void begin_txn(struct bytes *out, int32_t type, int64_t session)
{
    zxid++;

    struct txn_header head = { .session_id = 0x100000000000000 + session,
                               .cxid = 1,
                               .zxid = zxid,
                               .time_ms = 1000 + zxid,
                               .type = type };

    jute_write_txn_header(out, &head);
}

/* Logs it with its digest, as a leader would. */
static void end_txn(struct bytes *out)
{
    struct txn txn;
    struct txn_digest digest = { .version = 2 };
    struct wal_batch *b = wal_batch_new();

    ck_assert(txn_parse(&txn, out->at, out->len));
    state_apply(&state, &txn, NULL, NULL);
    digest.tree_digest = (int64_t)tree_digest(state.tree);
    jute_write_txn_digest(out, &digest);
    b->payload = *out;
    b->txns = calloc(1, sizeof *b->txns);
    ck_assert_ptr_nonnull(b->txns);
    b->count = b->cap = 1;
    b->txns[0] = (struct wal_txn){ .zxid = zxid, .len = (uint32_t)out->len };
    wal_append(wal, b);
}

static void create(const char *path, size_t data_len, bool ephemeral)
{
    static const uint8_t acl[] = { 0,   0, 0, 31, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                   'd', 0, 0, 0,  6, 'a', 'n', 'y', 'o', 'n', 'e' };
    struct bytes out = { .at = NULL };
    uint8_t *data = calloc(1, data_len + 1);
    struct jute_bytes name;
    const struct znode *parent = tree_find_parent(state.tree, jute_text(path), &name);
    struct znode_raw raw = { .cversion = 0 };
    struct create_txn r = { .path = jute_text(path),
                            .data = { .at = data, .len = data_len > 0 ? (int32_t)data_len : -1 },
                            .acl = { .at = acl, .len = sizeof acl, .count = 1 },
                            .ephemeral = ephemeral };

    /* Only what a leader would let through: replaying depends on it. */
    if (parent == NULL || tree_find(state.tree, jute_text(path)) != NULL) {
        free(data);
        return;
    }
    znode_raw(state.tree, parent, &raw);
    r.parent_cversion = raw.cversion + 1;
    ck_assert_ptr_nonnull(data);
    memset(data, (int)(zxid & 0xff), data_len);
    begin_txn(&out, ZK_OP_CREATE, (int64_t)rand_below(&rnd, SESSIONS));
    jute_write_create_txn(&out, &r);
    free(data);
    end_txn(&out);
}

static void delete (const char *path)
{
    struct bytes out = { .at = NULL };
    struct delete_txn r = { .path = jute_text(path) };

    if (tree_find(state.tree, r.path) == NULL)
        return;
    begin_txn(&out, ZK_OP_DELETE, 0);
    jute_write_delete_txn(&out, &r);
    end_txn(&out);
}

static void set_data(const char *path)
{
    struct bytes out = { .at = NULL };
    struct set_data_txn r = { .path = jute_text(path),
                              .data = jute_text("changed"),
                              .version = (int32_t)zxid };

    if (tree_find(state.tree, r.path) == NULL)
        return;
    begin_txn(&out, ZK_OP_SET_DATA, 0);
    jute_write_set_data_txn(&out, &r);
    end_txn(&out);
}

static void session(int64_t id, bool opens)
{
    struct bytes out = { .at = NULL };
    struct create_session_txn r = { .timeout_ms = 30000 };

    begin_txn(&out, opens ? ZK_OP_CREATE_SESSION : ZK_OP_CLOSE_SESSION, id);
    if (opens)
        jute_write_create_session_txn(&out, &r);
    else
        jute_write_i32(&out, 0); /* No paths: whatever it owns goes. */
    end_txn(&out);
}

/* One random change among 20 directories of 20 nodes. */
static void change(void)
{
    char path[64];
    uint64_t what = rand_below(&rnd, 100);
    uint64_t a = rand_below(&rnd, 20);
    uint64_t b = rand_below(&rnd, 20);

    (void)snprintf(path, sizeof path, "/d%" PRIu64 "/n%" PRIu64, a, b);
    if (what < 5) {
        path[strlen("/d10") - (a < 10 ? 1 : 0)] = '\0';
        create(path, 3, false);
    } else if (what < 40) {
        create(path, rand_below(&rnd, 200), rand_below(&rnd, 10) == 0);
    } else if (what < 60) {
        delete (path);
    } else if (what < 95) {
        set_data(path);
    } else {
        int64_t id = (int64_t)rand_below(&rnd, SESSIONS);

        session(id, false); /* Its ephemerals go; */
        session(id, true);  /* it comes back. */
    }
}

/* ---- Comparing whole states. */

static void print_state(struct state *s, struct bytes *out)
{
    struct tree_walk walk;

    tree_walk_begin(s->tree, &walk);
    for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        struct znode_raw z;

        znode_path(s->tree, n, out);
        znode_raw(s->tree, n, &z);
        bytes_printf(out,
                     " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                     " %d %d %d %" PRId64 " %d children %d bytes\n",
                     z.czxid, z.mzxid, z.pzxid, z.ctime, z.mtime, z.version, z.cversion, z.aversion,
                     z.owner, znode_child_count(s->tree, n), znode_data(s->tree, n).len);
    }
    tree_walk_end(&walk);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in order: children come in any. */
static void sort_lines(struct bytes *b)
{
    char *lines[2000];
    size_t count = 0;
    struct bytes out = { .at = NULL };

    bytes_put(b, "", 1);
    for (char *p = (char *)b->at, *end = strchr(p, '\n'); end != NULL; end = strchr(p, '\n')) {
        ck_assert_uint_lt(count, 2000);
        *end = '\0';
        lines[count++] = p;
        p = end + 1;
    }
    qsort(lines, count, sizeof lines[0], by_text);
    for (size_t i = 0; i < count; i++)
        bytes_printf(&out, "%s\n", lines[i]);
    bytes_put(&out, "", 1);
    bytes_done(b);
    *b = out;
}

static void log_is_written(void)
{
    struct wal_done done;

    ck_assert_int_eq(wal_done(wal, &done), 0);
    while (done.zxid < zxid) {
        rig_wait(wal_fd);
        ck_assert_int_eq(wal_done(wal, &done), 0);
    }
}

static void recovered_is_equal(void)
{
    struct dirs d = rig_dirs(&dir);
    struct recover_conf conf = { .tree = tree_conf, .db_autocreate = true };
    struct recover_report report;
    struct state got;
    struct bytes a = { .at = NULL };
    struct bytes b = { .at = NULL };

    log_is_written();
    ck_assert_msg(recover_read_only(&got, &report, &d, &conf, why) == 0, "%s", why);
    ck_assert_int_eq(report.zxid, zxid);
    ck_assert_uint_eq(report.digest_mismatches, 0);
    ck_assert_uint_eq(tree_digest(got.tree), tree_digest(state.tree));
    ck_assert_uint_eq(session_book_count(got.sessions), session_book_count(state.sessions));
    print_state(&got, &a);
    print_state(&state, &b);
    sort_lines(&a);
    sort_lines(&b);
    ck_assert_str_eq((char *)a.at, (char *)b.at);
    bytes_done(&a);
    bytes_done(&b);
    state_done(&got);
}

/* Dumps with `changes` random changes between slices. Returns the number of slices. */
static unsigned dump_among_changes(enum snapshot_codec codec, uint64_t budget_us, unsigned changes)
{
    struct dump *d;
    bool wants_cpu;
    unsigned slices = 0;
    int r = dump_begin(&d, &state, dir.dir, codec, true, true, dump_fd);

    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(dump_zxid(d), zxid);
    for (;;) {
        r = dump_step(d, &state, budget_us, ticking, &wants_cpu);
        if (r != 0)
            break;
        slices++;
        for (unsigned i = 0; wants_cpu && i < changes; i++)
            change();
        if (!wants_cpu)
            rig_wait(dump_fd);
    }
    ck_assert_int_eq(r, 1);
    dump_free(d, &state);
    return slices;
}

/* A log needs a snapshot to stand on. */
static void first_snapshot(void)
{
    (void)dump_among_changes(SNAPSHOT_PLAIN, UINT64_MAX, 0);
    for (int64_t id = 0; id < SESSIONS; id++)
        session(id, true);
}

START_TEST(a_snapshot_among_changes_and_the_log_give_the_tree)
{
    rand_seed(&rnd, (uint64_t)_i);
    first_snapshot();
    for (int i = 0; i < 500; i++)
        change();

    unsigned slices = dump_among_changes(_i % 2 == 0 ? SNAPSHOT_PLAIN : SNAPSHOT_GZ, 1, 5);

    ck_assert_uint_ge(slices, 4);
    for (int i = 0; i < 100; i++)
        change();
    recovered_is_equal();
    /* And the same from a second one that is not disturbed. */
    (void)dump_among_changes(SNAPSHOT_PLAIN, UINT64_MAX, 0);
    recovered_is_equal();
}
END_TEST

/* What a learner saves behind a leader's SNAP: the tree of zxid `as`, with traces of what came
 * since. */
static void dump_as(zk_zxid as, bool is_fuzzy)
{
    struct dump *d;
    bool wants_cpu;

    tree_set_zxid(state.tree, as);
    state.is_fuzzy = is_fuzzy;
    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_PLAIN, true, true, dump_fd), 0);
    while (dump_step(d, &state, UINT64_MAX, standing, &wants_cpu) == 0)
        rig_wait(dump_fd);
    dump_free(d, &state);
    tree_set_zxid(state.tree, zxid);
    state.is_fuzzy = false;
}

/* Recovers up to `until`. */
static struct recover_report recovered(zk_zxid until, bool *ret_is_fuzzy)
{
    struct dirs d = rig_dirs(&dir);
    struct recover_conf conf = { .tree = tree_conf, .db_autocreate = true };
    struct recover_report report;
    struct state got;

    log_is_written();
    ck_assert_msg(recover_at(&got, &report, &d, &conf, until, why) == 0, "%s", why);
    *ret_is_fuzzy = got.is_fuzzy;
    state_done(&got);
    return report;
}

START_TEST(a_fuzzy_state_tells_no_digest_and_is_mended_by_the_log)
{
    zk_zxid as;
    bool is_fuzzy;

    first_snapshot();
    for (int i = 0; i < 500; i++)
        change();
    as = zxid;
    for (int i = 0; i < 50; i++)
        change();
    dump_as(as, true);
    ck_assert_uint_eq(recovered(as, &is_fuzzy).digest_mismatches, 0);
    ck_assert(is_fuzzy);
    ck_assert_uint_eq(recovered(as + 3, &is_fuzzy).digest_mismatches, 0);
    ck_assert(is_fuzzy);
    ck_assert_uint_eq(recovered(zxid, &is_fuzzy).digest_mismatches, 0);
    ck_assert(!is_fuzzy);
    for (int i = 0; i < 50; i++)
        change();
    recovered_is_equal();
    /* With a digest it would be held against the log. */
    dump_as(as, false);
    ck_assert_uint_gt(recovered(zxid, &is_fuzzy).digest_mismatches, 0);
}
END_TEST

START_TEST(a_quiet_snapshot_is_enough)
{
    first_snapshot();
    for (int i = 0; i < 500; i++)
        change();
    (void)dump_among_changes(SNAPSHOT_PLAIN, UINT64_MAX, 0);
    log_is_written();
    for (zk_zxid z = 1; z <= zxid; z++) {
        char name[32];

        (void)snprintf(name, sizeof name, "log.%" PRIx64, (uint64_t)z);
        if (rig_exists(&dir, name))
            rig_remove(&dir, name);
        (void)snprintf(name, sizeof name, "zabd.index.%" PRIx64, (uint64_t)z);
        if (rig_exists(&dir, name))
            rig_remove(&dir, name);
    }
    recovered_is_equal();
}
END_TEST

START_TEST(a_slice_keeps_to_its_budget)
{
    struct dump *d;
    bool wants_cpu = true;
    int r = 0;

    first_snapshot();
    for (int i = 0; i < 3000; i++)
        change();
    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_PLAIN, true, true, dump_fd), 0);
    while (r == 0 && wants_cpu) {
        uint64_t begin = clock_us;

        r = dump_step(d, &state, 4, ticking, &wants_cpu);
        ck_assert_uint_le(clock_us - begin, 6);
    }
    dump_free(d, &state);
}
END_TEST

START_TEST(a_slow_disk_holds_the_walk_up_and_not_the_loop)
{
    struct dump *d;
    bool wants_cpu = true;
    char path[32];
    unsigned waits = 0;
    int r;

    for (int i = 0; i < 80; i++) {
        (void)snprintf(path, sizeof path, "/big%d", i);
        create(path, 100000, false);
    }
    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_GZ, true, true, dump_fd), 0);
    while ((r = dump_step(d, &state, UINT64_MAX, standing, &wants_cpu)) == 0) {
        ck_assert(!wants_cpu); /* It ran until there was no room, or nothing to do. */
        rig_wait(dump_fd);
        waits++;
    }
    ck_assert_int_eq(r, 1);
    ck_assert_uint_ge(waits, 2);
    dump_free(d, &state);
    recovered_is_equal();
}
END_TEST

START_TEST(an_abandoned_snapshot_leaves_nothing)
{
    struct dump *d;
    bool wants_cpu;

    first_snapshot();
    for (int i = 0; i < 500; i++)
        change();
    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_PLAIN, true, true, dump_fd), 0);
    ck_assert_int_eq(dump_step(d, &state, 1, ticking, &wants_cpu), 0);
    dump_free(d, &state);
    ck_assert_uint_eq(rig_count(&dir, "snapshot"), 1); /* The first. */
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    (void)dump_among_changes(SNAPSHOT_PLAIN, 1, 3); /* Another may begin. */
    recovered_is_equal();
}
END_TEST

START_TEST(a_full_disk_ends_the_snapshot_and_nothing_else)
{
    struct dump *d;
    bool wants_cpu;
    int r = 0;

    first_snapshot();
    for (int i = 0; i < 500; i++)
        change();
    log_is_written();
    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_PLAIN, true, true, dump_fd), 0);
    fault_after(FAULT_PWRITE, 0, ENOSPC, true);
    while (r == 0) {
        r = dump_step(d, &state, UINT64_MAX, standing, &wants_cpu);
        if (r == 0)
            rig_wait(dump_fd);
    }
    ck_assert_int_eq(r, -ENOSPC);
    dump_free(d, &state);
    fault_reset();
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    change();
    recovered_is_equal();
}
END_TEST

START_TEST(sections_are_written_as_asked)
{
    static const struct {
        bool digest_on, zxid_on;
        size_t bytes;
    } cases[] = { { true, true, 478 },
                  { true, false, 457 },
                  { false, false, 424 },
                  { false, true, 424 } /* Never alone. */ };
    struct dump *d;
    bool wants_cpu;

    ck_assert_int_eq(dump_begin(&d, &state, dir.dir, SNAPSHOT_PLAIN, cases[_i].digest_on,
                                cases[_i].zxid_on, dump_fd),
                     0);
    while (dump_step(d, &state, UINT64_MAX, standing, &wants_cpu) == 0)
        rig_wait(dump_fd);
    dump_free(d, &state);
    ck_assert_int_eq(rig_size(&dir, "snapshot.0"), (int64_t)cases[_i].bytes);
    recovered_is_equal();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dump");
    TCase *c = tcase_create("dump");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, a_snapshot_among_changes_and_the_log_give_the_tree, 0, 20);
    tcase_add_test(c, a_fuzzy_state_tells_no_digest_and_is_mended_by_the_log);
    tcase_add_test(c, a_quiet_snapshot_is_enough);
    tcase_add_test(c, a_slice_keeps_to_its_budget);
    tcase_add_test(c, a_slow_disk_holds_the_walk_up_and_not_the_loop);
    tcase_add_test(c, an_abandoned_snapshot_leaves_nothing);
    tcase_add_test(c, a_full_disk_ends_the_snapshot_and_nothing_else);
    tcase_add_loop_test(c, sections_are_written_as_asked, 0, 4);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
