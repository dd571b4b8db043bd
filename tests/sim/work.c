/* What clients ask for, and what they make of the answers. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger.h"
#include "tests/sim/user.h"
#include "util/check.h"

enum { PATH_BYTES = 64 };

static void path_of(char ret[PATH_BYTES], const struct asked *what)
{
    (void)snprintf(ret, PATH_BYTES, "/r%u", what->key);
}

static struct jute_vector open_acls(void)
{
    static const uint8_t list[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                  "anyone";

    return (struct jute_vector){ .at = list, .len = sizeof list - 1, .count = 1 };
}

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

/* ---- Asking. */

static void ask(struct user *u, struct asked *what, const struct bytes *body)
{
    struct request_header head = { .xid = what->xid, .type = what->op };
    struct bytes frame = { 0 };

    if (head.xid == 0)
        head.xid = what->xid = ++u->xid;
    jute_write_request_header(&frame, &head);
    if (body != NULL)
        bytes_put(&frame, body->at, body->len);
    zk_assert(u->line_count < sizeof u->line / sizeof *u->line);
    u->line[u->line_count++] = *what;
    sim_trace(u->sim, "client %zu asks %zu: xid %d %s key %u value %u version %d", u->index,
              u->member + 1, head.xid, zk_op_name(what->op), what->key, what->value, what->version);
    talk_say(u->sim, u->talk, &frame);
}

static size_t tell_tale(struct user *u, const struct asked *what, enum tale_kind kind)
{
    return tale_call(u->sim->tale, &(struct tale_op){ .key = what->key,
                                                      .kind = kind,
                                                      .value = what->value,
                                                      .version = what->version,
                                                      .call_us = u->sim->now_us });
}

static void put_value(struct bytes *out, uint32_t value)
{
    uint8_t data[4];

    (void)jute_store32(data, value);
    jute_write_buf(out, (struct jute_bytes){ .at = data, .len = 4 });
}

static void put_create(struct bytes *out, const char *path, uint32_t value, int32_t mode)
{
    jute_write_str(out, jute_text(path));
    put_value(out, value);
    jute_write_acls(out, open_acls());
    jute_write_i32(out, mode);
}

static void ask_create(struct user *u, struct asked *what)
{
    struct bytes body = { 0 };
    char path[PATH_BYTES];

    what->op = ZK_OP_CREATE;
    what->value = ++u->sim->next_value;
    what->tale = tell_tale(u, what, TALE_CREATE);
    path_of(path, what);
    put_create(&body, path, what->value, ZK_CREATE_PERSISTENT);
    ask(u, what, &body);
    bytes_done(&body);
}

static void pick_version(struct user *u, struct asked *what)
{
    what->version = sim_chance(u->sim, 500) ? -1 : u->key_version[what->key];
}

static void put_set(struct bytes *out, const char *path, uint32_t value, int32_t version)
{
    jute_write_str(out, jute_text(path));
    put_value(out, value);
    jute_write_i32(out, version);
}

static void ask_set(struct user *u, struct asked *what)
{
    struct bytes body = { 0 };
    char path[PATH_BYTES];

    what->op = ZK_OP_SET_DATA;
    what->value = ++u->sim->next_value;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_SET);
    path_of(path, what);
    put_set(&body, path, what->value, what->version);
    ask(u, what, &body);
    bytes_done(&body);
}

static void ask_delete(struct user *u, struct asked *what)
{
    struct bytes body = { 0 };
    char path[PATH_BYTES];

    what->op = ZK_OP_DELETE;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_DELETE);
    path_of(path, what);
    jute_write_str(&body, jute_text(path));
    jute_write_i32(&body, what->version);
    ask(u, what, &body);
    bytes_done(&body);
}

static void ask_multi(struct user *u, struct asked *what)
{
    struct multi_header head = { .type = ZK_OP_CHECK, .err = -1 };
    struct multi_header end = { .type = ZK_OP_ERROR, .done = true, .err = -1 };
    struct bytes body = { 0 };
    char path[PATH_BYTES];

    what->op = ZK_OP_MULTI;
    what->value = ++u->sim->next_value;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_SET);
    path_of(path, what);
    jute_write_multi_header(&body, &head);
    jute_write_str(&body, jute_text(path));
    jute_write_i32(&body, what->version);
    head.type = ZK_OP_SET_DATA;
    jute_write_multi_header(&body, &head);
    put_set(&body, path, what->value, -1);
    jute_write_multi_header(&body, &end);
    ask(u, what, &body);
    bytes_done(&body);
}

