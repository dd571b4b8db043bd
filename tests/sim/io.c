/* What the ensemble may ask of the outside, on fakes. Each call is a moment at which the
 * process may die: before what it does, behind it, or in the middle. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/state/load.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "util/check.h"
#include "util/log.h"

struct tree_conf member_tree_conf(void)
{
    return (struct tree_conf){ .hash_seed = 7, .extended_types = true, .digest = true };
}

/* ---- Dying in the middle. */

enum fate { FATE_DONE, FATE_BEFORE, FATE_WITHIN, FATE_BEHIND };

/* What becomes of this call. From the second on the process is dead. */
static enum fate fate_of(struct member *n, const char *call)
{
    struct sim *s = n->sim;

    if (n->is_dead)
        return FATE_BEFORE;
    if (s->calm || s->conf.io_crash == 0 || sim_below(s, 1000000) >= s->conf.io_crash)
        return FATE_DONE;

    enum fate fate = FATE_BEFORE + (enum fate)sim_below(s, 3);

    n->is_dead = true;
    n->loses_power = sim_chance(s, 500);
    n->death = call;
    s->seen[SEEN_IO_CRASHES]++;
    sim_trace(s, "%" PRId64 " dies %s %s", n->sid,
              fate == FATE_BEFORE   ? "before"
              : fate == FATE_WITHIN ? "within"
                                    : "behind",
              call);
    return fate;
}

/* ---- Peers. */

static bool is_member(const struct sim *s, zk_sid sid)
{
    return sid >= 1 && (size_t)sid <= s->member_count;
}

static void show_notification(struct member *n, zk_sid to, const uint8_t *frame, size_t len)
{
    static const char *const states[] = { "looking", "following", "leading", "observing" };
    struct zab_notification v;

    if (!sim_is_told(n->sim) || zab_notification_read(&v, frame + 4, len - 4) < 0)
        return;
    sim_trace(n->sim,
              "%" PRId64 " -> %" PRId64 " %s: leader %" PRId64 " zxid %x:%x round %" PRId64
              " epoch %" PRId64,
              n->sid, to, v.state >= 0 && v.state < 4 ? states[v.state] : "?", v.vote.leader,
              zxid_epoch(v.vote.zxid), zxid_counter(v.vote.zxid), v.vote.round, v.vote.epoch);
}

static void io_notify(void *ctx, zk_sid to, const uint8_t *frame, size_t len)
{
    struct member *n = ctx;

    if (fate_of(n, "notify") != FATE_DONE || !is_member(n->sim, to))
        return;
    show_notification(n, to, frame, len);
    mesh_notify(n, (size_t)to - 1, frame, len);
}

static void io_call(void *ctx, zk_sid to)
{
    struct member *n = ctx;

    if (!n->is_dead && is_member(n->sim, to))
        mesh_call(n, (size_t)to - 1);
}

static void io_connect(void *ctx, zab_link link, zk_sid leader)
{
    struct member *n = ctx;

    if (n->is_dead)
        return;
    if (!is_member(n->sim, leader)) {
        sim_fail(n->sim, "server %" PRId64 " calls server %" PRId64 ", who does not exist", n->sid,
                 leader);
        return;
    }
    net_connect(n, link, (size_t)leader - 1);
}

static void io_send(void *ctx, zab_link link, const uint8_t *at, size_t len)
{
    struct member *n = ctx;

    if (fate_of(n, "send") == FATE_DONE)
        net_send(n, link, at, len);
}

static size_t io_unsent(void *ctx, zab_link link)
{
    struct member *n = ctx;

    return n->is_dead ? 0 : net_unsent(n, link);
}

static void io_close(void *ctx, zab_link link, const char *why)
{
    struct member *n = ctx;

    if (n->is_dead)
        return;
    sim_trace(n->sim, "%" PRId64 " closes link %" PRIu64 ": %s", n->sid, link,
              why != NULL ? why : "");
    net_close(n, link);
}

