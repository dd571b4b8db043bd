/* Bytes of the quorum port, as hostile as they come, to a server in each of its states. Input: a
 * byte that says which, then steps of one byte (what), two bytes length, and that many bytes.
 *
 * Beyond not crashing: the log only ever grows by later txns (the rig's disk asserts it), what a
 * peer makes a server keep is bounded, and a server that leads goes on leading whatever strangers
 * send. */
#include <stdlib.h>

#include "server/ensemble/limits.h"
#include "tests/lib/ensemble_rig.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum scene { LEADS, LEADS_A_STRANGER, FOLLOWS_NEW, FOLLOWS_SYNCED, LOOKS, STATES };

#define FOLLOWERINFO \
    "0000000b0000000000000000000000140000000000000001000100000000000000000000ffffffff"
#define ACKEPOCH      "0000001200000000000000000000000400000000ffffffff"
#define ACK_NEWLEADER "000000030000000100000000ffffffffffffffff"

struct play {
    struct ensemble_rig *r;
    int real;
    struct rig_link *link;
};

static void newleader(struct play *p)
{
    if (p->link != NULL && !p->link->is_gone)
        ensemble_rig_say_newleader(p->r, p->link, 0x700000000);
}

static void begin_leading(struct play *p, bool with_stranger)
{
    struct ensemble_rig *r = p->r;

    p->real = 2;
    ensemble_rig_start(r, 2);
    ensemble_rig_vote(r, 0, 2, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_vote(r, 1, 2, ZAB_STATE_LOOKING, 3, 0, 1, 0);
    ensemble_rig_sleep(r, 300);
    p->link = ensemble_rig_dial(r, 0, 2);
    ensemble_rig_say(r, p->link, FOLLOWERINFO);
    ensemble_rig_say(r, p->link, ACKEPOCH);
    ensemble_rig_say(r, p->link, ACK_NEWLEADER);
    zk_assert(ensemble_leads(r->servers[2].ensemble));
    if (with_stranger)
        p->link = ensemble_rig_dial(r, 1, 2);
}

static void begin_following(struct play *p, bool is_synced)
{
    struct ensemble_rig *r = p->r;

    p->real = 0;
    ensemble_rig_start(r, 0);
    ensemble_rig_vote(r, 1, 0, ZAB_STATE_FOLLOWING, 3, 0, 1, 6);
    ensemble_rig_vote(r, 2, 0, ZAB_STATE_LEADING, 3, 0, 1, 6);
    ensemble_rig_sleep(r, 300);
    p->link = ensemble_rig_dialled(r, 0);
    zk_assert(p->link != NULL);
    if (!is_synced)
        return;
    ensemble_rig_say(r, p->link, "00000011000000070000000000000004 00010000 ffffffff");
    ensemble_rig_say(r, p->link, "0000000d0000000000000000ffffffffffffffff");
    newleader(p);
    ensemble_rig_say(r, p->link, "0000000cffffffffffffffffffffffffffffffff");
}

static void begin(struct play *p, enum scene state)
{
    switch (state) {
    case LEADS:
    case LEADS_A_STRANGER:
        begin_leading(p, state == LEADS_A_STRANGER);
        break;
    case FOLLOWS_NEW:
    case FOLLOWS_SYNCED:
        begin_following(p, state == FOLLOWS_SYNCED);
        break;
    case LOOKS:
    case STATES:
        p->real = 2;
        ensemble_rig_start(p->r, 2);
        p->link = ensemble_rig_dial(p->r, 0, 2);
        break;
    }
}

static void give(struct play *p, const uint8_t *at, size_t len)
{
    if (p->link == NULL || p->link->is_gone)
        p->link =
            p->real == 0 ? ensemble_rig_dialled(p->r, 0) : ensemble_rig_dial(p->r, 0, p->real);
    if (p->link == NULL)
        return;
    bytes_put(p->real == 0 ? &p->link->back : &p->link->out, at, len);
    (void)ensemble_rig_turn(p->r);
}

static void step(struct play *p, uint8_t what, const uint8_t *at, size_t len)
{
    struct rig_server *s = &p->r->servers[p->real];

    switch (what % 8) {
    case 0:
        ensemble_rig_sleep(p->r, (int64_t)(len % 64) * 50);
        break;
    case 1:
        s->hold_log = !s->hold_log;
        break;
    case 2:
        newleader(p);
        break;
    case 3:
        if (ensemble_can_submit(s->ensemble))
            (void)ensemble_rig_create(p->r, p->real, 0, (int32_t)len, "/x", NULL);
        break;
    case 4:
        if (p->link != NULL && !p->link->is_gone)
            p->link->is_closing = true;
        break;
    default:
        give(p, at, len);
        break;
    }
    zk_assert(order_waiting_bytes(ensemble_order(s->ensemble)) <
              (uint64_t)LEARNED_BYTES_MAX + (1 << 20));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct play p = { .r = zk_xcalloc(1, sizeof *p.r) };
    enum scene state;
    size_t at = 1;

    if (size == 0) {
        free(p.r);
        return 0;
    }
    state = (enum scene)(data[0] % STATES);
    ensemble_rig_init(p.r, 3, state == FOLLOWS_NEW || state == FOLLOWS_SYNCED ? 6 : 3, 0);
    begin(&p, state);
    while (size - at >= 3) {
        size_t len = (size_t)data[at + 1] << 8 | data[at + 2];
        uint8_t what = data[at];

        at += 3;
        if (len > size - at)
            len = size - at;
        step(&p, what, data + at, len);
        at += len;
    }
    if (state == LEADS_A_STRANGER)
        zk_assert(p.r->servers[2].stops == 0);
    ensemble_rig_done(p.r);
    free(p.r);
    return 0;
}
