/* Keys whose values are one of a few words, a class name, or a list of servers. */
#include <stdlib.h>
#include <string.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "util/check.h"
#include "util/log.h"

typedef void special_fn(struct config_load *l, const struct config_given *given);

/* For config_check(), which knows the other key too. */
static void apply_nothing(struct config_load *l, const struct config_given *given)
{
    (void)l;
    (void)given;
}

static void apply_election_algorithm(struct config_load *l, const struct config_given *given)
{
    int64_t v;

    if (!java_parse_long(&v, given->value) || v != 3)
        config_say(l, CONFIG_ERROR, given, "electionAlg: there is only number 3");
}

static void apply_peer_type(struct config_load *l, const struct config_given *given)
{
    if (strcasecmp(given->value, "participant") != 0 && strcasecmp(given->value, "observer") != 0)
        config_say(l, CONFIG_ERROR, given, "peerType must be participant or observer");
    l->conf->is_observer = strcasecmp(given->value, "observer") == 0;
}

static void apply_compression(struct config_load *l, const struct config_given *given)
{
    if (strcasecmp(given->value, "snappy") == 0) {
        config_say(l, CONFIG_ERROR, given,
                   "snapshot.compression.method: writing snappy is not supported, gz is");
        return;
    }
    l->conf->snapshot_gz = strcasecmp(given->value, "gz") == 0;
    if (!l->conf->snapshot_gz && given->value[0] != '\0')
        config_say(l, CONFIG_WARNING, given,
                   "snapshot.compression.method: unknown method '%.60s': none is used, as in "
                   "ZooKeeper",
                   given->value);
}

/* Java's names of digests and OpenSSL's. */
static const struct digest_name {
    const char *java;
    const char *openssl;
} digest_names[] = {
    { "SHA1", "SHA1" },
    { "SHA-1", "SHA1" },
    { "SHA", "SHA1" },
    { "SHA-224", "SHA224" },
    { "SHA-256", "SHA256" },
    { "SHA-384", "SHA384" },
    { "SHA-512", "SHA512" },
    { "SHA-512/224", "SHA512-224" },
    { "SHA-512/256", "SHA512-256" },
    { "SHA3-224", "SHA3-224" },
    { "SHA3-256", "SHA3-256" },
    { "SHA3-384", "SHA3-384" },
    { "SHA3-512", "SHA3-512" },
    { "MD5", "MD5" },
};

static void set_digest_algorithm(struct config *conf, const char *name)
{
    size_t size = strlen(name) + 1;

    free(conf->digest_algorithm);
    conf->digest_algorithm = memcpy(zk_xmalloc(size), name, size);
}

static void apply_digest_algorithm(struct config_load *l, const struct config_given *given)
{
    for (size_t i = 0; i < sizeof digest_names / sizeof digest_names[0]; i++) {
        if (strcasecmp(given->value, digest_names[i].java) == 0) {
            set_digest_algorithm(l->conf, digest_names[i].openssl);
            return;
        }
    }
    config_say(l, CONFIG_ERROR, given, "%s: there is no digest '%.60s'", given->name, given->value);
}

/* Returns what follows the package in a class name, or NULL when it is of another. */
static const char *class_in(const char *name, const char *package)
{
    size_t len = strlen(package);

    return strncmp(name, package, len) == 0 ? name + len : NULL;
}

static bool is_class(const char *name, const char *package, const char *class)
{
    const char *found = class_in(name, package);

    return found != NULL && strcmp(found, class) == 0;
}

#define AUTH_PACKAGE "org.apache.zookeeper.server.auth."

/* Well-known providers are switches here. SASL's and X509's make ACLs of their
 * schemes valid, which is all that can be had without their handshakes. */
static void apply_auth_provider(struct config_load *l, const struct config_given *given)
{
    struct config *conf = l->conf;

    if (is_class(given->value, AUTH_PACKAGE, "IPAuthenticationProvider"))
        return; /* Always there. */
    if (is_class(given->value, AUTH_PACKAGE, "DigestAuthenticationProvider"))
        conf->auth_digest = true;
    else if (is_class(given->value, AUTH_PACKAGE, "SASLAuthenticationProvider"))
        conf->auth_sasl = true;
    else if (is_class(given->value, AUTH_PACKAGE, "X509AuthenticationProvider"))
        conf->auth_x509 = true;
    else if (is_class(given->value, AUTH_PACKAGE, "EnsembleAuthenticationProvider"))
        conf->auth_ensemble = true;
    else
        config_say(l, CONFIG_ERROR, given, "%.100s: the class '%.200s' is not supported",
                   given->name, given->value);
}

static void apply_metrics_provider(struct config_load *l, const struct config_given *given)
{
    const char *package = "org.apache.zookeeper.metrics.impl.";

    if (!is_class(given->value, package, "DefaultMetricsProvider") &&
        !is_class(given->value, package, "NullMetricsProvider"))
        config_say(l, CONFIG_ERROR, given,
                   "metricsProvider.className: '%.200s' is not yet supported", given->value);
}

static void apply_connection_factory(struct config_load *l, const struct config_given *given)
{
    const char *package = "org.apache.zookeeper.server.";

    if (is_class(given->value, package, "NIOServerCnxnFactory") ||
        is_class(given->value, package, "NettyServerCnxnFactory"))
        config_say(l, CONFIG_WARNING, given,
                   "serverCnxnFactory means something only to a JVM: ignored");
    else
        config_say(l, CONFIG_ERROR, given, "serverCnxnFactory: the class '%.200s' is not supported",
                   given->value);
}

static void apply_watch_manager(struct config_load *l, const struct config_given *given)
{
    const char *package = "org.apache.zookeeper.server.watch.";

    if (is_class(given->value, package, "WatchManager"))
        return;
    if (is_class(given->value, package, "WatchManagerOptimized"))
        config_say(l, CONFIG_WARNING, given,
                   "watchManagerName means something only to a JVM: there is one watch manager, "
                   "which is small and has all kinds of watches");
    else
        config_say(l, CONFIG_ERROR, given, "watchManagerName: the class '%.200s' is not supported",
                   given->value);
}

static void apply_log_level(struct config_load *l, const struct config_given *given)
{
    enum log_level level;

    if (!log_level_from_name(&level, given->value)) {
        config_say(l, CONFIG_ERROR, given, "zabd.logLevel must be error, warn, info or debug");
        return;
    }
    size_t size = strlen(given->value) + 1;
    free(l->conf->log_level);
    l->conf->log_level = memcpy(zk_xmalloc(size), given->value, size);
}

static const struct special {
    const char *name;
    special_fn *apply;
} specials[] = {
    { "server.", config_apply_server },
    { "group.", config_apply_group },
    { "weight.", config_apply_group },
    { "observer.syncEnabled", apply_nothing },
    { "electionAlg", apply_election_algorithm },
    { "peerType", apply_peer_type },
    { "snapshot.compression.method", apply_compression },
    { "DigestAuthenticationProvider.digestAlg", apply_digest_algorithm },
    { "authProvider.", apply_auth_provider },
    { "metricsProvider.className", apply_metrics_provider },
    { "serverCnxnFactory", apply_connection_factory },
    { "watchManagerName", apply_watch_manager },
    { "zabd.logLevel", apply_log_level },
};

bool config_apply_special(struct config_load *l, const struct config_given *given)
{
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        if (strcmp(specials[i].name, given->key->name) == 0) {
            specials[i].apply(l, given);
            return true;
        }
    }
    return false;
}
