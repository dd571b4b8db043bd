/* Wing and Gong's search with Lowe's memory of what was tried: linearize any call that
 * no earlier return stands before, go on as long as results fit, else take back. */
#include "tests/sim/tale.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "util/hash.h"

enum {
    STEPS_MAX = 400000,  /* Then it is too hard. */
    WORDS_MAX = 16,      /* 1024 operations on one key. */
    TRIED_MIN = 1 << 10, /* Slots; a power of two. */
};

struct tale {
    struct tale_op *ops;
    size_t count, cap;
};

struct tale *tale_new(void)
{
    return zk_xcalloc(1, sizeof(struct tale));
}

struct tale *tale_free(struct tale *h)
{
    if (h != NULL)
        free(h->ops);
    free(h);
    return NULL;
}

size_t tale_call(struct tale *h, const struct tale_op *op)
{
    if (h->count == h->cap) {
        h->cap = h->cap * 2 + 256;
        h->ops = zk_xrealloc(h->ops, h->cap * sizeof *h->ops);
    }
    h->ops[h->count] = *op;
    h->ops[h->count].end = TALE_UNKNOWN;
    h->ops[h->count].return_us = INT64_MAX;
    return h->count++;
}

void tale_return(struct tale *h, size_t op, int64_t now_us, enum tale_end end, uint32_t value,
                 int32_t version)
{
    struct tale_op *o = &h->ops[op];

    o->end = end;
    if (end == TALE_UNKNOWN)
        return;
    o->return_us = now_us;
    if (o->kind == TALE_GET && end == TALE_OK) {
        o->value = value;
        o->version = version;
    }
    o->after = version;
}

size_t tale_count(const struct tale *h)
{
    return h->count;
}

const struct tale_op *tale_at(const struct tale *h, size_t index)
{
    return &h->ops[index];
}

/* ---- The model. */

struct model {
    uint32_t value; /* 0: the znode is missing. */
    int32_t version;
};

static bool version_fits(const struct tale_op *o, const struct model *m)
{
    return o->version == -1 || o->version == m->version;
}

/* What it would do here. Returns its end. */
static enum tale_end carry_out(const struct tale_op *o, struct model *m)
{
    bool is_there = m->value != 0;

    if (o->kind == TALE_CREATE) {
        if (is_there)
            return TALE_EXISTS;
        *m = (struct model){ .value = o->value };
        return TALE_OK;
    }
    if (!is_there)
        return TALE_MISSING;
    if (o->kind == TALE_GET)
        return TALE_OK;
    if (!version_fits(o, m))
        return TALE_BAD_VERSION;
    if (o->kind == TALE_SET)
        *m = (struct model){ .value = o->value, .version = m->version + 1 };
    else
        *m = (struct model){ 0 };
    return TALE_OK;
}

/* Whether it can have happened here; *m is then the register behind it. */
static bool fits(const struct tale_op *o, struct model *m)
{
    struct model before = *m;
    enum tale_end end = carry_out(o, m);

    if (o->end == TALE_UNKNOWN)
        return end == TALE_OK; /* Else it might as well not have happened. */
    if (end != o->end)
        return false;
    if (o->kind == TALE_SET && end == TALE_OK)
        return m->version == o->after;
    return o->kind != TALE_GET || end != TALE_OK ||
           (before.value == o->value && before.version == o->version);
}

/* ---- The search. */

/* Calls and returns in order of time, linked. */
struct entry {
    const struct tale_op *op;
    size_t number; /* Of the operation, for the sets. */
    int64_t at_us;
    bool is_return;
    struct entry *match; /* Of a call: its return. */
    struct entry *prev, *next;
};

struct tried {
    uint64_t done[WORDS_MAX];
    struct model model;
    bool is_used;
};

struct step {
    struct entry *call;
    struct model before;
};

struct search {
    struct entry head;
    struct entry *entries;
    size_t op_count, known; /* Known: operations that must be placed. */
    uint64_t done[WORDS_MAX];
    struct tried *tried;
    size_t tried_count, tried_cap;
    struct step *steps;
    size_t step_count;
    int64_t furthest_us; /* The latest return that could not be explained. */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    if (x->is_return != y->is_return) /* At one moment: side by side. */
        return x->is_return ? 1 : -1;
    return x->number < y->number ? -1 : x->number > y->number ? 1 : 0;
}

static void link_entries(struct search *q)
{
    size_t count = q->op_count * 2;
    struct entry **calls = zk_xcalloc(q->op_count + 1, sizeof(struct entry *));
    struct entry *prev = &q->head;

    qsort(q->entries, count, sizeof *q->entries, compare_entries);
    for (size_t i = 0; i < count; i++) {
        struct entry *e = &q->entries[i];

        if (e->is_return)
            calls[e->number]->match = e;
        else
            calls[e->number] = e;
        e->prev = prev;
        prev->next = e;
        prev = e;
    }
    prev->next = NULL;
    free(calls);
}

