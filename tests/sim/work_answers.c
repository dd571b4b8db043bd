/* What clients make of the answers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger.h"
#include "tests/sim/user.h"
#include "util/check.h"

static bool is_write(enum errand errand)
{
    switch (errand) {
    case ERRAND_CREATE:
    case ERRAND_SET:
    case ERRAND_DELETE:
    case ERRAND_MULTI:
    case ERRAND_SEQUENTIAL:
    case ERRAND_EPHEMERAL:
    case ERRAND_PARENTS:
    case ERRAND_CLOSE:
    case ERRAND_RECONFIG:
        return true;
    case ERRAND_GET:
    case ERRAND_SYNC:
    case ERRAND_EXISTS:
    case ERRAND_CHILDREN:
    case ERRAND_WATCHES:
    case ERRAND_PING:
    case ERRAND_COUNT:
        return false;
    }
    return false;
}

static void saw_key(struct user *u, const struct asked *what, bool exists,
                    const struct zk_stat *stat)
{
    char path[WORK_PATH_BYTES];
    const struct watch_entry *slept;
    zk_zxid mzxid = exists ? stat->mzxid : 0;

    work_path(path, what);
    slept = watches_slept(&u->watches, path, exists, mzxid);
    if (slept != NULL)
        sim_fail(u->sim,
                 "client %zu sees %s at 0x%" PRIx64 ", but its watch since 0x%" PRIx64
                 " did not fire",
                 u->index, path, (uint64_t)mzxid, (uint64_t)slept->zxid);
    if (exists && mzxid < u->key_seen[what->key])
        sim_fail(u->sim, "client %zu sees %s as of 0x%" PRIx64 ", after 0x%" PRIx64, u->index, path,
                 (uint64_t)mzxid, (uint64_t)u->key_seen[what->key]);
    if (exists) {
        u->key_seen[what->key] = mzxid;
        u->key_version[what->key] = stat->version;
    }
}

static void on_read(struct user *u, const struct asked *what, int32_t err, struct jute_in *in)
{
    struct zk_stat stat = { 0 };
    struct jute_bytes data = { .len = -1 };
    char path[WORK_PATH_BYTES];
    bool exists = err == ZK_OK;

    if (exists && what->errand == ERRAND_GET)
        jute_read_buf(in, &data);
    if (exists)
        jute_read_zk_stat(in, &stat);
    saw_key(u, what, exists, &stat);
    work_path(path, what);
    if (what->watch && exists)
        watches_add(&u->watches, WATCHES_DATA, path, stat.mzxid);
    else if (what->watch && what->errand == ERRAND_EXISTS)
        watches_add(&u->watches, WATCHES_EXIST, path, 0);
    if (what->tale != SIZE_MAX)
        tale_return(u->sim->tale, what->tale, u->sim->now_us, exists ? TALE_OK : TALE_MISSING,
                    exists && data.len == 4 ? jute_load32(data.at) : 0, stat.version);
}

static void on_children(struct user *u, const struct asked *what, int32_t err, struct jute_in *in)
{
    struct jute_vector names;
    struct zk_stat stat;
    const struct watch_entry *slept;

    if (err != ZK_OK) {
        u->wants_parents = true;
        return;
    }
    jute_read_strs(in, &names);
    jute_read_zk_stat(in, &stat);
    slept = watches_slept_children(&u->watches, "/q", stat.pzxid);
    if (slept != NULL)
        sim_fail(u->sim,
                 "client %zu sees children of /q as of 0x%" PRIx64
                 ", but its watch since 0x%" PRIx64 " did not fire",
                 u->index, (uint64_t)stat.pzxid, (uint64_t)slept->zxid);
    if (what->watch)
        watches_add(&u->watches, WATCHES_CHILD, "/q", stat.pzxid);
}

static void on_sequential(struct user *u, int32_t err, struct jute_in *in)
{
    struct jute_bytes path;
    char text[WORK_PATH_BYTES];

    if (err != ZK_OK) {
        u->wants_parents = true;
        return;
    }
    jute_read_str(in, &path);
    zk_assert(!in->bad && path.len > 5 && path.len < WORK_PATH_BYTES);
    memcpy(text, path.at, (size_t)path.len);
    text[path.len] = '\0';

    int32_t number = (int32_t)strtol(text + 5, NULL, 10);

    if (u->sequential_count > 0 && u->sequentials[u->sequential_count - 1] >= number)
        sim_fail(u->sim, "client %zu was given number %d after %d", u->index, number,
                 u->sequentials[u->sequential_count - 1]);
    if (u->sequential_count == u->sequential_cap) {
        u->sequential_cap = u->sequential_cap * 2 + 16;
        u->sequentials = zk_xrealloc(u->sequentials, u->sequential_cap * sizeof *u->sequentials);
    }
    u->sequentials[u->sequential_count++] = number;
}

/* The end of a write to a register, and the version behind it. */
static enum tale_end end_of(int32_t err)
{
    switch (err) {
    case ZK_OK:
        return TALE_OK;
    case ZK_NO_NODE:
        return TALE_MISSING;
    case ZK_NODE_EXISTS:
        return TALE_EXISTS;
    case ZK_BAD_VERSION:
        return TALE_BAD_VERSION;
    default:
        return TALE_NOTHING;
    }
}

