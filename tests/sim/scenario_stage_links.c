#include "tests/sim/scenario_stage_impl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/print.h"

struct stage_link *stage_find_link(struct stage *s, int who, zab_link name, int *ret_side)
{
    for (int i = s->link_count; i-- > 0;)
        for (int side = 0; side < 2; side++)
            if (s->links[i].end[side] == who && s->links[i].name[side] == name) {
                *ret_side = side;
                return &s->links[i];
            }
    return NULL;
}

struct stage_post *stage_post_new(struct stage *s, int from, int to)
{
    struct stage_post *p = zk_xcalloc(1, sizeof *p);

    p->from = from;
    p->to = to;
    if (s->last == NULL)
        s->first = p;
    else
        s->last->next = p;
    s->last = p;
    return p;
}

void stage_post_free(struct stage_post *p)
{
    bytes_done(&p->bytes);
    free(p->history);
    free(p);
}

struct jute_bytes stage_post_keep(struct stage_post *p, struct jute_bytes from)
{
    if (from.len > 0)
        bytes_put(&p->bytes, from.at, (size_t)from.len);
    return (struct jute_bytes){ .at = p->bytes.at, .len = from.len };
}

static void say_packet(struct stage *s, int from, int to, const struct zab_packet *p)
{
    if (s->is_quiet || (p->type == ZAB_PING && !s->shows_pings))
        return;
    bytes_printf(&s->out, "%" PRId64 " -> %" PRId64 " ", s->servers[from].sid, s->servers[to].sid);
    zab_print_packet(p, &s->out);
    bytes_printf(&s->out, "\n");
}

struct stage_post *stage_send_packet(struct stage *s, struct stage_link *l, int side,
                                     const struct zab_packet *packet)
{
    zk_assert(l != NULL);
    if (!l->is_open[side] || s->is_cut[l->end[0]][l->end[1]])
        return NULL;
    say_packet(s, l->end[side], l->end[1 - side], packet);
    struct stage_post *p = stage_post_new(s, l->end[side], l->end[1 - side]);
    p->kind = POST_PACKET;
    p->link = l->name[1 - side];
    p->packet = *packet;
    p->packet.data = stage_post_keep(p, packet->data);
    return p;
}

struct stage_post *stage_send_bare(struct stage *s, struct stage_link *l, int side, int32_t type,
                                   zk_zxid zxid)
{
    struct zab_packet p = {
        .type = type, .zxid = zxid, .data = { .len = -1 }, .authinfo = { .count = -1 }
    };

    return stage_send_packet(s, l, side, &p);
}

void stage_close_link(struct stage *s, struct stage_link *l, int side)
{
    zk_assert(l != NULL);
    if (!l->is_open[side])
        return;
    l->is_open[side] = false;
    if (l->is_open[1 - side]) {
        l->feed.is_on = false;
        struct stage_post *p = stage_post_new(s, l->end[side], l->end[1 - side]);
        p->kind = POST_LINK_DOWN;
        p->link = l->name[1 - side];
    }
}

static struct stage_link *new_link(struct stage *s)
{
    size_t dead = 0;

    if (s->link_count < STAGE_LINKS)
        return &s->links[s->link_count++];
    /* Nothing is under way on a link that both have closed, or it doesn't matter. */
    while (dead < STAGE_LINKS && (s->links[dead].is_open[0] || s->links[dead].is_open[1]))
        dead++;
    zk_assert(dead < STAGE_LINKS);
    memmove(&s->links[dead], &s->links[dead + 1], (STAGE_LINKS - dead - 1) * sizeof s->links[dead]);
    return &s->links[STAGE_LINKS - 1];
}

void stage_connect(struct stage *s, int from, const struct zab_action *a)
{
    int to = stage_find(s, a->peer);
    struct stage_post *p;

    struct stage_link *l = new_link(s);
    *l = (struct stage_link){ .name = { a->link, ++s->next_link }, .end = { from, to } };
    p = stage_post_new(s, to, from);
    p->link = a->link;
    if (to < 0 || !s->servers[to].is_up || s->is_cut[from][to]) {
        p->from = from; /* Nobody's: it was refused. */
        p->kind = POST_LINK_DOWN;
        return;
    }
    p->kind = POST_LINK_UP;
    l->is_open[0] = l->is_open[1] = true;
}

/* Both ends see it. What is under way arrives still. */
static void break_link(struct stage *s, struct stage_link *l)
{
    for (int side = 0; side < 2; side++)
        if (l->is_open[side]) {
            struct stage_post *p = stage_post_new(s, l->end[1 - side], l->end[side]);
            p->kind = POST_LINK_DOWN;
            p->link = l->name[side];
        }
    l->feed.is_on = false;
}

void stage_cut(struct stage *s, int a, int b)
{
    if (s->is_cut[a][b])
        return;
    s->is_cut[a][b] = s->is_cut[b][a] = true;
    for (int i = 0; i < s->link_count; i++) {
        struct stage_link *l = &s->links[i];
        if ((l->end[0] == a && l->end[1] == b) || (l->end[0] == b && l->end[1] == a))
            break_link(s, l);
    }
}

void stage_heal(struct stage *s, int a, int b)
{
    s->is_cut[a][b] = s->is_cut[b][a] = false;
    s->is_muted[a][b] = s->is_muted[b][a] = false;
}
