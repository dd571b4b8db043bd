/* What ends a log where no good entry follows: padding, a torn write, or damage.
 *
 * Torn is what a crash leaves of a write that was never acknowledged. The writer lets
 * no write begin before the one before is on stable storage, into blocks that hold zeros; so
 * what is torn begins behind everything durable and has zeros where data is missing: at its
 * end when the process was killed, in whole sectors when the power went.
 *
 * With an index that fits (one of ours), what lies beyond it is torn if it looks so in either
 * way. Without (a log that ZooKeeper wrote) only the first will do, and no good entry may lie
 * behind it. All else is damage. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "jute/codec.h"
#include "server/store/io.h"
#include "server/store/limits.h"
#include "server/store/log_file.h"

enum { SECTOR = 512, SCAN_BYTES = 64 * 1024, ADLER_BASE = 65521, WHAT_MAX = 256 };

/* What lies at f->at. */
struct tail {
    struct log_file *f;
    uint64_t at, end; /* The entry's offset; the end of what is not zero. */
    uint8_t head[LOG_ENTRY_HEAD];
    uint64_t sum;
    uint32_t len;
    uint64_t summed; /* Bytes checksummed in the search. */
};

static int read_failed(const struct tail *t, ssize_t n, char why[STORE_WHY_MAX])
{
    return store_why_errno(why, (int)n, t->f->path, "cannot read the log");
}

static bool len_is_sane(uint32_t len)
{
    return len >= LOG_ENTRY_MIN && len <= LOG_ENTRY_MAX;
}

/* Whether the checksum in the head is that of some shorter or longer payload that ends in
 * the mark: then the length rotted, and nothing was torn. 1, 0 or a negative errno. */
static int len_is_rotten(const struct tail *t)
{
    uint8_t part[SCAN_BYTES];
    uint32_t a = 1;
    uint32_t b = 0;

    for (uint64_t at = t->at + LOG_ENTRY_HEAD; at < t->end;) {
        uint64_t left = t->end - at;
        ssize_t n = io_pread(t->f->fd, part, left < sizeof part ? (size_t)left : sizeof part, at);

        if (n <= 0)
            return (int)n;
        for (ssize_t i = 0; i < n; i++) {
            if (part[i] == LOG_ENTRY_MARK && ((uint64_t)b << 16 | a) == t->sum)
                return 1;
            a = (a + part[i]) % ADLER_BASE;
            b = (b + a) % ADLER_BASE;
        }
        at += (uint64_t)n;
    }
    return 0;
}

/* Whether what is there of the payload begins as that of the next txn would. */
static int begins_well(const struct tail *t)
{
    uint8_t begin[LOG_ENTRY_MIN] = { 0 };
    zk_zxid last = t->f->last;

    if (t->sum >> 32 != 0)
        return 0;
    if (t->end < t->at + LOG_ENTRY_HEAD + sizeof begin) /* The txn header is torn itself. */
        return 1;

    ssize_t n = io_pread(t->f->fd, begin, sizeof begin, t->at + LOG_ENTRY_HEAD);
    zk_zxid zxid = log_payload_zxid(begin);

    if (n < 0)
        return (int)n;
    if (last < 0)
        return zxid == t->f->zxid;
    return zxid == last + 1 || (zxid_epoch(zxid) > zxid_epoch(last) && zxid_counter(zxid) == 1);
}

/* Whether data of the entry is missing at its end. 1, 0, or negative. */
static int is_cut_short(const struct tail *t)
{
    if (t->end <= t->at + LOG_ENTRY_HEAD)
        return 1;
    if (!len_is_sane(t->len) || t->end >= t->at + LOG_ENTRY_HEAD + t->len + 1)
        return 0;

    int r = begins_well(t);

    if (r <= 0)
        return r;
    r = len_is_rotten(t);
    return r < 0 ? r : r == 0;
}

/* Whether a whole sector of zeros lies in [at, end), counting the one that `at` is in
 * from `at` on: what was durable before it in that sector was written again. Zeros where
 * the entry begins will do. */
static int has_zero_sector(const struct tail *t)
{
    static const uint8_t zeros[LOG_ENTRY_HEAD];
    uint8_t sector[SECTOR];

    if (memcmp(t->head, zeros, sizeof zeros) == 0)
        return 1;

    for (uint64_t at = t->at; at < t->end;) {
        size_t count = SECTOR - (size_t)(at % SECTOR);
        ssize_t n = io_pread(t->f->fd, sector, count, at);
        size_t i = 0;

        if (n <= 0)
            return (int)n;
        while (i < (size_t)n && sector[i] == 0)
            i++;
        if (i == (size_t)n)
            return 1;
        at += (uint64_t)n;
    }
    return 0;
}

/* Checksums [at, at + len). 1: it is `sum`. */
static int sum_matches(struct tail *t, uint64_t at, uint32_t len, uint64_t sum)
{
    uint8_t part[SCAN_BYTES];
    uLong got = 1;

    t->summed += len;
    while (len > 0) {
        ssize_t n = io_pread(t->f->fd, part, len < sizeof part ? len : sizeof part, at);

        if (n <= 0)
            return (int)n;
        got = adler32(got, part, (uInt)n);
        at += (uint64_t)n;
        len -= (uint32_t)n;
    }
    return got == sum;
}