static void ask_read(struct user *u, struct asked *what, int32_t op, const char *path)
{
    struct bytes body = { 0 };

    what->op = op;
    jute_write_str(&body, jute_text(path));
    jute_write_flag(&body, what->watch);
    ask(u, what, &body);
    bytes_done(&body);
}

static void ask_get(struct user *u, struct asked *what)
{
    char path[PATH_BYTES];

    if (u->sim->conf.linearizable_reads && what->tale == SIZE_MAX)
        what->tale = tell_tale(u, what, TALE_GET);
    path_of(path, what);
    ask_read(u, what, ZK_OP_GET_DATA, path);
}

/* A read that must see what was done before the sync began. */
static void ask_fresh(struct user *u, struct asked *what)
{
    struct asked get = *what;
    struct bytes body = { 0 };
    char path[PATH_BYTES];

    path_of(path, what);
    get.errand = ERRAND_GET;
    get.tale = tell_tale(u, what, TALE_GET);
    what->op = ZK_OP_SYNC;
    what->watch = false;
    jute_write_str(&body, jute_text(path));
    ask(u, what, &body);
    bytes_done(&body);
    ask_get(u, &get);
    u->sim->seen[SEEN_SYNC_READS]++;
}

static void ask_made(struct user *u, struct asked *what, const char *path, int32_t mode)
{
    struct bytes body = { 0 };

    what->op = ZK_OP_CREATE;
    put_create(&body, path, 1, mode);
    ask(u, what, &body);
    bytes_done(&body);
}

void work_ping(struct user *u)
{
    struct asked what = { .errand = ERRAND_PING, .xid = ZK_XID_PING, .op = ZK_OP_PING };

    what.tale = SIZE_MAX;
    ask(u, &what, NULL);
}

void work_set_watches(struct user *u)
{
    struct asked what = { .errand = ERRAND_WATCHES,
                          .xid = ZK_XID_SET_WATCHES,
                          .op = ZK_OP_SET_WATCHES,
                          .tale = SIZE_MAX };
    struct bytes body = { 0 };

    watches_write(&u->watches, u->seen, &body);
    ask(u, &what, &body);
    bytes_done(&body);
    u->sim->seen[SEEN_WATCHES_RESET]++;
}

/* Somebody joins, leaves, or votes no more, or again. */
static void ask_reconfig(struct user *u, struct asked *what)
{
    struct sim *s = u->sim;
    size_t who = 1 + (size_t)sim_below(s, s->member_count);
    const struct zab_member *m = zab_config_find(ledger_config(s), (zk_sid)who);
    bool leaves = m != NULL && sim_chance(s, 400);
    bool votes = m != NULL ? !m->is_voter : sim_chance(s, 700);
    struct bytes body = { 0 };
    char text[PATH_BYTES];

    what->op = ZK_OP_RECONFIG;
    if (leaves)
        (void)snprintf(text, sizeof text, "%zu", who);
    else
        (void)snprintf(text, sizeof text, "server.%zu=s%zu:2888:3888:%s;0.0.0.0:2181", who, who,
                       votes ? "participant" : "observer");
    sim_trace(s, "client %zu wants: %s%s", u->index, leaves ? "without " : "", text);
    jute_write_str(&body, leaves ? (struct jute_bytes){ .len = -1 } : jute_text(text));
    jute_write_str(&body, leaves ? jute_text(text) : (struct jute_bytes){ .len = -1 });
    jute_write_str(&body, (struct jute_bytes){ .len = -1 });
    jute_write_i64(&body, -1);
    ask(u, what, &body);
    bytes_done(&body);
}

/* ---- What to do next. */

static enum errand pick(struct user *u)
{
    static const struct {
        enum errand errand;
        uint32_t weight;
    } wheel[] = {
        { ERRAND_GET, 24 },      { ERRAND_SYNC, 14 },    { ERRAND_SET, 22 },
        { ERRAND_CREATE, 10 },   { ERRAND_DELETE, 5 },   { ERRAND_MULTI, 6 },
        { ERRAND_EXISTS, 5 },    { ERRAND_CHILDREN, 4 }, { ERRAND_SEQUENTIAL, 5 },
        { ERRAND_EPHEMERAL, 4 }, { ERRAND_CLOSE, 1 },
    };
    uint32_t turn = (uint32_t)sim_below(u->sim, 100);

