/* The load of most workloads: each session keeps requests under way, as many as it may, or as many
 * as the rate wants. */
#include <string.h>

#include "bench/bench.h"
#include "bench/stage.h"
#include "util/check.h"
#include "util/rand.h"

static bool is_counted(const struct bench *b, enum op_kind kind)
{
    return (b->o->workload->counted >> kind & 1) != 0;
}

/* What a slot does next. */
static enum op_kind kind_of(struct bench *b, const struct slot *slot)
{
    const struct workload *w = b->o->workload;

    if (w->has_nodes)
        return slot->has_node ? OP_DELETE : OP_CREATE;
    /* Mixed counts two kinds. */
    if (w->kind == OP_GET && is_counted(b, OP_SET))
        return (int64_t)rand_below(&b->rand, 100) < b->o->reads_percent ? OP_GET : OP_SET;
    return w->kind;
}

/* Whether it only follows from what was done before, and has no time of its own when paced. */
static bool follows(const struct bench *b, enum op_kind kind)
{
    const struct workload *w = b->o->workload;

    return w->has_nodes && kind != w->kind;
}

static void on_answer(void *arg, const struct zabc_reply *reply);

static int create(struct bench *b, struct slot *slot, struct zabc_done done)
{
    char path[STAGE_PATH_BYTES];
    bool is_sequential = b->o->is_sequential;
    enum zk_create_mode mode =
        is_sequential ? ZK_CREATE_PERSISTENT_SEQUENTIAL : ZK_CREATE_PERSISTENT;
    struct zabc_create what = {
        .path = path,
        .data = { .at = b->data, .len = (int32_t)b->o->size },
        .mode = is_counted(b, OP_CREATE) && b->o->workload->has_nodes ? ZK_CREATE_EPHEMERAL : mode,
    };

    slot->node = b->next_node++;
    stage_node_path(path, slot->node, is_sequential);
    return zabc_create(slot->session->client, &what, done);
}

static int ask(struct bench *b, struct slot *slot)
{
    struct zabc *client = slot->session->client;
    const struct zabc_done done = { .tell = on_answer, .arg = slot };
    const struct jute_bytes data = { .at = b->data, .len = (int32_t)b->o->size };
    char path[STAGE_PATH_BYTES];

    if (slot->kind == OP_CREATE)
        return create(b, slot, done);
    if (slot->kind == OP_CHILDREN)
        return zabc_get_children(client, "/k", NULL, false, done);
    if (slot->kind == OP_DELETE) {
        stage_node_path(path, slot->node, false);
        return zabc_delete(client, path, -1, done);
    }
    stage_key_path(path, rand_below(&b->rand, (uint64_t)b->o->keys));
    if (slot->kind == OP_SET)
        return zabc_set_data(client, path, data, -1, done);
    return slot->kind == OP_EXISTS ? zabc_exists(client, path, NULL, done)
                                   : zabc_get_data(client, path, NULL, done);
}

static void start(struct bench *b, struct slot *slot, enum op_kind kind, int64_t due_ns)
{
    slot->kind = kind;
    slot->due_ns = due_ns;
    if (is_counted(b, kind))
        bench_sent(b, due_ns);
    b->under_way++;
    list_remove(&slot->link);
    /* The sizes were checked, and a client has room for all slots. */
    zk_assert(ask(b, slot) == 0);
}

/* Begins whatever can begin in the slot now. false: nothing. */
static bool start_now(struct bench *b, struct slot *slot, int64_t now_ns)
{
    enum op_kind kind = kind_of(b, slot);
    bool is_allowed = is_counted(b, kind) ? bench_may_send(b, now_ns) : b->is_sending;

    if (!is_allowed || (bench_is_paced(b) && !follows(b, kind)))
        return false;
    start(b, slot, kind, now_ns);
    return true;
}

