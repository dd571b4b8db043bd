/* What depends on several keys, and defaults that follow other values. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "util/check.h"

enum { SCHEME_MAX_BYTES = 32 };

static bool is_given(const struct config_load *l, const char *name)
{
    return config_given_find(l, name) != NULL;
}

static void check_directories(struct config_load *l)
{
    struct config *conf = l->conf;

    if (conf->data_dir == NULL) {
        if (!is_given(l, "dataDir")) /* Else its value was refused. */
            config_say(l, CONFIG_ERROR, NULL, "dataDir is not set");
        return;
    }
    if (conf->data_log_dir == NULL) {
        size_t size = strlen(conf->data_dir) + 1;
        conf->data_log_dir = memcpy(zk_xmalloc(size), conf->data_dir, size);
    }
}

static void check_client_port(struct config_load *l)
{
    const struct config_servers *servers = &l->servers;

    if (is_given(l, "clientPort"))
        return;
    if (is_given(l, "clientPortAddress"))
        config_say(l, CONFIG_ERROR, config_given_find(l, "clientPortAddress"),
                   "clientPortAddress is set but clientPort is not");
    else if (l->conf->members != NULL || l->conf->dynamic_path != NULL)
        l->conf->client_port = -1; /* The own line may have it: config_settle(). */
    else if (!servers->has_client_port && servers->participants <= 1 && !servers->is_bad)
        config_say(l, CONFIG_ERROR, NULL, "clientPort is not set: no client could connect");
}

/* Defaults that ZooKeeper falls back to where a value makes no sense. */
static void check_peers(struct config_load *l)
{
    const struct config_given *logs = config_given_find(l, "observer.syncEnabled");
    struct config *conf = l->conf;

    if (logs != NULL) /* The property counts, not the key of the file. */
        conf->observer_logs = java_is_true(logs->value);
    if (conf->election_bind_tries < 0)
        conf->election_bind_tries = 3;
    if (conf->snapshot_size_factor > 1)
        conf->snapshot_size_factor = 0.33;
    if (conf->notify_max_ms < conf->notify_min_ms)
        conf->notify_max_ms = conf->notify_min_ms;
}

/* Two and twenty ticks unless given. */
static void check_session_timeouts(struct config_load *l)
{
    struct config *conf = l->conf;

    if (conf->session_timeout_min_ms == -1)
        conf->session_timeout_min_ms = 2 * conf->tick_ms;
    if (conf->session_timeout_max_ms == -1)
        conf->session_timeout_max_ms = 20 * conf->tick_ms;
    if (conf->session_timeout_min_ms <= conf->session_timeout_max_ms)
        return;

    const struct config_given *at = config_given_find(l, "minSessionTimeout");
    if (at == NULL)
        at = config_given_find(l, "maxSessionTimeout");
    config_say(l, CONFIG_ERROR, at,
               "minSessionTimeout (%" PRId32 " ms) is larger than maxSessionTimeout (%" PRId32
               " ms)",
               conf->session_timeout_min_ms, conf->session_timeout_max_ms);
}

/* A frame of the largest size must fit into what may wait in parts, else its sender
 * would wait for ever. */
static void check_limits(struct config_load *l)
{
    struct config *conf = l->conf;

    if (!is_given(l, "jute.maxbuffer.extrasize"))
        conf->max_frame_extra_bytes = conf->max_frame_bytes < 1024 ? 1024 : conf->max_frame_bytes;
    if (conf->large_threshold_bytes == 0)
        conf->large_threshold_bytes = -1;
    if (conf->max_ingress_bytes > conf->max_frame_bytes)
        return;
    if (is_given(l, "zabd.maxIngressBytes"))
        config_say(l, CONFIG_ERROR, config_given_find(l, "zabd.maxIngressBytes"),
                   "zabd.maxIngressBytes must be larger than jute.maxbuffer (%" PRId32 ")",
                   conf->max_frame_bytes);
    else
        conf->max_ingress_bytes = 2 * (int64_t)conf->max_frame_bytes;
}

