/* Words about connections: cons, stat, crst. */
#include "jute/opcodes.h"
#include "server/net/words_impl.h"

/* The names that `cons` has for opcodes. */
static const char *op_text(int32_t op)
{
    static const struct {
        int32_t op;
        const char *text;
    } texts[] = {
        { ZK_OP_PING, "PING" },
        { ZK_OP_CREATE_SESSION, "SESS" },
        { ZK_OP_MULTI, "MULT" },
        { ZK_OP_MULTI_READ, "MLTR" },
        { ZK_OP_CREATE, "CREA" },
        { ZK_OP_CREATE2, "CREA" },
        { ZK_OP_CREATE_CONTAINER, "CREA" },
        { ZK_OP_CREATE_TTL, "CREA" },
        { ZK_OP_DELETE, "DELE" },
        { ZK_OP_DELETE_CONTAINER, "DELE" },
        { ZK_OP_SET_DATA, "SETD" },
        { ZK_OP_RECONFIG, "RECO" },
        { ZK_OP_SET_ACL, "SETA" },
        { ZK_OP_CLOSE_SESSION, "CLOS" },
        { ZK_OP_SYNC, "SYNC" },
        { ZK_OP_CHECK, "CHEC" },
        { ZK_OP_EXISTS, "EXIS" },
        { ZK_OP_GET_DATA, "GETD" },
        { ZK_OP_SET_WATCHES, "SETW" },
        { ZK_OP_SET_WATCHES2, "STW2" },
        { ZK_OP_ADD_WATCH, "ADDW" },
        { ZK_OP_GET_ACL, "GETA" },
        { ZK_OP_GET_CHILDREN, "GETC" },
        { ZK_OP_GET_CHILDREN2, "GETC" },
        { ZK_OP_GET_ALL_CHILDREN_NUMBER, "GETACN" },
        { ZK_OP_CHECK_WATCHES, "CHKW" },
        { ZK_OP_REMOVE_WATCHES, "REMW" },
        { ZK_OP_WHO_AM_I, "HOMI" },
        { ZK_OP_GET_EPHEMERALS, "GETE" },
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].op == op)
            return texts[i].text;
    return "NA";
}

/* What its socket is watched for, in Java's bits; a word's own connection for nothing. */
static unsigned ops_of(const struct conn *c)
{
    unsigned ops = 0;

    if (c->is_word)
        return 0;
    if ((c->interest & EV_READ) != 0)
        ops |= 1;
    if ((c->interest & EV_WRITE) != 0)
        ops |= 4;
    return ops;
}

static void put_session(struct bytes *out, const struct conn *c)
{
    const struct client *client = &c->client;
    const struct client_stats *s = &client->stats;

    bytes_printf(out, ",sid=0x%llx,lop=%s,est=%lld,to=%d", (unsigned long long)client->session_id,
                 op_text(s->last_op), (long long)s->established_ms, client->timeout_ms);
    if (s->last_xid >= 0)
        bytes_printf(out, ",lcxid=0x%x", (unsigned)s->last_xid);
    bytes_printf(
        out, ",lzxid=0x%llx,lresp=%lld,llat=%lld,minlat=%llu,avglat=%llu,maxlat=%llu",
        (unsigned long long)s->last_zxid, (long long)s->last_response_ms,
        (long long)s->last_latency_ms, (unsigned long long)s->latency_ms.min,
        (unsigned long long)(s->latency_ms.count > 0 ? s->latency_ms.sum / s->latency_ms.count : 0),
        (unsigned long long)s->latency_ms.max);
}

static void put_connection(struct bytes *out, const struct conn *c, bool is_full)
{
    const struct client *client = &c->client;

    words_put_text(out, " ");
    words_put_peer(out, c);
    bytes_printf(out, "[%x](queued=%u,recved=%llu,sent=%llu", ops_of(c), client->outstanding,
                 (unsigned long long)client->stats.received,
                 (unsigned long long)client->stats.sent);
    if (is_full && client->session_id != 0)
        put_session(out, c);
    words_put_text(out, ")\n");
}

bool words_step_connections(struct net *n, struct word_job *job, struct bytes *out)
{
    const struct service *s = n->service;
    bool is_full = job->word == WORD_CONS;
    size_t end = out->len + WORDS_STEP_BYTES;

    if (job->part++ == 0 && !is_full) {
        words_put_version(n, out);
        words_put_text(out, "Clients:\n");
    }
    for (; job->at < s->clients_cap; job->at++) {
        if (out->len >= end)
            return true;
        if (s->clients[job->at] != NULL)
            put_connection(out, conn_of(s->clients[job->at]), is_full);
    }
    words_put_text(out, "\n");
    if (!is_full)
        words_put_srvr(n, out);
    return false;
}

void words_reset_connections(struct net *n)
{
    const struct service *s = n->service;

    for (uint32_t i = 0; i < s->clients_cap; i++) {
        if (s->clients[i] == NULL)
            continue;

        struct client_stats *stats = &s->clients[i]->stats;

        *stats = (struct client_stats){ .established_ms = stats->established_ms,
                                        .last_xid = -1,
                                        .last_zxid = -1 };
    }
}
