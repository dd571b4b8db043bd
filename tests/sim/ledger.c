/* What servers log, commit and apply, and who leads: one history. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "jute/opcodes.h"
#include "tests/sim/ledger_impl.h"
#include "util/check.h"
#include "util/hash.h"

static const struct zab_config_rules rules = { 0 };

struct ledger *ledger_new(struct zab_config *first)
{
    struct ledger *l = zk_xcalloc(1, sizeof *l);

    l->config = zab_config_ref(first);
    return l;
}

struct ledger *ledger_free(struct ledger *l)
{
    if (l == NULL)
        return NULL;
    for (size_t i = 0; i < l->reign_count; i++)
        free(l->reigns[i].notes);
    free(l->reigns);
    free(l->committed);
    free(l->expired);
    zab_config_unref(l->config);
    free(l);
    return NULL;
}

const struct zab_config *ledger_config(const struct sim *s)
{
    return s->ledger->config;
}

/* ---- Notes. */

static struct reign *reign_of(struct ledger *l, uint32_t epoch)
{
    size_t at = l->reign_count;

    while (at > 0 && l->reigns[at - 1].epoch >= epoch)
        at--;
    if (at < l->reign_count && l->reigns[at].epoch == epoch)
        return &l->reigns[at];
    if (l->reign_count == l->reign_cap) {
        l->reign_cap = l->reign_cap * 2 + 16;
        l->reigns = zk_xrealloc(l->reigns, l->reign_cap * sizeof *l->reigns);
    }
    memmove(&l->reigns[at + 1], &l->reigns[at], (l->reign_count - at) * sizeof *l->reigns);
    l->reign_count++;
    l->reigns[at] = (struct reign){ .epoch = epoch, .leader = INT64_MIN };
    return &l->reigns[at];
}

static struct note *note_of(struct ledger *l, zk_zxid zxid)
{
    struct reign *r = reign_of(l, zxid_epoch(zxid));
    size_t index = (size_t)zxid_counter(zxid) - 1;

    zk_assert(zxid_counter(zxid) > 0 && zxid_counter(zxid) < 10000000);
    while (r->count <= index) {
        if (r->count == r->cap) {
            r->cap = r->cap * 2 + 64;
            r->notes = zk_xrealloc(r->notes, r->cap * sizeof *r->notes);
        }
        r->notes[r->count++] = (struct note){ 0 };
    }
    return &r->notes[index];
}

const struct note *ledger_find_note(const struct ledger *l, zk_zxid zxid)
{
    for (size_t i = l->reign_count; i-- > 0;) {
        const struct reign *r = &l->reigns[i];

        if (r->epoch == zxid_epoch(zxid) && zxid_counter(zxid) > 0 &&
            zxid_counter(zxid) <= r->count)
            return &r->notes[zxid_counter(zxid) - 1];
    }
    return NULL;
}

void ledger_logged(struct member *n, zk_zxid before, zk_zxid zxid, const uint8_t *payload,
                   size_t len)
{
    struct sim *s = n->sim;
    uint64_t hash = hash_bytes(1, payload, len) | 1;
    struct txn txn;

    if (!txn_parse(&txn, payload, len) || txn.head.zxid != zxid) {
        sim_fail(s, "Integrity: server %" PRId64 " logs 0x%" PRIx64 ", which is no txn", n->sid,
                 (uint64_t)zxid);
        return;
    }

    struct note *note = note_of(s->ledger, zxid);

    if (note->hash == 0) {
        struct reign *r = reign_of(s->ledger, zxid_epoch(zxid));

        if (zab_role(ensemble_zab(n->ensemble)) != ZAB_LEADING ||
            zab_epoch(ensemble_zab(n->ensemble)) != r->epoch)
            sim_fail(s,
                     "Integrity: server %" PRId64 " logs 0x%" PRIx64 ", which no leader proposed",
                     n->sid, (uint64_t)zxid);
        *note = (struct note){ .hash = hash,
                               .before = before,
                               .session = txn.head.session_id,
                               .xid = txn.head.cxid,
                               .type = txn.head.type };
    } else if (note->hash != hash) {
        sim_fail(s, "Integrity: server %" PRId64 " logs another txn as 0x%" PRIx64, n->sid,
                 (uint64_t)zxid);
    }
}

/* ---- The order of what is committed. */

zk_zxid ledger_committed(const struct sim *s)
{
    const struct ledger *l = s->ledger;

    return l->committed_count > 0 ? l->committed[l->committed_count - 1] : 0;
}

