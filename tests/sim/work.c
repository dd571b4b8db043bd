/* What clients ask for. */
#include <stdio.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger.h"
#include "tests/sim/user.h"
#include "util/check.h"

void work_path(char ret[WORK_PATH_BYTES], const struct asked *what)
{
    (void)snprintf(ret, WORK_PATH_BYTES, "/r%u", what->key);
}

static struct jute_vector open_acls(void)
{
    static const uint8_t list[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                  "anyone";

    return (struct jute_vector){ .at = list, .len = sizeof list - 1, .count = 1 };
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
    char path[WORK_PATH_BYTES];

    what->op = ZK_OP_CREATE;
    what->value = ++u->sim->next_value;
    what->tale = tell_tale(u, what, TALE_CREATE);
    work_path(path, what);
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
    char path[WORK_PATH_BYTES];

    what->op = ZK_OP_SET_DATA;
    what->value = ++u->sim->next_value;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_SET);
    work_path(path, what);
    put_set(&body, path, what->value, what->version);
    ask(u, what, &body);
    bytes_done(&body);
}

static void ask_delete(struct user *u, struct asked *what)
{
    struct bytes body = { 0 };
    char path[WORK_PATH_BYTES];

    what->op = ZK_OP_DELETE;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_DELETE);
    work_path(path, what);
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
    char path[WORK_PATH_BYTES];

    what->op = ZK_OP_MULTI;
    what->value = ++u->sim->next_value;
    pick_version(u, what);
    what->tale = tell_tale(u, what, TALE_SET);
    work_path(path, what);
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
    char path[WORK_PATH_BYTES];

    if (u->sim->conf.linearizable_reads && what->tale == SIZE_MAX)
        what->tale = tell_tale(u, what, TALE_GET);
    work_path(path, what);
    ask_read(u, what, ZK_OP_GET_DATA, path);
}

/* A read that must see what was done before the sync began. */
static void ask_fresh(struct user *u, struct asked *what)
{
    struct asked get = *what;
    struct bytes body = { 0 };
    char path[WORK_PATH_BYTES];

    work_path(path, what);
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
    char text[WORK_PATH_BYTES];

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
    char path[WORK_PATH_BYTES];

    switch (what->errand) {
    case ERRAND_EXISTS:
        work_path(path, what);
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
