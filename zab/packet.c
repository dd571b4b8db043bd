#include "zab/packet.h"

#include <errno.h>

#include "jute/records.h"
#include "util/check.h"

enum {
    LEN_BYTES = 4,
    PACKET_HEAD_BYTES = 12, /* Type and zxid. */

    /* Notifications: quorum-protocol 2.4. */
    NOTIFICATION_OLDEST_BYTES = 28, /* Without an epoch. */
    NOTIFICATION_OLD_BYTES = 40,    /* With an epoch; what else is in there doesn't count. */
    NOTIFICATION_BYTES = 44,        /* Without its text. */
    NOTIFICATION_VERSION = 2,

    INITIAL_OLD_BYTES = 8,
    INITIAL_HEAD_BYTES = 20,
};

/* What opens the election port's initial message, in place of the sid of the old form. */
static const int64_t INITIAL_ONE = -65536;
static const int64_t INITIAL_LIST = -65535;

/* ---- Packets: read from a stream that may end anywhere. */

struct scan {
    const uint8_t *at;
    size_t left;
    size_t max; /* Bytes of one string or buffer. */
    bool is_short, is_bad;
};

/* False: there is more to come. */
static bool has_bytes(struct scan *s, size_t count)
{
    s->is_short = s->left < count;
    return !s->is_short;
}

static const uint8_t *scan_take(struct scan *s, size_t count)
{
    const uint8_t *p = s->at;

    s->at += count;
    s->left -= count;
    return p;
}

/* A length that is too large is seen as soon as it is there, so that nobody waits, and
 * nobody keeps bytes, for what will be refused. */
static bool scan_buf(struct scan *s, struct jute_bytes *ret)
{
    if (!has_bytes(s, LEN_BYTES))
        return false;

    int32_t len = (int32_t)jute_load32(s->at);

    if (len < -1 || (len > 0 && (size_t)len > s->max)) {
        s->is_bad = true;
        return false;
    }
    if (!has_bytes(s, LEN_BYTES + (size_t)(len > 0 ? len : 0)))
        return false;
    (void)scan_take(s, LEN_BYTES);
    *ret = (struct jute_bytes){ .len = len };
    if (len > 0)
        ret->at = scan_take(s, (size_t)len);
    return true;
}

static bool scan_ids(struct scan *s, struct jute_vector *ret)
{
    struct jute_bytes ignored;

    if (!has_bytes(s, LEN_BYTES))
        return false;

    int32_t count = (int32_t)jute_load32(scan_take(s, LEN_BYTES));

    *ret = (struct jute_vector){ .at = s->at, .count = count };
    s->is_bad = count < -1;
    for (int32_t i = 0; i < count && !s->is_bad; i++) {
        if (!scan_buf(s, &ignored) || !scan_buf(s, &ignored))
            return false;
        ret->len = (size_t)(s->at - ret->at);
        s->is_bad = ret->len > s->max;
    }
    return !s->is_bad;
}

int64_t zab_packet_read(struct zab_packet *ret, const uint8_t *at, size_t len, size_t max)
{
    struct scan s = { .at = at, .left = len, .max = max };
    struct zab_packet p;

    if (!has_bytes(&s, PACKET_HEAD_BYTES))
        return 0;

    const uint8_t *head = scan_take(&s, PACKET_HEAD_BYTES);

    p.type = (int32_t)jute_load32(head);
    p.zxid = (zk_zxid)jute_load64(head + 4);
    if (!scan_buf(&s, &p.data) || !scan_ids(&s, &p.authinfo))
        return s.is_bad ? -EBADMSG : 0;
    *ret = p;
    return (int64_t)(len - s.left);
}

void zab_packet_write(const struct zab_packet *p, struct bytes *out)
{
    struct quorum_packet r = {
        .type = p->type, .zxid = p->zxid, .data = p->data, .authinfo = p->authinfo
    };

    jute_write_quorum_packet(out, &r);
}

const char *zab_packet_name(int32_t type)
{
    static const char *const names[] = {
        [ZAB_REQUEST] = "REQUEST",
        [ZAB_PROPOSAL] = "PROPOSAL",
        [ZAB_ACK] = "ACK",
        [ZAB_COMMIT] = "COMMIT",
        [ZAB_PING] = "PING",
        [ZAB_REVALIDATE] = "REVALIDATE",
        [ZAB_SYNC] = "SYNC",
        [ZAB_INFORM] = "INFORM",
        [ZAB_COMMITANDACTIVATE] = "COMMITANDACTIVATE",
        [ZAB_NEWLEADER] = "NEWLEADER",
        [ZAB_FOLLOWERINFO] = "FOLLOWERINFO",
        [ZAB_UPTODATE] = "UPTODATE",
        [ZAB_DIFF] = "DIFF",
        [ZAB_TRUNC] = "TRUNC",
        [ZAB_SNAP] = "SNAP",
        [ZAB_OBSERVERINFO] = "OBSERVERINFO",
        [ZAB_LEADERINFO] = "LEADERINFO",
        [ZAB_ACKEPOCH] = "ACKEPOCH",
        [ZAB_INFORMANDACTIVATE] = "INFORMANDACTIVATE",
    };

    if (type < ZAB_REQUEST || type > ZAB_INFORMANDACTIVATE)
        return "?";
    return names[type];
}

/* ---- Notifications: a whole frame is there. */

