/* server/store/snapshot: what is written is read back, what is damaged is refused. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "server/store/snapshot.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

static struct rig_dir dir;
static int fd;
static char why[STORE_WHY_MAX];

static void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    fd = eventfd(0, EFD_CLOEXEC);
    why[0] = '\0';
}

static void teardown(void)
{
    fault_reset();
    (void)close(fd);
    rig_dir_done(&dir);
}

/* ---- A sink that sums up what it is given. */

struct tally {
    uint64_t sessions, acls, acl_entries, nodes, bytes;
    uint32_t sum;     /* Of everything, in order. */
    uint64_t fail_at; /* The node at which -EPERM is returned; 0: none. */
};

static void add(struct tally *t, const void *at, size_t len)
{
    if (len > 0)
        t->sum = (uint32_t)crc32(t->sum, at, (uInt)len);
    t->bytes += len;
}

static int take_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct tally *t = ctx;

    add(t, &id, sizeof id);
    add(t, &timeout_ms, sizeof timeout_ms);
    t->sessions++;
    return 0;
}

static int take_acl(void *ctx, int64_t id, struct jute_vector acls)
{
    struct tally *t = ctx;
    struct jute_in walk = jute_walk(acls);
    struct jute_acl a;

    add(t, &id, sizeof id);
    add(t, acls.at, acls.len);
    while (jute_next_acl(&walk, &a))
        t->acl_entries++;
    ck_assert(!walk.bad);
    t->acls++;
    return 0;
}

static int take_node(void *ctx, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                     const uint8_t raw[60])
{
    struct tally *t = ctx;

    add(t, path.at, (size_t)path.len);
    add(t, &data.len, sizeof data.len);
    add(t, data.at, data.len > 0 ? (size_t)data.len : 0);
    add(t, &acl, sizeof acl);
    add(t, raw, 60);
    return ++t->nodes == t->fail_at ? -EPERM : 0;
}

static int read_name(const char *name, struct tally *t, struct snapshot_info *info)
{
    struct snapshot_sink sink = {
        .ctx = t, .session = take_session, .acl = take_acl, .node = take_node
    };
    char path[RIG_PATH_MAX + 64];
    uint64_t fail_at = t->fail_at;

    *t = (struct tally){ .fail_at = fail_at };
    (void)snprintf(path, sizeof path, "%s/%s", dir.dir, name);
    return snapshot_read(path, &sink, info, why);
}

/* ---- Making snapshots. */

static void put_node(struct bytes *out, const char *path, size_t data_len)
{
    jute_write_str(out, jute_text(path));
    jute_write_i32(out, (int32_t)data_len);
    for (size_t i = 0; i < data_len; i++)
        *bytes_room(out, 1) = (uint8_t)(i * 7 + data_len), bytes_added(out, 1);
    jute_write_i64(out, -1);
    for (int i = 0; i < 60; i++)
        *bytes_room(out, 1) = (uint8_t)i, bytes_added(out, 1);
}

static void put_seal(struct bytes *out)
{
    jute_write_i64(out, (int64_t)adler32(1, out->at, (uInt)out->len));
    jute_write_str(out, jute_text("/"));
}

/* Header, two sessions, an ACL list, the root and `nodes` more, the terminator. */
static void put_tree(struct bytes *out, uint32_t nodes, size_t data_len)
{
    struct jute_acl a = { .perms = 31, .scheme = jute_text("world"), .id = jute_text("anyone") };

    bytes_put(out, "ZKSN\0\0\0\2\377\377\377\377\377\377\377\377", 16);
    jute_write_i32(out, 2);
    jute_write_i64(out, 0x100000000000001);
    jute_write_i32(out, 30000);
    jute_write_i64(out, 0x100000000000002);
    jute_write_i32(out, 40000);
    jute_write_i32(out, 1);
    jute_write_i64(out, 1);
    jute_write_i32(out, 2);
    jute_write_acl(out, a);
    jute_write_acl(out, a);
    put_node(out, "", 0);
    for (uint32_t i = 0; i < nodes; i++) {
        char path[32];

        (void)snprintf(path, sizeof path, "/node-%" PRIu32, i);
        put_node(out, path, data_len);
    }
    jute_write_str(out, jute_text("/"));
}

