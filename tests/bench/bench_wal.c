/* How close the log comes to the disk: batches of txns through the log thread, against a
 * bare loop of pwrite and fdatasync of the same bytes, on the three kinds of blocks.
 *
 *   bench_wal DIR [BATCHES [TXNS [BYTES]]]     defaults: 3000, 16, 250
 *
 * "in flight" is how many batches are handed over before the first is waited for: 1 is
 * a client that waits for each answer. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "jute/codec.h"
#include "server/store/wal.h"
#include "util/check.h"

enum { PREALLOC = 64 * 1024 * 1024, HEAD = 32, FRAME = 13, IN_FLIGHT_MAX = 64 };

struct load {
    const char *dir;
    uint32_t batches, txns, bytes;
    double *us; /* Of each batch. */
};

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void report(const struct load *l, const char *what, double us, uint64_t fsyncs)
{
    qsort(l->us, l->batches, sizeof *l->us, compare);
    (void)printf(
        "%-22s %8.0f batches/s %9.0f txns/s  p50 %6.0f us  p99 %6.0f us  %.2f fsyncs/batch\n", what,
        l->batches / us * 1e6, (double)l->batches * l->txns / us * 1e6, l->us[l->batches / 2],
        l->us[l->batches * 99 / 100], (double)fsyncs / l->batches);
}

enum blocks { BLOCKS_HOLE, BLOCKS_UNWRITTEN, BLOCKS_ZEROS };

static int make_file(const char *path, enum blocks blocks)
{
    static uint8_t zeros[1024 * 1024];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    zk_assert(fd >= 0);
    if (blocks == BLOCKS_HOLE)
        zk_assert(pwrite(fd, "", 1, PREALLOC - 1) == 1);
    if (blocks == BLOCKS_UNWRITTEN)
        zk_assert(posix_fallocate(fd, 0, PREALLOC) == 0);
    for (off_t at = 0; blocks == BLOCKS_ZEROS && at < PREALLOC; at += (off_t)sizeof zeros)
        zk_assert(pwrite(fd, zeros, sizeof zeros, at) == (ssize_t)sizeof zeros);
    zk_assert(fsync(fd) == 0);
    return fd;
}

static void bare_loop(const struct load *l, enum blocks blocks, const char *what)
{
    char path[512];
    size_t size = (size_t)l->txns * (l->bytes + FRAME);
    uint8_t *at = zk_xmalloc(size);
    off_t pos = 16;

    (void)snprintf(path, sizeof path, "%s/bare", l->dir);
    int fd = make_file(path, blocks);

    memset(at, 7, size);
    double begin = now_us();

    for (uint32_t i = 0; i < l->batches; i++) {
        double t = now_us();

        if (pos + (off_t)size > PREALLOC)
            pos = 16;
        zk_assert(pwrite(fd, at, size, pos) == (ssize_t)size);
        zk_assert(fdatasync(fd) == 0);
        pos += (off_t)size;
        l->us[i] = now_us() - t;
    }
    report(l, what, now_us() - begin, l->batches);
    (void)close(fd);
    (void)unlink(path);
    free(at);
}

static struct wal_batch *make_batch(const struct load *l, zk_zxid *zxid)
{
    struct wal_batch *b = wal_batch_new();

    b->txns = zk_xcalloc(l->txns, sizeof *b->txns);
    b->count = b->cap = l->txns;
    for (uint32_t i = 0; i < l->txns; i++) {
        uint8_t *p = bytes_room(&b->payload, l->bytes);

        memset(p, 7, l->bytes);
        (void)jute_store64(p + 12, (uint64_t)++ * zxid);
        b->txns[i] =
            (struct wal_txn){ .zxid = *zxid, .at = (uint32_t)b->payload.len, .len = l->bytes };
        bytes_added(&b->payload, l->bytes);
    }
    return b;
}

static void remove_logs(const struct load *l)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/log.1", l->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/zabd.index.1", l->dir);
    (void)unlink(path);
}

static void through_the_log(const struct load *l, uint32_t in_flight)
{
    struct wal_conf conf = { .dir = l->dir,
                             .prealloc_bytes = PREALLOC,
                             .sync = true,
                             .write_index = true,
                             .fsync_warn_ms = 1000 };
    struct wal *w;
    struct wal_done done = { .zxid = 0 };
    double sent_us[IN_FLIGHT_MAX];
    zk_zxid zxid = 0;
    char what[32];
    int fd = eventfd(0, EFD_CLOEXEC);
    uint32_t sent = 0;
    uint32_t answered = 0;

    zk_assert(wal_open(&w, &conf, fd) == 0);
    double begin = now_us();

    while (answered < l->batches) {
        for (; sent < l->batches && sent - answered < in_flight; sent++) {
            sent_us[sent % IN_FLIGHT_MAX] = now_us();
            wal_append(w, make_batch(l, &zxid));
        }

        uint64_t count;

        zk_assert(read(fd, &count, sizeof count) == (ssize_t)sizeof count);
        zk_assert(wal_done(w, &done) == 0);
        for (; answered < (uint32_t)((uint64_t)done.zxid / l->txns); answered++)
            l->us[answered] = now_us() - sent_us[answered % IN_FLIGHT_MAX];
    }
    (void)snprintf(what, sizeof what, "log, %" PRIu32 " in flight", in_flight);
    report(l, what, now_us() - begin, done.fsyncs);
    zk_assert(wal_close(w) == 0);
    (void)close(fd);
    remove_logs(l);
}

int main(int argc, char **argv)
{
    struct load l = { .batches = 3000, .txns = 16, .bytes = 250 };

    if (argc < 2 || argc > 5) {
        (void)fprintf(stderr, "usage: bench_wal DIR [BATCHES [TXNS [BYTES]]]\n");
        return 2;
    }
    l.dir = argv[1];
    if (argc > 2)
        l.batches = (uint32_t)strtoul(argv[2], NULL, 10);
    if (argc > 3)
        l.txns = (uint32_t)strtoul(argv[3], NULL, 10);
    if (argc > 4)
        l.bytes = (uint32_t)strtoul(argv[4], NULL, 10);
    zk_assert(l.batches > 0 && l.txns > 0 && l.bytes >= HEAD);
    l.us = zk_xcalloc(l.batches, sizeof *l.us);
    bare_loop(&l, BLOCKS_HOLE, "bare, hole");
    bare_loop(&l, BLOCKS_UNWRITTEN, "bare, fallocated");
    bare_loop(&l, BLOCKS_ZEROS, "bare, zeros");
    through_the_log(&l, 1);
    through_the_log(&l, 2);
    through_the_log(&l, 16);
    free(l.us);
    return 0;
}
