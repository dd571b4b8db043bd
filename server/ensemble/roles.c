/* What comes and goes with a role. */
#include <stdarg.h>
#include <stdio.h>

#include "server/ensemble/ensemble_impl.h"
#include "server/tree/watch.h"
#include "util/check.h"
#include "util/log.h"
#include "zab/mutation.h"

enum { LINE_MAX_BYTES = 512 };

void say(struct ensemble *e, int level, const char *format, ...)
{
    char line[LINE_MAX_BYTES];
    va_list args;

    if (e->io.log == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    e->io.log(e->io.ctx, level, line);
}

static const char *name_of(enum zab_role role)
{
    switch (role) {
    case ZAB_LOOKING:
        return "looking";
    case ZAB_FOLLOWING:
        return "following";
    case ZAB_LEADING:
        return "leading";
    case ZAB_OBSERVING:
        return "observing";
    }
    return "?";
}

/* What it was and for how long nobody was served are what one asks first in the night. */
static void say_looking(struct ensemble *e, const struct zab_action *a, const char *why)
{
    if (e->role == ZAB_LOOKING) /* The start. */
        say(e, LOG_LEVEL_INFO, "role: looking epoch=0x%llx zxid=0x%llx why='%s'",
            (unsigned long long)a->epoch, (unsigned long long)zab_logged(e->zab), why);
    else
        say(e, LOG_LEVEL_INFO, "role: looking was=%s leader=%lld epoch=0x%llx zxid=0x%llx why='%s'",
            name_of(e->role), (long long)e->leader_said, (unsigned long long)a->epoch,
            (unsigned long long)zab_logged(e->zab), why);
}

static void say_role(struct ensemble *e, const struct zab_action *a)
{
    static const char *const phases[] = { "election", "discovery", "synchronization", "broadcast" };
    const char *why = a->why != NULL ? a->why : "";
    char served[48] = "";

    if (e->conf.zab.is_alone)
        return;
    if (a->role == ZAB_LOOKING) {
        say_looking(e, a, why);
        return;
    }
    if (a->phase == ZAB_BROADCAST)
        (void)snprintf(served, sizeof served, " unserved_ms=%lld",
                       (long long)(e->now_ms - e->absent_since_ms));
    e->leader_said = a->peer;
    say(e, LOG_LEVEL_INFO, "role: %s phase=%s leader=%lld epoch=0x%llx zxid=0x%llx%s why='%s'",
        name_of(a->role), phases[a->phase], (long long)a->peer, (unsigned long long)a->epoch,
        (unsigned long long)zab_logged(e->zab), served, why);
}

/* ---- The config node. */

void set_config_node(struct ensemble *e, const struct zab_config *c)
{
    struct tree *t = e->state->tree;
    struct znode *n = tree_find(t, jute_text("/zookeeper/config"));
    struct bytes text = { 0 };

    if (c == NULL || e->conf.zab.is_alone)
        return;
    zab_config_print(c, &text);
    struct jute_bytes data = { .at = text.at, .len = (int32_t)text.len };
    if (n == NULL || !jute_bytes_equal(znode_data(t, n), data))
        tree_set_config(t, data, c->version, e->wall_ms);
    bytes_done(&text);
}

/* ---- Going. */

static void leave(struct ensemble *e)
{
    bool was_serving = e->serves;

    e->serves = false;
    append_now(e);
    order_follow(e->order);
    feed_end_all(e);
    parked_forget_all(e);
    zab_config_unref(e->proposed_config);
    e->proposed_config = NULL;
    learner_reset(e);
    if (!was_serving)
        return;
    e->absent_since_ms = e->now_ms;
    barriers_refuse(e);
    if (e->host.pause != NULL)
        e->host.pause(e->host.ctx);
}

/* ---- Coming. */

static void disown(void *ctx, struct session *s)
{
    (void)ctx;
    s->owner = 0;
}

static void enter(struct ensemble *e)
{
    bool is_new = e->state_is_new;

    if (e->role == ZAB_LEADING) {
        zk_assert(order_outstanding(e->order) == 0);
        order_lead(e->order, zab_next_zxid(e->zab) - 1);
        order_is_exact(e->order); /* All that a leader could have put into it is decided. */
        session_each(e->sessions, disown, NULL);
        e->confirmed = 0;
    } else {
        order_drop_origins(e->order);
    }
    set_config_node(e, zab_config_in_force(e->zab));
    for (uint32_t watcher = 0; ZAB_MUTATED(LOSE_WATCH) && watcher < 4; watcher++)
        watch_remove_all(e->watches, watcher);
    e->serves = true;
    figures_serves(e);
    e->state_is_new = false;
    e->host.serve(e->host.ctx, e->role, is_new);
}

static void note_election(struct ensemble *e, enum zab_role was)
{
    if (e->role == ZAB_LOOKING && was != ZAB_LOOKING)
        e->looking_since_ms = e->now_ms;
    if (e->role != ZAB_LOOKING && was == ZAB_LOOKING) {
        e->elections++;
        e->election_ms_last = e->now_ms - e->looking_since_ms;
    }
}

void become(struct ensemble *e, const struct zab_action *a)
{
    enum zab_role was = e->role;
    enum zab_phase phase_was = e->phase;
    bool serves = a->phase == ZAB_BROADCAST && a->role != ZAB_LOOKING;

    if (a->role != was || serves != e->serves)
        say_role(e, a);
    if (a->role != was || (e->serves && !serves))
        leave(e);
    e->role = a->role;
    e->phase = a->phase;
    note_election(e, was);
    figures_role(e, was, phase_was);
    e->figures.disloyal_voters += a->why == zab_why_disloyal;
    if (serves && !e->serves)
        enter(e);
}
