#include "zab/zab.h"

#include <errno.h>
#include <stdlib.h>

#include "util/check.h"

enum { ACTIONS_MAX = 4 }; /* The most that one event asks for. */

struct zab {
    struct zab_conf conf;
    enum zab_role role;
    zk_zxid submitted; /* Last txn that was ordered. */
    zk_zxid logged;    /* Last txn on our own stable storage. */
    zk_zxid committed; /* Last txn that a quorum has. */
    struct zab_action actions[ACTIONS_MAX];
    size_t action_count;
};

int zab_new(struct zab **ret, const struct zab_conf *conf, const struct zab_saved *saved)
{
    zk_assert(ret != NULL);
    if (conf->voters != 1 || conf->proposals_max == 0 || saved->logged < 0)
        return -EINVAL;

    struct zab *z = calloc(1, sizeof *z);
    if (z == NULL)
        return -ENOMEM;
    z->conf = *conf;
    z->role = ZAB_LOOKING;
    /* Nobody else can know better: all that is in the log of the only voter is decided. */
    z->submitted = z->logged = z->committed = saved->logged;
    *ret = z;
    return 0;
}

struct zab *zab_free(struct zab *z)
{
    free(z);
    return NULL;
}

static struct zab_action *act(struct zab *z)
{
    zk_assert(z->action_count < ACTIONS_MAX);
    struct zab_action *a = &z->actions[z->action_count++];

    *a = (struct zab_action){ 0 };
    return a;
}

static void on_start(struct zab *z)
{
    zk_assert(z->role == ZAB_LOOKING);
    /* The quorum of one is the server itself: there is nobody to ask. The epoch stays,
     * as with a ZK that runs alone (storage-format 11.24). */
    z->role = ZAB_LEADING;
    struct zab_action *a = act(z);
    a->kind = ZAB_DO_BECOME;
    a->role = z->role;
}

static void on_submit(struct zab *z, zk_zxid zxid)
{
    zk_assert(z->role == ZAB_LEADING);
    zk_assert(zxid > z->submitted);
    z->submitted = zxid;
    struct zab_action *a = act(z);
    a->kind = ZAB_DO_APPEND;
    a->zxid = zxid;
}

/* The quorum is reached where our own log is. */
static void on_logged(struct zab *z, zk_zxid zxid)
{
    zk_assert(zxid <= z->submitted);
    if (zxid <= z->logged)
        return;
    z->logged = z->committed = zxid;
    struct zab_action *a = act(z);
    a->kind = ZAB_DO_COMMIT;
    a->zxid = zxid;
}

struct zab_actions zab_step(struct zab *z, const struct zab_event *ev)
{
    z->action_count = 0;
    switch (ev->kind) {
    case ZAB_EV_START:
        on_start(z);
        break;
    case ZAB_EV_SUBMIT:
        on_submit(z, ev->zxid);
        break;
    case ZAB_EV_LOGGED:
        on_logged(z, ev->zxid);
        break;
    }
    return (struct zab_actions){ .at = z->actions, .count = z->action_count };
}

bool zab_can_submit(const struct zab *z)
{
    return z->role == ZAB_LEADING &&
           (uint64_t)(z->submitted - z->committed) < z->conf.proposals_max;
}

zk_zxid zab_next_zxid(const struct zab *z)
{
    return z->submitted + 1;
}

zk_zxid zab_committed(const struct zab *z)
{
    return z->committed;
}

enum zab_role zab_role(const struct zab *z)
{
    return z->role;
}
