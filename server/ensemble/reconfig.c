/* A change of the membership (quorum-protocol 5.2). */
#include <errno.h>

#include "server/ensemble/ensemble_impl.h"
#include "util/log.h"

struct zab_config *config_of_txn(struct ensemble *e, const uint8_t *payload, size_t len,
                                 bool *ret_is_unreadable)
{
    struct zab_config *config = NULL;
    char why[ZAB_CONFIG_WHY_MAX] = "its txn";

    *ret_is_unreadable = false;
    struct set_data_txn set;
    struct txn txn;

    if (len < TXN_HEAD_BYTES || (int32_t)jute_load32(payload + TXN_TYPE_AT) != ZK_OP_RECONFIG ||
        !txn_parse(&txn, payload, len))
        return NULL;
    jute_read_set_data_txn(&txn.body, &set);
    if (txn.body.bad || set.data.len < 0 ||
        zab_config_parse(&config, (const char *)set.data.at, (size_t)set.data.len,
                         &e->conf.zab.rules, why) < 0) {
        *ret_is_unreadable = e->conf.zab.reconfig_enabled;
        if (*ret_is_unreadable)
            say(e, LOG_LEVEL_ERROR, "reconfig: the leader's new members can't be read why='%s'",
                why);
        return NULL;
    }
    return config;
}

/* ---- The leader's part. */

/* Who of the new participants can't help to decide: the operator's next question. */
static void say_missing(struct ensemble *e, const struct zab_config *c, const zk_sid *sids,
                        size_t count)
{
    struct bytes text = { 0 };

    for (size_t i = 0; i < c->count; i++) {
        bool is_here = !c->members[i].is_voter;
        for (size_t j = 0; j < count && !is_here; j++)
            is_here = sids[j] == c->members[i].sid;
        if (!is_here)
            bytes_printf(&text, text.len > 0 ? ",%lld" : "%lld", (long long)c->members[i].sid);
    }
    say(e, LOG_LEVEL_WARN,
        "reconfig: refused why='too few of the new participants follow and are up to date' "
        "missing=%.*s",
        (int)text.len, text.len > 0 ? (const char *)text.at : "");
    bytes_done(&text);
}

/* Whether those who are here and up to date can decide alone under c. */
static bool has_quorum_here(struct ensemble *e, const struct zab_config *c)
{
    zk_sid sids[FEEDS_MAX + 1];
    size_t count = zab_voices(e->zab, sids, FEEDS_MAX + 1);
    bool has_quorum = zab_config_is_quorum(c, sids, count);
    if (!has_quorum)
        say_missing(e, c, sids, count);
    return has_quorum;
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
    int err = zab_config_change(ret, seen, r->joining_servers, r->leaving_servers, r->new_members,
                                zxid, &e->conf.zab.rules, why);
    if (err < 0) {
        say(e, LOG_LEVEL_WARN, "reconfig: refused why='%s'", why);
        return err == -EDOM ? ZK_MARSHALLING_ERROR : ZK_BAD_ARGUMENTS;
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