static void io_members(void *ctx, const struct zab_config *cur, const struct zab_config *last_seen)
{
    (void)ctx;
    (void)cur;
    (void)last_seen;
}

/* ---- The log. */

static void on_synced(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (!n->is_up || !n->is_syncing || n->sync_serial != ev->b)
        return;
    n->is_syncing = false;
    if (n->next_sync_fails) {
        n->next_sync_fails = false;
        s->seen[SEEN_FSYNC_FAILURES]++;
        member_kill(n, false, "fsync failed");
        return;
    }

    struct disk *d = &n->disk;

    d->durable = n->syncing < d->count ? n->syncing : d->count;
    if (d->durable > 0) {
        struct inbox_item item = { .kind = IN_LOGGED, .zxid = d->log[d->durable - 1].zxid };
        member_push(n, &item);
    }
    member_sync_some(n);
}

void member_sync_some(struct member *n)
{
    struct sim *s = n->sim;
    int64_t us = sim_between(s, 100, s->conf.fsync_max_us);

    if (n->is_syncing || n->disk.durable == n->disk.count)
        return;
    if (s->now_us < n->slow_until_us)
        us += n->slow_sync_us;
    n->is_syncing = true;
    n->syncing = n->disk.count;
    sim_at(s, us, on_synced, n->index, ++n->sync_serial, NULL);
}

static void io_append(void *ctx, struct wal_batch *b)
{
    struct member *n = ctx;
    enum fate fate = fate_of(n, "append");

    if (fate == FATE_DONE || fate == FATE_BEHIND) {
        zk_zxid last = disk_last(&n->disk);

        for (uint32_t i = 0; i < b->count; i++) {
            const struct wal_txn *t = &b->txns[i];

            if (t->zxid <= last)
                sim_fail(n->sim, "server %" PRId64 " logs 0x%" PRIx64 " behind 0x%" PRIx64, n->sid,
                         (uint64_t)t->zxid, (uint64_t)last);
            ledger_logged(n, last, t->zxid, b->payload.at + t->at, t->len);
            last = t->zxid;
        }
        sim_trace(n->sim, "%" PRId64 " logs %u txns up to %x:%x", n->sid, b->count,
                  zxid_epoch(last), zxid_counter(last));
        disk_append(&n->disk, b);
        n->txns_since_snapshot += b->count;
    }
    wal_batch_unref(b);
    if (fate != FATE_DONE)
        return;
    member_sync_some(n);
    if (n->txns_since_snapshot >= n->sim->conf.snap_count && !n->dump.is_active &&
        !zab_state_is_void(ensemble_zab(n->ensemble)))
        member_dump_begin(n, false);
}

static int io_truncate(void *ctx, zk_zxid zxid, struct state *reload)
{
    struct member *n = ctx;
    struct tree_conf conf = member_tree_conf();
    char why[STORE_WHY_MAX];
    enum fate fate = fate_of(n, "truncate");

    if (n->is_dead && reload != NULL) {
        int r = state_new(reload, &conf); /* It does not matter which. */
        zk_assert(r == 0);
    }
    if (fate == FATE_BEFORE)
        return 0;
    sim_trace(n->sim, "%" PRId64 " truncates its log after %x:%x", n->sid, zxid_epoch(zxid),
              zxid_counter(zxid));
    n->sim->seen[SEEN_TRUNCATES]++;
    if (fate == FATE_WITHIN) { /* The files behind went, the cut was not made. */
        size_t gone = (size_t)sim_below(n->sim, 3);

        while (gone-- > 0 && n->disk.count > 0 && n->disk.log[n->disk.count - 1].zxid > zxid)
            disk_cut(&n->disk, n->disk.count - 1);
        return 0;
    }
    n->is_syncing = false;
    n->sync_serial++;
    disk_truncate(&n->disk, zxid);
    if (reload != NULL)
        member_dump_abandon(n);
    if (reload == NULL || n->is_dead)
        return 0;

    int r = disk_recover(&n->disk, &conf, reload, why);

    if (r == -EBADMSG)
        sim_fail(n->sim, "server %" PRId64 " cannot read back its state: %s", n->sid, why);
    return r;
}

