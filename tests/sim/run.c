/* One seed from begin to end. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/faults.h"
#include "tests/sim/ledger.h"
#include "tests/sim/net.h"
#include "tests/sim/user.h"
#include "util/check.h"

/* ---- What a seed decides. */

static void draw_servers(struct sim *s)
{
    struct sim_conf *c = &s->conf;
    static const struct {
        size_t voters, observers;
    } shapes[] = { { 3, 0 }, { 3, 0 }, { 3, 0 }, { 3, 1 }, { 5, 0 }, { 5, 1 }, { 1, 1 }, { 4, 0 } };
    size_t shape = (size_t)sim_below(s, sizeof shapes / sizeof *shapes);

    c->voters = shapes[shape].voters;
    c->observers = shapes[shape].observers;
    c->users = (size_t)sim_between(s, 2, SIM_USERS_MAX);
}

static void draw_speeds(struct sim *s)
{
    struct sim_conf *c = &s->conf;

    c->tick_ms = sim_between(s, 50, 400);
    c->init_limit = (int32_t)sim_between(s, 3, 10);
    c->sync_limit = (int32_t)sim_between(s, 2, 5);
    c->finalize_ms = c->tick_ms * c->init_limit / 4 < 200 ? c->tick_ms * c->init_limit / 4 : 200;
    c->epoch_wait_ms = sim_chance(s, 150) ? sim_between(s, 10, 2 * c->finalize_ms) : -1;
    c->session_ms = c->tick_ms * sim_between(s, 6, 20);
    c->delay_max_us =
        sim_chance(s, 300) ? sim_between(s, SIM_MS, 20 * SIM_MS) : sim_between(s, 100, 3 * SIM_MS);
    c->fsync_max_us =
        sim_chance(s, 300) ? sim_between(s, SIM_MS, 30 * SIM_MS) : sim_between(s, 200, 4 * SIM_MS);
    c->storm_us = sim_between(s, 3 * SIM_SEC, 12 * SIM_SEC);
    c->fault_us = sim_chance(s, 50) ? 0 : sim_between(s, 50 * SIM_MS, 800 * SIM_MS);
    c->faults = (uint32_t)rand_next(&s->rand);
    c->io_crash = sim_chance(s, 400) ? (uint32_t)sim_between(s, 100, 1500) : 0;
}

static void draw(struct sim *s)
{
    struct sim_conf *c = &s->conf;

    draw_servers(s);
    draw_speeds(s);
    c->linearizable_reads = sim_chance(s, 500);
    c->zabd_hints = sim_chance(s, 700);
    c->log_sync = sim_chance(s, 700);
    c->force_snapshot = sim_chance(s, 50);
    c->history_count = (uint32_t)sim_between(s, 1, 40);
    c->feed_bytes_max = (uint64_t)(sim_chance(s, 300) ? sim_between(s, 200, 4000) : 1 << 20);
    c->zxid_counter_max = sim_chance(s, 100) ? (uint32_t)sim_between(s, 40, 200) : 0;
    c->snap_count = (uint32_t)sim_between(s, 5, 80);
    c->reconfig = sim_chance(s, 250);
    c->spares = c->reconfig && c->voters < 5 ? (size_t)sim_between(s, 0, 2) : 0;
    /* Not drawn: the seeds without observers are what they were. */
    c->observer_masters = c->observers + c->spares > 0 && s->seed % 3 != 0;
}

/* spare: the one that is listed too, as an observer; 0: none. */
static struct zab_config *first_config(const struct sim *s, size_t spare)
{
    struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX] = "";
    struct zab_config *c = NULL;
    struct bytes text = { 0 };

    for (size_t i = 0; i < s->conf.voters + s->conf.observers; i++)
        bytes_printf(&text, "server.%zu=s%zu:2888:3888:%s;0.0.0.0:2181\n", i + 1, i + 1,
                     i < s->conf.voters ? "participant" : "observer");
    if (spare != 0)
        bytes_printf(&text, "server.%zu=s%zu:2888:3888:observer;0.0.0.0:2181\n", spare, spare);
    bytes_printf(&text, "version=0");
    int r = zab_config_parse(&c, (const char *)text.at, text.len, &rules, why);
    if (r < 0)
        (void)fprintf(stderr, "sim: %s\n", why);
    zk_assert(r == 0);
    bytes_done(&text);
    return c;
}

