/* Snapshots of a large tree: how long the loop is held up, what the log's fdatasync
 * suffers meanwhile, how fast the file is read back.
 *
 *   bench_snapshot DIR [ZNODES]     default: 1000000, of 100 bytes, 1,000 below each parent
 *
 * DIR is emptied of logs and snapshots. */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "jute/records.h"
#include "server/state/dump.h"
#include "server/state/recover.h"
#include "server/store/wal.h"
#include "util/check.h"

enum {
    DATA_BYTES = 100,
    SIBLINGS = 1000,
    SLICE_US = 1000,
    BATCH_TXNS = 16,
    FDATASYNCS_MAX = 1000000,
    ALONE_US = 2000000
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void put_create(struct bytes *out, zk_zxid zxid, const char *path)
{
    static const uint8_t data[DATA_BYTES];
    static const uint8_t anyone[] = { 0,   0, 0, 31, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                      'd', 0, 0, 0,  6, 'a', 'n', 'y', 'o', 'n', 'e' };
    struct txn_header head = { .session_id = 1, .zxid = zxid, .time_ms = 1, .type = ZK_OP_CREATE };
    struct create_txn create = { .path = jute_text(path),
                                 .data = { .at = data, .len = DATA_BYTES },
                                 .acl = { .at = anyone, .len = sizeof anyone, .count = 1 },
                                 .parent_cversion = -1 };

    jute_write_txn_header(out, &head);
    jute_write_create_txn(out, &create);
}

static void create(struct state *s, zk_zxid zxid, const char *path)
{
    struct bytes payload = { .at = NULL };
    struct txn txn;

    put_create(&payload, zxid, path);
    zk_assert(txn_parse(&txn, payload.at, payload.len));
    state_apply(s, &txn, NULL, NULL);
    bytes_done(&payload);
}

static void fill(struct state *s, uint32_t count)
{
    char path[64];
    zk_zxid zxid = 0;

    create(s, ++zxid, "/bench");
    for (uint32_t i = 0; i < count; i++) {
        if (i % SIBLINGS == 0) {
            (void)snprintf(path, sizeof path, "/bench/%04" PRIu32, i / SIBLINGS);
            create(s, ++zxid, path);
        }
        (void)snprintf(path, sizeof path, "/bench/%04" PRIu32 "/node-%08" PRIu32, i / SIBLINGS, i);
        create(s, ++zxid, path);
    }
}

/* Batches go through the log one after the other, each waited for. */
struct logging {
    struct wal *wal;
    int fd;
    zk_zxid zxid, answered;
    uint64_t sent_us, count, us[FDATASYNCS_MAX];
};

static void log_next(struct logging *g)
{
    struct wal_batch *b = wal_batch_new();

    b->txns = zk_xcalloc(BATCH_TXNS, sizeof *b->txns);
    for (b->count = 0; b->count < BATCH_TXNS; b->count++) {
        uint32_t at = (uint32_t)b->payload.len;

        put_create(&b->payload, ++g->zxid, "/bench/0000/node-00000000");
        b->txns[b->count] =
            (struct wal_txn){ .zxid = g->zxid, .at = at, .len = (uint32_t)b->payload.len - at };
    }
    g->sent_us = now_us();
    wal_append(g->wal, b);
}

static void log_look(struct logging *g)
{
    struct wal_done done;

    zk_assert(wal_done(g->wal, &done) == 0);
    if (done.zxid < g->zxid || g->count == FDATASYNCS_MAX)
        return;
    g->us[g->count++] = now_us() - g->sent_us;
    log_next(g);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void log_report(struct logging *g, const char *what)
{
    if (g->count == 0)
        return;
    qsort(g->us, g->count, sizeof g->us[0], compare);
    (void)printf("log %-18s %6" PRIu64 " batches: p50 %" PRIu64 " us, p99 %" PRIu64
                 " us, p99.9 %" PRIu64 " us, longest %" PRIu64 " us\n",
                 what, g->count, g->us[g->count / 2], g->us[g->count * 99 / 100],
                 g->us[g->count * 999 / 1000], g->us[g->count - 1]);
    g->count = 0;
}

static void log_alone(struct logging *g, uint64_t for_us)
{
    uint64_t end = now_us() + for_us;
    uint64_t count;

    while (now_us() < end && read(g->fd, &count, sizeof count) > 0)
        log_look(g);
    log_report(g, "alone");
}

static void snapshot(struct state *s, struct logging *g, const char *dir, enum snapshot_codec codec)
{
    struct dump *d;
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct pollfd polls[2] = { { .fd = fd, .events = POLLIN }, { .fd = g->fd, .events = POLLIN } };
    uint64_t longest = 0;
    uint64_t busy = 0;
    uint64_t begin = now_us();
    int r = dump_begin(&d, s, dir, codec, true, true, fd);

    zk_assert(r == 0);
    while (r == 0) {
        bool wants_cpu;
        uint64_t count;
        uint64_t slice = now_us();

        r = dump_step(d, s, SLICE_US, now_us, &wants_cpu);
        slice = now_us() - slice;
        busy += slice;
        longest = slice > longest ? slice : longest;
        if (r != 0)
            break;
        zk_assert(poll(polls, 2, wants_cpu ? 0 : -1) >= 0);
        if ((polls[0].revents & POLLIN) != 0)
            zk_assert(read(fd, &count, sizeof count) > 0);
        if ((polls[1].revents & POLLIN) != 0) {
            zk_assert(read(g->fd, &count, sizeof count) > 0);
            log_look(g);
        }
    }
    zk_assert(r == 1);
    (void)printf("snapshot %s: %.2f s, of it %.2f s on the loop, longest slice %" PRIu64 " us\n",
                 codec == SNAPSHOT_GZ ? "gz" : "plain", (double)(now_us() - begin) / 1e6,
                 (double)busy / 1e6, longest);
    dump_free(d, s);
    (void)close(fd);
    log_report(g, codec == SNAPSHOT_GZ ? "during gz" : "during plain");
}

static void read_back(const char *dir, const struct recover_conf *conf)
{
    struct dirs dirs = { .lock_fds = { -1, -1 } };
    struct state s;
    struct recover_report report;
    struct tree_totals totals;
    char why[STORE_WHY_MAX];
    uint64_t begin = now_us();

    dirs.snap_dir = dirs.log_dir = strdup(dir);
    if (recover_read_only(&s, &report, &dirs, conf, why) < 0) {
        (void)fprintf(stderr, "%s\n", why);
        exit(1);
    }
    tree_totals(s.tree, &totals);
    (void)printf("read back %s: %.3f s (load %.3f), %" PRIu64 " nodes, tree %.0f MB, %" PRIu64
                 " mismatches\n",
                 report.snapshot, (double)(now_us() - begin) / 1e6, (double)report.load_us / 1e6,
                 totals.nodes, (double)totals.memory_bytes / 1e6, report.digest_mismatches);
    state_done(&s);
    free(dirs.snap_dir);
}

static void clear(const char *dir)
{
    char command[600];

    (void)snprintf(command, sizeof command, "rm -f '%s'/log.* '%s'/snapshot.* '%s'/zabd.*", dir,
                   dir, dir);
    zk_assert(system(command) == 0);
}

int main(int argc, char **argv)
{
    struct recover_conf conf = { .tree = { .hash_seed = 1, .digest = true },
                                 .db_autocreate = true };
    struct state s = { .tree = NULL };
    static struct logging g;
    uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000000;

    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: bench_snapshot DIR [ZNODES]\n");
        return 2;
    }

    const char *dir = argv[1];
    struct wal_conf wal_conf = {
        .dir = dir, .prealloc_bytes = 64 << 20, .sync = true, .write_index = true
    };

    zk_assert(tree_new(&s.tree, &conf.tree) == 0);
    s.sessions = session_book_new(1);
    fill(&s, count);
    for (enum snapshot_codec codec = SNAPSHOT_PLAIN; codec <= SNAPSHOT_GZ; codec++) {
        clear(dir);
        g = (struct logging){ .fd = eventfd(0, EFD_CLOEXEC), .zxid = 0x100000000 };
        zk_assert(wal_open(&g.wal, &wal_conf, g.fd) == 0);
        log_next(&g);
        log_alone(&g, ALONE_US);
        snapshot(&s, &g, dir, codec);
        zk_assert(wal_close(g.wal) == 0);
        (void)close(g.fd);
        read_back(dir, &conf);
    }
    clear(dir);
    state_done(&s);
    return 0;
}