/* What follows the tree: seal 1, and the sections asked for. */
enum { WITH_DIGEST = 1, WITH_ZXID = 2, WITH_OLD_DIGEST = 4 };

static void put_tail(struct bytes *out, int what)
{
    put_seal(out);
    if ((what & (WITH_DIGEST | WITH_OLD_DIGEST)) != 0) {
        jute_write_i64(out, 0x77);
        jute_write_i32(out, (what & WITH_OLD_DIGEST) != 0 ? 1 : 2);
        if ((what & WITH_OLD_DIGEST) != 0)
            jute_write_str(out, jute_text("1f2e3d4c5b"));
        else
            jute_write_i64(out, 0x1f2e3d4c5b);
        put_seal(out);
    }
    if ((what & WITH_ZXID) != 0) {
        jute_write_i64(out, 0x78);
        put_seal(out);
    }
}

/* Through the writer: the stream in chunks of `chunk` bytes, seals where asked for. */
static int write_snapshot(zk_zxid zxid, enum snapshot_codec codec, const struct bytes *tree,
                          size_t chunk)
{
    struct snapshot_writer *w = NULL;
    uint64_t bytes;
    int r = snapshot_writer_open(&w, dir.dir, zxid, codec, fd);

    if (r < 0)
        return r;
    for (size_t at = 0; at < tree->len; at += chunk) {
        struct bytes part = { .at = NULL };

        bytes_put(&part, tree->at + at, tree->len - at < chunk ? tree->len - at : chunk);
        while (!snapshot_writer_has_room(w) && snapshot_writer_state(w, &bytes) == 0)
            rig_wait(fd);
        snapshot_writer_put(w, &part);
        ck_assert_ptr_null(part.at);
    }
    snapshot_writer_seal(w);

    struct bytes digest = { .at = NULL };

    jute_write_i64(&digest, 0x77);
    jute_write_i32(&digest, 2);
    jute_write_i64(&digest, 0x1f2e3d4c5b);
    snapshot_writer_put(w, &digest);
    snapshot_writer_seal(w);
    snapshot_writer_end(w);
    while ((r = snapshot_writer_state(w, &bytes)) == 0)
        rig_wait(fd);
    snapshot_writer_free(w);
    return r;
}

static void is_whole(const char *name, const struct bytes *tree)
{
    struct bytes file;
    struct snapshot_info info;
    struct tally want = { .sum = 0 };
    struct tally got = { .sum = 0 };

    file = (struct bytes){ .at = NULL };
    bytes_put(&file, tree->at, tree->len);
    put_tail(&file, WITH_DIGEST);
    rig_write(&dir, "snapshot.ffff", file.at, file.len);
    ck_assert_msg(read_name("snapshot.ffff", &want, &info) == 0, "%s", why);
    ck_assert_msg(read_name(name, &got, &info) == 0, "%s", why);
    ck_assert(memcmp(&want, &got, sizeof want) == 0);
    ck_assert_uint_eq(info.bytes, file.len);
    ck_assert(info.has_digest && info.digest_zxid == 0x77 && info.digest == 0x1f2e3d4c5b);
    ck_assert(!info.has_last_zxid);
    rig_remove(&dir, "snapshot.ffff");
    bytes_done(&file);
}

/* ---- Writing. */

START_TEST(what_the_writer_writes_is_the_stream_with_its_seals)
{
    struct bytes tree = { .at = NULL };
    struct bytes file;

    put_tree(&tree, 100, 50);
    ck_assert_int_eq(write_snapshot(0x2a, SNAPSHOT_PLAIN, &tree, (size_t)_i), 1);
    rig_read(&dir, "snapshot.2a", &file);
    is_whole("snapshot.2a", &tree);
    put_tail(&tree, WITH_DIGEST);
    ck_assert_uint_eq(file.len, tree.len);
    ck_assert_mem_eq(file.at, tree.at, tree.len);
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    bytes_done(&file);
    bytes_done(&tree);
}
END_TEST

START_TEST(a_gz_snapshot_is_one_gzip_member)
{
    struct bytes tree = { .at = NULL };

    put_tree(&tree, 3000, 500);
    ck_assert_int_eq(write_snapshot(0x2a, SNAPSHOT_GZ, &tree, 100000), 1);
    is_whole("snapshot.2a.gz", &tree);
    ck_assert_int_lt(rig_size(&dir, "snapshot.2a.gz"), (int64_t)tree.len);
    bytes_done(&tree);
}
END_TEST

