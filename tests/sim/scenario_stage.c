#include "tests/sim/scenario_stage_impl.h"

#include <inttypes.h>
#include <stdio.h>

#include "util/check.h"

void stage_init(struct stage *s)
{
    *s = (struct stage){ .history = 500,
                         .conf = { .tick_ms = 2000,
                                   .init_limit = 10,
                                   .sync_limit = 5,
                                   .proposals_max = 100,
                                   .resend_min_ms = 200,
                                   .resend_max_ms = 60000,
                                   .finalize_ms = 200,
                                   .max_wait_for_epoch_ms = -1,
                                   .zabd_hints = true } };
}

void stage_done(struct stage *s)
{
    for (struct stage_post *p = s->first, *next; p != NULL; p = next) {
        next = p->next;
        stage_post_free(p);
    }
    for (int i = 0; i < s->count; i++) {
        s->servers[i].z = zab_free(s->servers[i].z);
        zab_config_unref(s->servers[i].cur);
        zab_config_unref(s->servers[i].seen);
    }
    for (size_t i = 0; i < s->config_count; i++)
        zab_config_unref(s->configs[i]);
    bytes_done(&s->out);
}

int stage_find(const struct stage *s, zk_sid sid)
{
    for (int i = 0; i < s->count; i++)
        if (s->servers[i].sid == sid)
            return i;
    return -1;
}

/* ---- Servers come and go. */

void stage_add(struct stage *s, bool is_voter, bool is_java)
{
    zk_assert(s->count < STAGE_SERVERS);
    s->servers[s->count] = (struct stage_server){ .sid = s->count + 1,
                                                  .is_java = is_java,
                                                  .applied = is_voter ? 0 : -1 };
    s->count++;
}

void stage_configure(struct stage *s, zk_zxid version)
{
    struct bytes text = { 0 };
    struct zab_config *c;
    char why[ZAB_CONFIG_WHY_MAX];

    for (int i = 0; i < s->count; i++)
        bytes_printf(&text, "server.%d=h%d:2888:3888:%s;2181\n", i + 1, i + 1,
                     s->servers[i].applied == 0 ? "participant" : "observer");
    bytes_printf(&text, "version=%" PRIx64, (uint64_t)version);
    int r = zab_config_parse(&c, (const char *)text.at, text.len, &s->conf.rules, why);
    zk_assert(r == 0);
    bytes_done(&text);
    for (int i = 0; i < s->count; i++) {
        s->servers[i].applied = 0;
        s->servers[i].cur = zab_config_ref(c);
        s->servers[i].seen = zab_config_ref(c);
    }
    zab_config_unref(c);
}

static void reach(struct stage *s, int a, int b, bool is_up)
{
    struct zab_event ev = { .kind = is_up ? ZAB_EV_PEER_REACHABLE : ZAB_EV_PEER_GONE,
                            .peer = s->servers[b].sid };

    if (a != b && s->servers[a].is_up && !s->is_cut[a][b])
        stage_step(s, a, ev);
}

void stage_start(struct stage *s, int who)
{
    struct stage_server *me = &s->servers[who];
    struct zab_conf conf = s->conf;
    const struct zab_member *m = zab_config_find(me->cur, me->sid);
    struct zab_saved saved = { .logged = stage_log_end(&me->log, me->log.count),
                               .accepted = me->accepted,
                               .current = me->current,
                               .config = me->cur,
                               .last_seen = me->seen };

    conf.self = me->sid;
    conf.is_observer = m != NULL && !m->is_voter;
    conf.zabd_hints = !me->is_java;
    int r = zab_new(&me->z, &conf, &saved);
    zk_assert(r == 0);
    me->is_up = true;
    me->applied = saved.logged;
    stage_step(s, who, (struct zab_event){ .kind = ZAB_EV_START });
    for (int i = 0; i < s->count; i++) {
        reach(s, i, who, true);
        if (s->servers[i].is_up)
            reach(s, who, i, true);
    }
}

void stage_crash(struct stage *s, int who)
{
    struct stage_server *me = &s->servers[who];

    me->is_up = false;
    me->z = zab_free(me->z);
    me->held.count = 0;
    me->is_snapshot_asked = me->is_slow = false;
    me->log.count = me->durable;
    for (int i = 0; i < s->link_count; i++)
        for (int side = 0; side < 2; side++)
            if (s->links[i].end[side] == who)
                stage_close_link(s, &s->links[i], side);
    for (int i = 0; i < s->count; i++)
        reach(s, i, who, false);
}

void stage_submit(struct stage *s, int who, int count)
{
    struct stage_server *me = &s->servers[who];

    for (int i = 0; i < count; i++) {
        if (!zab_can_submit(me->z)) {
            bytes_printf(&s->out, "%" PRId64 " takes nothing\n", me->sid);
            return;
        }
        stage_step(s, who,
                   (struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zab_next_zxid(me->z) });
    }
}

static struct jute_bytes list(const char *text)
{
    return *text != '\0' ? jute_text(text) : (struct jute_bytes){ .len = -1 };
}

void stage_reconfig(struct stage *s, int who, const char *joining, const char *leaving)
{
    struct stage_server *me = &s->servers[who];
    zk_zxid zxid = zab_next_zxid(me->z);
    zk_sid sids[STAGE_SERVERS];
    struct zab_config *c;
    char why[ZAB_CONFIG_WHY_MAX];

    if (zab_config_change(&c, zab_config_last_seen(me->z), list(joining), list(leaving), list(""),
                          zxid, &s->conf.rules, why) < 0) {
        bytes_printf(&s->out, "refused: %s\n", why);
        return;
    }
    if (!zab_config_is_quorum(c, sids, zab_voices(me->z, sids, STAGE_SERVERS))) {
        bytes_printf(&s->out, "refused: no quorum of it is here\n");
        zab_config_unref(c);
        return;
    }
    zk_assert(s->config_count < STAGE_CONFIGS);
    s->designated[s->config_count] = INT64_MIN;
    s->configs[s->config_count++] = c;
    stage_step(s, who,
               (struct zab_event){ .kind = ZAB_EV_PROPOSED_CONFIG, .config = c, .zxid = zxid });
    stage_step(s, who, (struct zab_event){ .kind = ZAB_EV_SUBMIT, .zxid = zxid });
}

void stage_join(struct stage *s, bool is_voter)
{
    char line[64], why[ZAB_CONFIG_WHY_MAX];
    int leader = stage_leader(s);
    const struct stage_server *from_it = &s->servers[leader >= 0 ? leader : 0];

    stage_add(s, is_voter, false);
    struct stage_server *me = &s->servers[s->count - 1];
    me->applied = 0;
    (void)snprintf(line, sizeof line, "server.%d=h%d:2888:3888:%s;2181", s->count, s->count,
                   is_voter ? "participant" : "observer");
    int r = zab_config_change(&me->cur, from_it->cur, jute_text(line), list(""), list(""), 0,
                              &s->conf.rules, why);
    zk_assert(r == 0);
    me->seen = zab_config_ref(me->cur);
}
