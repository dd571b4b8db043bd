/* One server: its process, its clocks, its turns. */
#include "tests/sim/member.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/order/limits.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "util/check.h"

enum {
    TURN_DELAY_MAX_US = 100, /* How long a loop may take to turn. */
    WALL_MS = 1700000000,    /* Thousands of them. */
};

/* Whose turn it is: what its state goes through is watched. */
static struct member *current;

/* ---- Clocks. */

static int64_t mono_us(const struct member *n)
{
    int64_t now = n->sim->now_us;

    return n->mono_us + now + now / 1000000 * n->rate + now % 1000000 * n->rate / 1000000;
}

int64_t member_now_ms(const struct member *n)
{
    return mono_us(n) / 1000;
}

int64_t member_wall_ms(const struct member *n)
{
    return n->wall_ms + n->sim->now_us / 1000;
}

/* When its clock shows that; in simulated time, at the latest a few microseconds behind it. */
static int64_t when_us(const struct member *n, int64_t now_ms)
{
    int64_t ahead_us = now_ms * 1000 - mono_us(n);

    return n->sim->now_us + (ahead_us <= 0 ? 0 : ahead_us - ahead_us * n->rate / 1000000 + 2);
}

/* ---- What its state goes through: the floors under test call this one instead of
 * state_apply(); see meson.build. */

void sim_state_apply(struct state *s, const struct txn *txn, struct watch_table *watches,
                     const struct tree_sink *sink);

void sim_state_apply(struct state *s, const struct txn *txn, struct watch_table *watches,
                     const struct tree_sink *sink)
{
    struct member *n = current;
    bool is_live = n != NULL && n->is_up && !n->is_dead && s == &n->service.state;

    if (is_live)
        ledger_applying(n, txn);
    state_apply(s, txn, watches, sink);
    if (is_live)
        ledger_applied(n, txn);
}

/* ---- Birth. */

struct member *member_of_service(struct service *service)
{
    return list_entry(service, struct member, service);
}

struct member *member_new(struct sim *s, size_t index)
{
    struct member *n = zk_xcalloc(1, sizeof *n);

    n->sim = s;
    n->index = index;
    n->sid = (zk_sid)index + 1;
    n->is_host_up = true;
    n->rate = sim_between(s, -20000, 20000);
    n->mono_us = sim_between(s, 1, 1000) * SIM_SEC;
    n->wall_ms = (int64_t)WALL_MS * 1000 + sim_between(s, -10000, 10000);
    disk_init(&n->disk);
    return n;
}

static struct zab_config *read_config(const struct bytes *file)
{
    struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c = NULL;

    if (file->len == 0)
        return NULL;
    int r = zab_config_parse(&c, (const char *)file->at, file->len, &rules, why);
    zk_assert(r == 0); /* It was printed by us. */
    return c;
}

static struct service_conf service_conf_of(const struct member *n)
{
    const struct sim_conf *c = &n->sim->conf;

    return (struct service_conf){
        .server_id = n->sid,
        .tick_ms = c->tick_ms,
        .min_session_timeout_ms = c->session_ms / 2,
        .max_session_timeout_ms = c->session_ms * 4,
        .frame_max = 0xfffff,
        .frame_extra = 0xfffff,
        .global_outstanding_max = 1000,
        .egress_max = 64 << 20,
        .conn_egress_max = 1 << 20,
        .large_request_threshold = -1,
        .enforce_quota = true,
        .digest = true,
        .extended_types = true,
        .reconfig_enabled = c->reconfig,
        .linearizable_reads = c->linearizable_reads,
        .close_session_txn = true,
        .auth = { .digest_enabled = true, .skip_acl = c->reconfig },
        .seed = 7,
    };
}

static struct ensemble_conf ensemble_conf_of(const struct member *n, bool is_observer)
{
    const struct sim_conf *c = &n->sim->conf;

