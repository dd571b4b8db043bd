/* The log applied behind a snapshot, with the digests compared (storage-format 4.4). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "server/state/load.h"

/* What the digest of the tree should be, and when. */
struct digests {
    bool on;
    bool has_target; /* Until then the tree is fuzzy, and no digest fits. */
    zk_zxid target_zxid;
    uint64_t target;
    struct recover_report *report;
};

static void compare(struct digests *d, const struct state *s, zk_zxid zxid, uint64_t want)
{
    if (tree_digest(s->tree) == want)
        return;
    if (d->report->digest_mismatches++ == 0)
        d->report->first_mismatch = zxid;
}

/* A snapshot that does not say its digest may be a leader's, as ZooKeeper and we save it behind
 * SNAP. That of zxid 0 does not say it because nothing has happened. */
static void digests_init(struct digests *d, struct recover_report *report, struct state *s,
                         const struct snapshot_info *info, bool on)
{
    *d = (struct digests){ .on = on, .report = report };
    if (!on || info == NULL)
        return;
    if (!info->has_digest || info->digest_zxid < info->zxid) {
        s->is_fuzzy = info->zxid != 0;
        return;
    }
    if (info->digest_zxid == info->zxid) {
        compare(d, s, info->zxid, info->digest);
        return;
    }
    d->has_target = true;
    d->target_zxid = info->digest_zxid;
    d->target = info->digest;
}

static void digests_follow(struct digests *d, struct state *s, const struct txn *txn)
{
    if (!d->on)
        return;
    if (!d->has_target) {
        if (txn->has_digest && txn->digest == tree_digest(s->tree))
            s->is_fuzzy = false;
        else if (txn->has_digest && !s->is_fuzzy)
            compare(d, s, txn->head.zxid, txn->digest);
        return;
    }
    if (txn->head.zxid == d->target_zxid)
        compare(d, s, txn->head.zxid, d->target);
    d->has_target = txn->head.zxid < d->target_zxid;
}

/* What a snapshot holds of txns behind its name is only whole together with them. */
static int check_covers(const struct snapshot_info *info, zk_zxid last, const char *log_dir,
                        char why[STORE_WHY_MAX])
{
    if (info == NULL || !info->has_last_zxid || info->last_zxid <= last)
        return 0;
    (void)snprintf(why, STORE_WHY_MAX,
                   "%s: the logs end at txn 0x%" PRIx64 ", but snapshot.%" PRIx64
                   " holds traces of txns up to 0x%" PRIx64
                   ": a log is missing or was cut; restore it from a backup or from another member",
                   log_dir, (uint64_t)last, (uint64_t)info->zxid, (uint64_t)info->last_zxid);
    return -EBADMSG;
}

static int unparsable(const struct log_reader *log, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    const char *path;
    uint64_t offset;

    log_reader_where(log, &path, &offset);
    (void)snprintf(
        why, STORE_WHY_MAX,
        "%s: offset %" PRIu64 " (0x%" PRIx64 "): txn 0x%" PRIx64
        " is of an unknown type or its record is malformed, though its checksum is right;"
        " a newer or another server may have written it: start that one, or restore"
        " this file from another member",
        path, offset, offset, (uint64_t)zxid);
    return -EBADMSG;
}

int replay_log(struct state *s, struct recover_report *report, struct log_reader **ret_log,
               const struct replay *what, char why[STORE_WHY_MAX])
{
    static const struct tree_sink nowhere;
    struct log_reader *log = NULL;
    struct digests digests;
    const uint8_t *payload;
    size_t len;
    zk_zxid zxid;
    int r = log_reader_open(&log, what->log_dir, tree_zxid(s->tree) + 1, why);

    digests_init(&digests, report, s, what->info, what->digest_on);
    while (r == 0) {
        struct txn txn;

        r = log_reader_next(log, &payload, &len, &zxid, why);
        if (r > 0 && zxid > what->until)
            r = 0;
        if (r <= 0)
            break;
        r = txn_parse(&txn, payload, len) ? 0 : unparsable(log, zxid, why);
        if (r < 0)
            break;
        state_apply(s, &txn, NULL, &nowhere);
        report->txns++;
        digests_follow(&digests, s, &txn);
    }
    s->is_fuzzy = s->is_fuzzy || digests.has_target; /* A log that ends before it. */
    if (r == 0)
        r = check_covers(what->info, tree_zxid(s->tree), what->log_dir, why);
    if (r == 0)
        *ret_log = log;
    else
        log_reader_free(log);
    return r;
}
