/* Which snapshot, whether the logs fit it, and what is tidied up afterwards. */
#include "server/state/recover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "server/state/first_snapshot.h"
#include "server/state/load.h"
#include "util/check.h"

/* Of ephemeralOwner (storage-format 7.1): the mark of a TTL node, behind it the TTL. */
#define TTL_MARK_MASK UINT64_C(0xffffff0000000000)
#define TTL_MARK      UINT64_C(0xff00000000000000)

/* A recovery under way. */
struct recovery {
    const struct dirs *dirs;
    const struct recover_conf *conf;
    struct recover_report *report;
    char *why;
    zk_zxid until; /* INT64_MAX: as far as the logs go. */

    struct state state;
    struct log_reader *log; /* Read to its end. */

    /* Of the snapshots that failed: up to where the logs must reach then, and what was
     * wrong with the newest. */
    zk_zxid failed_zxid;
    char failed_why[STORE_WHY_MAX];
};

static uint64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- With a snapshot. */

/* A snapshot whose name is the beginning of an epoch tells of no txn. */
static void note_failed(struct recovery *v, zk_zxid zxid)
{
    if (v->report->snapshots_skipped++ == 0)
        memcpy(v->failed_why, v->why, sizeof v->failed_why);
    if (zxid_counter(zxid) != 0 && zxid > v->failed_zxid)
        v->failed_zxid = zxid;
}

/* An older snapshot does as well as long as the logs reach beyond the one that failed. */
static int check_fallback(struct recovery *v)
{
    zk_zxid last = tree_zxid(v->state.tree);

    if (v->failed_zxid <= last)
        return 0;
    (void)snprintf(v->why, STORE_WHY_MAX,
                   "the logs in %s end at 0x%" PRIx64 ", before 0x%" PRIx64
                   " of a snapshot that cannot be used; restore the missing logs or that snapshot",
                   v->dirs->log_dir, (uint64_t)last, (uint64_t)v->failed_zxid);
    return -EBADMSG;
}

/* What made the older snapshot necessary belongs to the story. */
static void tell_of_failed(struct recovery *v)
{
    char own[STORE_WHY_MAX];

    if (v->report->snapshots_skipped == 0)
        return;
    memcpy(own, v->why, sizeof own);
    (void)snprintf(v->why, STORE_WHY_MAX, "%.600s; an older snapshot was tried because of: %.300s",
                   own, v->failed_why);
}

static int replay(struct recovery *v, const struct snapshot_info *info)
{
    struct replay what = { .log_dir = v->dirs->log_dir,
                           .info = info,
                           .digest_on = v->conf->tree.digest,
                           .until = v->until };
    uint64_t begin = now_us();
    int r = replay_log(&v->state, v->report, &v->log, &what, v->why);

    v->report->replay_us = now_us() - begin;
    return r;
}

/* Whether it has, or may have, traces of txns behind `until`: it is fuzzy. */
static bool reaches_beyond(const struct snapshot_info *info, zk_zxid until)
{
    return (info->has_last_zxid && info->last_zxid > until) ||
           (info->has_digest && info->digest_zxid > until);
}

/* 0: the state is there; 1: this snapshot cannot be used, try an older one; or negative. */
static int try_snapshot(struct recovery *v, const struct snapshot_name *name)
{
    struct snapshot_info info;
    uint64_t begin = now_us();
    int r = load_snapshot(&v->state, &info, &v->conf->tree, v->dirs->snap_dir, name, v->why);

    v->report->load_us = now_us() - begin;
    if (r == -EBADMSG) {
        note_failed(v, name->zxid);
        return 1;
    }
    if (r < 0)
        return r;
    if (reaches_beyond(&info, v->until)) {
        state_done(&v->state);
        return 1;
    }
    memcpy(v->report->snapshot, name->name, sizeof v->report->snapshot);
    v->report->snapshot_zxid = name->zxid;
    r = replay(v, &info);
    if (r == 0)
        r = check_fallback(v);
    if (r < 0)
        tell_of_failed(v);
    return r;
}

