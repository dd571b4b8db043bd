/* The members as a text: `server.N=...` lines, groups, weights and the version
 * (quorum-protocol 1.1, 1.2). What comes in may be from anybody. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/check.h"
#include "util/properties.h"
#include "zab/config_impl.h"

enum { HOST_MAX_BYTES = 255, IPV6_BYTES = 16, IPV6_TEXT_MAX = 64, PORT_MAX = 65535 };

/* Notes show no more of a text than this. */
enum { SHOWN_MAX = 100 };

bool zab_text_cut(struct zab_text *rest, char separator, struct zab_text *ret)
{
    if (rest->at == NULL)
        return false;
    const char *found = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
    *ret = *rest;
    if (found == NULL) {
        *rest = (struct zab_text){ 0 };
        return true;
    }
    ret->len = (size_t)(found - rest->at);
    rest->at += ret->len + 1;
    rest->len -= ret->len + 1;
    return true;
}

struct zab_text zab_text_trim(struct zab_text t)
{
    while (t.len > 0 && (unsigned char)t.at[0] <= ' ') {
        t.at++;
        t.len--;
    }
    while (t.len > 0 && (unsigned char)t.at[t.len - 1] <= ' ')
        t.len--;
    return t;
}

bool zab_text_number(struct zab_text t, int64_t max, int64_t *ret)
{
    int64_t v = 0;

    if (t.len > 0 && t.at[0] == '+') {
        t.at++;
        t.len--;
    }
    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] < '0' || t.at[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, t.at[i] - '0', &v))
            return false;
    }
    *ret = v;
    return v <= max;
}

static struct zab_text text_of(const char *text)
{
    return (struct zab_text){ .at = text, .len = strlen(text) };
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool all_host_chars(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_host_char(at[i]))
            return false;
    return len > 0;
}

/* The address in full, as Java prints it; one that stands for an IPv4 address as that. */
static void print_ipv6(char ret[IPV6_TEXT_MAX], const uint8_t address[IPV6_BYTES])
{
    static const uint8_t mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    size_t len = 0;

    if (memcmp(address, mapped, sizeof mapped) == 0) {
        (void)snprintf(ret, IPV6_TEXT_MAX, "%u.%u.%u.%u", address[12], address[13], address[14],
                       address[15]);
        return;
    }
    for (size_t i = 0; i < IPV6_BYTES; i += 2) {
        unsigned group = (unsigned)(address[i] << 8 | address[i + 1]);
        len += (size_t)snprintf(ret + len, IPV6_TEXT_MAX - len, i > 0 ? ":%x" : "%x", group);
    }
}

/* What stands in brackets: an IPv6 address, maybe with a scope. NULL when it is none. */
static char *copy_ipv6(struct zab_text t)
{
    char literal[INET6_ADDRSTRLEN], printed[IPV6_TEXT_MAX];
    uint8_t address[IPV6_BYTES];
    struct zab_text part;

    if (!zab_text_cut(&t, '%', &part) || part.len >= sizeof literal)
        return NULL;
    memcpy(literal, part.at, part.len);
    literal[part.len] = '\0';
    if (inet_pton(AF_INET6, literal, address) != 1)
        return NULL;
    print_ipv6(printed, address);
    bool has_scope = t.at != NULL;
    if (has_scope && (t.len > HOST_MAX_BYTES - IPV6_TEXT_MAX || !all_host_chars(t.at, t.len)))
        return NULL;
    size_t size = strlen(printed) + t.len + sizeof "%";
    char *made = zk_xmalloc(size);
    (void)snprintf(made, size, has_scope ? "%s%%%.*s" : "%s", printed, (int)t.len, t.at);
    return made;
}

static char *copy_host(struct zab_text t)
{
    if (t.len > HOST_MAX_BYTES || !all_host_chars(t.at, t.len))
        return NULL;
    char *made = zk_xmalloc(t.len + 1);
    memcpy(made, t.at, t.len);
    made[t.len] = '\0';
    return made;
}

