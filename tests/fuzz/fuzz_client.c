/* Client frames, as hostile as they come, through the whole service: several
 * connections, sessions that expire, writes that wait for the log. Input: steps of one byte
 * (what and who), two bytes length, then the frame.
 *
 * Beyond not crashing: the digest that a txn promises must hold when it is applied,
 * the books of unread bytes and open requests must come out even, and the log's payloads
 * must be readable. */
#include <stdlib.h>

#include "server/order/order.h"
#include "tests/lib/rig.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void step(struct rig *r, uint8_t what, const uint8_t *at, size_t len)
{
    size_t who = what % RIG_CLIENTS_MAX;

    switch (what / RIG_CLIENTS_MAX % 8) {
    case 0:
        if (!r->clients[who].is_open)
            rig_open(r, who);
        else if (len == 0)
            rig_close(r, who);
        break;
    case 1:
        if (!r->clients[who].is_open)
            rig_connect(r, who, 4000);
        break;
    case 2:
        rig_turn(r);
        break;
    case 3:
        rig_sleep(r, (int64_t)len * 100);
        break;
    case 4:
        r->hold_log = !r->hold_log;
        break;
    case 5:
        rig_drain(r, who);
        break;
    default:
        (void)rig_frame(r, who, at, len);
        break;
    }
}

static void check_books(struct rig *r)
{
    uint64_t unread = 0;

    r->hold_log = false;
    rig_release(r);
    rig_turn(r);
    for (size_t i = 0; i < RIG_CLIENTS_MAX; i++) {
        struct rig_client *rc = &r->clients[i];
        if (!rc->is_open)
            continue;
        unread += rc->client.out.len;
        for (;;) {
            struct jute_in in = rig_next(r, i);
            if (in.at == NULL)
                break;
        }
        zk_assert(rc->seen == rc->client.out.len); /* Whole frames only. */
    }
    zk_assert(r->service.egress_bytes == unread);
    zk_assert(order_digest_mismatches(r->service.order) == 0);
    zk_assert(order_outstanding(r->service.order) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rig *r = zk_xcalloc(1, sizeof *r);

    rig_init(r, NULL);
    for (size_t i = 0; i < 3; i++)
        rig_connect(r, i, 4000);
    rig_play(r, data, size, step);
    check_books(r);
    rig_done(r);
    free(r);
    return 0;
}