/* ---- Begin and end. */

static void begin(struct sim *s, const struct sim_wish *wish)
{
    *s = (struct sim){ .seed = wish->seed,
                       .tracing = wish->tracing,
                       .hashing = wish->hashing,
                       .steps_max = wish->steps_max };
    rand_seed(&s->rand, wish->seed + 1);
    for (int i = 0; i < 8; i++)
        (void)rand_next(&s->rand);
    draw(s);
    s->member_count = s->conf.voters + s->conf.observers + s->conf.spares;
    s->net = net_new(s);
    s->mesh = mesh_new();
    s->tale = tale_new();

    struct zab_config *config = first_config(s, 0);
    size_t named = s->conf.voters + s->conf.observers;

    s->ledger = ledger_new(config);
    zab_config_unref(config);
    for (size_t i = 0; i < s->member_count; i++) {
        s->members[i] = member_new(s, i);
        config = first_config(s, i < named ? 0 : i + 1);
        disk_put_config(&s->members[i]->disk.config, config);
        zab_config_unref(config);
    }
    sim_trace(s,
              "seed %" PRIu64 ": %zu voters, %zu observers%s, %zu clients, tick %" PRId64
              " ms, initLimit %d, syncLimit %d, storm %" PRId64 " ms%s%s%s",
              s->seed, s->conf.voters, s->conf.observers,
              s->conf.observer_masters ? " of followers" : "", s->conf.users, s->conf.tick_ms,
              s->conf.init_limit, s->conf.sync_limit, s->conf.storm_us / 1000,
              s->conf.linearizable_reads ? ", linearizable reads" : "",
              s->conf.io_crash > 0 ? ", crashes in io" : "",
              s->conf.reconfig ? ", reconfigurations" : "");
    for (size_t i = 0; i < s->member_count; i++)
        member_start(s->members[i]);
    for (size_t i = 0; i < s->conf.users; i++)
        s->users[i] = user_new(s, i);
}

static void end(struct sim *s)
{
    for (size_t i = 0; i < s->conf.users; i++)
        s->users[i] = user_free(s->users[i]);
    for (size_t i = 0; i < s->member_count; i++)
        s->members[i] = member_free(s->members[i]);
    sim_drop(s, talks_drop);
    s->net = net_free(s->net);
    s->mesh = mesh_free(s->mesh);
    s->ledger = ledger_free(s->ledger);
    s->tale = tale_free(s->tale);
}

/* ---- When all is quiet. */

static struct member *leader_of(struct sim *s)
{
    struct member *leader = NULL;

    for (size_t i = 0; i < s->member_count; i++)
        if (member_leads(s->members[i]))
            leader = s->members[i];
    return leader;
}

/* Who was reconfigured away may do what it likes. */
static bool is_member(const struct sim *s, const struct member *n)
{
    return zab_config_find(ledger_config(s), n->sid) != NULL;
}

static bool all_serve(struct sim *s)
{
    for (size_t i = 0; i < s->member_count; i++) {
        const struct member *n = s->members[i];

        if (is_member(s, n) && (!n->is_up || n->phase != ZAB_BROADCAST))
            return false;
    }
    return leader_of(s) != NULL;
}

static bool all_are_idle(struct sim *s)
{
    for (size_t i = 0; i < s->conf.users; i++)
        if (!user_is_idle(s->users[i]))
            return false;
    return true;
}

/* Whether everybody has the same tree, and it is all that was committed. */
static bool all_agree(struct sim *s)
{
    const struct member *leader = leader_of(s);

    for (size_t i = 0; i < s->member_count; i++) {
        const struct member *n = s->members[i];

        if (!is_member(s, n))
            continue;
        if (!n->is_up || leader == NULL ||
            service_zxid(&n->service) != service_zxid(&leader->service))
            return false;
    }
    return leader != NULL && all_serve(s);
}