/* Takes the host off the front. What is left begins behind the colon, or is nothing. */
static char *take_host(struct zab_text *rest)
{
    struct zab_text host;

    if (rest->len == 0 || rest->at[0] != '[')
        return zab_text_cut(rest, ':', &host) ? copy_host(host) : NULL;
    rest->at++;
    rest->len--;
    const char *end = rest->len > 0 ? memchr(rest->at, ']', rest->len) : NULL;
    if (end == NULL)
        return NULL;
    host = (struct zab_text){ .at = rest->at, .len = (size_t)(end - rest->at) };
    size_t behind = rest->len - host.len - 1;
    if (behind == 0 || end[1] != ':')
        return NULL;
    *rest = (struct zab_text){ .at = end + 2, .len = behind - 1 };
    return copy_ipv6(host);
}

static bool take_port(struct zab_text *rest, int64_t min, uint16_t *ret)
{
    struct zab_text part;
    int64_t v;

    if (!zab_text_cut(rest, ':', &part) || !zab_text_number(part, PORT_MAX, &v) || v < min)
        return false;
    *ret = (uint16_t)v;
    return true;
}

static bool reads(struct zab_text t, const char *word)
{
    return t.len == strlen(word) && strncasecmp(t.at, word, t.len) == 0;
}

enum role { ROLE_NONE, ROLE_PARTICIPANT, ROLE_OBSERVER };

static bool take_role(struct zab_text *rest, enum role *ret)
{
    struct zab_text part;

    *ret = ROLE_NONE;
    if (!zab_text_cut(rest, ':', &part))
        return true;
    part = zab_text_trim(part);
    if (reads(part, "participant"))
        *ret = ROLE_PARTICIPANT;
    else if (reads(part, "observer"))
        *ret = ROLE_OBSERVER;
    return *ret != ROLE_NONE && rest->at == NULL;
}

static int wrong_form(zk_sid sid, char why[ZAB_CONFIG_WHY_MAX])
{
    return zab_config_wrong(why,
                            "server.%" PRId64 " must read "
                            "host:port:port[:participant|:observer][;[host:]port]",
                            sid);
}

/* One of the addresses that | joins. */
static int parse_address(struct zab_member *m, struct zab_text t, enum role *role,
                         char why[ZAB_CONFIG_WHY_MAX])
{
    struct zab_address *a = &m->addresses[m->address_count];
    enum role found;

    a->host = take_host(&t);
    if (a->host == NULL)
        return wrong_form(m->sid, why);
    m->address_count++;
    if (!take_port(&t, 1, &a->quorum_port) || !take_port(&t, 1, &a->election_port) ||
        !take_role(&t, &found))
        return wrong_form(m->sid, why);
    if (a->quorum_port == a->election_port)
        return zab_config_wrong(
            why, "server.%" PRId64 ": the quorum port and the election port are the same", m->sid);
    if (*role != ROLE_NONE && found != ROLE_NONE && found != *role)
        return zab_config_wrong(
            why, "server.%" PRId64 ": all its addresses must have the same role", m->sid);
    if (found != ROLE_NONE)
        *role = found;
    return 0;
}

/* One that is there twice counts once, as in ZooKeeper. */
static void forget_repeated(struct zab_member *m)
{
    struct zab_address *last = &m->addresses[m->address_count - 1];

    for (const struct zab_address *a = m->addresses; a < last; a++)
        if (a->quorum_port == last->quorum_port && a->election_port == last->election_port &&
            strcmp(a->host, last->host) == 0) {
            free(last->host);
            last->host = NULL;
            m->address_count--;
            return;
        }
}