START_TEST(a_large_snapshot_is_flushed_on_the_way)
{
    struct bytes tree = { .at = NULL };

    put_tree(&tree, 12000, 1000);
    ck_assert_int_eq(write_snapshot(1, SNAPSHOT_PLAIN, &tree, SNAPSHOT_CHUNK_BYTES), 1);
    is_whole("snapshot.1", &tree);
    bytes_done(&tree);
}
END_TEST

START_TEST(an_unfinished_snapshot_leaves_nothing)
{
    struct snapshot_writer *w;
    struct bytes chunk = { .at = NULL };

    ck_assert_int_eq(snapshot_writer_open(&w, dir.dir, 5, SNAPSHOT_PLAIN, fd), 0);
    ck_assert_uint_eq(rig_count(&dir, ".tmp-snapshot.5"), 1);
    put_tree(&chunk, 10, 10);
    snapshot_writer_put(w, &chunk);
    snapshot_writer_free(w);
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    ck_assert_uint_eq(rig_count(&dir, "snapshot"), 0);
}
END_TEST

START_TEST(any_fault_leaves_no_snapshot)
{
    static const struct {
        enum fault_call call;
        unsigned count;
        int err;
    } faults[] = {
        { FAULT_PWRITE, 0, ENOSPC }, { FAULT_PWRITE, 3, EIO },     { FAULT_FSYNC, 0, EIO },
        { FAULT_RENAME, 0, EACCES }, { FAULT_PWRITE, 10, EDQUOT },
    };
    struct bytes tree = { .at = NULL };

    put_tree(&tree, 2000, 1000);
    fault_after(faults[_i].call, faults[_i].count, faults[_i].err, true);
    ck_assert_int_eq(write_snapshot(5, SNAPSHOT_PLAIN, &tree, 100000), -faults[_i].err);
    ck_assert_uint_eq(rig_count(&dir, ".tmp"), 0);
    ck_assert_uint_eq(rig_count(&dir, "snapshot"), 0);
    bytes_done(&tree);
}
END_TEST

START_TEST(a_directory_that_is_missing_is_an_error_at_once)
{
    struct snapshot_writer *w;

    ck_assert_int_eq(snapshot_writer_open(&w, "/nonexistent", 5, SNAPSHOT_PLAIN, fd), -ENOENT);
}
END_TEST

/* ---- Reading. */

START_TEST(sections_tell_what_they_are)
{
    static const int kinds[] = { 0,
                                 WITH_DIGEST,
                                 WITH_DIGEST | WITH_ZXID,
                                 WITH_ZXID, /* ZooKeeper's flag would have to be off. */
                                 WITH_OLD_DIGEST,
                                 WITH_OLD_DIGEST | WITH_ZXID };
    struct bytes file = { .at = NULL };
    struct snapshot_info info;
    struct tally t = { .sum = 0 };
    int kind = kinds[_i];

    put_tree(&file, 10, 10);
    put_tail(&file, kind);
    rig_write(&dir, "snapshot.70", file.at, file.len);
    ck_assert_msg(read_name("snapshot.70", &t, &info) == 0, "%s", why);
    ck_assert_int_eq(info.zxid, 0x70);
    ck_assert_int_eq(info.has_digest, (kind & WITH_DIGEST) != 0);
    ck_assert_int_eq(info.has_last_zxid, (kind & WITH_ZXID) != 0);
    ck_assert_int_eq(info.last_zxid, (kind & WITH_ZXID) != 0 ? 0x78 : 0);
    ck_assert_uint_eq(info.bytes, file.len);
    ck_assert_uint_eq(t.nodes, 11);
    ck_assert_uint_eq(t.sessions, 2);
    ck_assert_uint_eq(t.acl_entries, 2);
    /* More bytes behind the last section do no harm, as in ZooKeeper; behind the tree
     * alone they could be anything. */
    bytes_put(&file, "xx\0\0\0\1/", 7);
    rig_write(&dir, "snapshot.70", file.at, file.len);
    ck_assert_int_eq(read_name("snapshot.70", &t, &info), (kind & WITH_ZXID) != 0 ? 0 : -EBADMSG);
    bytes_done(&file);
}
END_TEST

