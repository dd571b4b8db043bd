/* From one configuration to the next: what a reconfig asks for (quorum-protocol 5.2). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/check.h"
#include "zab/config_impl.h"

/* Notes show no more of a text than this. */
enum { SHOWN_MAX = 100 };

/* The members while they change. Texts are theirs. */
struct change {
    struct zab_member *members; /* Room for one more than is allowed. */
    size_t count;
    const struct zab_config_rules *rules;
    char *why;
};

static struct zab_text text_of(struct jute_bytes b)
{
    /* A given text without bytes is still given. */
    return (struct zab_text){ .at = b.len > 0 ? (const char *)b.at : "", .len = (size_t)b.len };
}

static int shown(struct zab_text t)
{
    return (int)(t.len < SHOWN_MAX ? t.len : SHOWN_MAX);
}

static void remove_member(struct change *c, zk_sid sid)
{
    for (size_t i = 0; i < c->count; i++) {
        if (c->members[i].sid != sid)
            continue;
        zab_member_done(&c->members[i]);
        c->members[i] = c->members[--c->count];
        return;
    }
}

/* Nobody has one, but ZK reads it. */
static bool is_negative(struct zab_text t)
{
    int64_t v;

    if (t.len < 2 || t.at[0] != '-' || t.at[1] == '+')
        return false;
    return zab_text_number((struct zab_text){ .at = t.at + 1, .len = t.len - 1 }, INT64_MAX, &v);
}

/* The ids of those who leave; who is not there has left already. */
static int take_leaving(struct change *c, struct zab_text all)
{
    struct zab_text part;
    int64_t sid;

    while (zab_text_cut(&all, ',', &part)) {
        part = zab_text_trim(part);
        if (part.len == 0 || is_negative(part))
            continue;
        if (!zab_text_number(part, INT64_MAX, &sid))
            return zab_config_no_number(c->why, "leaving: '%.*s' is no server id", shown(part),
                                        part.at);
        remove_member(c, sid);
    }
    return 0;
}

/* Addresses that many servers may well share. */
static bool is_common_host(const char *host)
{
    return strcmp(host, "0.0.0.0") == 0 || strcmp(host, "0:0:0:0:0:0:0:0") == 0 ||
           strcmp(host, "0:0:0:0:0:0:0:1") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcasecmp(host, "localhost") == 0;
}

struct place {
    const char *host;
    int32_t port;
};

static bool same_place(struct place a, struct place b)
{
    return a.port == b.port && strcasecmp(a.host, b.host) == 0;
}

/* The places where a member listens, one after the other. False: there is no such one. */
static bool place_at(const struct zab_member *m, size_t index, struct place *ret)
{
    size_t which = index / 2;

    if (which < m->address_count) {
        const struct zab_address *a = &m->addresses[which];
        *ret = (struct place){ a->host, index % 2 == 0 ? a->quorum_port : a->election_port };
        return true;
    }
    *ret = (struct place){ m->client_host, m->client_port };
    return index == 2 * m->address_count && m->client_host != NULL;
}

static bool shares_a_place(const struct zab_member *a, const struct zab_member *b)
{
    struct place x, y;

    for (size_t i = 0; place_at(a, i, &x); i++) {
        for (size_t j = 0; !is_common_host(x.host) && place_at(b, j, &y); j++)
            if (same_place(x, y))
                return true;
    }
    return false;
}

static int check_places(const struct change *c, const struct zab_member *joiner)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->members[i].sid != joiner->sid && shares_a_place(joiner, &c->members[i]))
            return zab_config_wrong(
                c->why, "server.%" PRId64 " shares an address and port with server.%" PRId64,
                joiner->sid, c->members[i].sid);
    return 0;
}

static int check_joiner(const struct change *c, const struct zab_member *joiner)
{
    if (joiner->client_host == NULL)
        return zab_config_wrong(c->why, "joining: server.%" PRId64 " needs a client port",
                                joiner->sid);
    return check_places(c, joiner);
}