static int parse_addresses(struct zab_member *m, struct zab_text t,
                           const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    enum role role = ROLE_NONE;
    struct zab_text part;

    m->addresses = zk_xcalloc(ZAB_ADDRESSES_MAX, sizeof *m->addresses);
    while (zab_text_cut(&t, '|', &part)) {
        if (m->address_count == 1 && !rules->multi_address)
            return zab_config_wrong(why,
                                    "server.%" PRId64 " has several addresses: they need "
                                    "multiAddress.enabled=true",
                                    m->sid);
        if (m->address_count == ZAB_ADDRESSES_MAX)
            return zab_config_wrong(why, "server.%" PRId64 " has more than %d addresses", m->sid,
                                    ZAB_ADDRESSES_MAX);
        int r = parse_address(m, part, &role, why);
        if (r < 0)
            return r;
        forget_repeated(m);
    }
    m->is_voter = role != ROLE_OBSERVER;
    return 0;
}

/* `port` or `host:port`. */
static int parse_client(struct zab_member *m, struct zab_text t, char why[ZAB_CONFIG_WHY_MAX])
{
    uint16_t port;
    struct zab_text all = t;

    if (t.len == 0)
        return 0; /* "a:1:2;" has none. */
    if (t.at[0] == '[' || memchr(t.at, ':', t.len) != NULL)
        m->client_host = take_host(&t);
    else
        m->client_host = copy_host((struct zab_text){ .at = "0.0.0.0", .len = 7 });
    if (m->client_host == NULL || !take_port(&t, 0, &port) || t.at != NULL)
        return zab_config_wrong(why, "server.%" PRId64 ": '%.*s' is not [host:]port", m->sid,
                                (int)(all.len < SHOWN_MAX ? all.len : SHOWN_MAX), all.at);
    m->client_port = port;
    return 0;
}

static int by_address(const void *a, const void *b)
{
    const struct zab_address *x = a, *y = b;
    int r = strcmp(x->host, y->host);

    if (r == 0)
        r = x->quorum_port - y->quorum_port;
    return r != 0 ? r : x->election_port - y->election_port;
}

int zab_member_parse(struct zab_member *ret, zk_sid sid, const char *text, size_t len,
                     const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    struct zab_text rest = { .at = text, .len = len }, addresses, client;

    *ret = (struct zab_member){ .sid = sid, .client_port = -1, .weight = 1, .group = -1 };
    int r = zab_text_cut(&rest, ';', &addresses) ? parse_addresses(ret, addresses, rules, why)
                                                 : wrong_form(sid, why);
    if (r == 0 && zab_text_cut(&rest, ';', &client))
        r = parse_client(ret, client, why);
    if (r == 0 && rest.at != NULL)
        r = wrong_form(sid, why);
    if (r < 0)
        zab_member_done(ret);
    else
        qsort(ret->addresses, ret->address_count, sizeof *ret->addresses, by_address);
    return r;
}

/* A text while it is read. */
struct parse {
    const struct zab_config_rules *rules;
    char *why;
    const struct properties *lines;
    struct zab_member *members;
    size_t count;
    int64_t *groups; /* The ids seen so far. */
    size_t group_count;
    bool has_groups, has_version;
    int64_t version;
};

static bool begins_with(const char *text, const char *prefix, const char **ret_rest)
{
    size_t len = strlen(prefix);

    *ret_rest = text + len;
    return strncmp(text, prefix, len) == 0;
}

static int parse_server(struct parse *p, const char *id, const char *value)
{
    int64_t sid;

    if (!zab_text_number(text_of(id), INT64_MAX, &sid))
        return zab_config_no_number(p->why, "server.%.*s: the server id is not a number", SHOWN_MAX,
                                    id);
    if (p->count == ZAB_MEMBERS_MAX)
        return zab_config_wrong(p->why, "more than %d servers", ZAB_MEMBERS_MAX);
    int r = zab_member_parse(&p->members[p->count], sid, value, strlen(value), p->rules, p->why);
    if (r == 0)
        p->members[p->count++].weight = -1; /* Not given, so far. */
    return r;
}

