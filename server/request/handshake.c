/* The ConnectRequest (client-protocol 2.2 to 2.6) and the throttle before it (2.11). */
#include "server/request/limits.h"
#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"

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
        jute_write_flag(&c->out, false);
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
    c->phase = CLIENT_UP;
}

/* Timeout 0 tells the client that its session has expired. */
static void refuse_session(struct client *c)
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
    if (conf->conn_weights)
        need = is_new ? conf->conn_global_weight : conf->conn_renew_weight;
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

static void begin_session(struct client *c)
{
    struct service *s = c->service;
    zk_session_id id = s->next_session_id++;
    struct pending *p = pending_add(c, PENDING_WRITE, 0, ZK_OP_CREATE_SESSION, NULL, 0);
    struct write_request req = { .session = id,
                                 .op = ZK_OP_CREATE_SESSION,
                                 .ids = c->ids,
                                 .timeout_ms = c->timeout_ms,
                                 .origin = p };
    enum zk_err err;

    s->outstanding++;
    c->session = session_add(s->sessions, id, c->timeout_ms, s->now_ms);
    c->session->client = c;
    c->session_id = id;
    c->phase = CLIENT_CONNECTING;
    enum order_verdict v = order_submit(s->order, &req, s->wall_ms, &err, &p->zxid);
    zk_assert(v == ORDER_SUBMITTED);
    s->stats.proposal_count++;
}

static bool password_fits(zk_session_id id, struct jute_bytes given)
{
    uint8_t password[SESSION_PASSWORD_LEN];
    uint8_t differs = 0;

    if (id == 0 || given.len != SESSION_PASSWORD_LEN)
        return false;
    session_password(password, id);
    for (int i = 0; i < SESSION_PASSWORD_LEN; i++) /* In constant time. */
        differs |= (uint8_t)(password[i] ^ given.at[i]);
    return differs == 0;
}

static void resume_session(struct client *c, zk_session_id id, struct jute_bytes password)
{
    struct service *s = c->service;
    struct session *session = session_find(s->sessions, id);

    s->stats.connection_revalidate_count++;
    /* The older connection goes first, before the password is looked at. */
    if (session != NULL && session->client != NULL) {
        struct client *older = session->client;
        session->client = NULL;
        s->host.kick(older);
    }
    if (!password_fits(id, password) || session == NULL || session->closing) {
        refuse_session(c);
        return;
    }
    session->client = c;
    session->timeout_ms = c->timeout_ms;
    session_touch(s->sessions, session, s->now_ms);
    c->session = session;
    c->session_id = id;
    handshake_done(c);
}

bool handshake_frame(struct client *c, const uint8_t *frame, size_t len)
{
    struct service *s = c->service;
    struct jute_in in = jute_in(frame, len);
    struct connect_request r;

    jute_read_connect_request(&in, &r);
    if (in.bad)
        return false;
    c->knows_read_only = jute_left(&in) > 0;
    s->stats.connection_request_count++;
    if (!handshake_has_token(s, r.session_id == 0))
        return false;
    /* It has seen more than we have: another server must serve it. */
    if (r.last_zxid_seen > service_zxid(s))
        return false;
    c->timeout_ms = negotiate(s, r.timeout_ms);
    if (r.session_id == 0)
        begin_session(c);
    else
        resume_session(c, r.session_id, r.passwd);
    return true;
}