/* The index of the first committed txn after zxid. */
static size_t first_after(const struct ledger *l, zk_zxid zxid)
{
    size_t low = 0;
    size_t high = l->committed_count;

    while (low < high) {
        size_t mid = (low + high) / 2;

        if (l->committed[mid] <= zxid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

bool ledger_is_committed(const struct sim *s, zk_zxid zxid)
{
    const struct note *note = ledger_find_note(s->ledger, zxid);

    return note != NULL && note->is_committed;
}

/* How many disks would bring it back after a power loss everywhere: are they a quorum? */
static bool is_safe(const struct sim *s, const struct zab_config *c, zk_zxid zxid)
{
    zk_sid sids[SIM_MEMBERS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < s->member_count; i++)
        if (disk_holds(&s->members[i]->disk, zxid))
            sids[count++] = s->members[i]->sid;
    return zab_config_is_quorum(c, sids, count);
}

void ledger_check_disks(struct sim *s)
{
    zk_zxid last = ledger_committed(s);

    if (last != 0 && !is_safe(s, s->ledger->config, last))
        sim_fail(s, "committed never lost: 0x%" PRIx64 " is not on a quorum of disks any more",
                 (uint64_t)last);
}

static void adopt_config(struct sim *s, const struct disk_entry *e)
{
    char why[ZAB_CONFIG_WHY_MAX];
    struct set_data_txn set;
    struct zab_config *c;
    struct txn txn;

    if (e == NULL || !txn_parse(&txn, e->at, e->len) || txn.head.type != ZK_OP_RECONFIG)
        return;
    jute_read_set_data_txn(&txn.body, &set);
    if (zab_config_parse(&c, (const char *)set.data.at, (size_t)set.data.len, &rules, why) < 0) {
        sim_fail(s, "a committed configuration cannot be read: %s", why);
        return;
    }
    zab_config_unref(s->ledger->config);
    s->ledger->config = c;
    s->seen[SEEN_RECONFIGS]++;
    if (!is_safe(s, c, txn.head.zxid))
        sim_fail(s,
                 "0x%" PRIx64 " is committed without a quorum of the configuration that it brings",
                 (uint64_t)txn.head.zxid);
}

/* Its bytes, as long as some log has them: snapshots may have taken the place of all. */
static const struct disk_entry *find_entry(const struct sim *s, zk_zxid zxid)
{
    const struct disk_entry *e = NULL;

    for (size_t i = 0; i < s->member_count && e == NULL; i++)
        e = disk_find(&s->members[i]->disk, zxid);
    return e;
}

/* is_new: by acknowledgements of its own epoch. */
static void commit(struct member *n, zk_zxid zxid, bool is_new)
{
    struct sim *s = n->sim;
    struct ledger *l = s->ledger;
    struct note *note = note_of(l, zxid);

    if (note->hash == 0)
        sim_fail(s, "Integrity: server %" PRId64 " commits 0x%" PRIx64 ", which nobody proposed",
                 n->sid, (uint64_t)zxid);
    if (zxid_counter(zxid) > 1 && ledger_committed(s) != zxid - 1)
        sim_fail(s, "LocalPrimaryOrder: 0x%" PRIx64 " is committed after 0x%" PRIx64,
                 (uint64_t)zxid, (uint64_t)ledger_committed(s));
    if (is_new && !is_safe(s, l->config, zxid))
        sim_fail(s,
                 "server %" PRId64 " commits 0x%" PRIx64
                 ", which is not durable on a quorum of the voters",
                 n->sid, (uint64_t)zxid);
    if (l->committed_count == l->committed_cap) {
        l->committed_cap = l->committed_cap * 2 + 256;
        l->committed = zk_xrealloc(l->committed, l->committed_cap * sizeof *l->committed);
    }
    l->committed[l->committed_count++] = zxid;
    note->is_committed = true;
    s->seen[SEEN_COMMITS]++;
    adopt_config(s, find_entry(s, zxid));
}

/* ---- Leaders. */

/* All behind the last committed txn, up to `end`, oldest first. */
static void commit_chain(struct member *n, zk_zxid end)
{
    struct sim *s = n->sim;
    zk_zxid committed = ledger_committed(s);
    zk_zxid *chain = NULL;
    size_t count = 0;
    zk_zxid at = end;

    while (at > committed) {
        const struct note *note = ledger_find_note(s->ledger, at);

        if (note == NULL || note->hash == 0) {
            sim_fail(s, "the ledger does not know how server %" PRId64 " came to 0x%" PRIx64,
                     n->sid, (uint64_t)end);
            break;
        }
        chain = zk_xrealloc(chain, (count + 1) * sizeof *chain);
        chain[count++] = at;
        at = note->before;
    }
    if (count > 0 && !s->failed && at != committed)
        sim_fail(s,
                 "PrimaryIntegrity: server %" PRId64 " leads with 0x%" PRIx64
                 ", whose history has 0x%" PRIx64 " and not 0x%" PRIx64 ", which is committed",
                 n->sid, (uint64_t)end, (uint64_t)at, (uint64_t)committed);
    while (count > 0 && !s->failed)
        commit(n, chain[--count], false);
    free(chain);
}

/* Everything that a new leader has is decided by its being established; be it in its log, or in a
 * snapshot that another would-be leader sent it. */
static void commit_history(struct member *n, uint32_t epoch)
{
    struct sim *s = n->sim;
    zk_zxid end = disk_last_before(&n->disk, epoch);

    if (zxid_counter(end) > 0)
        commit_chain(n, end);
    if (end != 0 && !is_safe(s, s->ledger->config, end))
        sim_fail(s,
                 "server %" PRId64 " is established with 0x%" PRIx64
                 ", which is not durable on a quorum of the voters",
                 n->sid, (uint64_t)end);
}

/* PrimaryIntegrity: and it has all that was committed before it. */
static void check_history(struct member *n)
{
    struct sim *s = n->sim;
    const struct ledger *l = s->ledger;
    const struct disk *d = &n->disk;

    for (size_t i = 0; i < l->committed_count; i++)
        if (!disk_holds(d, l->committed[i]) && disk_find(d, l->committed[i]) == NULL)
            sim_fail(s,
                     "PrimaryIntegrity: server %" PRId64 " leads epoch %" PRId64
                     " without 0x%" PRIx64 ", which is committed",
                     n->sid, zab_epoch(ensemble_zab(n->ensemble)), (uint64_t)l->committed[i]);
    for (size_t i = 0; i < d->count; i++) {
        zk_zxid zxid = d->log[i].zxid;

        if (zxid <= ledger_committed(s) && !ledger_is_committed(s, zxid))
            sim_fail(s,
                     "PrimaryIntegrity: server %" PRId64 " leads with 0x%" PRIx64
                     " in its log, which was passed over",
                     n->sid, (uint64_t)zxid);
    }
}

/* A leader completes the reconfiguration that it was told of last, even where only the file of it
 * survived: by then a quorum of both has agreed. */
static void take_config(struct ledger *l, const struct zab_config *c)
{
    if (c->version <= l->config->version)
        return;
    struct zab_config *copy = zab_config_with_version(c, c->version);

    zab_config_unref(l->config);
    l->config = copy;
}

static void established(struct member *n, int64_t epoch)
{
    struct sim *s = n->sim;
    struct reign *r = reign_of(s->ledger, (uint32_t)epoch);

    n->led_epoch = epoch;
    s->seen[SEEN_ESTABLISHED]++;
    sim_trace(s, "%" PRId64 " is established as the leader of epoch %" PRId64, n->sid, epoch);
    if (r->leader != INT64_MIN)
        sim_fail(s,
                 "Leadership2: server %" PRId64 " leads epoch %" PRId64 ", which server %" PRId64
                 " led",
                 n->sid, epoch, r->leader);
    r->leader = n->sid;
    r->life = n->life;
    if (r + 1 < s->ledger->reigns + s->ledger->reign_count && r[1].leader != INT64_MIN)
        sim_trace(s, "%" PRId64 " comes late: epoch %u is established", n->sid, r[1].epoch);
    else
        check_history(n);
    commit_history(n, (uint32_t)epoch);
    take_config(s->ledger, zab_config_in_force(ensemble_zab(n->ensemble)));
}

/* Leadership1: of two that lead one epoch, one is not. */
static void check_rivals(const struct member *n)
{
    struct sim *s = n->sim;
    int64_t epoch = zab_accepted(ensemble_zab(n->ensemble));

    for (size_t i = 0; i < s->member_count; i++) {
        const struct member *other = s->members[i];

        if (other == n || !other->is_up || other->role != ZAB_LEADING ||
            (other->phase != ZAB_SYNCHRONIZATION && other->phase != ZAB_BROADCAST))
            continue;
        if (zab_accepted(ensemble_zab(other->ensemble)) == epoch)
            sim_fail(s, "Leadership1: servers %" PRId64 " and %" PRId64 " both lead epoch %" PRId64,
                     n->sid, other->sid, epoch);
    }
}

static void look_at_role(struct member *n)
{
    const struct zab *z = ensemble_zab(n->ensemble);
    enum zab_role role = zab_role(z);
    enum zab_phase phase = zab_phase(z);
    bool is_new = role != n->role || phase != n->phase;

    if (phase == ZAB_BROADCAST && n->disk.current < zab_epoch(z))
        return; /* The core is there already, but not all that it asked for is done. */
    if (role == ZAB_LOOKING && n->role != ZAB_LOOKING)
        n->sim->seen[SEEN_ELECTIONS]++;
    n->role = role;
    n->phase = phase;
    if (role != ZAB_LEADING)
        return;
    if (is_new && (phase == ZAB_SYNCHRONIZATION || phase == ZAB_BROADCAST))
        check_rivals(n);
    if (phase == ZAB_BROADCAST && n->led_epoch != zab_epoch(z))
        established(n, zab_epoch(z));
}

/* At every moment at which power may go: accepted >= current, and what is logged belongs to an
 * epoch that was accepted. While a learner is brought up to date its log runs ahead of
 * currentEpoch. */
static void check_epochs(struct member *n)
{
    const struct disk *d = &n->disk;
    int64_t logged = (int64_t)zxid_epoch(disk_last(d));
    bool serves = n->is_up && n->phase == ZAB_BROADCAST;

    if (d->accepted < d->current || d->accepted < logged || (serves && d->current < logged))
        sim_fail(n->sim,
                 "server %" PRId64 ": acceptedEpoch %" PRId64 ", currentEpoch %" PRId64
                 ", and a log that ends in epoch %" PRId64,
                 n->sid, d->accepted, d->current, logged);
}

void ledger_glance(struct member *n)
{
    look_at_role(n);
}

void ledger_look(struct member *n)
{
    if (n->is_up)
        look_at_role(n);
    check_epochs(n);
}

/* ---- What is applied. */

void ledger_applying(struct member *n, const struct txn *txn)
{
    struct sim *s = n->sim;
    const struct ledger *l = s->ledger;
    zk_zxid before = tree_zxid(n->service.state.tree);
    zk_zxid zxid = txn->head.zxid;

    /* What is decided may be applied just before, or just after, the role ends or begins. */
    if (zab_phase(ensemble_zab(n->ensemble)) == ZAB_BROADCAST)
        look_at_role(n);

    bool is_decided = n->phase == ZAB_BROADCAST;

    if (zxid <= before)
        sim_fail(s, "TotalOrder: server %" PRId64 " applies 0x%" PRIx64 " behind 0x%" PRIx64,
                 n->sid, (uint64_t)zxid, (uint64_t)before);
    if (!is_decided)
        return; /* What a leader to be has in its log: not decided yet, and nobody sees it. */
    if (zxid > ledger_committed(s)) {
        if (first_after(l, before) != l->committed_count)
            sim_fail(s,
                     "Agreement: server %" PRId64 " applies 0x%" PRIx64 " behind 0x%" PRIx64
                     " and passes over what is committed",
                     n->sid, (uint64_t)zxid, (uint64_t)before);
        commit(n, zxid, true);
    } else if (!ledger_is_committed(s, zxid)) {
        sim_fail(
            s, "PrefixConsistency: server %" PRId64 " applies 0x%" PRIx64 ", which was passed over",
            n->sid, (uint64_t)zxid);
    } else if (first_after(l, before) != first_after(l, zxid) - 1) {
        sim_fail(s, "TotalOrder: server %" PRId64 " applies 0x%" PRIx64 " right behind 0x%" PRIx64,
                 n->sid, (uint64_t)zxid, (uint64_t)before);
    }
}

/* A txn and all before it are one history: its tree is the same wherever it is. */
static void check_digest(struct member *n, zk_zxid zxid, uint64_t digest)
{
    if (zxid_counter(zxid) == 0)
        return;

    struct note *note = note_of(n->sim->ledger, zxid);

    if (note->has_digest && note->digest == digest)
        n->is_fuzzy = false;
    if (n->is_fuzzy)
        return;
    if (note->has_digest && note->digest != digest)
        sim_fail(n->sim,
                 "equal digests: server %" PRId64 " has another tree at 0x%" PRIx64 " than others",
                 n->sid, (uint64_t)zxid);
    note->digest = digest;
    note->has_digest = true;
}

void ledger_applied(struct member *n, const struct txn *txn)
{
    const struct tree *t = n->service.state.tree;

    check_digest(n, txn->head.zxid, tree_digest(t));
    if (txn->has_digest && !n->is_fuzzy && txn->digest != tree_digest(t))
        sim_fail(n->sim,
                 "equal digests: server %" PRId64 " has not the promised tree at 0x%" PRIx64,
                 n->sid, (uint64_t)txn->head.zxid);
}

void ledger_restored(struct member *n, const struct state *state)
{
    check_digest(n, tree_zxid(state->tree), tree_digest(state->tree));
}
