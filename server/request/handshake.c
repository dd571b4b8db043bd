/* The ConnectRequest (client-protocol 2.2 to 2.6) and the throttle before it (2.11). */
#include "server/request/route.h"
#include "server/session/session.h"

static void put_connect_response(struct client *c, int32_t timeout_ms, zk_session_id id,
                                 const uint8_t password[SESSION_PASSWORD_LEN])
{
    struct connect_response r = {
        .timeout_ms = timeout_ms,
        .session_id = id,
        .passwd = { .at = password, .len = SESSION_PASSWORD_LEN },
    };
    size_t begin = c->out.len;

    jute_write_i32(&c->out, (int32_t)jute_size_connect_response(&r) + (c->knows_read_only ? 1 : 0));
    jute_write_connect_response(&c->out, &r);
    if (c->knows_read_only) /* Who didn't ask must not see it. */
        jute_write_flag(&c->out, c->service->is_read_only);
    c->service->stats.packets_sent++;
    c->stats.sent++;
    reply_mark(c, begin);
}

void handshake_done(struct client *c)
{
    uint8_t password[SESSION_PASSWORD_LEN];

    session_password(password, c->session_id);
    put_connect_response(c, c->timeout_ms, c->session_id, password);
    c->stats.last_op = ZK_OP_CREATE_SESSION;
    c->stats.last_zxid = service_zxid(c->service);
    c->stats.last_response_ms = c->service->now_ms;
    if (c->phase == CLIENT_NEW || c->phase == CLIENT_CONNECTING)
        c->phase = CLIENT_UP;
}

/* Timeout 0 tells the client that its session has expired. */
void handshake_refuse(struct client *c)
{
    static const uint8_t zeros[SESSION_PASSWORD_LEN];

    put_connect_response(c, 0, 0, zeros);
    route_finish(c);
}

/* ---- The bucket of tokens. */

/* With weights ZK counts the whole bucket in weights of a new session. */
static int64_t scale_of(const struct service_conf *conf)
{
    return conf->conn_weights ? conf->conn_global_weight : 1;
}

static void refill(struct service *s)
{
    const struct service_conf *conf = &s->conf;
    int64_t max = conf->conn_tokens * scale_of(conf);
    int64_t elapsed = s->now_ms - s->conn_filled_ms;

    if (elapsed > conf->conn_fill_ms) {
        int64_t steps = conf->conn_fill_ms > 0 ? elapsed / conf->conn_fill_ms : elapsed;
        int64_t tokens = s->conn_tokens + steps * conf->conn_fill_count * scale_of(conf);
        s->conn_tokens = tokens > max ? max : tokens;
        s->conn_filled_ms = s->now_ms;
    }
}

/* Random early drop: the chance grows while the bucket is empty and falls while it fills. */
static bool dropped_early(struct service *s)
{
    const struct service_conf *conf = &s->conf;

    if (conf->conn_freeze_time == -1)
        return false;
    if (s->now_ms - s->conn_drop_checked_ms > conf->conn_freeze_time) {
        s->conn_drop_checked_ms = s->now_ms;
        if (s->conn_tokens <= 0)
            s->conn_drop_chance += conf->conn_drop_increase;
        else if ((double)s->conn_tokens >
                 (double)(conf->conn_tokens * scale_of(conf)) * conf->conn_decrease_ratio)
            s->conn_drop_chance -= conf->conn_drop_decrease;
        if (s->conn_drop_chance > 1)
            s->conn_drop_chance = 1;
        if (s->conn_drop_chance < 0)
            s->conn_drop_chance = 0;
    }
    return s->conn_drop_chance > 0 &&
           (double)rand_below(&s->rand, 1000000) < s->conn_drop_chance * 1000000;
}

void handshake_fill(struct service *s)
{
    s->conn_tokens = s->conf.conn_tokens * scale_of(&s->conf);
    s->conn_filled_ms = s->now_ms;
}

bool handshake_has_token(struct service *s, bool is_new)
{
    const struct service_conf *conf = &s->conf;

    if (conf->conn_tokens <= 0)
        return true;
    int32_t need = 1;
    if (conf->conn_weights && is_new)
        need = conf->local_sessions ? conf->conn_local_weight : conf->conn_global_weight;
    else if (conf->conn_weights)
        need = conf->conn_renew_weight;
    refill(s);
    if (dropped_early(s) || s->conn_tokens < need) {
        s->stats.connection_rejected++;
        return false;
    }
    s->conn_tokens -= need;
    return true;
}

/* ---- The request. */

static int32_t negotiate(const struct service *s, int32_t asked_ms)
{
    if (asked_ms < s->conf.min_session_timeout_ms)
        asked_ms = (int32_t)s->conf.min_session_timeout_ms;
    if (asked_ms > s->conf.max_session_timeout_ms)
        asked_ms = (int32_t)s->conf.max_session_timeout_ms;
    return asked_ms;
}

bool handshake_frame(struct client *c, const uint8_t *frame, size_t len)
{
    struct service *s = c->service;
    struct jute_in in = jute_in(frame, len);
    struct connect_request r;
    bool takes_read_only = false;

    if (s->door == DOOR_SHUT || (s->is_read_only && !role_is_read_only(s)))
        return false;
    jute_read_connect_request(&in, &r);
    if (in.bad)
        return false;
    c->knows_read_only = jute_left(&in) > 0;
    if (c->knows_read_only)
        jute_read_flag(&in, &takes_read_only);
    s->stats.connection_request_count++;
    if (!handshake_has_token(s, r.session_id == 0))
        return false;
    if (s->is_read_only && !takes_read_only)
        return false;
    /* It has seen more than we have: another server must serve it. */
    if (r.last_zxid_seen > service_zxid(s))
        return false;
    c->timeout_ms = negotiate(s, r.timeout_ms);
    return r.session_id == 0 ? sessions_begin(c) : sessions_resume(c, r.session_id, r.passwd);
}