static int no_snapshot_is_good(struct recovery *v)
{
    if (v->until != INT64_MAX) {
        (void)snprintf(v->why, STORE_WHY_MAX,
                       "%s: no usable snapshot reaches back to txn 0x%" PRIx64, v->dirs->snap_dir,
                       (uint64_t)v->until);
        return -ENOENT;
    }
    (void)snprintf(v->why, STORE_WHY_MAX,
                   "%.300s: none of %" PRIu64 " snapshots can be used; of the newest: %.400s;"
                   " restore one from a backup or from another member",
                   v->dirs->snap_dir, v->report->snapshots_skipped, v->failed_why);
    return -EBADMSG;
}

/* ---- Without. */

static char *marker_path(const char *version_dir)
{
    static const char name[] = "/../initialize";
    size_t len = strlen(version_dir);
    char *path = zk_xmalloc(len + sizeof name);

    memcpy(path, version_dir, len);
    memcpy(path + len, name, sizeof name);
    return path;
}

/* ZooKeeper looks beside the logs, its script writes beside the snapshots (storage-format
 * 1.5): either will do. */
static bool has_marker(const char *version_dir)
{
    char *path = marker_path(version_dir);
    bool is_there = access(path, F_OK) == 0;

    free(path);
    return is_there;
}

static void remove_marker(const char *version_dir)
{
    char *path = marker_path(version_dir);

    (void)unlink(path);
    free(path);
}

/* Files with a snapshot's name that cannot be one mean that there was a tree. */
static int check_had_none(struct recovery *v)
{
    zk_zxid highest;
    int r = snapshot_highest_name(&highest, v->dirs->snap_dir, v->why);

    if (r < 0 || highest <= 0)
        return r;
    (void)snprintf(v->why, STORE_WHY_MAX,
                   "%s: snapshot.%" PRIx64 " is empty or cut, and there is no other; restore it"
                   " from a backup or from another member, or, if all is to begin anew, remove it",
                   v->dirs->snap_dir, (uint64_t)highest);
    return -EBADMSG;
}

/* Replays onto the built-in nodes. That is a state of its own only when it is allowed,
 * or when there was nothing to replay. */
static int start_without(struct recovery *v)
{
    int r = state_new(&v->state, &v->conf->tree);

    if (r < 0) {
        (void)snprintf(v->why, STORE_WHY_MAX, "not enough memory for a tree");
        return r;
    }
    r = replay(v, NULL);
    if (r < 0)
        return r;
    if (v->report->txns > 0 && !v->conf->trust_empty) {
        (void)snprintf(v->why, STORE_WHY_MAX,
                       "%s: no snapshot is here, but there are %" PRIu64 " txns in %s; restore a"
                       " snapshot, or set zookeeper.snapshot.trust.empty=true if there never was"
                       " one",
                       v->dirs->snap_dir, v->report->txns, v->dirs->log_dir);
        return -EBADMSG;
    }
    if (v->report->txns == 0)
        return check_had_none(v);
    return 0;
}

static int load(struct recovery *v)
{
    struct snapshot_name *list = NULL;
    size_t count = 0;
    int r = snapshot_list(&list, &count, v->dirs->snap_dir, v->why);

    if (r == 0 && count == 0)
        r = start_without(v);
    else if (r == 0)
        r = 1;
    for (size_t i = 0; r == 1 && i < count; i++) {
        if (list[i].zxid <= v->until)
            r = try_snapshot(v, &list[i]);
    }
    free(list);
    return r == 1 ? no_snapshot_is_good(v) : r;
}

/* ---- Sessions that are gone (storage-format 4.1.6). */

/* ZooKeeper with extended types off takes TTL nodes for ephemerals of sessions that do
 * not exist, and deletes them (trap 14). That is data. */
static int check_owner(const struct recovery *v, zk_session_id owner)
{
    struct bytes path = { .at = NULL };

    if (v->conf->tree.extended_types || ((uint64_t)owner & TTL_MARK_MASK) != TTL_MARK)
        return 0;
    znode_path(v->state.tree, tree_first_ephemeral(v->state.tree, owner), &path);
    (void)snprintf(v->why, STORE_WHY_MAX,
                   "%s: %.*s is a TTL node, but zookeeper.extendedTypesEnabled is false: ZooKeeper"
                   " would delete it; set extendedTypesEnabled=true",
                   v->dirs->snap_dir, (int)path.len, (const char *)path.at);
    bytes_done(&path);
    return -EINVAL;
}