    if (u->sim->conf.reconfig && u->index == 0 && sim_chance(u->sim, 30))
        return ERRAND_RECONFIG;
    for (size_t i = 0; i < sizeof wheel / sizeof *wheel; i++) {
        if (turn < wheel[i].weight)
            return wheel[i].errand;
        turn -= wheel[i].weight;
    }
    return ERRAND_GET;
}

static void ask_other(struct user *u, struct asked *what)
{
    char path[PATH_BYTES];

    switch (what->errand) {
    case ERRAND_EXISTS:
        path_of(path, what);
        ask_read(u, what, ZK_OP_EXISTS, path);
        break;
    case ERRAND_CHILDREN:
        ask_read(u, what, ZK_OP_GET_CHILDREN2, "/q");
        break;
    case ERRAND_SEQUENTIAL:
        ask_made(u, what, "/q/c-", ZK_CREATE_PERSISTENT_SEQUENTIAL);
        break;
    case ERRAND_EPHEMERAL:
        (void)snprintf(path, sizeof path, "/e/u%zu", u->index);
        ask_made(u, what, path, ZK_CREATE_EPHEMERAL);
        break;
    case ERRAND_PARENTS:
        ask_made(u, what, "/q", ZK_CREATE_PERSISTENT);
        ask_made(u, &(struct asked){ .errand = ERRAND_PARENTS, .tale = SIZE_MAX }, "/e",
                 ZK_CREATE_PERSISTENT);
        u->wants_parents = false;
        break;
    case ERRAND_CLOSE:
        what->op = ZK_OP_CLOSE_SESSION;
        ask(u, what, NULL);
        break;
    case ERRAND_RECONFIG:
        ask_reconfig(u, what);
        break;
    case ERRAND_CREATE:
    case ERRAND_SET:
    case ERRAND_DELETE:
    case ERRAND_MULTI:
    case ERRAND_GET:
    case ERRAND_SYNC:
    case ERRAND_WATCHES:
    case ERRAND_PING:
    case ERRAND_COUNT:
        zk_assert(false);
    }
}

void work_next(struct user *u)
{
    struct asked what = { .errand = u->wants_parents ? ERRAND_PARENTS : pick(u),
                          .key = (uint32_t)sim_below(u->sim, SIM_KEYS),
                          .watch = sim_chance(u->sim, 400),
                          .version = -1,
                          .tale = SIZE_MAX };

    if (what.errand == ERRAND_CLOSE && u->line_count > 0)
        return;
    if (u->line_count > 0 && u->line[0].errand == ERRAND_CLOSE)
        return;
    switch (what.errand) {
    case ERRAND_CREATE:
        ask_create(u, &what);
        break;
    case ERRAND_SET:
        ask_set(u, &what);
        break;
    case ERRAND_DELETE:
        ask_delete(u, &what);
        break;
    case ERRAND_MULTI:
        ask_multi(u, &what);
        break;
    case ERRAND_GET:
        ask_get(u, &what);
        break;
    case ERRAND_SYNC:
        ask_fresh(u, &what);
        break;
    case ERRAND_EXISTS:
    case ERRAND_CHILDREN:
    case ERRAND_SEQUENTIAL:
    case ERRAND_EPHEMERAL:
    case ERRAND_PARENTS:
    case ERRAND_CLOSE:
    case ERRAND_WATCHES:
    case ERRAND_PING:
    case ERRAND_RECONFIG:
    case ERRAND_COUNT:
        ask_other(u, &what);
        break;
    }
}

/* ---- What is answered. */

static void saw_key(struct user *u, const struct asked *what, bool exists,
                    const struct zk_stat *stat)
{
    char path[PATH_BYTES];
    const struct watch_entry *slept;
    zk_zxid mzxid = exists ? stat->mzxid : 0;

    path_of(path, what);
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
    char path[PATH_BYTES];
    bool exists = err == ZK_OK;

    if (exists && what->errand == ERRAND_GET)
        jute_read_buf(in, &data);
    if (exists)
        jute_read_zk_stat(in, &stat);
    saw_key(u, what, exists, &stat);
    path_of(path, what);
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
    char text[PATH_BYTES];

    if (err != ZK_OK) {
        u->wants_parents = true;
        return;
    }
    jute_read_str(in, &path);
    zk_assert(!in->bad && path.len > 5 && path.len < PATH_BYTES);
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
