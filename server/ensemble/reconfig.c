/* A change of the membership (quorum-protocol 5.2). */
#include "server/ensemble/ensemble_impl.h"
#include "util/log.h"

struct zab_config *config_of_txn(struct ensemble *e, const uint8_t *payload, size_t len)
{
    struct zab_config *config = NULL;
    char why[ZAB_CONFIG_WHY_MAX];
    struct set_data_txn set;
    struct txn txn;

    if (len < TXN_HEAD_BYTES || (int32_t)jute_load32(payload + TXN_TYPE_AT) != ZK_OP_RECONFIG ||
        !txn_parse(&txn, payload, len))
        return NULL;
    jute_read_set_data_txn(&txn.body, &set);
    if (txn.body.bad || set.data.len < 0 ||
        zab_config_parse(&config, (const char *)set.data.at, (size_t)set.data.len,
                         &e->conf.zab.rules, why) < 0)
        return NULL;
    return config;
}

/* ---- The leader's part. */

/* Whether those who are here and up to date can decide alone under c. */
static bool has_quorum_here(const struct ensemble *e, const struct zab_config *c)
{
    struct zab_learner_view views[FEEDS_MAX];
    zk_sid sids[FEEDS_MAX + 1];
    size_t learners = zab_learners(e->zab, views, FEEDS_MAX);
    size_t count = 0;

    sids[count++] = e->conf.zab.self;
    for (size_t i = 0; i < learners && i < FEEDS_MAX; i++)
        /* Who observes is sent nothing before it is decided: it can't help to decide. */
        if (views[i].is_synced && !views[i].is_observer)
            sids[count++] = views[i].sid;
    return zab_config_is_quorum(c, sids, count);
}

static enum zk_err check_config(struct ensemble *e, const struct reconfig_request *r, zk_zxid zxid,
                                struct zab_config **ret)
{
    const struct zab_config *cur = zab_config_in_force(e->zab);
    const struct zab_config *seen = zab_config_last_seen(e->zab);
    char why[ZAB_CONFIG_WHY_MAX] = "";

    if (!e->serves || e->role != ZAB_LEADING)
        return ZK_UNIMPLEMENTED;
    if (seen->version > cur->version || e->proposed_config != NULL)
        return ZK_RECONFIG_IN_PROGRESS;
    if (r->cur_config_id != -1 && r->cur_config_id != seen->version)
        return ZK_BAD_VERSION;
    if (zab_config_change(ret, seen, r->joining_servers, r->leaving_servers, r->new_members, zxid,
                          &e->conf.zab.rules, why) < 0) {
        say(e, LOG_LEVEL_WARN, "reconfig: refused why='%s'", why);
        return ZK_BAD_ARGUMENTS;
    }
    return has_quorum_here(e, *ret) ? ZK_OK : ZK_NEW_CONFIG_NO_QUORUM;
}

enum zk_err prepare_config(void *ctx, const struct reconfig_request *r, zk_zxid zxid,
                           bool may_write, struct bytes *ret_text)
{
    struct ensemble *e = ctx;
    struct zab_config *next = NULL;
    enum zk_err err = check_config(e, r, zxid, &next);

    if (err == ZK_OK && !may_write)
        err = ZK_NO_AUTH;
    if (err == ZK_OK)
        zab_config_print(next, ret_text);
    if (err == ZK_OK && ret_text->len > e->conf.order.entry_max / 2)
        err = ZK_BAD_ARGUMENTS; /* No server could read it back. */
    if (err != ZK_OK) {
        zab_config_unref(next);
        return err;
    }
    e->proposed_config = next;
    e->proposed_zxid = zxid;
    return ZK_OK;
}
