#include "tests/lib/ensemble_rig_impl.h"

#include <stdio.h>

#include "jute/records.h"
#include "util/check.h"

enum { HEX_MAX = 1 << 20 };

/* ---- Played servers. */

void ensemble_rig_vote(struct ensemble_rig *r, int from, int to, int32_t state, zk_sid leader,
                       zk_zxid zxid, int64_t round, int64_t epoch)
{
    struct bytes text = { 0 };
    struct bytes frame = { 0 };
    zab_config_print(r->servers[from].disk.config, &text);
    struct zab_notification n = {
        .state = state,
        .vote = { .leader = leader, .zxid = zxid, .round = round, .epoch = epoch },
        .version = 2,
        .config = { .at = text.at, .len = (int32_t)text.len },
    };

    zab_notification_write(&n, &frame);
    ensemble_notified(r->servers[to].ensemble, from + 1, frame.at + 4, frame.len - 4);
    bytes_done(&text);
    bytes_done(&frame);
    ensemble_rig_settle(r);
}

struct rig_link *ensemble_rig_dial(struct ensemble_rig *r, int from, int to)
{
    struct rig_link *l = rig_link_new(r, from, to);

    l->from_name = 1;
    l->is_up = true;
    return l;
}

struct rig_link *ensemble_rig_dialled(struct ensemble_rig *r, int from)
{
    for (int i = 0; i < r->link_count; i++) {
        struct rig_link *l = &r->links[i];
        if (!l->is_gone && l->from == from && l->from_name == r->servers[from].called)
            return l;
    }
    return NULL;
}

static struct bytes *to_real(struct ensemble_rig *r, struct rig_link *l)
{
    return r->servers[l->from].is_played ? &l->out : &l->back;
}

void ensemble_rig_say(struct ensemble_rig *r, struct rig_link *l, const char *hex)
{
    struct bytes *queue = to_real(r, l);

    for (; *hex != '\0'; hex++) {
        unsigned byte;
        if (*hex == ' ')
            continue;
        zk_assert(sscanf(hex, "%2x", &byte) == 1);
        uint8_t b = (uint8_t)byte;
        bytes_put(queue, &b, 1);
        hex++;
    }
    ensemble_rig_settle(r);
}

void ensemble_rig_say_packet(struct ensemble_rig *r, struct rig_link *l, const struct zab_packet *p)
{
    zab_packet_write(p, to_real(r, l));
    ensemble_rig_settle(r);
}

void ensemble_rig_say_newleader(struct ensemble_rig *r, struct rig_link *l, zk_zxid zxid)
{
    const struct rig_server *real = &r->servers[r->servers[l->from].is_played ? l->to : l->from];
    struct bytes text = { 0 };

    zab_config_print(real->disk.config, &text);
    struct zab_packet p = { .type = ZAB_NEWLEADER,
                            .zxid = zxid,
                            .data = { .at = text.at, .len = (int32_t)text.len },
                            .authinfo = { .count = -1 } };
    ensemble_rig_say_packet(r, l, &p);
    bytes_done(&text);
}

const char *ensemble_rig_heard(struct ensemble_rig *r, struct rig_link *l)
{
    static char hex[HEX_MAX];
    struct bytes *queue = r->servers[l->from].is_played ? &l->back : &l->out;

    zk_assert(queue->len * 2 < sizeof hex);
    hex[0] = '\0';
    for (size_t i = 0; i < queue->len; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", queue->at[i]);
    queue->len = 0;
    return hex;
}

bool ensemble_rig_hear(struct rig_link *l, struct zab_packet *ret)
{
    static struct bytes last;
    struct bytes *queue = l->back.len > 0 ? &l->back : &l->out;
    int64_t len;

    if (queue->len == 0)
        return false;
    len = zab_packet_read(ret, queue->at, queue->len, 1 << 20);
    zk_assert(len > 0);
    last.len = 0;
    bytes_put(&last, queue->at, (size_t)len);
    bytes_drop(queue, (size_t)len);
    (void)zab_packet_read(ret, last.at, last.len, 1 << 20);
    return true;
}

/* ---- Requests. */

enum order_verdict ensemble_rig_create(struct ensemble_rig *r, int index, zk_session_id session,
                                       int32_t xid, const char *path, void *origin)
{
    static const uint8_t open_acl[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                      "anyone";
    struct rig_server *s = &r->servers[index];
    struct bytes body = { 0 };
    struct create_request create = {
        .path = jute_text(path),
        .data = jute_text("x"),
        .acl = { .at = open_acl, .len = sizeof open_acl - 1, .count = 1 },
    };
    enum zk_err err;
    zk_zxid zxid;

    jute_write_create_request(&body, &create);
    struct idset *ids = idset_of_ids((struct jute_vector){ .at = NULL, .count = 0 });
    struct write_request req = { .session = session,
                                 .xid = xid,
                                 .op = ZK_OP_CREATE,
                                 .body = body.at,
                                 .len = body.len,
                                 .ids = ids,
                                 .origin = origin };
    enum order_verdict v = ensemble_submit(s->ensemble, &req, &err, &zxid);
    (void)idset_unref(ids);
    bytes_done(&body);
    return v;
}

bool ensemble_rig_has(const struct ensemble_rig *r, int index, const char *path)
{
    return tree_find(r->servers[index].state.tree, jute_text(path)) != NULL;
}

zk_session_id ensemble_rig_session(struct ensemble_rig *r, int index)
{
    static zk_session_id next = 0x0100000000000001;
    struct rig_server *s = &r->servers[index];
    struct write_request req = { .session = next++,
                                 .op = ZK_OP_CREATE_SESSION,
                                 .timeout_ms = 30000 };
    enum zk_err err;
    zk_zxid zxid;

    (void)session_add(s->sessions, req.session, req.timeout_ms, r->now_ms);
    zk_assert(ensemble_submit(s->ensemble, &req, &err, &zxid) == ORDER_SUBMITTED);
    ensemble_rig_settle(r);
    return req.session;
}