static int kill_dead_sessions(struct recovery *v)
{
    zk_session_id *dead = NULL;
    size_t count = 0;
    size_t cap = 0;
    int r = 0;
    struct tree *t = v->state.tree;

    for (zk_session_id id = tree_next_owner(t, 0); r == 0 && id != 0; id = tree_next_owner(t, id)) {
        int32_t timeout_ms;

        if (session_book_get(v->state.sessions, id, &timeout_ms))
            continue;
        r = check_owner(v, id);
        if (count == cap) {
            cap = cap * 2 + 8;
            dead = zk_xrealloc(dead, cap * sizeof *dead);
        }
        dead[count++] = id;
    }
    for (size_t i = 0; r == 0 && i < count; i++)
        (void)tree_kill_session(t, dead[i]);
    v->report->sessions_killed = count;
    free(dead);
    return r;
}

/* ---- All of it. */

/* The logs have the txn that was asked for; else what comes next would not follow it. */
static int check_reached(struct recovery *v)
{
    zk_zxid last = tree_zxid(v->state.tree);

    if (v->until == INT64_MAX || last == v->until)
        return 0;
    if (zxid_counter(v->until) == 0) {
        tree_set_zxid(v->state.tree, v->until);
        return 0;
    }
    (void)snprintf(v->why, STORE_WHY_MAX,
                   "%s: txn 0x%" PRIx64 " is not in the logs: the last one before it is 0x%" PRIx64,
                   v->dirs->log_dir, (uint64_t)v->until, (uint64_t)last);
    return -ENOENT;
}

static int recover_look(struct recovery *v)
{
    int r;

    *v->report = (struct recover_report){ .zxid = 0, .snapshot_zxid = -1 };
    v->why[0] = '\0';
    r = load(v);
    if (r == 0)
        r = check_reached(v);
    if (r == 0)
        r = kill_dead_sessions(v);
    if (r == 0)
        v->report->zxid = tree_zxid(v->state.tree);
    return r;
}

/* Only after everything held is anything written. */
static int tidy_up(struct recovery *v)
{
    bool is_empty = v->report->snapshot[0] == '\0' && v->report->txns == 0;
    int r = log_cut(v->log, &v->report->cut_bytes);

    if (r < 0) {
        (void)snprintf(v->why, STORE_WHY_MAX, "%s: cannot cut the torn end of a log: %s",
                       v->dirs->log_dir, strerror(-r));
        return r;
    }
    dirs_remove_temps(v->dirs);
    if (is_empty && !v->conf->db_autocreate && !has_marker(v->dirs->log_dir) &&
        !has_marker(v->dirs->snap_dir)) {
        v->report->zxid = -1;
        return 0;
    }
    if (is_empty)
        r = write_first_snapshot(&v->state, v->dirs->snap_dir, v->conf->tree.digest, v->why);
    if (r == 0) {
        remove_marker(v->dirs->log_dir);
        remove_marker(v->dirs->snap_dir);
    }
    return r;
}

static int run(struct recovery *v, struct state *ret, bool may_write)
{
    int r = recover_look(v);

    if (r == 0 && may_write)
        r = tidy_up(v);
    log_reader_free(v->log);
    if (r < 0)
        state_done(&v->state);
    *ret = v->state;
    return r;
}

int recover(struct state *ret, struct recover_report *report, const struct dirs *dirs,
            const struct recover_conf *conf, char why[STORE_WHY_MAX])
{
    struct recovery v = {
        .dirs = dirs, .conf = conf, .report = report, .why = why, .until = INT64_MAX
    };

    return run(&v, ret, true);
}

int recover_read_only(struct state *ret, struct recover_report *report, const struct dirs *dirs,
                      const struct recover_conf *conf, char why[STORE_WHY_MAX])
{
    struct recovery v = {
        .dirs = dirs, .conf = conf, .report = report, .why = why, .until = INT64_MAX
    };

    return run(&v, ret, false);
}

int recover_at(struct state *ret, struct recover_report *report, const struct dirs *dirs,
               const struct recover_conf *conf, zk_zxid zxid, char why[STORE_WHY_MAX])
{
    struct recovery v = { .dirs = dirs, .conf = conf, .report = report, .why = why, .until = zxid };

    return run(&v, ret, false);
}