static int32_t read_multi(struct jute_in *in, struct zk_stat *ret)
{
    struct multi_header head;
    int32_t err = ZK_OK;

    jute_read_multi_header(in, &head);
    if (head.type == ZK_OP_ERROR)
        jute_read_i32(in, &err);
    jute_read_multi_header(in, &head);
    if (head.type != ZK_OP_ERROR)
        jute_read_zk_stat(in, ret);
    return err;
}

static void on_register(struct user *u, const struct asked *what, int32_t err, struct jute_in *in)
{
    struct zk_stat stat = { 0 };

    if (err == ZK_OK && what->errand == ERRAND_MULTI)
        err = read_multi(in, &stat);
    else if (err == ZK_OK && what->errand == ERRAND_SET)
        jute_read_zk_stat(in, &stat);
    if (err == ZK_OK && stat.mzxid != 0)
        saw_key(u, what, true, &stat);
    tale_return(u->sim->tale, what->tale, u->sim->now_us, end_of(err), 0, stat.version);
}

/* Codes that a client of this kind may see. Others are a bug. */
static bool is_expected(const struct asked *what, int32_t err)
{
    switch (err) {
    case ZK_OK:
    case ZK_SESSION_EXPIRED:
    case ZK_SESSION_MOVED:
        return true;
    case ZK_NO_NODE:
        return what->errand != ERRAND_CREATE && what->errand != ERRAND_PARENTS;
    case ZK_NODE_EXISTS:
        return what->errand == ERRAND_CREATE || what->errand == ERRAND_PARENTS ||
               what->errand == ERRAND_EPHEMERAL;
    case ZK_BAD_VERSION:
        return what->errand == ERRAND_SET || what->errand == ERRAND_DELETE ||
               what->errand == ERRAND_MULTI || what->errand == ERRAND_RECONFIG;
    default:
        return what->errand == ERRAND_RECONFIG;
    }
}

static void on_done(struct user *u, const struct asked *what, int32_t err, struct jute_in *body)
{
    switch (what->errand) {
    case ERRAND_CREATE:
    case ERRAND_SET:
    case ERRAND_DELETE:
    case ERRAND_MULTI:
        on_register(u, what, err, body);
        break;
    case ERRAND_GET:
    case ERRAND_EXISTS:
        on_read(u, what, err, body);
        break;
    case ERRAND_CHILDREN:
        on_children(u, what, err, body);
        break;
    case ERRAND_SEQUENTIAL:
        on_sequential(u, err, body);
        break;
    case ERRAND_EPHEMERAL:
        u->has_ephemeral = u->has_ephemeral || err == ZK_OK;
        u->wants_parents = u->wants_parents || err == ZK_NO_NODE;
        break;
    case ERRAND_CLOSE:
        user_leave(u);
        user_forget_session(u);
        break;
    case ERRAND_SYNC:
    case ERRAND_PARENTS:
    case ERRAND_WATCHES:
    case ERRAND_PING:
    case ERRAND_RECONFIG:
    case ERRAND_COUNT:
        break;
    }
}

void work_answered(struct user *u, const struct asked *what, const struct reply_header *head,
                   struct jute_in *body)
{
    bool is_gone = head->err == ZK_SESSION_EXPIRED || head->err == ZK_SESSION_MOVED;

    sim_trace(u->sim, "client %zu is answered: xid %d %s zxid %x:%x err %d", u->index, head->xid,
              zk_op_name(what->op), zxid_epoch(head->zxid), zxid_counter(head->zxid), head->err);
    if (!is_expected(what, head->err)) {
        sim_fail(u->sim, "client %zu: %s is answered with error %d", u->index, zk_op_name(what->op),
                 head->err);
        return;
    }
    if (is_gone) {
        if (what->tale != SIZE_MAX)
            tale_return(u->sim->tale, what->tale, u->sim->now_us, TALE_NOTHING, 0, 0);
        return;
    }
    if (is_write(what->errand))
        ledger_acked(u->sim, head->zxid, u->session, head->xid);
    on_done(u, what, head->err, body);
    if (body->bad)
        sim_fail(u->sim, "client %zu: an answer to %s that cannot be read", u->index,
                 zk_op_name(what->op));
}

void work_lost(struct user *u, const struct asked *what)
{
    if (is_write(what->errand))
        u->sim->seen[SEEN_UNKNOWN_WRITES]++;
}
