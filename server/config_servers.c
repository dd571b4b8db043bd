/* The lines server.N, group.N and weight.N. Several participants are an ensemble, and one is
 * where standaloneEnabled=false; else such a line only tells a server of one its client port. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "util/bytes.h"
#include "util/check.h"

struct zab_config_rules config_rules(const struct config *conf)
{
    return (struct zab_config_rules){ .standalone_enabled = conf->standalone_enabled,
                                      .multi_address = conf->multi_address };
}

static void note_first(struct config_servers *servers, const struct config_given *given)
{
    if (servers->first == NULL || given->line < servers->first->line)
        servers->first = given;
}

/* The number behind the point of a name. */
static bool read_id(struct config_load *l, const struct config_given *given, const char *what,
                    int64_t *ret)
{
    if (java_parse_long(ret, strchr(given->name, '.') + 1) && *ret >= 0)
        return true;
    config_say(l, CONFIG_ERROR, given, "%.100s: the %s id is not a number", given->name, what);
    l->servers.is_bad = true;
    return false;
}

/* Lines are looked at one by one so that each is told by its number. The key that allows
 * several addresses may come behind them, so that is for the members as a whole. */
void config_apply_server(struct config_load *l, const struct config_given *given)
{
    static const struct zab_config_rules lenient = { .multi_address = true };
    struct config_servers *servers = &l->servers;
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_member member;
    int64_t sid;

    note_first(servers, given);
    if (!read_id(l, given, "server", &sid))
        return;
    if (zab_member_parse(&member, sid, given->value, strlen(given->value), &lenient, why) < 0) {
        config_say(l, CONFIG_ERROR, given, "%s", why);
        servers->is_bad = true;
        return;
    }
    servers->members =
        zk_xrealloc(servers->members, (servers->count + 1) * sizeof *servers->members);
    servers->members[servers->count++] = member;
    servers->participants += member.is_voter;
}

void config_apply_group(struct config_load *l, const struct config_given *given)
{
    int64_t id;

    note_first(&l->servers, given);
    (void)read_id(l, given, given->name[0] == 'g' ? "group" : "server", &id);
}

void config_servers_done(struct config_servers *servers)
{
    for (size_t i = 0; i < servers->count; i++)
        zab_member_done(&servers->members[i]);
    free(servers->members);
    *servers = (struct config_servers){ 0 };
}

/* Literals of IPv6 have many spellings. */
static bool same_address(const char *a, const char *b)
{
    struct in6_addr x, y;

    if (zab_host_is_any(a) || zab_host_is_any(b))
        return zab_host_is_any(a) && zab_host_is_any(b);
    if (inet_pton(AF_INET6, a, &x) == 1 && inet_pton(AF_INET6, b, &y) == 1)
        return memcmp(&x, &y, sizeof x) == 0;
    return strcasecmp(a, b) == 0;
}

static char *copy_address(const char *address)
{
    if (zab_host_is_any(address))
        return NULL;
    size_t size = strlen(address) + 1;
    return memcpy(zk_xmalloc(size), address, size);
}

static void set_client(struct config *conf, const struct zab_member *own)
{
    free(conf->client_address);
    conf->client_address = copy_address(own->client_host);
    conf->client_port = own->client_port;
}

/* The single server's line may carry the client port. Where that is not the one of
 * clientPort too, ZooKeeper refuses, but only when a file myid says that the line is
 * about this server; a standalone one has none, and clientPort counts. */
static void take_client_port(struct config_load *l)
{
    struct config *conf = l->conf;
    const struct zab_member *own = NULL;

    for (size_t i = 0; i < l->servers.count; i++)
        if (l->servers.members[i].is_voter)
            own = &l->servers.members[i];
    if (own == NULL || own->client_host == NULL)
        return;
    l->servers.has_client_port = config_given_find(l, "clientPort") == NULL;
    if (l->servers.has_client_port) {
        set_client(conf, own);
    } else if (!same_address(conf->client_address, own->client_host) ||
               conf->client_port != own->client_port) {
        config_say(l, CONFIG_WARNING, l->servers.first,
                   "%.100s names another client port than clientPort and clientPortAddress, "
                   "which count",
                   l->servers.first->name);
    }
}

