#include "tests/sim/scenario_stage_impl.h"

#include "jute/codec.h"
#include "util/check.h"

struct history {
    const struct stage_log *log;
    zk_zxid end;
    size_t first; /* Index. */
};

static zk_zxid before(void *ctx, zk_zxid zxid)
{
    const struct history *h = ctx;
    size_t i = stage_log_after(h->log, zxid - 1);

    return i > h->first ? h->log->at[i - 1] : 0;
}

static zk_zxid from(void *ctx, zk_zxid zxid)
{
    const struct history *h = ctx;
    size_t i = stage_log_after(h->log, zxid - 1);

    return i < h->log->count && h->log->at[i] <= h->end ? h->log->at[i] : 0;
}

static struct zab_plan plan(const struct stage *s, const struct stage_server *me,
                            const struct zab_action *a, zk_zxid end)
{
    struct history ctx = { .log = &me->log, .end = end };
    size_t count = stage_log_after(&me->log, end);
    struct zab_history h = { .last = me->applied, .before = before, .from = from, .ctx = &ctx };

    ctx.first = count > s->history ? count - s->history : 0;
    h.min = ctx.first < count ? me->log.at[ctx.first] : h.last;
    h.max = ctx.first < count ? end : h.last;
    return zab_plan(&h, a->zxid, a->wants_snapshot);
}

int stage_config_of(const struct stage *s, zk_zxid zxid)
{
    for (size_t i = 0; i < s->config_count; i++)
        if (s->configs[i]->version == zxid)
            return (int)i;
    return -1;
}

static void send_commit(struct stage *s, struct stage_link *l, zk_zxid zxid)
{
    int config = stage_config_of(s, zxid);
    uint8_t data[8];
    struct zab_packet p = { .type = l->feed.is_observer ? ZAB_INFORM : ZAB_COMMIT,
                            .zxid = zxid,
                            .data = { .len = -1 },
                            .authinfo = { .count = -1 } };

    if (config >= 0 && s->designated[config] != INT64_MIN) {
        p.type = l->feed.is_observer ? ZAB_INFORMANDACTIVATE : ZAB_COMMITANDACTIVATE;
        (void)jute_store64(data, (uint64_t)s->designated[config]);
        p.data = (struct jute_bytes){ .at = data, .len = sizeof data };
    }
    (void)stage_send_packet(s, l, 1, &p);
}

static void feed_more(struct stage *s, struct stage_link *l)
{
    const struct stage_server *me = &s->servers[l->end[1]];
    struct stage_feed *f = &l->feed;

    for (size_t i = stage_log_after(&me->log, f->proposed); i < me->log.count && !f->is_observer;
         i++) {
        stage_send_bare(s, l, 1, ZAB_PROPOSAL, me->log.at[i]);
        f->proposed = me->log.at[i];
    }
    for (size_t i = stage_log_after(&me->log, f->committed);
         i < me->log.count && me->log.at[i] <= me->applied; i++) {
        send_commit(s, l, me->log.at[i]);
        f->committed = me->log.at[i];
    }
}

void stage_feed_begin(struct stage *s, int who, const struct zab_action *a)
{
    struct stage_server *me = &s->servers[who];
    int side = 0;
    struct stage_link *l = stage_find_link(s, who, a->link, &side);
    zk_zxid end = me->applied > a->history ? me->applied : a->history;
    struct zab_plan p = plan(s, me, a, end);
    int32_t type = p.how == ZAB_PLAN_DIFF    ? ZAB_DIFF
                   : p.how == ZAB_PLAN_TRUNC ? ZAB_TRUNC
                                             : ZAB_SNAP;

    struct stage_post *sent = stage_send_bare(s, l, 1, type, p.zxid);
    if (sent != NULL && type == ZAB_SNAP) {
        sent->history = zk_xmalloc(sizeof *sent->history);
        *sent->history = me->log;
        stage_log_cut(sent->history, p.zxid);
    }
    for (size_t i = stage_log_after(&me->log, p.after); i < me->log.count && me->log.at[i] <= end;
         i++) {
        stage_send_bare(s, l, 1, ZAB_PROPOSAL, me->log.at[i]);
        stage_send_bare(s, l, 1, ZAB_COMMIT, me->log.at[i]);
    }
    l->feed = (struct stage_feed){
        .is_on = true, .is_observer = a->is_observer, .proposed = end, .committed = end
    };
    feed_more(s, l);
}

void stage_feed_all(struct stage *s, int who)
{
    for (int i = 0; i < s->link_count; i++)
        if (s->links[i].end[1] == who && s->links[i].is_open[1] && s->links[i].feed.is_on)
            feed_more(s, &s->links[i]);
}
