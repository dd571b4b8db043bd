/* What floor server/tree costs: ns an op, bytes a znode and a watch. Not a test; run it
 * from a release build on a quiet machine. The first argument is the number of znodes
 * (default 1,000,000). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "jute/opcodes.h"
#include "server/tree/tree.h"
#include "server/tree/watch.h"
#include "util/check.h"
#include "util/rand.h"

enum { OPS = 1000000, SMALL = 1000, DATA_LEN = 100 };

static struct tree *t;
static struct watch_table *watches;
static struct bytes record;
static uint8_t data[DATA_LEN];
static zk_zxid zxid;
static struct rand_state rnd;
static uint64_t checksum; /* Keeps the compiler from dropping what is read. */

/* Processor time, so that neighbours count less. */
static double now(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void show(const char *what, double start, uint64_t ops)
{
    (void)printf("%-44s %8.1f ns\n", what, (now() - start) * 1e9 / (double)ops);
}

static size_t resident(void)
{
    size_t pages = 0;
    size_t ignored;
    FILE *f = fopen("/proc/self/statm", "re");

    if (f != NULL) {
        if (fscanf(f, "%zu %zu", &ignored, &pages) != 2)
            pages = 0;
        (void)fclose(f);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void take_result(void *ctx, const struct tree_result *result)
{
    (void)ctx;
    checksum += (uint64_t)result->stat.czxid;
    zk_assert(result->err == 0);
}

static void apply(int32_t type, zk_session_id session)
{
    struct tree_sink sink = { .result = take_result };
    struct txn txn = {
        .head = { .session_id = session, .zxid = ++zxid, .time_ms = zxid, .type = type },
        .body = jute_in(record.at, record.len)
    };

    tree_apply(t, &txn, watches, &sink);
}

static struct jute_bytes path_of(uint64_t i)
{
    static char path[32] = "/bench/n000000000";

    for (int at = 16; at > 7; at--, i /= 10)
        path[at] = (char)('0' + i % 10);
    return (struct jute_bytes){ .at = (const uint8_t *)path, .len = 17 };
}

static void create(struct jute_bytes path, bool ephemeral)
{
    static const uint8_t list[] = { 0,   0, 0, 31, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                    'd', 0, 0, 0,  6, 'a', 'n', 'y', 'o', 'n', 'e' };
    struct create_txn r = { .path = path,
                            .data = { .at = data, .len = DATA_LEN },
                            .acl = { .at = list, .len = sizeof list, .count = 1 },
                            .ephemeral = ephemeral,
                            .parent_cversion = -1 };

    record.len = 0;
    jute_write_create_txn(&record, &r);
    apply(ZK_OP_CREATE, 0x77);
}

static void set(struct jute_bytes path, int32_t len)
{
    struct set_data_txn r = { .path = path, .data = { .at = data, .len = len }, .version = 1 };

    record.len = 0;
    jute_write_set_data_txn(&record, &r);
    apply(ZK_OP_SET_DATA, 0);
}

static void delete (struct jute_bytes path)
{
    struct delete_txn r = { .path = path };

    record.len = 0;
    jute_write_delete_txn(&record, &r);
    apply(ZK_OP_DELETE, 0);
}

static void get(struct jute_bytes path)
{
    const struct znode *n = tree_find(t, path);
    struct zk_stat stat;

    zk_assert(n != NULL);
    znode_stat(t, n, &stat);
    checksum += znode_data(t, n).at[50] + (uint64_t)stat.mzxid;
}

static void fresh(bool digest)
{
    struct tree_conf conf = { .hash_seed = 42, .digest = digest };

    t = tree_free(t);
    zk_assert(tree_new(&t, &conf) == 0);
    create((struct jute_bytes){ .at = (const uint8_t *)"/bench", .len = 6 }, false);
}

/* What the loops below cost by themselves: making paths and records. */
static void bench_frame(uint64_t nodes)
{
    double start = now();

    for (uint64_t i = 0; i < OPS; i++)
        checksum += path_of(rand_below(&rnd, nodes)).at[9];
    show("(a random path)", start, OPS);
}

static void bench_nodes(uint64_t nodes, bool digest)
{
    size_t rss = resident();

    zk_assert(nodes > 0);

    struct tree_totals before;
    struct tree_totals after;

    (void)printf("\n%" PRIu64 " znodes of %d bytes, names of 10%s\n", nodes, DATA_LEN,
                 digest ? "" : ", no digest");
    fresh(digest);
    tree_totals(t, &before);

    double start = now();

    for (uint64_t i = 0; i < nodes; i++)
        create(path_of(i), false);
    show("create", start, nodes);
    tree_totals(t, &after);
    (void)printf("%-44s %8.1f bytes, %.1f beyond name and data; resident %.1f MB\n", "a znode",
                 (double)(after.memory_bytes - before.memory_bytes) / (double)nodes,
                 (double)(after.memory_bytes - before.memory_bytes) / (double)nodes - DATA_LEN - 10,
                 (double)(resident() - rss) / 1e6);
    bench_frame(nodes);
    start = now();
    for (uint64_t i = 0; i < OPS; i++)
        get(path_of(rand_below(&rnd, nodes)));
    show("get (find, stat, data)", start, OPS);
    start = now();
    for (uint64_t i = 0; i < OPS; i++)
        set(path_of(rand_below(&rnd, nodes)), DATA_LEN);
    show("set", start, OPS);
    start = now();
    for (uint64_t i = 0; i < OPS; i++)
        set(path_of(rand_below(&rnd, nodes)), (int32_t)rand_below(&rnd, DATA_LEN));
    show("set to another size", start, OPS);
    start = now();
    struct tree_walk walk;

    tree_walk_begin(t, &walk);
    for (const struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk)) {
        struct znode_raw raw;

        znode_raw(t, n, &raw);
        checksum += (uint64_t)raw.mzxid;
    }
    tree_walk_end(&walk);
    show("walk", start, nodes);
    start = now();
    for (uint64_t i = 0; i < nodes; i++) {
        uint64_t at = i * 7919 % nodes;

        delete (path_of(at));
        create(path_of(at), false);
    }
    show("delete and create", start, nodes);
    start = now();
    for (uint64_t i = 0; i < nodes; i++)
        delete (path_of(i));
    show("delete", start, nodes);
    tree_totals(t, &after);
    (void)printf("%-44s %8.1f MB\n", "left of it",
                 (double)(after.memory_bytes - before.memory_bytes) / 1e6);
}

static void bench_load(uint64_t nodes)
{
    struct znode_raw raw = { .czxid = 1, .mzxid = 1, .pzxid = 1 };
    double start = now();

    tree_load_begin(t, nodes + 10);
    (void)tree_load_node(t, (struct jute_bytes){ .at = data, .len = 0 },
                         (struct jute_bytes){ .at = data, .len = 0 }, -1, &raw);
    (void)tree_load_node(t, (struct jute_bytes){ .at = (const uint8_t *)"/bench", .len = 6 },
                         (struct jute_bytes){ .at = data, .len = 0 }, -1, &raw);
    for (uint64_t i = 0; i < nodes; i++)
        zk_assert(tree_load_node(t, path_of(i), (struct jute_bytes){ .at = data, .len = DATA_LEN },
                                 -1, &raw) == 0);
    zk_assert(tree_load_end(t, 1) == 0);
    (void)printf("\n");
    show("load", start, nodes);
}

static void bench_ephemerals(void)
{
    enum { MANY = 100000 };
    struct bytes strs = { 0 };

    fresh(true);
    for (uint64_t i = 0; i < MANY; i++)
        create(path_of(i), true);
    for (uint64_t i = 0; i < MANY; i++)
        jute_write_str(&strs, path_of(i));
    record.len = 0;
    jute_write_strs(&record, jute_vector_of(&strs, MANY));

    double start = now();

    apply(ZK_OP_CLOSE_SESSION, 0x77);
    (void)printf("%-44s %8.1f ms\n", "close of a session with 100,000 ephemerals",
                 (now() - start) * 1e3);
    bytes_done(&strs);
}

static void bench_digest(void)
{
    struct znode_raw raw = { .czxid = 1 };
    uint32_t crc = 0;
    double start = now();

    for (uint64_t i = 0; i < OPS; i++) {
        raw.mzxid = (zk_zxid)i;
        crc ^= (uint32_t)digest_of(crc, &raw);
    }
    show("digest: stat", start, OPS);
    start = now();
    for (uint64_t i = 0; i < OPS; i++)
        crc ^= digest_content_crc(path_of(crc % 100),
                                  (struct jute_bytes){ .at = data, .len = DATA_LEN });
    show("digest: path of 17 and data of 100", start, OPS);
    checksum += crc;
}

static void bench_watches(void)
{
    enum { WATCHERS = 1000, PATHS = 1000, ALL = WATCHERS * PATHS };
    struct watch_totals totals;
    double start;

    watches = watch_table_new(1);
    zk_assert(watches != NULL);
    start = now();
    for (uint32_t i = 0; i < WATCHERS; i++)
        for (uint64_t k = 0; k < PATHS; k++)
            watch_add(watches, path_of(k), i, WATCH_DATA);
    show("watch: set (1000 watchers x 1000 paths)", start, ALL);
    watch_totals(watches, &totals);
    (void)printf("%-44s %8.1f bytes\n", "watch",
                 (double)totals.memory_bytes / (double)totals.watches);
    start = now();
    for (uint64_t k = 0; k < PATHS; k++)
        checksum += watch_fire_data(watches, path_of(k)).count;
    show("watch: fired", start, ALL);
    start = now();
    for (uint64_t k = 0; k < OPS; k++)
        watch_add(watches, path_of(k), 7, WATCH_DATA);
    show("watch: set (one watcher, a million paths)", start, OPS);
    watch_totals(watches, &totals);
    (void)printf("%-44s %8.1f bytes with its path\n", "watch",
                 (double)totals.memory_bytes / (double)totals.watches);
    start = now();
    watch_remove_all(watches, 7);
    show("watch: gone with its connection", start, OPS);
    watches = watch_table_free(watches);
}

int main(int argc, char **argv)
{
    uint64_t nodes = argc > 1 ? strtoull(argv[1], NULL, 10) : OPS;

    zk_assert(nodes > 0);

    rand_seed(&rnd, 1);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rand_next(&rnd);
    bench_digest();
    bench_nodes(SMALL, true);
    bench_nodes(nodes, true);
    bench_nodes(nodes, false);
    bench_load(nodes);
    bench_ephemerals();
    bench_watches();
    t = tree_free(t);
    bytes_done(&record);
    return checksum == 1; /* It is not. */
}