static void wait_for(struct sim *s, bool (*done)(struct sim *s), int64_t patience_us,
                     const char *what)
{
    int64_t until = s->now_us + patience_us;

    while (!s->failed && !done(s)) {
        if (s->now_us >= until) {
            sim_fail(s, "liveness: %s, %" PRId64 " ms after the last fault", what,
                     patience_us / 1000);
            return;
        }
        sim_run_until(s, s->now_us + 10 * SIM_MS);
    }
}

static void show_tale(struct sim *s, uint32_t key)
{
    static const char *const kinds[] = { "create", "set", "delete", "get" };
    static const char *const ends[] = { "ok", "missing", "exists", "bad version", "?", "nothing" };

    for (size_t i = 0; i < tale_count(s->tale); i++) {
        const struct tale_op *o = tale_at(s->tale, i);

        if (o->key == key)
            sim_trace(s, "tale: %9" PRId64 " .. %9" PRId64 " %s value %u version %d: %s",
                      o->call_us, o->return_us == INT64_MAX ? -1 : o->return_us, kinds[o->kind],
                      o->value, o->version, ends[o->end]);
    }
}

static void judge_tales(struct sim *s)
{
    int64_t at_us = 0;

    for (uint32_t key = 0; key < SIM_KEYS && !s->failed; key++)
        switch (tale_judge(s->tale, key, &at_us)) {
        case TALE_LINEARIZABLE:
            break;
        case TALE_IMPOSSIBLE:
            show_tale(s, key);
            sim_fail(s,
                     "linearizability: no order explains what clients saw of /r%u up to %" PRId64
                     " us",
                     key, at_us);
            break;
        case TALE_TOO_HARD:
            s->seen[SEEN_UNDECIDED]++;
            break;
        }
}

static void check_end(struct sim *s)
{
    const struct member *leader = leader_of(s);

    for (size_t i = 0; i < s->member_count; i++) {
        const struct member *n = s->members[i];

        if (n->is_up && is_member(s, n) &&
            tree_digest(n->service.state.tree) != tree_digest(leader->service.state.tree))
            sim_fail(s, "server %" PRId64 " has another tree than its leader", n->sid);
    }
    for (size_t i = 0; i < s->conf.users; i++)
        user_check_end(s->users[i], leader->service.state.tree);
    ledger_check_end(s);
}

static void rest(struct sim *s, bool rests)
{
    for (size_t i = 0; i < s->conf.users; i++)
        s->users[i]->is_resting = rests;
}

static void calm_down(struct sim *s)
{
    int64_t tick_us = s->conf.tick_ms * SIM_MS;
    int64_t patience = tick_us * (s->conf.init_limit * 4 + s->conf.sync_limit * 4) + 15 * SIM_SEC;

    faults_end(s);
    wait_for(s, all_serve, patience, "not all servers serve");
    if (s->failed)
        return;
    sim_run_until(s, s->now_us + SIM_SEC); /* All goes on as if nothing had been. */
    rest(s, true);
    wait_for(s, all_are_idle, patience + 4 * s->conf.session_ms * SIM_MS,
             "not all clients are served");
    if (s->failed)
        return;
    s->is_settled = true;
    /* Nobody loses a session whose client is there. */
    sim_run_until(s, s->now_us + s->conf.session_ms * SIM_MS * 2);
    wait_for(s, all_agree, patience, "not all servers agree");
    wait_for(s, all_are_idle, patience, "not all clients are served");
}

void sim_run(const struct sim_wish *wish, struct sim_result *ret)
{
    static struct sim s;

    begin(&s, wish);
    faults_begin(&s);
    sim_run_until(&s, s.conf.storm_us);
    if (!s.failed)
        calm_down(&s);
    if (!s.failed)
        check_end(&s);
    if (!s.failed)
        judge_tales(&s);
    *ret = (struct sim_result){ .failed = s.failed, .trace_hash = s.trace_hash, .steps = s.steps };
    memcpy(ret->why, s.why, sizeof ret->why);
    memcpy(ret->seen, s.seen, sizeof ret->seen);
    end(&s);
}
