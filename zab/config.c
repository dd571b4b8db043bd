/* The members as a whole: made from parts, asked for quorums. */
#include "zab/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/check.h"
#include "zab/config_impl.h"

__attribute__((format(printf, 2, 0))) static void print_why(char why[ZAB_CONFIG_WHY_MAX],
                                                            const char *format, va_list args)
{
    (void)vsnprintf(why, ZAB_CONFIG_WHY_MAX, format, args);
    for (char *c = why; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

int zab_config_wrong(char why[ZAB_CONFIG_WHY_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_why(why, format, args);
    va_end(args);
    return -EINVAL;
}

int zab_config_no_number(char why[ZAB_CONFIG_WHY_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_why(why, format, args);
    va_end(args);
    return -EDOM;
}

void zab_member_done(struct zab_member *m)
{
    for (size_t i = 0; i < m->address_count; i++)
        free(m->addresses[i].host);
    free(m->addresses);
    free(m->client_host);
    *m = (struct zab_member){ 0 };
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(zk_xmalloc(size), text, size);
}

void zab_member_copy(struct zab_member *ret, const struct zab_member *m)
{
    *ret = *m;
    ret->client_host = m->client_host != NULL ? copy_text(m->client_host) : NULL;
    ret->addresses = zk_xcalloc(m->address_count, sizeof *ret->addresses);
    for (size_t i = 0; i < m->address_count; i++) {
        ret->addresses[i] = m->addresses[i];
        ret->addresses[i].host = copy_text(m->addresses[i].host);
    }
}

static void free_members(struct zab_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        zab_member_done(&members[i]);
    free(members);
}

static int by_sid(const void *a, const void *b)
{
    const struct zab_member *x = a, *y = b;

    return (x->sid > y->sid) - (x->sid < y->sid);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Collects the ids of the groups, each once, ascending. */
static void list_groups(struct zab_config *c)
{
    c->groups = zk_xcalloc(c->count + 1, sizeof *c->groups);
    for (size_t i = 0; i < c->count; i++)
        if (c->members[i].group >= 0)
            c->groups[c->group_count++] = c->members[i].group;
    qsort(c->groups, c->group_count, sizeof *c->groups, by_number);

    size_t kept = 0;
    for (size_t i = 0; i < c->group_count; i++)
        if (kept == 0 || c->groups[kept - 1] != c->groups[i])
            c->groups[kept++] = c->groups[i];
    c->group_count = kept;
}

static int check_member(const struct zab_config *c, size_t index, char why[ZAB_CONFIG_WHY_MAX])
{
    const struct zab_member *m = &c->members[index];
    long long sid = m->sid;

    if (index > 0 && c->members[index - 1].sid == m->sid)
        return zab_config_wrong(why, "server.%lld is there twice", sid);
    if (c->has_groups && m->is_voter && m->group < 0)
        return zab_config_wrong(why, "server.%lld is in no group", sid);
    return 0;
}

/* Weights may be such that nobody ever decides. */
static bool can_decide(const struct zab_config *c)
{
    zk_sid all[ZAB_MEMBERS_MAX];

    for (size_t i = 0; i < c->count; i++)
        all[i] = c->members[i].sid;
    return zab_config_is_quorum(c, all, c->count);
}

static int check_members(const struct zab_config *c, const struct zab_config_rules *rules,
                         char why[ZAB_CONFIG_WHY_MAX])
{
    for (size_t i = 0; i < c->count; i++) {
        int r = check_member(c, i, why);
        if (r < 0)
            return r;
    }
    if (c->count > ZAB_MEMBERS_MAX)
        return zab_config_wrong(why, "more than %d servers", ZAB_MEMBERS_MAX);
    if (c->voters == 0)
        return zab_config_wrong(why, "there is no participant");
    if (c->voters == 1 && c->count > 1 && rules->standalone_enabled)
        return zab_config_wrong(why, "observers need several participants (or "
                                     "standaloneEnabled=false)");
    if (!can_decide(c))
        return zab_config_wrong(why, "all participants together would be no quorum");
    return 0;
}

int zab_config_make(struct zab_config **ret, struct zab_member *members, size_t count,
                    bool has_groups, zk_zxid version, const struct zab_config_rules *rules,
                    char why[ZAB_CONFIG_WHY_MAX])
{
    struct zab_config *c = zk_xcalloc(1, sizeof *c);

    *c = (struct zab_config){
        .refs = 1, .version = version, .members = members, .count = count, .has_groups = has_groups
    };
    if (count > 0)
        qsort(members, count, sizeof *members, by_sid);
    for (size_t i = 0; i < count; i++) {
        c->voters += members[i].is_voter;
        if (!has_groups)
            members[i].group = -1;
    }
    list_groups(c);
    int r = check_members(c, rules, why);
    if (r < 0)
        zab_config_unref(c);
    else
        *ret = c;
    return r;
}

struct zab_config *zab_config_ref(struct zab_config *c)
{
    zk_assert(c->refs > 0);
    c->refs++;
    return c;
}

void zab_config_unref(struct zab_config *c)
{
    if (c == NULL)
        return;
    zk_assert(c->refs > 0);
    if (--c->refs > 0)
        return;
    free_members(c->members, c->count);
    free(c->groups);
    free(c);
}

struct zab_config *zab_config_with_version(const struct zab_config *c, zk_zxid version)
{
    struct zab_config *made = zk_xcalloc(1, sizeof *made);

    *made = *c;
    made->refs = 1;
    made->version = version;
    made->members = zk_xcalloc(c->count, sizeof *made->members);
    for (size_t i = 0; i < c->count; i++)
        zab_member_copy(&made->members[i], &c->members[i]);
    made->groups = zk_xcalloc(c->count + 1, sizeof *made->groups);
    memcpy(made->groups, c->groups, c->group_count * sizeof *made->groups);
    return made;
}

const struct zab_member *zab_config_find(const struct zab_config *c, zk_sid sid)
{
    size_t low = 0, high = c->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (c->members[mid].sid < sid)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->count && c->members[low].sid == sid ? &c->members[low] : NULL;
}

bool zab_config_is_voter(const struct zab_config *c, zk_sid sid)
{
    const struct zab_member *m = zab_config_find(c, sid);

    return m != NULL && m->is_voter;
}

int64_t zab_config_weight(const struct zab_config *c, zk_sid sid)
{
    const struct zab_member *m = zab_config_find(c, sid);

    return m == NULL ? 0 : c->has_groups ? m->weight : 1;
}

bool zab_host_is_any(const char *host)
{
    return host == NULL || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0 ||
           strcmp(host, "0:0:0:0:0:0:0:0") == 0;
}

static bool same_host(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

static bool listens_at(const struct zab_member *m, const struct zab_address *a)
{
    for (size_t i = 0; i < m->address_count; i++)
        if (m->addresses[i].quorum_port == a->quorum_port &&
            same_host(m->addresses[i].host, a->host))
            return true;
    return false;
}

static bool listens_where(const struct zab_member *m, const struct zab_member *other)
{
    for (size_t i = 0; i < other->address_count; i++)
        if (!listens_at(m, &other->addresses[i]))
            return false;
    return true;
}

bool zab_member_same_quorum_address(const struct zab_member *a, const struct zab_member *b)
{
    return listens_where(a, b) && listens_where(b, a);
}

static bool is_among(const zk_sid *sids, size_t count, zk_sid sid)
{
    for (size_t i = 0; i < count; i++)
        if (sids[i] == sid)
            return true;
    return false;
}

/* More than half of the weight of the group. Its observers weigh too where they are in it,
 * as in ZK, though nobody counts their voices. */
static bool group_is_won(const struct zab_config *c, int64_t group, const zk_sid *sids,
                         size_t count, bool *ret_weighs)
{
    int64_t total = 0, won = 0;

    for (size_t i = 0; i < c->count; i++) {
        const struct zab_member *m = &c->members[i];
        if (m->group != group)
            continue;
        total += m->weight;
        if (m->is_voter && is_among(sids, count, m->sid))
            won += m->weight;
    }
    *ret_weighs = total > 0;
    return won > total / 2;
}

/* More than half of the groups that weigh anything. */
static bool wins_groups(const struct zab_config *c, const zk_sid *sids, size_t count)
{
    size_t groups = 0, won = 0;

    for (size_t i = 0; i < c->group_count; i++) {
        bool weighs;
        won += group_is_won(c, c->groups[i], sids, count, &weighs);
        groups += weighs;
    }
    return won > groups / 2;
}

bool zab_config_is_quorum(const struct zab_config *c, const zk_sid *sids, size_t count)
{
    size_t voices = 0;

    if (c->has_groups)
        return wins_groups(c, sids, count);
    for (size_t i = 0; i < c->count; i++)
        voices += c->members[i].is_voter && is_among(sids, count, c->members[i].sid);
    return voices > c->voters / 2;
}
