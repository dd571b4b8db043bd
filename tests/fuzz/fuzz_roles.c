/* Client frames, as hostile as they come, through the service of a server whose role changes all
 * the time. Input: a byte of settings, then steps of one byte (what and who), two bytes length,
 * then the frame.
 *
 * Beyond not crashing: what comes out is whole frames, the books of unread bytes and open requests
 * come out even, and nobody waits for a txn of a role that is over. */
#include <stdlib.h>

#include "server/order/order.h"
#include "tests/lib/fake_ensemble.h"
#include "tests/lib/rig.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t ordered; /* Forwarded requests that the leader has had. */

static void order_next(bool refuse)
{
    struct ensemble *e = fake();

    if (ordered == e->request_count)
        return;
    if (refuse)
        (void)fake_refuse(ordered++, ZK_SESSION_MOVED);
    else
        (void)fake_order(ordered++);
}

/* There is room in its notes for all that may come before it is asked again. */
static void make_room(void)
{
    struct ensemble *e = fake();

    e->is_full = e->request_count > FAKE_REQUESTS_MAX / 2;
    if (e->is_full && ordered == e->request_count) {
        fake_forget_requests();
        ordered = 0;
        e->is_full = false;
    }
    if (e->asked_count > FAKE_REQUESTS_MAX / 2)
        e->asked_count = 0;
}

static void say(struct rig *r, uint8_t what, size_t len)
{
    struct ensemble *e = fake();
    static const enum zab_role roles[] = { ZAB_FOLLOWING, ZAB_OBSERVING };

    switch (what) {
    case 0:
        order_next(len % 8 == 7);
        break;
    case 1:
        fake_learn(len % 2 == 0);
        break;
    case 2:
        if (r->service.serves)
            fake_pause();
        break;
    case 3:
        if (r->service.serves)
            break;
        fake_learn(true);
        ordered = e->request_count;
        fake_serve(roles[len % 2], len % 16 == 15);
        break;
    case 4:
        if (e->asked_count > 0)
            service_revalidated(&r->service, e->asked[--e->asked_count], len % 4 != 0);
        break;
    case 5:
        service_synced(&r->service, e->tickets - len % (e->tickets + 1), len % 5 == 4);
        break;
    case 6:
        e->valid = (int)(len % 3) - 1;
        break;
    default: /* A leader was found, and is not followed yet. */
        if (!r->service.serves)
            e->role = len % 2 == 0 ? ZAB_LOOKING : ZAB_FOLLOWING;
        break;
    }
}

static void step(struct rig *r, uint8_t what, const uint8_t *at, size_t len)
{
    size_t who = what % RIG_CLIENTS_MAX;

    switch (what / RIG_CLIENTS_MAX % 16) {
    case 0:
        if (!r->clients[who].is_open)
            rig_open(r, who);
        else if (len == 0)
            rig_close(r, who);
        break;
    case 1:
    case 2:
        make_room();
        rig_turn(r);
        break;
    case 3:
        rig_sleep(r, (int64_t)len * 10);
        break;
    case 4:
        if (r->clients[who].is_open && r->clients[who].finishing)
            rig_close(r, who);
        else
            rig_drain(r, who);
        break;
    case 5:
    case 6:
    case 7:
        say(r, (uint8_t)who, len);
        break;
    default:
        if (fake()->request_count < FAKE_REQUESTS_MAX - 2 &&
            fake()->asked_count < FAKE_REQUESTS_MAX)
            (void)rig_frame(r, who, at, len);
        break;
    }
}

static void check_books(struct rig *r)
{
    uint64_t unread = 0;

    if (r->service.serves)
        fake_pause();
    /* With a state that a snapshot brought: what a lost leader owed is not asked of the next one.
     */
    fake_serve(ZAB_FOLLOWING, true);
    make_room();
    rig_turn(r);
    zk_assert(r->service.expected == 0);
    for (size_t i = 0; i < RIG_CLIENTS_MAX; i++) {
        struct rig_client *rc = &r->clients[i];
        if (!rc->is_open)
            continue;
        unread += rc->client.out.len;
        while (rig_next(r, i).at != NULL)
            ;
        zk_assert(rc->seen == rc->client.out.len); /* Whole frames only. */
    }
    zk_assert(r->service.egress_bytes == unread);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ensemble_conf ensemble = { .zab = { .self = 1 } };
    static const struct zab_saved saved;
    struct service_conf conf = rig_conf();
    struct rig *r = zk_xcalloc(1, sizeof *r);
    uint8_t settings = size > 0 ? data[0] : 0;

    conf.ensemble = &ensemble;
    conf.saved = &saved;
    conf.local_sessions = (settings & 1) != 0;
    conf.local_upgrading = (settings & 2) != 0;
    conf.linearizable_reads = (settings & 4) != 0;
    conf.read_only_mode = (settings & 8) != 0;
    conf.leader_abstains = (settings & 16) != 0;
    ordered = 0;
    rig_init(r, &conf);
    fake_serve(ZAB_FOLLOWING, false);
    if (size > 0)
        rig_play(r, data + 1, size - 1, step);
    check_books(r);
    rig_done(r);
    free(r);
    return 0;
}