/* ---- Small files. */

static void save_epoch(struct member *n, const char *name, int64_t *file, int64_t epoch)
{
    enum fate fate = fate_of(n, name);
    bool is_written = fate == FATE_DONE || fate == FATE_BEHIND ||
                      (fate == FATE_WITHIN && sim_chance(n->sim, 500));

    if (!is_written)
        return;
    if (epoch < *file)
        sim_fail(n->sim, "server %" PRId64 " lowers %s from %" PRId64 " to %" PRId64, n->sid, name,
                 *file, epoch);
    sim_trace(n->sim, "%" PRId64 " saves %s %" PRId64, n->sid, name, epoch);
    *file = epoch;
}

static void io_save_accepted(void *ctx, int64_t epoch)
{
    struct member *n = ctx;

    save_epoch(n, "acceptedEpoch", &n->disk.accepted, epoch);
}

static void io_save_current(void *ctx, int64_t epoch)
{
    struct member *n = ctx;

    save_epoch(n, "currentEpoch", &n->disk.current, epoch);
}

static void io_save_config(void *ctx, const struct zab_config *cur,
                           const struct zab_config *last_seen)
{
    struct member *n = ctx;
    enum fate fate = fate_of(n, "config");

    if (fate == FATE_BEFORE)
        return;
    disk_put_config(&n->disk.last_seen, last_seen);
    if (fate != FATE_WITHIN)
        disk_put_config(&n->disk.config, cur);
}

/* ---- States and snapshots. */

static void io_empty_state(void *ctx, struct state *ret)
{
    struct member *n = ctx;
    struct tree_conf conf = member_tree_conf();
    int r = state_new(ret, &conf);

    zk_assert(r == 0);
    member_dump_abandon(n);
    n->is_fuzzy = true;
    if (!n->is_dead)
        n->sim->seen[SEEN_SNAPS]++;
}

void member_dump_abandon(struct member *n)
{
    bytes_done(&n->dump.image);
    n->dump = (struct member_dump){ .serial = n->dump.serial + 1 };
}

static void on_dump_durable(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];
    struct member_dump *dump = &n->dump;

    if (!n->is_up || !dump->is_active || dump->serial != ev->b)
        return;

    if (!dump->is_asked && dump->tail > disk_last_durable(&n->disk)) {
        /* It has traces of txns that the log may lose yet: it does not count before they are safe.
         */
        sim_at(s, SIM_MS, on_dump_durable, n->index, dump->serial, NULL);
        return;
    }

    bool is_asked = dump->is_asked;
    struct inbox_item item = { .kind = IN_SNAPSHOT };

    s->seen[SEEN_SNAPSHOTS]++;
    sim_trace(s, "%" PRId64 " has snapshot %x:%x", n->sid, zxid_epoch(dump->zxid),
              zxid_counter(dump->zxid));
    disk_put_snapshot(&n->disk, dump->zxid, dump->tail, is_asked, &dump->image);
    if (is_asked && fate_of(n, "snapshot") != FATE_DONE) {
        /* The new one is there, what is to go is not gone. */
        member_dump_abandon(n);
        member_kill(n, n->loses_power, "snapshot");
        return;
    }
    if (is_asked)
        disk_forget(&n->disk, dump->drop_log);
    else
        disk_purge(&n->disk, 1 + (size_t)sim_below(s, 3));
    if (n->is_syncing) {
        /* Indices have moved: what is on its way is asked for anew. */
        n->is_syncing = false;
        n->sync_serial++;
        member_sync_some(n);
    }
    member_dump_abandon(n);
    if (is_asked)
        member_push(n, &item);
}

static void take_image(struct member *n)
{
    n->dump.has_image = true;
    n->dump.tail = tree_zxid(n->service.state.tree);
    image_take(&n->dump.image, &n->service.state);
    sim_at(n->sim, sim_between(n->sim, 200, 30 * SIM_MS), on_dump_durable, n->index, n->dump.serial,
           NULL);
}

