/* server/store: the snapshots that ZooKeeper writes, the compressed ones too, and which
 * files of a directory are snapshots. */
#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "server/store/snappy.h"
#include "server/store/snapshot.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

static struct rig_dir dir;
static char why[STORE_WHY_MAX];

static void setup(void)
{
    rig_dir_init(&dir);
    why[0] = '\0';
}

static void teardown(void)
{
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

static int64_t decode(const char *raw, size_t len, uint8_t *out, size_t cap)
{
    /* Exactly as large as said, so that a sanitizer sees one byte too far. */
    uint8_t *exact = malloc(len > 0 ? len : 1);

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, raw, len);

    int64_t r = snappy_decode(out, cap, exact, len);

    free(exact);
    return r;
}

/* ---- ZooKeeper's files. */

START_TEST(zookeepers_snapshots_are_read)
{
    static const struct {
        const char *dir, *name;
        uint64_t nodes, sessions;
        zk_zxid digest_zxid, last_zxid;
    } files[] = {
        { "data", "snapshot.0", 4, 0, 0, 0 },
        { "data", "snapshot.34", 38, 1, 0x35, 0x35 },
        { "data", "snapshot.63", 78, 1, 0x63, 0x63 },
        { "compressed/gz", "snapshot.6b.gz", 82, 2, 0x6b, 0x6b },
        { "compressed/snappy", "snapshot.6b.snappy", 82, 2, 0x6b, 0x6b },
        { "quorum", "snapshot.0", 4, 0, 0, 0 },
    };
    struct snapshot_info info;
    struct tally t = { .sum = 0 };
    char from[RIG_PATH_MAX];

    (void)snprintf(from, sizeof from, TEST_DATA_DIR "/samples/%s/version-2", files[_i].dir);
    rig_dir_copy(&dir, from);
    ck_assert_msg(read_name(files[_i].name, &t, &info) == 0, "%s", why);
    ck_assert_int_eq(info.has_digest, files[_i].digest_zxid != 0);
    ck_assert_int_eq(info.digest_zxid, files[_i].digest_zxid);
    ck_assert_int_eq(info.last_zxid, files[_i].last_zxid);
    ck_assert_uint_eq(t.nodes, files[_i].nodes);
    ck_assert_uint_eq(t.sessions, files[_i].sessions);
}
END_TEST

START_TEST(every_cut_of_a_compressed_snapshot_is_refused)
{
    const char *name = _i == 0 ? "snapshot.6b.gz" : "snapshot.6b.snappy";
    struct bytes whole;
    struct snapshot_info info;
    struct tally good = { .sum = 0 };
    struct tally t = { .sum = 0 };

    rig_dir_copy(&dir, _i == 0 ? TEST_DATA_DIR "/samples/compressed/gz/version-2"
                               : TEST_DATA_DIR "/samples/compressed/snappy/version-2");
    rig_read(&dir, name, &whole);
    ck_assert_int_eq(read_name(name, &good, &info), 0);
    for (size_t size = 0; size < whole.len; size++) {
        rig_write(&dir, name, whole.at, size);

        int r = read_name(name, &t, &info);

        ck_assert_int_eq(r, -EBADMSG);
    }
    bytes_done(&whole);
}
END_TEST

START_TEST(flips_of_zookeepers_compressed_snapshots_are_refused_or_harmless)
{
    const char *name = _i == 0 ? "snapshot.6b.gz" : "snapshot.6b.snappy";
    struct snapshot_info info;
    struct tally good = { .sum = 0 };
    struct tally t = { .sum = 0 };

    rig_dir_copy(&dir, _i == 0 ? TEST_DATA_DIR "/samples/compressed/gz/version-2"
                               : TEST_DATA_DIR "/samples/compressed/snappy/version-2");
    ck_assert_int_eq(read_name(name, &good, &info), 0);
    for (int64_t at = 0; at < rig_size(&dir, name); at++) {
        rig_flip(&dir, name, at, (uint8_t)(1u << at % 8));

        int r = read_name(name, &t, &info);

        ck_assert(r == -EBADMSG || (r == 0 && memcmp(&good, &t, sizeof t) == 0));
        rig_flip(&dir, name, at, (uint8_t)(1u << at % 8));
    }
}
END_TEST

/* ---- Snappy blocks. */