/* The version is hexadecimal, without 0x. */
static int parse_version(struct parse *p, const char *value)
{
    uint64_t v = 0;
    size_t len = strlen(value);

    if (p->has_version)
        return zab_config_wrong(p->why, "version is there twice");
    p->has_version = true;
    if (len == 0 || len > 16 || strspn(value, "0123456789abcdefABCDEF") != len)
        return zab_config_no_number(p->why, "the version is not a hexadecimal number");
    for (const char *c = value; *c != '\0'; c++)
        v = v << 4 | (uint64_t)(*c <= '9' ? *c - '0' : (*c | 0x20) - 'a' + 10);
    if (v > INT64_MAX)
        return zab_config_wrong(p->why, "the version is too large");
    p->version = (int64_t)v;
    return 0;
}

static struct zab_member *find_member(struct parse *p, int64_t sid)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->members[i].sid == sid)
            return &p->members[i];
    return NULL;
}

/* "group.3" may be there once. */
static int add_group(struct parse *p, const char *id, int64_t *ret)
{
    if (!zab_text_number(text_of(id), INT64_MAX, ret))
        return zab_config_wrong(p->why, "group.%.*s: the group is not a number", SHOWN_MAX, id);
    for (size_t i = 0; i < p->group_count; i++)
        if (p->groups[i] == *ret)
            return zab_config_wrong(p->why, "group.%" PRId64 " is there twice", *ret);
    p->groups[p->group_count++] = *ret;
    return 0;
}

static int parse_group(struct parse *p, const char *id, const char *value)
{
    struct zab_text rest = text_of(value), part;
    int64_t group, sid;
    int r = add_group(p, id, &group);

    if (r < 0)
        return r;
    while (zab_text_cut(&rest, ':', &part)) {
        if (!zab_text_number(part, INT64_MAX, &sid))
            return zab_config_wrong(p->why, "group.%" PRId64 " must list server ids: sid:sid...",
                                    group);
        struct zab_member *m = find_member(p, sid);
        if (m == NULL)
            return zab_config_wrong(p->why, "group.%" PRId64 ": there is no server.%" PRId64, group,
                                    sid);
        if (m->group >= 0)
            return zab_config_wrong(p->why, "server.%" PRId64 " is in two groups", sid);
        m->group = group;
    }
    return 0;
}

/* A weight of nobody is of no use and does no harm: ZK takes it too. */
static int parse_weight(struct parse *p, const char *id, const char *value)
{
    int64_t sid, weight;

    if (!zab_text_number(text_of(id), INT64_MAX, &sid) ||
        !zab_text_number(text_of(value), INT32_MAX, &weight))
        return zab_config_wrong(p->why, "weight.%.*s must be a number, of a server's id", SHOWN_MAX,
                                id);
    struct zab_member *m = find_member(p, sid);
    if (m != NULL && m->weight >= 0)
        return zab_config_wrong(p->why, "weight.%" PRId64 " is there twice", sid);
    if (m != NULL)
        m->weight = weight;
    return 0;
}

static int parse_line(struct parse *p, const struct property *line)
{
    const char *rest;

    if (begins_with(line->key, "server.", &rest))
        return parse_server(p, rest, line->value);
    p->has_groups |=
        begins_with(line->key, "group.", &rest) || begins_with(line->key, "weight.", &rest);
    if (strcmp(line->key, "version") == 0)
        return parse_version(p, line->value);
    if (begins_with(line->key, "group.", &rest) || begins_with(line->key, "weight.", &rest))
        return 0; /* When all servers are known. */
    return zab_config_wrong(p->why, "%.*s is no key of a membership", SHOWN_MAX, line->key);
}

static int parse_group_line(struct parse *p, const struct property *line)
{
    const char *rest;

    if (begins_with(line->key, "group.", &rest))
        return parse_group(p, rest, line->value);
    return begins_with(line->key, "weight.", &rest) ? parse_weight(p, rest, line->value) : 0;
}