/* What stands behind the last point; ZK does not look at what is before it. */
static struct zab_text id_in(struct zab_text key)
{
    for (size_t i = key.len; i > 0; i--)
        if (key.at[i - 1] == '.')
            return (struct zab_text){ .at = key.at + i, .len = key.len - i };
    return key;
}

/* "server.N=...": in the place of who had this id before. */
static int take_joiner(struct change *c, struct zab_text line)
{
    struct zab_text rest = line, key;
    struct zab_member joiner;
    int64_t sid;

    (void)zab_text_cut(&rest, '=', &key);
    key = id_in(zab_text_trim(key));
    if (rest.at == NULL)
        return zab_config_wrong(c->why, "joining: '%.*s' is not server.N=...", shown(line),
                                line.at);
    if (!zab_text_number(key, INT64_MAX, &sid))
        return zab_config_no_number(c->why, "joining: '%.*s' is no server id", shown(key), key.at);
    rest = zab_text_trim(rest);
    int r = zab_member_parse(&joiner, sid, rest.at, rest.len, c->rules, c->why);
    if (r < 0)
        return r;
    r = check_joiner(c, &joiner);
    if (r < 0) {
        zab_member_done(&joiner);
        return r;
    }
    remove_member(c, sid);
    c->members[c->count++] = joiner;
    return 0;
}

static int take_joining(struct change *c, struct zab_text all)
{
    struct zab_text part;
    int r = 0;

    while (r == 0 && zab_text_cut(&all, ',', &part)) {
        part = zab_text_trim(part);
        if (part.len == 0)
            continue;
        if (c->count > ZAB_MEMBERS_MAX)
            return zab_config_wrong(c->why, "more than %d servers", ZAB_MEMBERS_MAX);
        r = take_joiner(c, part);
    }
    return r;
}

static int change_some(struct zab_config **ret, const struct zab_config *from,
                       struct jute_bytes joining, struct jute_bytes leaving, zk_zxid version,
                       const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    struct change c = { .rules = rules, .why = why };
    int r = 0;

    if (from->has_groups)
        return zab_config_wrong(why, "servers can't join or leave one by one where there are "
                                     "groups: give all members");
    c.members = zk_xcalloc(ZAB_MEMBERS_MAX + 1, sizeof *c.members);
    for (size_t i = 0; i < from->count; i++)
        zab_member_copy(&c.members[c.count++], &from->members[i]);
    if (leaving.len >= 0)
        r = take_leaving(&c, text_of(leaving));
    if (r == 0 && joining.len >= 0)
        r = take_joining(&c, text_of(joining));
    if (r == 0)
        return zab_config_make(ret, c.members, c.count, false, version, rules, why);
    for (size_t i = 0; i < c.count; i++)
        zab_member_done(&c.members[i]);
    free(c.members);
    return r;
}

/* A whole text, in which commas may stand for the ends of lines. */
static int change_all(struct zab_config **ret, struct jute_bytes members, zk_zxid version,
                      const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    size_t len = (size_t)members.len;
    char *text = zk_xmalloc(len + 1);
    struct zab_config *parsed = NULL;

    if (len > 0)
        memcpy(text, members.at, len);
    for (size_t i = 0; i < len; i++)
        if (text[i] == ',')
            text[i] = '\n';
    int r = zab_config_parse(&parsed, text, len, rules, why);
    free(text);
    if (r == 0) {
        parsed->version = version; /* Nobody else has it yet. */
        *ret = parsed;
    }
    return r;
}

int zab_config_change(struct zab_config **ret, const struct zab_config *from,
                      struct jute_bytes joining, struct jute_bytes leaving,
                      struct jute_bytes members, zk_zxid version,
                      const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    struct zab_config *made = NULL;
    int r = members.len >= 0 ? change_all(&made, members, version, rules, why)
                             : change_some(&made, from, joining, leaving, version, rules, why);

    if (r < 0)
        return r;
    zk_assert(made != NULL);
    if (rules->standalone_enabled && made->voters < 2) {
        zab_config_unref(made);
        return zab_config_wrong(why, "the new configuration must have at least 2 participants");
    }
    *ret = made;
    return 0;
}