/* Whether a good entry with a zxid yet to come lies at `at`, whose head is given. */
static int is_entry(struct tail *t, uint64_t at, const uint8_t head[LOG_ENTRY_HEAD])
{
    uint64_t sum = jute_load64(head);
    uint32_t len = jute_load32(head + 8);
    uint8_t begin[LOG_ENTRY_MIN];
    uint8_t mark;

    if (sum >> 32 != 0 || !len_is_sane(len) || at + LOG_ENTRY_HEAD + len >= t->end)
        return 0;

    ssize_t n = io_pread(t->f->fd, &mark, 1, at + LOG_ENTRY_HEAD + len);

    if (n <= 0 || mark != LOG_ENTRY_MARK)
        return (int)(n < 0 ? n : 0);
    n = io_pread(t->f->fd, begin, sizeof begin, at + LOG_ENTRY_HEAD);
    if (n < (ssize_t)sizeof begin || log_payload_zxid(begin) <= t->f->last ||
        log_payload_zxid(begin) < t->f->zxid)
        return (int)(n < 0 ? n : 0);
    return sum_matches(t, at + LOG_ENTRY_HEAD, len, sum);
}

/* Looks for a good entry behind the broken one. 1 and its offset; 0: none; or negative. */
/* NOLINTNEXTLINE(readability-function-cognitive-complexity): a search in parts. */
static int find_behind(struct tail *t, uint64_t *ret)
{
    uint8_t part[SCAN_BYTES];

    for (uint64_t at = t->at + 1; at + LOG_ENTRY_HEAD < t->end;) {
        uint64_t left = t->end - at;
        ssize_t n = io_pread(t->f->fd, part, left < sizeof part ? (size_t)left : sizeof part, at);

        if (n < LOG_ENTRY_HEAD)
            return (int)(n < 0 ? n : 0);

        ssize_t heads = n - LOG_ENTRY_HEAD + 1;

        for (ssize_t i = 0; i < heads; i++) {
            int r = is_entry(t, at + (uint64_t)i, part + i);

            if (r != 0 || t->summed > LOG_SCAN_SUM_MAX) {
                *ret = at + (uint64_t)i;
                return r < 0 ? r : 1;
            }
        }
        at += (uint64_t)heads;
    }
    return 0;
}

static int damage(const struct tail *t, char why[STORE_WHY_MAX])
{
    char what[WHAT_MAX];
    uint64_t entry_end = t->at + LOG_ENTRY_HEAD + t->len;

    if (!len_is_sane(t->len))
        (void)snprintf(what, sizeof what, "a txn has the impossible length %" PRId32,
                       (int32_t)t->len);
    else if (t->end < entry_end + 1)
        (void)snprintf(what, sizeof what, "the length of a txn is wrong");
    else
        (void)snprintf(what, sizeof what,
                       "a txn of %" PRIu32 " bytes has a wrong checksum or no end mark", t->len);
    return log_damage(t->f, t->at, what, why);
}

static int damage_in_durable(const struct tail *t, char why[STORE_WHY_MAX])
{
    char what[WHAT_MAX];

    (void)snprintf(what, sizeof what,
                   "no good txn is here, though the log was stored up to offset %" PRIu64
                   " (so says " INDEX_FAMILY ".%" PRIx64
                   " beside it; if the log was cut on purpose, delete that index)",
                   log_file_durable_end(t->f), (uint64_t)t->f->zxid);
    return log_damage(t->f, t->at, what, why);
}

/* Nothing is known about what was durable: a good entry behind shows that this was. */
static int judge_by_content(struct tail *t, bool is_short, enum log_end *ret_end,
                            char why[STORE_WHY_MAX])
{
    char what[WHAT_MAX];
    uint64_t behind = 0;
    int r = find_behind(t, &behind);

    if (r < 0)
        return read_failed(t, r, why);
    if (r > 0) {
        (void)snprintf(what, sizeof what,
                       "no good txn is here, but good ones follow at offset %" PRIu64, behind);
        return log_damage(t->f, t->at, what, why);
    }
    if (!is_short)
        return damage(t, why);
    *ret_end = LOG_END_TORN;
    return 0;
}

int log_judge(struct log_file *f, enum log_end *ret_end, uint64_t *ret_end_at,
              char why[STORE_WHY_MAX])
{
    struct tail t = { .f = f, .at = f->at };
    int64_t end = io_data_end(f->fd, f->at, f->size);
    ssize_t n = io_pread(f->fd, t.head, sizeof t.head, f->at);

    if (end < 0 || n < 0)
        return read_failed(&t, end < 0 ? (ssize_t)end : n, why);
    t.end = (uint64_t)end;
    t.sum = jute_load64(t.head);
    t.len = jute_load32(t.head + 8);
    *ret_end_at = t.end;
    *ret_end = LOG_END_CLEAN;
    if (t.at < log_file_durable_end(f))
        return damage_in_durable(&t, why);
    if (t.end == t.at)
        return 0;

    int is_short = is_cut_short(&t);
    int has_hole = has_zero_sector(&t);

    if (is_short < 0 || has_hole < 0)
        return read_failed(&t, is_short < 0 ? is_short : has_hole, why);
    if (f->index.exists && !f->index_is_stale && (is_short > 0 || has_hole > 0)) {
        *ret_end = LOG_END_TORN;
        return 0;
    }
    return judge_by_content(&t, is_short > 0, ret_end, why);
}