/* A fuzzy one: by its name it is as old as its begin, and it holds what came since. */
static void on_dump_late(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (!n->is_up || !n->dump.is_active || n->dump.serial != ev->b)
        return;
    if (zab_state_is_void(ensemble_zab(n->ensemble)))
        member_dump_abandon(n);
    else
        take_image(n);
}

void member_dump_begin(struct member *n, bool is_asked)
{
    struct sim *s = n->sim;

    member_dump_abandon(n);
    n->txns_since_snapshot = 0;
    n->dump.is_active = true;
    n->dump.is_asked = is_asked;
    n->dump.zxid = tree_zxid(n->service.state.tree);
    n->dump.drop_log = n->disk.count;
    if (is_asked || sim_chance(s, 500))
        take_image(n);
    else
        sim_at(s, sim_between(s, 100, 20 * SIM_MS), on_dump_late, n->index, n->dump.serial, NULL);
}

static void io_save_snapshot(void *ctx)
{
    struct member *n = ctx;

    if (fate_of(n, "save_snapshot") == FATE_DONE)
        member_dump_begin(n, true);
}

/* ---- The log, for learners. */

struct log_cursor {
    zk_zxid at;
    uint8_t *copy;
};

static int io_log_open(void *ctx, zk_zxid after, void **ret)
{
    struct member *n = ctx;
    const struct disk *d = &n->disk;

    /* What begins later than `after` may lack something in between. */
    if (n->is_dead || d->count == 0 ||
        (disk_find(d, after) == NULL && (zxid_counter(after) != 0 || d->log[0].zxid > after)) ||
        !disk_is_whole(d, after))
        return -ENOENT;

    struct log_cursor *c = zk_xcalloc(1, sizeof *c);

    c->at = after;
    *ret = c;
    n->sim->seen[SEEN_LOG_READS]++;
    return 0;
}

static int io_log_next(void *ctx, void *log, const uint8_t **ret, size_t *ret_len,
                       zk_zxid *ret_zxid)
{
    struct member *n = ctx;
    struct log_cursor *c = log;
    const struct disk_entry *e = disk_next(&n->disk, c->at);

    if (e == NULL || e >= n->disk.log + n->disk.durable)
        return 0;
    /* A copy of exactly its size, so that a sanitizer sees who reads beyond. */
    free(c->copy);
    c->copy = zk_xmalloc(e->len);
    memcpy(c->copy, e->at, e->len);
    c->at = e->zxid;
    *ret = c->copy;
    *ret_len = e->len;
    *ret_zxid = e->zxid;
    return 1;
}

static void io_log_close(void *ctx, void *log)
{
    struct log_cursor *c = log;

    (void)ctx;
    free(c->copy);
    free(c);
}

/* ---- The rest. */

static void io_stop(void *ctx, const char *why)
{
    struct member *n = ctx;

    if (n->is_dead)
        return;
    sim_fail(n->sim, "server %" PRId64 " ends itself: %s", n->sid, why);
    n->is_dead = true;
    n->death = why;
}

static void io_log(void *ctx, int level, const char *line)
{
    struct member *n = ctx;

    if (!n->is_dead && strstr(line, "how='DIFF'") != NULL)
        n->sim->seen[SEEN_DIFFS]++;
    if (!n->is_dead && level <= LOG_LEVEL_INFO)
        sim_trace(n->sim, "%" PRId64 " says: %s", n->sid, line);
}

const struct ensemble_io member_io = {
    .notify = io_notify,
    .call = io_call,
    .connect = io_connect,
    .send = io_send,
    .unsent = io_unsent,
    .close = io_close,
    .members = io_members,
    .append = io_append,
    .save_accepted = io_save_accepted,
    .save_current = io_save_current,
    .save_config = io_save_config,
    .truncate = io_truncate,
    .empty_state = io_empty_state,
    .save_snapshot = io_save_snapshot,
    .log_open = io_log_open,
    .log_next = io_log_next,
    .log_close = io_log_close,
    .stop = io_stop,
    .log = io_log,
};