static void lift(struct entry *call)
{
    struct entry *ret = call->match;

    call->prev->next = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    ret->prev->next = ret->next;
    if (ret->next != NULL)
        ret->next->prev = ret->prev;
}

static void unlift(struct entry *call)
{
    struct entry *ret = call->match;

    ret->prev->next = ret;
    if (ret->next != NULL)
        ret->next->prev = ret;
    call->prev->next = call;
    if (call->next != NULL)
        call->next->prev = call;
}

static struct tried *slot_of(struct tried *at, size_t cap, const struct tried *t)
{
    uint64_t h = hash_bytes(t->model.value, t->done, sizeof t->done);

    for (size_t i = (size_t)h & (cap - 1);; i = (i + 1) & (cap - 1))
        if (!at[i].is_used ||
            (at[i].model.value == t->model.value && at[i].model.version == t->model.version &&
             memcmp(at[i].done, t->done, sizeof t->done) == 0))
            return &at[i];
}

/* False: this set of operations led to this register before, and to nothing good. */
static bool is_new(struct search *q, const struct model *m)
{
    struct tried t = { .model = *m, .is_used = true };

    memcpy(t.done, q->done, sizeof t.done);
    if ((q->tried_count + 1) * 2 > q->tried_cap) {
        size_t cap = q->tried_cap == 0 ? TRIED_MIN : q->tried_cap * 2;
        struct tried *at = zk_xcalloc(cap, sizeof *at);

        for (size_t i = 0; i < q->tried_cap; i++)
            if (q->tried[i].is_used)
                *slot_of(at, cap, &q->tried[i]) = q->tried[i];
        free(q->tried);
        q->tried = at;
        q->tried_cap = cap;
    }

    struct tried *slot = slot_of(q->tried, q->tried_cap, &t);

    if (slot->is_used)
        return false;
    *slot = t;
    q->tried_count++;
    return true;
}

static void flip(struct search *q, const struct entry *call)
{
    q->done[call->number / 64] ^= UINT64_C(1) << (call->number % 64);
    if (call->op->end != TALE_UNKNOWN) {
        bool is_done = (q->done[call->number / 64] >> (call->number % 64)) & 1;
        q->known = is_done ? q->known - 1 : q->known + 1;
    }
}

/* Tries to place the call next. */
static bool place(struct search *q, struct entry *call, struct model *m)
{
    struct model after = *m;

    if (!fits(call->op, &after))
        return false;
    flip(q, call);
    if (!is_new(q, &after)) {
        flip(q, call);
        return false;
    }
    q->steps[q->step_count++] = (struct step){ .call = call, .before = *m };
    lift(call);
    *m = after;
    return true;
}

static enum tale_verdict search(struct search *q)
{
    struct model m = { 0 };
    struct entry *e = q->head.next;

    for (size_t steps = 0; q->known > 0; steps++) {
        if (steps > STEPS_MAX)
            return TALE_TOO_HARD;
        if (e != NULL && !e->is_return) {
            e = place(q, e, &m) ? q->head.next : e->next;
            continue;
        }
        if (e != NULL && e->at_us > q->furthest_us && e->at_us != INT64_MAX)
            q->furthest_us = e->at_us;
        if (q->step_count == 0)
            return TALE_IMPOSSIBLE;

        struct step *back = &q->steps[--q->step_count];

        m = back->before;
        flip(q, back->call);
        unlift(back->call);
        e = back->call->next;
    }
    return TALE_LINEARIZABLE;
}

enum tale_verdict tale_judge(const struct tale *h, uint32_t key, int64_t *ret_us)
{
    struct search q = { .head = { .next = NULL } };
    enum tale_verdict verdict = TALE_TOO_HARD;

    q.entries = zk_xcalloc(h->count * 2 + 1, sizeof *q.entries);
    for (size_t i = 0; i < h->count; i++) {
        const struct tale_op *o = &h->ops[i];
        bool tells = o->end != TALE_NOTHING && (o->end != TALE_UNKNOWN || o->kind != TALE_GET);

        if (o->key != key || !tells)
            continue;
        q.entries[q.op_count * 2] =
            (struct entry){ .op = o, .number = q.op_count, .at_us = o->call_us };
        q.entries[q.op_count * 2 + 1] = (struct entry){
            .op = o, .number = q.op_count, .at_us = o->return_us, .is_return = true
        };
        q.known += o->end != TALE_UNKNOWN ? 1 : 0;
        q.op_count++;
    }
    if (q.op_count <= (size_t)WORDS_MAX * 64) {
        q.steps = zk_xcalloc(q.op_count + 1, sizeof *q.steps);
        link_entries(&q);
        verdict = search(&q);
    }
    *ret_us = q.furthest_us;
    free(q.steps);
    free(q.tried);
    free(q.entries);
    return verdict;
}