void config_take_client(struct config *conf, const struct zab_member *own, bool *ret_agrees)
{
    bool is_given = conf->client_port >= 0;

    *ret_agrees = true;
    if (own->client_host == NULL)
        return;
    if (is_given)
        *ret_agrees = conf->client_port == own->client_port &&
                      (zab_host_is_any(conf->client_address) ||
                       same_address(conf->client_address, own->client_host));
    if (*ret_agrees)
        set_client(conf, own);
}

/* The value as a properties file would have it. */
static void put_line(struct bytes *out, const struct config_given *given)
{
    bytes_printf(out, "%s=", given->name);
    for (const char *c = given->value; *c != '\0'; c++)
        bytes_printf(out, *c == '\\' ? "\\%c" : "%c", *c);
    bytes_put(out, "\n", 1);
}

static bool is_members_key(const struct config_given *given)
{
    const struct config_key *key = given->key;

    return key != NULL && !given->is_shadowed && key->is_prefix &&
           (strcmp(key->name, "server.") == 0 || strcmp(key->name, "group.") == 0 ||
            strcmp(key->name, "weight.") == 0);
}

/* The line that a note is about begins it with its name; else the first one stands for all. */
static const struct config_given *line_of(const struct config_load *l, const char *why)
{
    for (size_t i = 0; i < l->count; i++) {
        size_t len = strlen(l->given[i].name);
        if (is_members_key(&l->given[i]) && strncmp(why, l->given[i].name, len) == 0 &&
            (why[len] < '0' || why[len] > '9'))
            return &l->given[i];
    }
    return l->servers.first;
}

static void make_members(struct config_load *l)
{
    struct zab_config_rules rules = config_rules(l->conf);
    struct bytes text = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];

    for (size_t i = 0; i < l->count; i++)
        if (is_members_key(&l->given[i]))
            put_line(&text, &l->given[i]);
    if (zab_config_parse(&l->conf->members, (const char *)text.at, text.len, &rules, why) < 0)
        config_say(l, CONFIG_ERROR, line_of(l, why), "%s", why);
    bytes_done(&text);
}

void config_check_ensemble(struct config_load *l, const struct config_given *at)
{
    struct config *conf = l->conf;
    bool is_on_command_line = false;

    if (conf->init_limit == 0)
        config_say(l, CONFIG_ERROR, at, "initLimit is not set: an ensemble needs it");
    if (conf->sync_limit == 0)
        config_say(l, CONFIG_ERROR, at, "syncLimit is not set: an ensemble needs it");
    for (size_t i = 0; i < l->count; i++)
        is_on_command_line |= is_members_key(&l->given[i]) && l->given[i].on_command_line;
    conf->members_in_file = conf->path != NULL && !is_on_command_line;
    if (conf->reconfig_enabled && !conf->members_in_file)
        config_say(l, CONFIG_ERROR, at,
                   "reconfigEnabled needs the members in a file, where they can change");
}

static void check_ensemble(struct config_load *l)
{
    const struct config_servers *servers = &l->servers;

    make_members(l);
    config_check_ensemble(l, servers->first);
    if (servers->participants <= 2)
        config_say(l, CONFIG_WARNING, servers->first,
                   "an ensemble of %zu participant%s does not survive the loss of one: it takes "
                   "three to do that",
                   servers->participants, servers->participants == 1 ? "" : "s");
}

void config_check_servers(struct config_load *l)
{
    const struct config_servers *servers = &l->servers;
    bool is_alone = l->conf->standalone_enabled;

    if (servers->is_bad) { /* Told already; the rest is no less wrong for it. */
        if (servers->participants > 1 || !is_alone)
            config_check_ensemble(l, servers->first);
        return;
    }
    if (l->conf->dynamic_path != NULL) {
        if (servers->first != NULL)
            config_say(l, CONFIG_ERROR, servers->first,
                       "%.100s must be in the dynamicConfigFile, like all members",
                       servers->first->name);
    } else if (servers->participants == 0 && !is_alone) {
        config_say(l, CONFIG_ERROR, config_given_find(l, "standaloneEnabled"),
                   "standaloneEnabled=false needs at least one participant (server.N)");
    } else if (servers->participants <= 1 && is_alone && servers->count > servers->participants) {
        config_say(l, CONFIG_ERROR, servers->first,
                   "%.100s: observers need an ensemble of several participants",
                   servers->first->name);
    } else if (servers->participants > 1 || !is_alone) {
        check_ensemble(l);
    } else {
        take_client_port(l);
    }
}
