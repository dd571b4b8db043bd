#include "tests/sim/faults.h"

#include <inttypes.h>

#include "tests/sim/net.h"

/* ---- Coming back. */

static void on_restart(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (!n->is_up)
        member_start(n);
}

static void on_heal(struct sim *s, const struct sim_event *ev)
{
    (void)ev;
    sim_trace(s, "the network heals");
    net_heal(s);
}

/* Mostly soon, now and then after everybody gave it up. */
static int64_t a_while(struct sim *s)
{
    int64_t tick_us = s->conf.tick_ms * SIM_MS;

    if (sim_chance(s, 500))
        return sim_between(s, SIM_MS, tick_us);
    return sim_between(s, tick_us, tick_us * (s->conf.sync_limit + 3));
}

static void come_back(struct sim *s, const struct member *n)
{
    sim_at(s, a_while(s), on_restart, n->index, 0, NULL);
}

/* Those that died by themselves come back too. */
static void on_look_around(struct sim *s, const struct sim_event *ev)
{
    (void)ev;
    for (size_t i = 0; i < s->member_count; i++)
        if (!s->members[i]->is_up)
            come_back(s, s->members[i]);
    sim_at(s, s->conf.tick_ms * SIM_MS * 2, on_look_around, 0, 0, NULL);
}

/* ---- Whom it hits. */

static struct member *anybody(struct sim *s)
{
    return s->members[sim_below(s, s->member_count)];
}

static struct member *the_leader(struct sim *s)
{
    for (size_t i = 0; i < s->member_count; i++)
        if (member_leads(s->members[i]))
            return s->members[i];
    return anybody(s);
}

/* ---- What hits. */

static void kill_one(struct sim *s, struct member *n, bool power)
{
    member_kill(n, power, power ? "the plug was pulled" : "somebody killed it");
    come_back(s, n);
}

static void kill_all(struct sim *s, bool power)
{
    for (size_t i = 0; i < s->member_count; i++)
        kill_one(s, s->members[i], power);
}

static void cut(struct sim *s, size_t from, size_t to)
{
    if (from != to)
        net_cut(s, from, to);
}

/* Bit i: whether server i is on the one side. */
static void split(struct sim *s, uint64_t side)
{
    for (size_t a = 0; a < s->member_count; a++)
        for (size_t b = 0; b < s->member_count; b++)
            if (((side >> a) & 1) != ((side >> b) & 1))
                net_cut(s, a, b);
}

static void cut_some(struct sim *s, enum fault fault)
{
    size_t who = sim_chance(s, 500) ? the_leader(s)->index : anybody(s)->index;

    s->seen[SEEN_CUTS]++;
    for (size_t i = 0; i < s->member_count; i++) {
        if (fault == FAULT_DEAF || fault == FAULT_ISOLATE)
            cut(s, i, who);
        if (fault == FAULT_MUTE || fault == FAULT_ISOLATE)
            cut(s, who, i);
    }
    if (fault == FAULT_SPLIT)
        split(s, sim_below(s, UINT64_C(1) << s->member_count));
    if (fault == FAULT_CUT_ONE_WAY)
        cut(s, who, anybody(s)->index);
    sim_at(s, a_while(s), on_heal, 0, 0, NULL);
}

static void stop_one(struct sim *s, struct member *n)
{
    s->seen[SEEN_STOPS]++;
    member_stop_for(n, a_while(s));
}

/* Often so long that another leads when it wakes up and finds what its clients have asked. */
static void stop_leader(struct sim *s)
{
    int64_t tick_us = s->conf.tick_ms * SIM_MS;
    int64_t enough_us = tick_us * (s->conf.sync_limit + 1);

    s->seen[SEEN_STOPS]++;
    member_stop_for(the_leader(s), sim_chance(s, 500)
                                       ? sim_between(s, enough_us, enough_us + 3 * tick_us)
                                       : a_while(s));
}

static void slow_disk(struct sim *s, struct member *n)
{
    n->slow_sync_us = sim_between(s, 5 * SIM_MS, s->conf.tick_ms * SIM_MS);
    n->slow_until_us = s->now_us + a_while(s);
}

static void step_down(struct member *n)
{
    struct inbox_item item = { .kind = IN_STEP_DOWN };

    if (n->is_up && !n->is_stepping_down)
        member_push(n, &item);
}

static void slow_link(struct sim *s)
{
    size_t from = anybody(s)->index;

    net_slow(s, from, anybody(s)->index, sim_between(s, SIM_MS, s->conf.tick_ms * SIM_MS));
    sim_at(s, a_while(s), on_heal, 0, 0, NULL);
}