    return (struct ensemble_conf){
        .zab = {
            .self = n->sid,
            .is_observer = is_observer,
            .tick_ms = c->tick_ms,
            .init_limit = c->init_limit,
            .sync_limit = c->sync_limit,
            .proposals_max = ORDER_PROPOSALS_MAX,
            .zxid_counter_max = c->zxid_counter_max,
            .resend_min_ms = 200,
            .resend_max_ms = 2000,
            .finalize_ms = c->finalize_ms,
            .max_wait_for_epoch_ms = c->epoch_wait_ms,
            .reconfig_enabled = c->reconfig,
            .zabd_hints = c->zabd_hints,
            .observer_masters = c->observer_masters,
            .seed = n->sim->seed * 16 + n->index,
        },
        .linearizable_reads = c->linearizable_reads,
        .history_bytes = 4096,
        .history_count = c->history_count,
        .feed_bytes_max = c->feed_bytes_max,
        .observer_bytes = 4096,
        .frame_max = 0xfffff,
        .force_snapshot_sync = c->force_snapshot,
        .log_sync = c->log_sync,
    };
}

/* What a first start finds: nothing, and writes a snapshot of nothing. */
static void format(struct member *n)
{
    struct tree_conf conf = member_tree_conf();
    struct state s = { .sessions = session_book_new(conf.hash_seed) };
    struct bytes image = { 0 };
    int r = tree_new(&s.tree, &conf);

    zk_assert(r == 0);
    image_take(&image, &s);
    disk_put_snapshot(&n->disk, 0, 0, false, &image);
    state_done(&s);
}

void member_start(struct member *n)
{
    struct sim *s = n->sim;
    struct tree_conf tree_conf = member_tree_conf();
    char why[STORE_WHY_MAX];
    struct state state;

    zk_assert(!n->is_up);
    if (n->disk.snapshot_count == 0)
        format(n);
    if (disk_recover(&n->disk, &tree_conf, &state, why) < 0) {
        sim_fail(s, "server %" PRId64 " refuses to start: %s", n->sid, why);
        return;
    }
    n->is_fuzzy = disk_is_foreign(&n->disk);
    ledger_restored(n, &state);
    n->disk.durable = n->disk.count; /* A start makes durable what it found. */
    n->life++;
    n->is_up = n->is_host_up = n->is_starting = true;
    n->is_dead = n->loses_power = n->has_turn = n->is_syncing = n->is_stepping_down = false;
    n->stopped_us = 0;
    n->timer_us = INT64_MAX;
    n->role = ZAB_LOOKING;
    n->phase = ZAB_ELECTION;
    n->led_epoch = -1;
    n->next_link = (zab_link)n->life << 40;
    n->txns_since_snapshot = 0;
    member_dump_abandon(n);
    net_host_up(n);
    mesh_host_up(n);

    struct zab_config *config = read_config(&n->disk.config);
    struct zab_config *last_seen = read_config(&n->disk.last_seen);
    struct zab_saved saved = { .logged = tree_zxid(state.tree),
                               .accepted = n->disk.accepted,
                               .current = n->disk.current,
                               .config = config,
                               .last_seen = last_seen };
    const struct zab_member *me = zab_config_find(config, n->sid);
    struct ensemble_conf ensemble_conf = ensemble_conf_of(n, me != NULL && !me->is_voter);
    struct ensemble_io io = member_io;
    struct service_conf conf = service_conf_of(n);

    io.ctx = n;
    conf.io = &io;
    conf.ensemble = &ensemble_conf;
    conf.saved = &saved;
    sim_trace(s, "%" PRId64 " starts: log to %x:%x, accepted %" PRId64 ", current %" PRId64, n->sid,
              zxid_epoch(saved.logged), zxid_counter(saved.logged), saved.accepted, saved.current);

    int r = service_init(&n->service, &conf, &state, &member_client_host, member_now_ms(n),
                         member_wall_ms(n));

    zk_assert(r == 0);
    n->ensemble = n->service.ensemble;
    zab_config_unref(config);
    zab_config_unref(last_seen);
    member_push(n, NULL);
}

/* ---- Death. */

static void clear_inbox(struct member *n)
{
    for (size_t i = 0; i < n->inbox_count; i++)
        bytes_done(&n->inbox[i].data);
    n->inbox_count = 0;
}