static int parse_lines(struct parse *p)
{
    int r = 0;

    for (size_t i = 0; i < p->lines->count && r == 0; i++)
        r = parse_line(p, &p->lines->items[i]);
    for (size_t i = 0; i < p->lines->count && r == 0; i++)
        r = parse_group_line(p, &p->lines->items[i]);
    for (size_t i = 0; i < p->count && r == 0; i++) {
        struct zab_member *m = &p->members[i];
        if (m->weight < 0 && !m->is_voter && m->group >= 0)
            r = zab_config_wrong(
                p->why, "server.%" PRId64 ": an observer in a group needs a weight", m->sid);
        if (m->weight < 0)
            m->weight = 1;
    }
    return r;
}

int zab_config_parse(struct zab_config **ret, const char *text, size_t len,
                     const struct zab_config_rules *rules, char why[ZAB_CONFIG_WHY_MAX])
{
    struct properties lines;
    struct properties_error err;
    struct parse p = { .rules = rules, .why = why, .lines = &lines };

    if (len > ZAB_CONFIG_TEXT_MAX)
        return zab_config_wrong(why, "longer than %d bytes", ZAB_CONFIG_TEXT_MAX);
    if (properties_parse(&lines, &err, text, len) < 0)
        return zab_config_wrong(why, "line %d: %s", err.line, err.text);
    p.members = zk_xcalloc(ZAB_MEMBERS_MAX, sizeof *p.members);
    p.groups = zk_xcalloc(lines.count + 1, sizeof *p.groups);
    int r = parse_lines(&p);
    if (r == 0) {
        r = zab_config_make(ret, p.members, p.count, p.has_groups, p.version, rules, why);
    } else {
        for (size_t i = 0; i < p.count; i++)
            zab_member_done(&p.members[i]);
        free(p.members);
    }
    free(p.groups);
    properties_done(&lines);
    return r;
}

static void print_host(const char *host, struct bytes *out)
{
    bool has_colon = strchr(host, ':') != NULL;

    bytes_printf(out, has_colon ? "[%s]" : "%s", host);
}

void zab_member_print(const struct zab_member *m, struct bytes *out)
{
    bytes_printf(out, "server.%" PRId64 "=", m->sid);
    for (size_t i = 0; i < m->address_count; i++) {
        if (i > 0)
            bytes_put(out, "|", 1);
        print_host(m->addresses[i].host, out);
        bytes_printf(out, ":%u:%u", m->addresses[i].quorum_port, m->addresses[i].election_port);
    }
    bytes_printf(out, ":%s", m->is_voter ? "participant" : "observer");
    if (m->client_host == NULL || m->client_is_static)
        return;
    bytes_put(out, ";", 1);
    print_host(m->client_host, out);
    bytes_printf(out, ":%" PRId32, m->client_port);
}

static void print_group(const struct zab_config *c, int64_t group, struct bytes *out)
{
    char separator = '=';

    bytes_printf(out, "group.%" PRId64, group);
    for (size_t i = 0; i < c->count; i++) {
        if (c->members[i].group != group)
            continue;
        bytes_printf(out, "%c%" PRId64, separator, c->members[i].sid);
        separator = ':';
    }
    bytes_put(out, "\n", 1);
}

/* Weights are printed of all who have one, also where nobody gave it. */
static void print_groups(const struct zab_config *c, struct bytes *out)
{
    for (size_t i = 0; i < c->group_count; i++)
        print_group(c, c->groups[i], out);
    for (size_t i = 0; i < c->count; i++) {
        const struct zab_member *m = &c->members[i];
        if (m->is_voter || m->group >= 0)
            bytes_printf(out, "weight.%" PRId64 "=%" PRId64 "\n", m->sid, m->weight);
    }
}

void zab_config_print(const struct zab_config *c, struct bytes *out)
{
    for (size_t i = 0; i < c->count; i++) {
        zab_member_print(&c->members[i], out);
        bytes_put(out, "\n", 1);
    }
    if (c->has_groups)
        print_groups(c, out);
    bytes_printf(out, "version=%" PRIx64, (uint64_t)c->version);
}