START_TEST(a_digest_for_zxid_0_is_none)
{
    static const uint8_t section[20] = { [11] = 2 };
    struct bytes file = { .at = NULL };
    struct snapshot_info info;
    struct tally t = { .sum = 0 };

    put_tree(&file, 1, 10);
    put_seal(&file);
    bytes_put(&file, section, sizeof section);
    put_seal(&file);
    rig_write(&dir, "snapshot.0", file.at, file.len);
    ck_assert_int_eq(read_name("snapshot.0", &t, &info), 0);
    ck_assert(!info.has_digest);
    bytes_done(&file);
}
END_TEST

START_TEST(records_may_cross_any_border_of_the_readers_buffers)
{
    /* Lengths around the buffer's 1 MiB, and beyond several of them. */
    static const size_t lengths[] = { 1048576 - 300, 1048576 - 200, 1048576 - 100, 1048576,
                                      1048576 + 100, 524288,        3 * 1048576,   5000001 };
    struct bytes tree = { .at = NULL };

    put_tree(&tree, 5, lengths[_i]);
    ck_assert_int_eq(write_snapshot(1, SNAPSHOT_PLAIN, &tree, SNAPSHOT_CHUNK_BYTES), 1);
    is_whole("snapshot.1", &tree);
    ck_assert_int_eq(write_snapshot(2, SNAPSHOT_GZ, &tree, SNAPSHOT_CHUNK_BYTES), 1);
    is_whole("snapshot.2.gz", &tree);
    bytes_done(&tree);
}
END_TEST

START_TEST(small_records_may_cross_every_border)
{
    struct bytes tree = { .at = NULL };

    /* The root's data moves everything behind it by a byte at a time. */
    put_tree(&tree, 0, 0);
    tree.len -= 5 + 76; /* The terminator and the root. */

    size_t root = tree.len;

    for (size_t shift = 0; shift < 260; shift += 3) {
        struct snapshot_info info;
        struct tally t = { .sum = 0 };

        tree.len = root;
        put_node(&tree, "", 1048576 - root - 76 - 160 + shift);
        put_node(&tree, "/a", 3);
        put_node(&tree, "/b", 3);
        jute_write_str(&tree, jute_text("/"));
        put_tail(&tree, WITH_DIGEST | WITH_ZXID);
        rig_write(&dir, "snapshot.1", tree.at, tree.len);
        ck_assert_msg(read_name("snapshot.1", &t, &info) == 0, "%zu: %s", shift, why);
        ck_assert_uint_eq(t.nodes, 3);
        ck_assert(info.has_digest && info.has_last_zxid);
    }
    bytes_done(&tree);
}
END_TEST

START_TEST(every_cut_is_refused_but_for_the_ends_of_sections)
{
    struct bytes file = { .at = NULL };
    struct snapshot_info info;
    struct tally t = { .sum = 0 };
    size_t ends[3];
    size_t good = 0;

    put_tree(&file, 4, 20);
    put_seal(&file);
    ends[0] = file.len;
    file.len -= 13;
    put_tail(&file, WITH_DIGEST);
    ends[1] = file.len;
    file.len = ends[0] - 13;
    put_tail(&file, WITH_DIGEST | WITH_ZXID);
    ends[2] = file.len;
    for (size_t size = 0; size <= file.len; size++) {
        rig_write(&dir, "snapshot.1", file.at, size);

        int r = read_name("snapshot.1", &t, &info);

        if (size == ends[good]) {
            ck_assert_int_eq(r, 0);
            good++;
        } else {
            ck_assert_int_eq(r, -EBADMSG);
            ck_assert_ptr_nonnull(strstr(why, "snapshot.1: offset "));
        }
    }
    ck_assert_uint_eq(good, 3);
    bytes_done(&file);
}
END_TEST

/* Flips of every byte, with three patterns. */
static void every_flip_is_refused(const char *name)
{
    static const uint8_t bits[] = { 0x01, 0x80, 0xff };
    struct snapshot_info info;
    struct tally good = { .sum = 0 };
    struct tally t = { .sum = 0 };
    int64_t size = rig_size(&dir, name);

    ck_assert_msg(read_name(name, &good, &info) == 0, "%s", why);
    for (int64_t at = 0; at < size; at++) {
        for (size_t b = 0; b < sizeof bits; b++) {
            rig_flip(&dir, name, at, bits[b]);

            int r = read_name(name, &t, &info);

            /* A compressed file has bits that mean nothing: time, operating system. */
            if (r == 0)
                ck_assert(strstr(name, ".1.") != NULL && memcmp(&good, &t, sizeof t) == 0);
            else
                ck_assert_msg(r == -EBADMSG, "%d: %s", r, why);
            rig_flip(&dir, name, at, bits[b]);
        }
    }
}