/* What the log thread had under way: any part of it may be there, from its begin on. */
static void lose_unsynced(struct member *n)
{
    struct disk *d = &n->disk;
    size_t open = d->count - d->durable;

    if (open > 0)
        disk_cut(d, d->durable + (size_t)sim_below(n->sim, open + 1));
}

void member_kill(struct member *n, bool power, const char *why)
{
    struct sim *s = n->sim;

    if (!n->is_up)
        return;
    sim_trace(s, "%" PRId64 " %s: %s", n->sid, power ? "loses power" : "is killed", why);
    s->seen[power ? SEEN_POWER_LOSSES : SEEN_CRASHES]++;
    n->is_dead = true;
    n->is_up = false;
    n->is_host_up = !power;
    lose_unsynced(n);
    member_dump_abandon(n);
    net_died(n);
    mesh_died(n);
    talks_died(n);
    clear_inbox(n);
    service_done(&n->service);
    n->ensemble = NULL;
    n->role = ZAB_LOOKING;
    ledger_check_disks(s);
    ledger_look(n);
}

struct member *member_free(struct member *n)
{
    if (n == NULL)
        return NULL;
    if (n->is_up) {
        n->is_dead = true;
        for (struct talk *t = n->talks; t != NULL; t = t->next)
            if (t->is_open) {
                t->is_open = false;
                client_done(&t->client);
            }
        service_done(&n->service);
    }
    talks_forget(n);
    clear_inbox(n);
    free(n->inbox);
    member_dump_abandon(n);
    disk_done(&n->disk);
    free(n);
    return NULL;
}

/* ---- Turns. */

static void on_turn(struct sim *s, const struct sim_event *ev);

void member_push(struct member *n, const struct inbox_item *item)
{
    struct sim *s = n->sim;

    if (item != NULL) {
        if (n->inbox_count == n->inbox_cap) {
            n->inbox_cap = n->inbox_cap * 2 + 16;
            n->inbox = zk_xrealloc(n->inbox, n->inbox_cap * sizeof *n->inbox);
        }
        n->inbox[n->inbox_count++] = *item;
    }
    if (n->has_turn)
        return;
    n->has_turn = true;
    sim_at(s, sim_between(s, 1, TURN_DELAY_MAX_US), on_turn, n->index, n->life, NULL);
}

void member_stop_for(struct member *n, int64_t us)
{
    n->stopped_us = n->sim->now_us + us;
}

/* Gives a link's bytes to the ensemble, now and then in pieces. */
static void read_link(struct member *n, zab_link link)
{
    for (;;) {
        struct bytes *in = net_received(n, link);

        if (in == NULL || in->len == 0 || n->is_dead)
            return;

        size_t give = sim_chance(n->sim, 50) ? 1 + (size_t)sim_below(n->sim, in->len) : in->len;
        /* A copy: what it is told may close the link. */
        uint8_t *copy = zk_xmalloc(give);
        bool was_all = give == in->len;

        memcpy(copy, in->at, give);
        int64_t taken = ensemble_received(n->ensemble, link, copy, give);
        free(copy);
        in = net_received(n, link);
        if (taken < 0 || in == NULL)
            return;
        zk_assert((size_t)taken <= give);
        bytes_drop(in, (size_t)taken);
        if (taken == 0 && was_all)
            return;
    }
}

static void on_item(struct member *n, const struct inbox_item *item)
{
    struct ensemble *e = n->ensemble;

    switch (item->kind) {
    case IN_LINK_UP:
        ensemble_link_up(e, item->link);
        break;
    case IN_LINK_DOWN:
        ensemble_link_down(e, item->link);
        break;
    case IN_BYTES:
        read_link(n, item->link);
        break;
    case IN_ROOM:
        ensemble_room(e, item->link);
        break;
    case IN_NOTIFIED:
        ensemble_notified(e, item->peer, item->data.at + 4, item->data.len - 4);
        break;
    case IN_REACHABLE:
    case IN_UNREACHABLE:
        ensemble_reachable(e, item->peer, item->kind == IN_REACHABLE);
        break;
    case IN_LOGGED:
        ensemble_logged(e, item->zxid);
        break;
    case IN_SNAPSHOT:
        ensemble_snapshot_saved(e);
        break;
    case IN_FRAME:
        talks_feed(n, item->link);
        break;
    case IN_CLIENT_GONE:
        talks_gone(n, item->link);
        break;
    case IN_STEP_DOWN:
        n->is_stepping_down = true;
        n->sim->seen[SEEN_STEP_DOWNS]++;
        ensemble_step_down(e, "a planned stop");
        break;
    case IN_NOTHING:
        break;
    }
}