static void check_egress(struct config_load *l)
{
    if (l->conf->conn_egress_bytes <= l->conf->max_egress_bytes)
        return;
    const struct config_given *at = config_given_find(l, "zabd.connEgressBytes");
    if (at == NULL)
        at = config_given_find(l, "zabd.maxEgressBytes");
    config_say(l, CONFIG_ERROR, at, "zabd.connEgressBytes is larger than zabd.maxEgressBytes");
}

static bool is_registered(const struct config *conf, const char *scheme)
{
    return strcmp(scheme, "ip") == 0 || (conf->auth_digest && strcmp(scheme, "digest") == 0) ||
           (conf->auth_sasl && strcmp(scheme, "sasl") == 0) ||
           (conf->auth_x509 && strcmp(scheme, "x509") == 0) ||
           (conf->auth_ensemble && strcmp(scheme, "ensemble") == 0);
}

/* Takes the next scheme of a comma list, without blanks and in small letters.
 * Returns NULL when the list is at its end. */
static const char *take_scheme(char scheme[SCHEME_MAX_BYTES], const char *list)
{
    size_t len = 0;

    if (*list == '\0')
        return NULL;
    for (; *list != '\0' && *list != ','; list++) {
        if (*list == ' ' || *list == '\t' || len == SCHEME_MAX_BYTES - 1)
            continue;
        bool is_capital = *list >= 'A' && *list <= 'Z';
        scheme[len++] = (char)(is_capital ? *list - 'A' + 'a' : *list);
    }
    scheme[len] = '\0';
    return *list == ',' ? list + 1 : list;
}

/* Replaces the list by its normal form and checks that each scheme exists. */
static void check_enforced_schemes(struct config_load *l, const struct config_given *at)
{
    struct config *conf = l->conf;
    char scheme[SCHEME_MAX_BYTES];
    const char *list = conf->enforce_schemes;
    char *made = zk_xmalloc(strlen(list) + 1);
    size_t len = 0;

    while ((list = take_scheme(scheme, list)) != NULL) {
        size_t scheme_len = strlen(scheme);
        if (scheme_len == 0)
            continue;
        if (!is_registered(conf, scheme))
            config_say(l, CONFIG_ERROR, at, "enforce.auth.schemes: nobody provides the scheme '%s'",
                       scheme);
        if (len > 0)
            made[len++] = ',';
        memcpy(made + len, scheme, scheme_len);
        len += scheme_len;
    }
    made[len] = '\0';
    free(conf->enforce_schemes);
    conf->enforce_schemes = made;
    if (len == 0)
        config_say(l, CONFIG_ERROR, at, "enforce.auth.enabled needs enforce.auth.schemes");
}

static void check_enforced_auth(struct config_load *l)
{
    struct config *conf = l->conf;
    const struct config_given *schemes = config_given_find(l, "enforce.auth.schemes");

    if (!conf->enforce_auth) {
        free(conf->enforce_schemes);
        conf->enforce_schemes = NULL;
    } else if (conf->enforce_schemes == NULL) {
        config_say(l, CONFIG_ERROR, config_given_find(l, "enforce.auth.enabled"),
                   "enforce.auth.enabled needs enforce.auth.schemes");
    } else {
        check_enforced_schemes(l, schemes);
    }
}

static void unset_if_empty(char **text)
{
    if (*text != NULL && **text == '\0') {
        free(*text);
        *text = NULL;
    }
}

void config_check(struct config_load *l)
{
    struct config *conf = l->conf;

    config_check_servers(l);
    check_peers(l);
    check_directories(l);
    check_client_port(l);
    check_session_timeouts(l);
    check_limits(l);
    check_egress(l);
    check_enforced_auth(l);
    if (!is_given(l, "maxWriteQueuePollTime"))
        conf->write_queue_poll_ms = conf->flush_delay_ms / 3;
    unset_if_empty(&conf->super_digest);
    unset_if_empty(&conf->log_file);
}
