/* What the words tell of the ensemble: roles, the membership, a leader's figures. */
#include <stdlib.h>

#include "server/net/limits.h"
#include "server/net/words_impl.h"
#include "util/check.h"

bool words_ensemble_now(const struct net *n, struct words_ensemble *ret)
{
    const struct words_conf *c = &n->words.conf;

    if (c->ensemble == NULL)
        return false;
    *ret = (struct words_ensemble){
        .observer_master = INT64_MIN, .proposal_last = -1, .proposal_min = -1, .proposal_max = -1
    };
    c->ensemble(c->ctx, ret);
    return true;
}

const char *words_mode(const struct words_ensemble *e)
{
    if (e->is_read_only)
        return "read-only";
    switch (e->role) {
    case ZAB_LEADING:
        return "leader";
    case ZAB_FOLLOWING:
        return "follower";
    case ZAB_OBSERVING:
        return "observer";
    case ZAB_LOOKING:
        return "looking";
    }
    zk_assert(false);
}

/* ---- conf. */

/* One port of each of a member's addresses, in the order in which they are printed. */
static void put_ports(const struct zab_member *m, const char *key, bool is_election,
                      struct bytes *out)
{
    bytes_printf(out, "%s=", key);
    for (size_t i = 0; m != NULL && i < m->address_count; i++) {
        const struct zab_address *a = &m->addresses[i];
        bytes_printf(out, i > 0 ? "|%d" : "%d", is_election ? a->election_port : a->quorum_port);
    }
    words_put_text(out, "\n");
}

void words_put_conf_ensemble(const struct net *n, const struct words_ensemble *e, struct bytes *out)
{
    const struct words_conf *c = &n->words.conf;
    const struct zab_member *own = zab_config_find(e->config, c->sid);

    bytes_printf(out, "initLimit=%d\nsyncLimit=%d\nelectionAlg=3\n", c->init_limit, c->sync_limit);
    put_ports(own, "electionPort", true, out);
    put_ports(own, "quorumPort", false, out);
    bytes_printf(out, "peerType=%d\n", own != NULL && !own->is_voter);
    if (e->is_read_only)
        return;
    words_put_text(out, "membership: \n");
    zab_config_print(e->config, out);
}

/* ---- mntr. */

static const char *role_text(enum zab_role role)
{
    switch (role) {
    case ZAB_LEADING:
        return "leading";
    case ZAB_FOLLOWING:
        return "following";
    case ZAB_OBSERVING:
        return "observing";
    case ZAB_LOOKING:
        return "looking";
    }
    zk_assert(false);
}

static const char *phase_text(enum zab_phase phase)
{
    switch (phase) {
    case ZAB_ELECTION:
        return "";
    case ZAB_DISCOVERY:
        return " - discovery";
    case ZAB_SYNCHRONIZATION:
        return " - synchronization";
    case ZAB_BROADCAST:
        return " - broadcast";
    }
    zk_assert(false);
}

void words_put_mntr_state(const struct words_ensemble *e, struct bytes *out)
{
    bytes_printf(out, "zk_server_state\t%s\n", words_mode(e));
    if (e->is_read_only)
        return;
    bytes_printf(out, "zk_peer_state\t%s%s\n", role_text(e->role), phase_text(e->phase));
    if (e->role == ZAB_OBSERVING && e->observer_master != INT64_MIN)
        bytes_printf(out, "zk_observer_master_id\t%lld\n", (long long)e->observer_master);
}

static void put_number(struct bytes *out, const char *key, int64_t v)
{
    bytes_printf(out, "zk_%s\t%lld\n", key, (long long)v);
}

void words_put_mntr_ensemble(const struct words_ensemble *e, struct bytes *out)
{
    if (e->is_read_only)
        return;
    put_number(out, "quorum_size", (int64_t)e->config->voters);
    if (e->role == ZAB_LEADING || (e->role == ZAB_FOLLOWING && e->is_observer_master))
        put_number(out, "synced_observers", (int64_t)e->synced_observers);
    if (e->role != ZAB_LEADING)
        return;
    put_number(out, "learners", (int64_t)e->learners);
    put_number(out, "synced_followers", (int64_t)e->synced_followers);
    put_number(out, "synced_non_voting_followers", (int64_t)e->synced_non_voting);
    put_number(out, "pending_syncs", (int64_t)e->pending_syncs);
    put_number(out, "leader_uptime", e->leading_ms);
    put_number(out, "last_proposal_size", e->proposal_last);
    put_number(out, "max_proposal_size", e->proposal_max);
    put_number(out, "min_proposal_size", e->proposal_min);
}

/* ---- dump. */

struct listed {
    zk_session_id id;
    int32_t timeout_ms;
};

struct listing {
    struct listed *at;
    size_t count, cap;
};

static void list_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct listing *l = ctx;

    if (l->count < l->cap)
        l->at[l->count++] = (struct listed){ .id = id, .timeout_ms = timeout_ms };
}

static int by_id(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

void words_put_global_sessions(const struct net *n, struct bytes *out)
{
    const struct session_book *book = n->service->state.sessions;
    struct listing l = { .cap = session_book_count(book) };
    size_t end = out->len + WORDS_TEXT_BYTES_MAX;

    l.at = zk_xcalloc(l.cap + 1, sizeof *l.at);
    session_book_each(book, list_session, &l);
    qsort(l.at, l.count, sizeof *l.at, by_id);
    bytes_printf(out, "Global Sessions(%zu):\n", l.count);
    for (size_t i = 0; i < l.count && out->len < end; i++) {
        words_put_text(out, "0x");
        words_put_hex(out, (uint64_t)l.at[i].id);
        bytes_printf(out, "\t%dms\n", l.at[i].timeout_ms);
    }
    free(l.at);
}