static void on_timer(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (!n->is_up || n->life != (uint32_t)ev->b || n->timer_us > s->now_us)
        return;
    n->timer_us = INT64_MAX;
    member_push(n, NULL);
}

static void arm(struct member *n)
{
    int64_t at_ms = ensemble_deadline(n->ensemble);
    int64_t of_service = service_deadline(&n->service);

    if (of_service < at_ms)
        at_ms = of_service;
    if (at_ms == INT64_MAX)
        return;
    if (at_ms <= member_now_ms(n)) /* What can't be done yet is tried again, but not at once. */
        at_ms = member_now_ms(n) + 1;

    int64_t at_us = when_us(n, at_ms);

    if (at_us >= n->timer_us)
        return;
    n->timer_us = at_us;
    sim_at(n->sim, at_us - n->sim->now_us, on_timer, n->index, n->life, NULL);
}

static void do_what_is_due(struct member *n)
{
    if (ensemble_deadline(n->ensemble) <= member_now_ms(n))
        ensemble_timer(n->ensemble);
    if (!n->is_dead && service_deadline(&n->service) <= member_now_ms(n))
        (void)service_expire(&n->service);
}

static void handle_items(struct member *n, struct inbox_item *items, size_t count,
                         bool only_clients)
{
    for (size_t i = 0; i < count && !n->is_dead && !n->sim->failed; i++) {
        bool is_client = items[i].kind == IN_FRAME;

        if (items[i].kind == IN_NOTHING || (only_clients && !is_client))
            continue;
        on_item(n, &items[i]);
        items[i].kind = IN_NOTHING;
        if (!n->is_dead)
            ledger_glance(n);
    }
}

static void handle_inbox(struct member *n)
{
    struct inbox_item *items = n->inbox;
    size_t count = n->inbox_count;

    n->inbox = NULL;
    n->inbox_count = n->inbox_cap = 0;
    /* Sockets may be looked at in any order: now and then clients come first. */
    if (sim_chance(n->sim, 300))
        handle_items(n, items, count, true);
    handle_items(n, items, count, false);
    for (size_t i = 0; i < count; i++)
        bytes_done(&items[i].data);
    free(items);
}

static void end_turn(struct member *n)
{
    bool more = service_turn_end(&n->service);

    if (n->is_dead)
        return;
    (void)ensemble_turn_end(n->ensemble);
    if (n->is_dead)
        return;
    net_turn_end(n);
    mesh_turn_end(n);
    talks_flush(n);
    ledger_look(n);
    if (n->is_stepping_down && ensemble_has_stepped_down(n->ensemble)) {
        n->disk.durable = n->disk.count; /* It waits for its log before it goes. */
        n->is_dead = true;
        n->death = "stepped down";
        return;
    }
    if (more || ensemble_has_work(n->ensemble))
        member_push(n, NULL);
    arm(n);
}

static void on_turn(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (!n->is_up || n->life != (uint32_t)ev->b)
        return;
    if (n->stopped_us > s->now_us) {
        sim_at(s, n->stopped_us - s->now_us, on_turn, n->index, n->life, NULL);
        return;
    }
    n->has_turn = false;
    current = n;
    service_tick(&n->service, member_now_ms(n), member_wall_ms(n));
    if (n->is_starting) {
        n->is_starting = false;
        ensemble_start(n->ensemble);
    }
    handle_inbox(n);
    if (!n->is_dead)
        do_what_is_due(n);
    if (!n->is_dead)
        end_turn(n);
    current = NULL;
    if (n->is_dead)
        member_kill(n, n->loses_power, n->death);
}

bool member_leads(const struct member *n)
{
    return n->is_up && n->role == ZAB_LEADING && n->phase == ZAB_BROADCAST;
}
