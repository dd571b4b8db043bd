/* The lines `server.N=host:port:port[:role][;[host:]port]`. A server of one may have
 * such a line too, and its client port there. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "util/check.h"

enum { PARTS_MAX = 4, SPEC_MAX_BYTES = 1024 };

struct spec {
    bool is_observer;
    const char *client_address; /* NULL: none given. */
    int client_port;            /* -1: none given. */
};

/* Splits "a:b:c" or "[a:a]:b:c" in place. Returns the number of parts, or 0 when
 * there are more than PARTS_MAX or the brackets are wrong. */
static size_t split_address(char *parts[PARTS_MAX], char *text)
{
    size_t count = 0;

    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != ':' && end[1] != '\0'))
            return 0;
        parts[count++] = text + 1;
        text = end[1] == ':' ? end + 2 : NULL;
        *end = '\0';
    }
    while (text != NULL) {
        if (count == PARTS_MAX)
            return 0;
        parts[count++] = text;
        text = strchr(text, ':');
        if (text != NULL)
            *text++ = '\0';
    }
    return count;
}

static bool read_port(int *ret, const char *text)
{
    int64_t v;

    if (!java_parse_long(&v, text) || v < 0 || v > 65535)
        return false;
    *ret = (int)v;
    return true;
}

static bool read_role(bool *ret_is_observer, const char *text)
{
    *ret_is_observer = strcasecmp(text, "observer") == 0;
    return *ret_is_observer || strcasecmp(text, "participant") == 0;
}

static bool read_client_part(struct spec *ret, char *text)
{
    char *parts[PARTS_MAX];
    size_t count = split_address(parts, text);

    if (count == 2)
        ret->client_address = parts[0];
    return (count == 1 || count == 2) && read_port(&ret->client_port, parts[count - 1]);
}

/* Reads one of the addresses that | joins. */
static bool read_server_part(struct spec *ret, char *text)
{
    char *parts[PARTS_MAX];
    size_t count = split_address(parts, text);
    int port;

    if (count < 2 || !read_port(&port, parts[1]))
        return false;
    if (count > 2 && !read_port(&port, parts[2]))
        return false;
    return count < 4 || read_role(&ret->is_observer, parts[3]);
}

static bool read_spec(struct spec *ret, char *text)
{
    char *client = strchr(text, ';');
    char *next;

    *ret = (struct spec){ .client_port = -1 };
    if (client != NULL)
        *client++ = '\0';
    for (char *at = text; at != NULL; at = next) {
        next = strchr(at, '|');
        if (next != NULL)
            *next++ = '\0';
        if (!read_server_part(ret, at))
            return false;
    }
    return client == NULL || *client == '\0' || read_client_part(ret, client);
}

static void add_participant(struct config_servers *servers, const struct spec *spec)
{
    servers->participants++;
    servers->client_port = spec->client_port;
    free(servers->client_address);
    servers->client_address = NULL;
    if (spec->client_address != NULL) {
        size_t size = strlen(spec->client_address) + 1;
        servers->client_address = memcpy(zk_xmalloc(size), spec->client_address, size);
    }
}

void config_apply_server(struct config_load *l, const struct config_given *given)
{
    char text[SPEC_MAX_BYTES];
    const char *id = strchr(given->name, '.') + 1;
    size_t len = strlen(given->value);
    struct spec spec;
    int64_t sid;

    if (!java_parse_long(&sid, id)) {
        config_say(l, CONFIG_ERROR, given, "%.100s: the server id is not a number", given->name);
        return;
    }
    if (len < sizeof text)
        memcpy(text, given->value, len + 1);
    if (len >= sizeof text || !read_spec(&spec, text)) {
        config_say(l, CONFIG_ERROR, given,
                   "%.100s must read host:port:port[:participant|:observer][;[host:]port]",
                   given->name);
        return;
    }
    if (l->servers.first == NULL)
        l->servers.first = given;
    if (spec.is_observer)
        l->servers.observers++;
    else
        add_participant(&l->servers, &spec);
}

static bool is_any_address(const char *address)
{
    return address == NULL || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

/* The single server's line may carry the client port. Where that is not the one of
 * clientPort too, ZooKeeper refuses, but only when a file myid says that the line is
 * about this server; a standalone one has none, and clientPort counts. */
static void take_client_port(struct config_load *l)
{
    struct config_servers *servers = &l->servers;
    struct config *conf = l->conf;

    if (servers->client_port < 0)
        return;
    if (config_given_find(l, "clientPort") == NULL) {
        conf->client_port = servers->client_port;
        free(conf->client_address);
        conf->client_address = servers->client_address;
        servers->client_address = NULL;
        return;
    }
    bool same_address =
        (is_any_address(conf->client_address) && is_any_address(servers->client_address)) ||
        (conf->client_address != NULL && servers->client_address != NULL &&
         strcasecmp(conf->client_address, servers->client_address) == 0);
    if (!same_address || conf->client_port != servers->client_port)
        config_say(l, CONFIG_WARNING, servers->first,
                   "%.100s names another client port than clientPort and clientPortAddress, "
                   "which count",
                   servers->first->name);
}

void config_check_servers(struct config_load *l)
{
    const struct config_servers *servers = &l->servers;
    const struct config_given *standalone = config_given_find(l, "standaloneEnabled");

    if (servers->participants > 1)
        config_say(l, CONFIG_ERROR, servers->first,
                   "%.100s and others: an ensemble of several servers is not yet supported",
                   servers->first->name);
    else if (servers->participants == 0 && !l->standalone_enabled)
        config_say(l, CONFIG_ERROR, standalone,
                   "standaloneEnabled=false needs at least one participant (server.N)");
    else if (servers->observers > 0)
        config_say(l, CONFIG_ERROR, servers->first,
                   "%.100s: observers need an ensemble of several participants",
                   servers->first->name);
    else if (!l->standalone_enabled)
        config_say(l, CONFIG_ERROR, standalone,
                   "standaloneEnabled=false: an ensemble is not yet supported");
    else if (servers->participants == 1)
        take_client_port(l);
}
