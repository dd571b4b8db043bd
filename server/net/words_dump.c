/* dump: sessions by when they expire, ephemerals by session, connections by when they may
 * be closed. What is long is noted at the begin and written in pieces. */
#include <stdlib.h>
#include <time.h>

#include "server/net/words_impl.h"
#include "server/session/session.h"
#include "util/check.h"

enum dump_part { DUMP_SESSIONS, DUMP_OWNERS, DUMP_CONNECTIONS };

struct dump_connection {
    int64_t end_ms;
    zk_session_id session;
    struct address address;
};

struct word_dump {
    zk_session_id *owners; /* Of ephemerals. */
    uint32_t owner_count;
    struct dump_connection *connections;
    uint32_t connection_count;
};

struct word_dump *word_dump_free(struct word_dump *d)
{
    if (d != NULL) {
        free(d->owners);
        free(d->connections);
    }
    free(d);
    return NULL;
}

/* `<n> expire at Sun Nov 22 01:44:31 UTC 2026:`, as Java prints a Date. */
static void put_expiry(struct bytes *out, const struct service *s, size_t count, int64_t at_ms)
{
    int64_t wall_ms = s->wall_ms + (at_ms - s->now_ms);
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    char text[64];

    (void)localtime_r(&t, &tm);
    if (strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y", &tm) == 0)
        text[0] = '\0';
    bytes_printf(out, "%zu expire at %s:\n", count, text);
}

/* ---- Sessions. */

struct session_listing {
    const struct service *service;
    struct bytes *out;
    size_t end;
    size_t buckets;
};

static void count_bucket(void *ctx, int64_t expires_ms, size_t count)
{
    struct session_listing *l = ctx;

    (void)expires_ms;
    (void)count;
    l->buckets++;
}

static void pass_session(void *ctx, const struct session *session)
{
    (void)ctx;
    (void)session;
}

static void put_bucket(void *ctx, int64_t expires_ms, size_t count)
{
    const struct session_listing *l = ctx;

    put_expiry(l->out, l->service, count, expires_ms);
}

static void put_session(void *ctx, const struct session *session)
{
    const struct session_listing *l = ctx;

    if (l->out->len >= l->end)
        return;
    words_put_text(l->out, "\t0x");
    words_put_hex(l->out, (uint64_t)session->id);
    words_put_text(l->out, "\n");
}

/* name: ahead of `Session Sets`. */
static void put_sets(const struct service *s, const char *name, enum session_kind kind,
                     uint64_t count, struct bytes *out)
{
    struct session_listing l = { .service = s, .out = out, .end = out->len + WORDS_TEXT_BYTES_MAX };

    session_each_bucket(s->sessions, kind, count_bucket, pass_session, &l);
    bytes_printf(out, "%sSession Sets (%zu)/(%llu):\n", name, l.buckets, (unsigned long long)count);
    session_each_bucket(s->sessions, kind, put_bucket, put_session, &l);
}

/* Who tracks the sessions of all shows when they expire; a learner only which there are. Local
 * ones, where there may be any, everybody tracks for itself, and shows ahead of the others. */
static void put_sessions(const struct net *n, struct bytes *out)
{
    const struct service *s = n->service;
    struct words_ensemble e;
    bool is_learner = words_ensemble_now(n, &e) && e.role != ZAB_LEADING;
    bool has_local = s->conf.local_sessions && !s->is_alone;

    words_put_text(out, "SessionTracker dump:\n");
    if (has_local)
        put_sets(s, "Local ", SESSIONS_LOCAL, s->local_sessions, out);
    if (is_learner)
        words_put_global_sessions(n, out);
    else if (has_local)
        put_sets(s, "Global ", SESSIONS_GLOBAL, session_count(s->sessions) - s->local_sessions,
                 out);
    else
        put_sets(s, "", SESSIONS_ALL, session_count(s->sessions), out);
}

/* ---- Ephemerals. */

static void note_owners(struct word_dump *d, const struct tree *t)
{
    struct tree_totals totals;

    tree_totals(t, &totals);
    d->owners = zk_xcalloc(totals.sessions_with_ephemerals + 1, sizeof d->owners[0]);
    for (zk_session_id id = tree_next_owner(t, 0);
         id != 0 && d->owner_count < totals.sessions_with_ephemerals; id = tree_next_owner(t, id))
        d->owners[d->owner_count++] = id;
}

static void put_owner(const struct tree *t, zk_session_id session, struct bytes *out, size_t end)
{
    const struct znode *node = tree_first_ephemeral(t, session);

    if (node == NULL) /* It has ended since the dump began. */
        return;
    words_put_text(out, "0x");
    words_put_hex(out, (uint64_t)session);
    words_put_text(out, ":\n");
    for (; node != NULL && out->len < end; node = tree_next_ephemeral(t, node)) {
        words_put_text(out, "\t");
        znode_path(t, node, out);
        words_put_text(out, "\n");
    }
}

/* ---- Connections. */

static void note_connections(struct word_dump *d, const struct service *s)
{
    d->connections = zk_xcalloc((size_t)s->client_count + 1, sizeof d->connections[0]);
    for (uint32_t i = 0; i < s->clients_cap; i++) {
        if (s->clients[i] == NULL)
            continue;

        const struct conn *c = conn_of(s->clients[i]);

        zk_assert(d->connection_count < s->client_count);
        d->connections[d->connection_count++] = (struct dump_connection){
            .end_ms = conn_idle_end(c),
            .session = c->client.session_id,
            .address = c->address,
        };
    }
}

static int by_end(const void *a, const void *b)
{
    const struct dump_connection *x = a;
    const struct dump_connection *y = b;

    return (x->end_ms > y->end_ms) - (x->end_ms < y->end_ms);
}

/* How many from index on end at the same time as it. */
static uint32_t count_alike(const struct word_dump *d, uint32_t index)
{
    uint32_t end = index;

    while (end < d->connection_count && d->connections[end].end_ms == d->connections[index].end_ms)
        end++;
    return end - index;
}

static bool starts_bucket(const struct word_dump *d, uint32_t index)
{
    return index == 0 || d->connections[index - 1].end_ms != d->connections[index].end_ms;
}

static void put_connections_head(const struct word_dump *d, struct bytes *out)
{
    uint32_t buckets = 0;

    for (uint32_t i = 0; i < d->connection_count; i++)
        if (starts_bucket(d, i))
            buckets++;
    bytes_printf(out, "Connections dump:\nConnections Sets (%u)/(%u):\n", buckets,
                 d->connection_count);
}

static void put_connection(const struct word_dump *d, uint32_t index, const struct service *s,
                           struct bytes *out)
{
    const struct dump_connection *c = &d->connections[index];
    char text[ADDRESS_TEXT_MAX];

    if (starts_bucket(d, index))
        put_expiry(out, s, count_alike(d, index), c->end_ms);
    words_put_text(out, "\tip: /");
    bytes_put(out, text, address_print(text, &c->address));
    words_put_text(out, " sessionId: 0x");
    words_put_hex(out, (uint64_t)c->session);
    words_put_text(out, "\n");
}

/* ---- Pieces. */

static void begin(struct net *n, struct word_job *job, struct bytes *out)
{
    struct word_dump *d = zk_xcalloc(1, sizeof *d);
    const struct service *s = n->service;

    job->dump = d;
    note_owners(d, s->state.tree);
    note_connections(d, s);
    qsort(d->connections, d->connection_count, sizeof d->connections[0], by_end);
    put_sessions(n, out);
    bytes_printf(out, "ephemeral nodes dump:\nSessions with Ephemerals (%u):\n", d->owner_count);
    job->part = DUMP_OWNERS;
}

bool words_step_dump(struct net *n, struct word_job *job, struct bytes *out)
{
    const struct service *s = n->service;
    size_t end = out->len + WORDS_STEP_BYTES;

    if (job->part == DUMP_SESSIONS) {
        begin(n, job, out);
        return true;
    }

    const struct word_dump *d = job->dump;

    while (job->part == DUMP_OWNERS && out->len < end) {
        if (job->at < d->owner_count) {
            put_owner(s->state.tree, d->owners[job->at++], out, out->len + WORDS_TEXT_BYTES_MAX);
            continue;
        }
        put_connections_head(d, out);
        job->part = DUMP_CONNECTIONS;
        job->at = 0;
    }
    while (job->part == DUMP_CONNECTIONS && job->at < d->connection_count && out->len < end)
        put_connection(d, job->at++, s, out);
    return job->part == DUMP_OWNERS || job->at < d->connection_count;
}