START_TEST(every_flip_of_a_plain_snapshot_is_refused)
{
    struct bytes file = { .at = NULL };

    put_tree(&file, 4, 20);
    put_tail(&file, WITH_DIGEST | WITH_ZXID);
    rig_write(&dir, "snapshot.1", file.at, file.len);
    every_flip_is_refused("snapshot.1");
    bytes_done(&file);
}
END_TEST

START_TEST(every_flip_of_a_gz_snapshot_is_refused_or_harmless)
{
    struct bytes tree = { .at = NULL };

    put_tree(&tree, 4, 20);
    ck_assert_int_eq(write_snapshot(1, SNAPSHOT_GZ, &tree, 1000), 1);
    every_flip_is_refused("snapshot.1.gz");
    bytes_done(&tree);
}
END_TEST

START_TEST(the_sinks_error_ends_the_reading)
{
    struct bytes file = { .at = NULL };
    struct snapshot_info info;
    struct tally t = { .fail_at = 3 };

    put_tree(&file, 4, 20);
    put_tail(&file, WITH_DIGEST);
    rig_write(&dir, "snapshot.1", file.at, file.len);
    ck_assert_int_eq(read_name("snapshot.1", &t, &info), -EPERM);
    ck_assert_uint_eq(t.nodes, 3);
    bytes_done(&file);
}
END_TEST

START_TEST(a_length_that_lies_takes_no_memory)
{
    struct bytes file = { .at = NULL };
    struct snapshot_info info;
    struct tally t = { .sum = 0 };

    put_tree(&file, 1, 20);
    file.len -= 5;
    jute_write_str(&file, jute_text("/liar"));
    jute_write_i32(&file, 256 * 1024 * 1024 - 1);
    rig_write(&dir, "snapshot.1", file.at, file.len);
    ck_assert_int_eq(read_name("snapshot.1", &t, &info), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "too early"));
    file.len -= 4;
    jute_write_i32(&file, 256 * 1024 * 1024 + 1);
    rig_write(&dir, "snapshot.1", file.at, file.len);
    ck_assert_int_eq(read_name("snapshot.1", &t, &info), -EBADMSG);
    ck_assert_ptr_nonnull(strstr(why, "impossible length"));
    bytes_done(&file);
}
END_TEST

START_TEST(a_snapshot_that_may_not_be_read_is_an_error_and_not_damage)
{
    struct snapshot_info info;
    struct tally t = { .sum = 0 };

    ck_assert_int_eq(read_name("snapshot.1", &t, &info), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "snapshot.1"));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snapshot");
    TCase *c = tcase_create("snapshot");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, what_the_writer_writes_is_the_stream_with_its_seals, 997, 999);
    tcase_add_test(c, a_gz_snapshot_is_one_gzip_member);
    tcase_add_test(c, a_large_snapshot_is_flushed_on_the_way);
    tcase_add_test(c, an_unfinished_snapshot_leaves_nothing);
    tcase_add_loop_test(c, any_fault_leaves_no_snapshot, 0, 5);
    tcase_add_test(c, a_directory_that_is_missing_is_an_error_at_once);
    tcase_add_loop_test(c, sections_tell_what_they_are, 0, 6);
    tcase_add_test(c, a_digest_for_zxid_0_is_none);
    tcase_add_loop_test(c, records_may_cross_any_border_of_the_readers_buffers, 0, 8);
    tcase_add_test(c, small_records_may_cross_every_border);
    tcase_add_test(c, every_cut_is_refused_but_for_the_ends_of_sections);
    tcase_add_test(c, every_flip_of_a_plain_snapshot_is_refused);
    tcase_add_test(c, every_flip_of_a_gz_snapshot_is_refused_or_harmless);
    tcase_add_test(c, the_sinks_error_ends_the_reading);
    tcase_add_test(c, a_length_that_lies_takes_no_memory);
    tcase_add_test(c, a_snapshot_that_may_not_be_read_is_an_error_and_not_damage);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