static void release(struct bench *b, struct slot *slot)
{
    struct session *s = slot->session;

    list_append(&s->free, &slot->link);
    if (bench_is_paced(b) && list_is_empty(&s->available))
        list_append(&b->available, &s->available);
}

static void settle(struct slot *slot, bool is_done)
{
    if (slot->kind == OP_CREATE)
        slot->has_node = is_done && slot->session->bench->o->workload->has_nodes;
    else if (slot->kind == OP_DELETE)
        slot->has_node = false; /* After an error nobody knows: it is left to the removal. */
}

static void pump(struct bench *b);

static void on_answer(void *arg, const struct zabc_reply *reply)
{
    struct slot *slot = arg;
    struct bench *b = slot->session->bench;
    int64_t now = bench_now_ns();

    b->under_way--;
    settle(slot, reply->err == ZK_OK);
    if (reply->err == ZK_OK)
        figures_answered(&b->figures, slot->kind, slot->due_ns, now);
    else
        figures_failed(&b->figures, slot->kind, reply->err, slot->due_ns, now);
    if (session_is_up(slot->session) && start_now(b, slot, now))
        return;
    release(b, slot);
    if (bench_is_paced(b))
        pump(b);
}

/* Fills what is free: all of it, or, when paced, what only follows. */
static void fill(struct session *s)
{
    struct bench *b = s->bench;
    int64_t now = bench_now_ns();

    list_each_safe(at, &s->free)
    {
        if (!start_now(b, list_entry(at, struct slot, link), now) && !bench_is_paced(b))
            return;
    }
}

/* ---- Paced. */

/* A slot that can take a counted operation at once; NULL when there is none. */
static struct slot *find_slot(struct bench *b)
{
    while (!list_is_empty(&b->available)) {
        struct session *s = list_entry(b->available.next, struct session, available);

        list_remove(&s->available);
        if (!session_is_up(s))
            continue;
        list_each_safe(at, &s->free)
        {
            struct slot *slot = list_entry(at, struct slot, link);

            if (follows(b, kind_of(b, slot)))
                continue;
            list_append(&b->available, &s->available); /* The others first. */
            return slot;
        }
    }
    return NULL;
}

static void pump(struct bench *b)
{
    int64_t due;

    for (;;) {
        struct slot *slot = find_slot(b);

        if (slot == NULL)
            return; /* When one is free again, we are called. */
        if (!bench_take_due(b, &due))
            break;
        start(b, slot, kind_of(b, slot), due);
    }
    bench_set_pacer(b);
}

/* ---- The driver. */

static void is_up(struct session *s)
{
    struct bench *b = s->bench;

    if (!b->is_sending)
        return;
    fill(s);
    if (bench_is_paced(b)) {
        if (!list_is_empty(&s->free) && list_is_empty(&s->available))
            list_append(&b->available, &s->available);
        pump(b);
    }
}

/* The session's ephemeral nodes have gone with it. */
static void is_replaced(struct session *s)
{
    bool are_ephemeral = is_counted(s->bench, OP_CREATE);

    for (size_t i = 0; s->slots != NULL && are_ephemeral && i < (size_t)s->bench->o->outstanding;
         i++)
        s->slots[i].has_node = false;
}

static void begin(struct bench *b)
{
    size_t per_session = (size_t)b->o->outstanding;

    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        struct session *s = &b->sessions[i];

        s->slots = zk_xcalloc(per_session, sizeof *s->slots);
        for (size_t k = 0; k < per_session; k++) {
            s->slots[k].session = s;
            list_append(&s->free, &s->slots[k].link);
        }
    }
    for (size_t i = 0; i < (size_t)b->o->sessions; i++) {
        if (session_is_up(&b->sessions[i]))
            is_up(&b->sessions[i]);
    }
}

static bool is_idle(const struct bench *b)
{
    return b->under_way == 0;
}

const struct driver slots_driver = {
    .begin = begin,
    .is_up = is_up,
    .is_replaced = is_replaced,
    .pump = pump,
    .is_idle = is_idle,
};