START_TEST(snappy_elements_are_decoded)
{
    static const struct {
        const char *raw;
        size_t len;
        const char *want; /* NULL: malformed. */
    } cases[] = {
        { "\x00", 1, "" },
        { "\x05\x10hello", 7, "hello" }, /* Literal of 5. */
        { "\x0a\x04"
          "ab\x11\x02",
          6, "ababababab" }, /* Of 8. */
        { "\x06\x04"
          "ab\x01\x02",
          6, "ababab" }, /* Copy of 4, offset 2, overlapping. */
        { "\x08\x04"
          "ab\x16\x02\x00",
          7, "abababab" }, /* Copy of 6 with a 2-byte offset. */
        { "\x08\x04"
          "ab\x17\x02\x00\x00\x00",
          9, "abababab" },
        { "\x05\xf0\x04hello", 8, "hello" },              /* Length in one byte. */
        { "\x05\xf4\x04\x00hello", 9, "hello" },          /* In two. */
        { "\x05\xfc\x04\x00\x00\x00hello", 11, "hello" }, /* In four. */
        { "\x05\x10hell", 6, NULL },                      /* The literal is cut. */
        { "\x04\x10hello", 7, NULL },                     /* More than was said. */
        { "\x06\x10hello", 7, NULL },                     /* Less. */
        { "\x06\x04"
          "ab\x01\x03",
          6, NULL }, /* Before the beginning. */
        { "\x06\x04"
          "ab\x01\x00",
          6, NULL }, /* Offset 0. */
        { "\x06\x04"
          "ab\x01",
          5, NULL },
        { "\x06\x04"
          "ab\x16\x02",
          6, NULL },
        { "\x05\xf4\x04", 3, NULL },
        { "\xff\xff\xff\xff\x1f\x00", 6, NULL }, /* Beyond 32 bits. */
        { "\x80\x80\x80\x80\x80\x00", 6, NULL },
        { "", 0, NULL },
        { "\x41\x00", 2, NULL }, /* Larger than the room. */
    };
    uint8_t out[64];
    int64_t r = decode(cases[_i].raw, cases[_i].len, out, sizeof out);

    if (cases[_i].want == NULL) {
        ck_assert_int_eq(r, -EBADMSG);
        return;
    }
    ck_assert_int_eq(r, (int64_t)strlen(cases[_i].want));
    ck_assert_mem_eq(out, cases[_i].want, (size_t)r);
}
END_TEST

/* ---- Listing. */

START_TEST(snapshots_are_listed_newest_first_and_bad_ones_left_out)
{
    static const char good[] = "0123456789\0\0\0\1/";
    struct snapshot_name *list;
    size_t count;
    zk_zxid highest;
    size_t len = sizeof good - 1;

    rig_write(&dir, "snapshot.5", good, len);
    rig_write(&dir, "snapshot.1F", good, len);
    rig_write(&dir, "snapshot.10.bak", good, len);
    rig_write(&dir, "snapshot.10", good, len);
    rig_write(&dir, "snapshot.11", good, len - 1);
    rig_write(&dir, "snapshot.12", good + len - 5, 5);
    rig_write(&dir, "snapshot.13", good, 0);
    rig_write(&dir, "snapshot.20.tmp", good, len);
    rig_write(&dir, "snapshot.zz", good, len);
    rig_write(&dir, "snapshot", good, len);
    rig_write(&dir, ".tmp-snapshot.30", good, len);
    rig_write(&dir, "snapshot.14.gz",
              "\x1f\x8b"
              "345678910",
              11);
    rig_write(&dir, "snapshot.15.gz",
              "\x1f\x8c"
              "345678910",
              11);
    rig_write(&dir, "snapshot.16.snappy", "\x82SNAPPY\0\0\0\0\1", 12);
    rig_write(&dir, "snapshot.17.snappy", "\x82SNAPPI\0\0\0\0\1", 12);
    ck_assert_int_eq(snapshot_list(&list, &count, dir.dir, why), 0);

    static const char *const want[] = { "snapshot.1F", "snapshot.16.snappy", "snapshot.14.gz",
                                        "snapshot.10", "snapshot.10.bak",    "snapshot.5" };

    ck_assert_uint_eq(count, 6);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(list[i].name, want[i]);
    ck_assert_int_eq(list[0].zxid, 0x1f);
    ck_assert_uint_eq(list[0].bytes, len);
    free(list);
    ck_assert_int_eq(snapshot_highest_name(&highest, dir.dir, why), 0);
    ck_assert_int_eq(highest, 0x1f);
    ck_assert_int_eq(snapshot_list(&list, &count, "/nonexistent", why), -ENOENT);
}
END_TEST

START_TEST(what_is_no_file_is_no_snapshot)
{
    char path[RIG_PATH_MAX + 16];
    struct snapshot_name *list;
    size_t count;

    (void)snprintf(path, sizeof path, "%s/snapshot.5", dir.dir);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    (void)snprintf(path, sizeof path, "%s/snapshot.6", dir.dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(snapshot_list(&list, &count, dir.dir, why), 0);
    ck_assert_uint_eq(count, 0);
    free(list);
    (void)snprintf(path, sizeof path, "%s/snapshot.7", dir.dir);
    ck_assert_int_eq(symlink("/nonexistent", path), 0);
    ck_assert_int_eq(snapshot_list(&list, &count, dir.dir, why), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snapshot_files");
    TCase *c = tcase_create("snapshot_files");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, zookeepers_snapshots_are_read, 0, 6);
    tcase_add_loop_test(c, every_cut_of_a_compressed_snapshot_is_refused, 0, 2);
    tcase_add_loop_test(c, flips_of_zookeepers_compressed_snapshots_are_refused_or_harmless, 0, 2);
    tcase_add_loop_test(c, snappy_elements_are_decoded, 0, 21);
    tcase_add_test(c, snapshots_are_listed_newest_first_and_bad_ones_left_out);
    tcase_add_test(c, what_is_no_file_is_no_snapshot);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