static void on_unheard(struct sim *s, const struct sim_event *ev)
{
    struct member *n = s->members[ev->a];

    if (n->is_up && n->life == (uint32_t)ev->b && !s->calm)
        kill_one(s, n, sim_chance(s, 500));
}

static void lose_tail(struct sim *s)
{
    struct member *n = the_leader(s);
    bool forgets_one = sim_chance(s, 300); /* One follower still hears it. */
    size_t one = anybody(s)->index;

    s->seen[SEEN_CUTS]++;
    for (size_t i = 0; i < s->member_count; i++)
        if (!forgets_one || i != one)
            cut(s, n->index, i);
    sim_at(s, sim_between(s, SIM_MS, 60 * SIM_MS), on_unheard, n->index, n->life, NULL);
    sim_at(s, sim_between(s, 60 * SIM_MS, s->conf.tick_ms * SIM_MS + 60 * SIM_MS), on_heal, 0, 0,
           NULL);
}

static void hit_network(struct sim *s, enum fault fault)
{
    if (fault == FAULT_SLOW_LINK) {
        slow_link(s);
    } else if (fault == FAULT_BREAK) {
        if (sim_chance(s, 500))
            net_break_one(s);
        else
            mesh_break_one(s);
    } else {
        cut_some(s, fault);
    }
}

static void hit(struct sim *s, enum fault fault)
{
    static const char *const names[FAULT_COUNT] = { "kill",
                                                    "kill the leader",
                                                    "kill all",
                                                    "power loss",
                                                    "power loss everywhere",
                                                    "isolate",
                                                    "split",
                                                    "cut one way",
                                                    "deaf",
                                                    "mute",
                                                    "stop",
                                                    "stop the leader",
                                                    "slow disk",
                                                    "failing fsync",
                                                    "planned stop",
                                                    "slow link",
                                                    "lost tail",
                                                    "broken connection" };

    sim_trace(s, "fault: %s", names[fault]);
    switch (fault) {
    case FAULT_KILL:
    case FAULT_POWER:
        kill_one(s, anybody(s), fault == FAULT_POWER);
        break;
    case FAULT_KILL_LEADER:
        kill_one(s, the_leader(s), sim_chance(s, 300));
        break;
    case FAULT_KILL_ALL:
    case FAULT_POWER_ALL:
        kill_all(s, fault == FAULT_POWER_ALL);
        break;
    case FAULT_STOP:
        stop_one(s, anybody(s));
        break;
    case FAULT_STOP_LEADER:
        stop_leader(s);
        break;
    case FAULT_SLOW_DISK:
        slow_disk(s, anybody(s));
        break;
    case FAULT_FSYNC:
        anybody(s)->next_sync_fails = true;
        break;
    case FAULT_STEP_DOWN:
        step_down(sim_chance(s, 800) ? the_leader(s) : anybody(s));
        break;
    case FAULT_LOST_TAIL:
        lose_tail(s);
        break;
    case FAULT_ISOLATE:
    case FAULT_SPLIT:
    case FAULT_CUT_ONE_WAY:
    case FAULT_DEAF:
    case FAULT_MUTE:
    case FAULT_SLOW_LINK:
    case FAULT_BREAK:
        hit_network(s, fault);
        break;
    case FAULT_COUNT:
        break;
    }
}

static void on_fault(struct sim *s, const struct sim_event *ev)
{
    (void)ev;
    if (s->calm)
        return;

    enum fault fault = (enum fault)sim_below(s, FAULT_COUNT);

    if ((s->conf.faults >> fault) & 1)
        hit(s, fault);
    sim_at(s, sim_between(s, SIM_MS, s->conf.fault_us * 2), on_fault, 0, 0, NULL);
}

void faults_begin(struct sim *s)
{
    if (s->conf.fault_us == 0)
        return;
    sim_at(s, sim_between(s, 0, s->conf.fault_us * 2), on_fault, 0, 0, NULL);
    sim_at(s, s->conf.tick_ms * SIM_MS, on_look_around, 0, 0, NULL);
}

void faults_end(struct sim *s)
{
    sim_trace(s, "the storm is over");
    s->calm = true;
    net_heal(s);
    for (size_t i = 0; i < s->member_count; i++) {
        struct member *n = s->members[i];

        n->slow_until_us = n->stopped_us = 0;
        n->next_sync_fails = false;
        if (!n->is_up)
            sim_at(s, sim_between(s, 0, 100 * SIM_MS), on_restart, i, 0, NULL);
    }
}
