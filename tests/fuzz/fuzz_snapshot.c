/* Fuzz target of snapshots: server/store/snapshot and the tree that is filled from it.
 *
 * Input: a byte of flags, then the file. FLAG_GZ and FLAG_SNAPPY choose the name; FLAG_SEAL
 * takes the bytes for those between the header and the terminator and makes a plain file with
 * right seals of them, FLAG_PACK packs that with gzip.
 *
 * Laws: reading ends; a file that loads is written again by a dump, and that loads to the
 * same tree and sessions. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/state/dump.h"
#include "server/state/load.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_GZ = 1, FLAG_SNAPPY = 2, FLAG_SEAL = 4, FLAG_PACK = 8 };

static char dir[64];
static int notify_fd;
static const struct tree_conf conf = { .hash_seed = 1, .extended_types = true, .digest = true };

static void remove_dir(void)
{
    (void)rmdir(dir);
}

static void make_dir(void)
{
    if (dir[0] != '\0')
        return;
    (void)snprintf(dir, sizeof dir, "/tmp/zabd-fuzz-XXXXXX");
    zk_assert(mkdtemp(dir) != NULL);
    notify_fd = eventfd(0, EFD_CLOEXEC);
    zk_assert(atexit(remove_dir) == 0);
}

static void put_seal(struct bytes *b)
{
    jute_write_i64(b, (int64_t)adler32(1, b->at, (uInt)b->len));
    jute_write_str(b, jute_text("/"));
}

static void seal(struct bytes *out, const uint8_t *data, size_t size)
{
    bytes_put(out, "ZKSN\0\0\0\2\377\377\377\377\377\377\377\377", 16);
    bytes_put(out, data, size);
    jute_write_str(out, jute_text("/"));
    put_seal(out);
}

static void pack(struct bytes *b)
{
    z_stream z = { .next_in = b->at, .avail_in = (uInt)b->len };
    uLong room;
    struct bytes out = { .at = NULL };

    zk_assert(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    room = deflateBound(&z, (uLong)b->len);
    z.next_out = bytes_room(&out, room);
    z.avail_out = (uInt)room;
    zk_assert(deflate(&z, Z_FINISH) == Z_STREAM_END);
    bytes_added(&out, room - z.avail_out);
    (void)deflateEnd(&z);
    bytes_done(b);
    *b = out;
}

static bool load(struct state *s, const char *name, uint64_t bytes, bool must_load)
{
    struct snapshot_name n = { .bytes = bytes };
    struct snapshot_info info;
    char why[STORE_WHY_MAX];
    int r;

    (void)snprintf(n.name, sizeof n.name, "%s", name);
    r = load_snapshot(s, &info, &conf, dir, &n, why);
    zk_assert(r == 0 || (r < 0 && why[0] != '\0'));
    if (r < 0 && must_load) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
    return r == 0;
}

static uint64_t no_clock(void)
{
    return 0;
}

static void sum_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    uint64_t *sum = ctx;

    *sum += (uint64_t)id * 31 + (uint64_t)timeout_ms;
}

static uint64_t sum_of_sessions(const struct state *s)
{
    uint64_t sum = 0;

    session_book_each(s->sessions, sum_session, &sum);
    return sum;
}

/* libFuzzer's clock is a signal, which may end a read. */
static void wait_for_notice(void)
{
    uint64_t count;
    ssize_t n;

    do
        n = read(notify_fd, &count, sizeof count);
    while (n < 0 && errno == EINTR);
    zk_assert(n == (ssize_t)sizeof count);
}

static void check_again(struct state *s)
{
    struct dump *d;
    struct state again;
    struct tree_totals a;
    struct tree_totals b;
    bool wants_cpu;
    int r = dump_begin(&d, s, dir, SNAPSHOT_PLAIN, true, true, notify_fd);

    zk_assert(r == 0);
    while ((r = dump_step(d, s, UINT64_MAX, no_clock, &wants_cpu)) == 0)
        if (!wants_cpu)
            wait_for_notice();
    zk_assert(r == 1);
    dump_free(d, s);
    (void)load(&again, "snapshot.5", 0, true);
    tree_totals(s->tree, &a);
    tree_totals(again.tree, &b);
    zk_assert(a.nodes == b.nodes && a.ephemerals == b.ephemerals && a.data_bytes == b.data_bytes);
    zk_assert(tree_digest(s->tree) == tree_digest(again.tree));
    zk_assert(sum_of_sessions(s) == sum_of_sessions(&again));
    state_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = { .at = NULL };
    struct state s;
    char path[128];
    char again_path[128];
    const char *name = "snapshot.5";
    int fd;

    make_dir();
    if (size == 0)
        return 0;
    if ((data[0] & FLAG_GZ) != 0 || (data[0] & (FLAG_SEAL | FLAG_PACK)) == (FLAG_SEAL | FLAG_PACK))
        name = "snapshot.5.gz";
    else if ((data[0] & FLAG_SNAPPY) != 0 && (data[0] & FLAG_SEAL) == 0)
        name = "snapshot.5.snappy";
    if ((data[0] & FLAG_SEAL) != 0)
        seal(&file, data + 1, size - 1);
    else
        bytes_put(&file, data + 1, size - 1);
    if ((data[0] & FLAG_SEAL) != 0 && strcmp(name, "snapshot.5.gz") == 0)
        pack(&file);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)snprintf(again_path, sizeof again_path, "%s/snapshot.5", dir);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    zk_assert(fd >= 0);
    zk_assert(file.len == 0 || write(fd, file.at, file.len) == (ssize_t)file.len);
    (void)close(fd);
    if (load(&s, name, file.len, false)) {
        check_again(&s);
        state_done(&s);
    }
    (void)unlink(path);
    (void)unlink(again_path);
    bytes_done(&file);
    return 0;
}