/* Its size decides how a notification is read, before what it says of its version. */
int zab_notification_read(struct zab_notification *ret, const uint8_t *at, size_t len)
{
    struct jute_in in = jute_in(at, len);
    struct zab_notification n = { .config = { .len = -1 } };

    jute_read_i32(&in, &n.state);
    jute_read_i64(&in, &n.vote.leader);
    jute_read_i64(&in, &n.vote.zxid);
    jute_read_i64(&in, &n.vote.round);
    if (len == NOTIFICATION_OLDEST_BYTES) {
        n.vote.epoch = n.vote.zxid >> 32; /* Signed, as there. */
    } else {
        jute_read_i64(&in, &n.vote.epoch);
        jute_read_i32(&in, &n.version);
    }
    if (len == NOTIFICATION_OLD_BYTES)
        n.version = 0;
    else if (n.version > 1)
        jute_read_str(&in, &n.config);
    if (in.bad || (n.version > 1 && n.config.len < 0))
        return -EBADMSG;
    *ret = n;
    return 0;
}

void zab_notification_write(const struct zab_notification *n, struct bytes *out)
{
    struct vote_notification r = {
        .state = n->state,
        .leader = n->vote.leader,
        .zxid = n->vote.zxid,
        .round = n->vote.round,
        .peer_epoch = n->vote.epoch,
        .version = NOTIFICATION_VERSION,
        .config = n->config,
    };

    /* There is no null here: who reads takes it for a lie. And a text that no frame can hold is
     * better left out than the vote. */
    if (r.config.len < 0 || r.config.len > ZAB_FRAME_MAX - NOTIFICATION_BYTES)
        r.config = (struct jute_bytes){ .len = 0 };
    jute_write_i32(out, NOTIFICATION_BYTES + r.config.len);
    jute_write_vote_notification(out, &r);
}

/* ---- The initial message. */

static bool is_host(struct jute_bytes b)
{
    for (int32_t i = 0; i < b.len; i++)
        if (b.at[i] <= ' ' || b.at[i] > '~')
            return false;
    return b.len > 0;
}

/* A port, of decimal digits alone; -1 if it is none. */
static int32_t port_of(const uint8_t *at, size_t len)
{
    int32_t port = 0;

    if (len == 0 || len > 5)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        port = port * 10 + (at[i] - '0');
    }
    return port <= UINT16_MAX ? port : -1;
}

/* One "host:port" or "[host]:port". */
static bool address_read(const uint8_t *at, size_t len, struct zab_initial_address *ret)
{
    const uint8_t *colon = memrchr(at, ':', len);
    bool has_bracket = len > 0 && at[0] == '[';

    if (colon == NULL)
        return false;

    const uint8_t *host = at;
    size_t host_len = (size_t)(colon - at);
    int32_t port = port_of(colon + 1, len - host_len - 1);

    if (has_bracket) {
        if (host_len < 2 || colon[-1] != ']')
            return false;
        host++;
        host_len -= 2;
    } else if (memchr(host, ':', host_len) != NULL) {
        return false;
    }
    ret->host = (struct jute_bytes){ .at = host, .len = (int32_t)host_len };
    ret->port = (uint16_t)port;
    return port >= 0 && is_host(ret->host);
}

int zab_initial_next(struct jute_bytes *rest, struct zab_initial_address *ret)
{
    /* As the other side splits: what is empty counts, but not at the end. */
    while (rest->len > 0 && rest->at[rest->len - 1] == '|')
        rest->len--;
    if (rest->len <= 0)
        return 0;

    const uint8_t *bar = memchr(rest->at, '|', (size_t)rest->len);
    size_t len = bar != NULL ? (size_t)(bar - rest->at) : (size_t)rest->len;

    if (!address_read(rest->at, len, ret))
        return -EBADMSG;
    rest->at += len + (bar != NULL);
    rest->len -= (int32_t)(len + (bar != NULL));
    return 1;
}

static bool are_addresses(struct jute_bytes text)
{
    struct zab_initial_address ignored;
    int r = 1;

    while (r > 0)
        r = zab_initial_next(&text, &ignored);
    return r == 0;
}

int64_t zab_initial_read(struct zab_initial *ret, const uint8_t *at, size_t len)
{
    if (len < INITIAL_OLD_BYTES)
        return 0;

    int64_t first = (int64_t)jute_load64(at);

    if (first >= 0) {
        *ret = (struct zab_initial){ .sid = first, .addresses = { .len = -1 } };
        return INITIAL_OLD_BYTES;
    }
    if (first != INITIAL_ONE && first != INITIAL_LIST)
        return -EBADMSG;
    if (len < INITIAL_HEAD_BYTES)
        return 0;

    int32_t text_len = (int32_t)jute_load32(at + 16);
    struct jute_bytes text = { .at = at + INITIAL_HEAD_BYTES, .len = text_len };

    if (text_len < 1 || text_len > ZAB_INITIAL_ADDRESS_MAX)
        return -EBADMSG;
    if (len - INITIAL_HEAD_BYTES < (size_t)text_len)
        return 0;
    if (!are_addresses(text))
        return -EBADMSG;
    *ret = (struct zab_initial){ .sid = (zk_sid)jute_load64(at + 8), .addresses = text };
    return INITIAL_HEAD_BYTES + text_len;
}

void zab_initial_write(zk_sid sid, const char *addresses, bool multi, struct bytes *out)
{
    size_t len = strlen(addresses);

    /* What is too long goes without its last addresses: the others do as well. */
    while (len > ZAB_INITIAL_ADDRESS_MAX) {
        const char *bar = memrchr(addresses, '|', len);

        zk_assert(bar != NULL);
        len = (size_t)(bar - addresses);
    }
    zk_assert(len > 0);

    struct election_hello r = {
        .version = multi ? INITIAL_LIST : INITIAL_ONE,
        .sid = sid,
        .addresses = { .at = (const uint8_t *)addresses, .len = (int32_t)len },
    };

    jute_write_election_hello(out, &r);
}
