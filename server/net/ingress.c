#include "server/net/ingress.h"

#include "util/check.h"

void ingress_init(struct ingress *in, uint64_t max, uint64_t frame_max)
{
    *in = (struct ingress){ .max = max, .frame_max = frame_max };
    if (in->max < 2 * frame_max)
        in->max = 2 * frame_max;
    list_init(&in->moving);
    list_init(&in->held);
    list_init(&in->line);
}

void ingress_part_init(struct ingress_part *p)
{
    *p = (struct ingress_part){ 0 };
    list_init(&p->link);
    list_init(&p->in_line);
}

static uint64_t room_of(const struct ingress *in)
{
    return in->used < in->max ? in->max - in->used : 0;
}

size_t ingress_read_max(const struct ingress *in, size_t read_max)
{
    return room_of(in) >= in->frame_max + read_max ? read_max : INGRESS_FREE_BYTES;
}

static void leave_line(struct ingress *in, struct ingress_part *p)
{
    if (!p->waits)
        return;
    p->waits = false;
    list_remove(&p->in_line);
    in->line_bytes -= p->wants;
    in->line_count--;
}

/* Sets what the part holds, and on which list it is. */
static void charge(struct ingress *in, struct ingress_part *p, uint64_t bytes)
{
    if (bytes <= INGRESS_FREE_BYTES)
        bytes = 0;
    in->used = in->used - p->charged + bytes;
    p->charged = bytes;
    list_remove(&p->link);
    p->holds = INGRESS_NONE;
}

static void grant(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms)
{
    leave_line(in, p);
    charge(in, p, bytes);
    if (p->charged == 0)
        return;
    p->holds = INGRESS_MOVING;
    p->progress_ms = now_ms;
    p->fresh = 0;
    list_append(&in->moving, &p->link);
}

bool ingress_reserve(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms)
{
    if (p->waits)
        return false;
    if (p->holds == INGRESS_MOVING && p->charged == bytes)
        return true;
    /* Who comes now does not pass those in line. */
    if (bytes <= INGRESS_FREE_BYTES || bytes <= p->charged ||
        (list_is_empty(&in->line) && bytes - p->charged <= room_of(in))) {
        grant(in, p, bytes, now_ms);
        return true;
    }
    p->waits = true;
    p->wants = bytes;
    in->line_bytes += bytes;
    in->line_count++;
    in->waits++;
    list_append(&in->line, &p->in_line);
    return false;
}

void ingress_hold(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms)
{
    leave_line(in, p);
    if (p->holds == INGRESS_HELD && bytes > INGRESS_FREE_BYTES) {
        in->used = in->used - p->charged + bytes; /* Its time goes on. */
        p->charged = bytes;
        return;
    }
    charge(in, p, bytes);
    if (p->charged == 0)
        return;
    p->holds = INGRESS_HELD;
    p->progress_ms = now_ms;
    list_append(&in->held, &p->link);
}

void ingress_progress(struct ingress *in, struct ingress_part *p, uint64_t bytes, int64_t now_ms)
{
    if (p->holds != INGRESS_MOVING)
        return;
    p->fresh += bytes;
    if (p->fresh < INGRESS_STEP_BYTES)
        return;
    p->fresh = 0;
    p->progress_ms = now_ms;
    list_remove(&p->link);
    list_append(&in->moving, &p->link);
}

void ingress_release(struct ingress *in, struct ingress_part *p)
{
    leave_line(in, p);
    charge(in, p, 0);
}

struct ingress_part *ingress_next(struct ingress *in, int64_t now_ms)
{
    if (list_is_empty(&in->line))
        return NULL;

    struct ingress_part *p = list_entry(in->line.next, struct ingress_part, in_line);

    if (p->wants > p->charged + room_of(in))
        return NULL;
    grant(in, p, p->wants, now_ms);
    return p;
}

/* The line as a multiple of the pool: so many times must it change hands. */
static int64_t patience_of(const struct ingress *in)
{
    uint64_t rounds = in->line_bytes / in->max + 1;
    int64_t ms = (int64_t)(INGRESS_LINE_MS / rounds);

    if (ms > INGRESS_PATIENCE_MS)
        return INGRESS_PATIENCE_MS;
    return ms < INGRESS_PATIENCE_MIN_MS ? INGRESS_PATIENCE_MIN_MS : ms;
}

static int64_t due_of(const struct list *head, int64_t patience_ms)
{
    if (list_is_empty(head))
        return INT64_MAX;
    return list_entry(head->next, struct ingress_part, link)->progress_ms + patience_ms;
}

struct ingress_part *ingress_next_stalled(struct ingress *in, int64_t now_ms)
{
    struct list *from = NULL;

    if (list_is_empty(&in->line))
        return NULL;
    if (due_of(&in->moving, patience_of(in)) <= now_ms)
        from = &in->moving;
    else if (due_of(&in->held, INGRESS_HELD_MS) <= now_ms)
        from = &in->held;
    if (from == NULL)
        return NULL;
    in->closed++;
    return list_entry(from->next, struct ingress_part, link);
}

int64_t ingress_deadline(const struct ingress *in)
{
    if (list_is_empty(&in->line))
        return INT64_MAX;

    int64_t moving = due_of(&in->moving, patience_of(in));
    int64_t held = due_of(&in->held, INGRESS_HELD_MS);

    return moving < held ? moving : held;
}
