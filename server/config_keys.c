#include "server/config_keys.h"

#include <limits.h>
#include <string.h>

#include "server/config.h"
#include "util/check.h"

/* One row a key. The macros say, in this order: name, default, where it goes, then
 * what is particular. A member of the wrong type doesn't compile. */
#define MEMBER(m, t) _Generic(((struct config *)NULL)->m, t : offsetof(struct config, m))
#define TO_TEXT(m)   .field = FIELD_TEXT, .offset = MEMBER(m, char *)
#define TO_INT(m)    .field = FIELD_INT, .offset = MEMBER(m, int32_t)
#define TO_LONG(m)   .field = FIELD_LONG, .offset = MEMBER(m, int64_t)
#define TO_DOUBLE(m) .field = FIELD_DOUBLE, .offset = MEMBER(m, double)
#define TO_BOOL(m)   .field = FIELD_BOOL, .offset = MEMBER(m, bool)
#define FROM(lo, hi) .min = (lo), .max = (hi)

#define ROW(n, v, k, s, t, ...)                                                         \
    {                                                                                   \
        .name = (n), .value = (v), .kind = (k), .status = (s), .type = (t), __VA_ARGS__ \
    }

#define F_TEXT(n, v, ...) ROW(n, v, KEY_FILE, KEY_HONOURED, KEY_TEXT, __VA_ARGS__)
#define F_INT(n, v, ...)  ROW(n, v, KEY_FILE, KEY_HONOURED, KEY_INT, __VA_ARGS__)
#define F_BOOL(n, v, m)   ROW(n, v, KEY_FILE, KEY_HONOURED, KEY_BOOL_STRICT, TO_BOOL(m))
#define P_TEXT(n, v, ...) ROW(n, v, KEY_PROPERTY, KEY_HONOURED, KEY_TEXT, __VA_ARGS__)
#define P_INT(n, v, ...) \
    ROW(n, v, KEY_PROPERTY, KEY_HONOURED, KEY_DECODE_INT, .clamps = true, __VA_ARGS__)
#define P_LONG(n, v, ...) \
    ROW(n, v, KEY_PROPERTY, KEY_HONOURED, KEY_DECODE_LONG, .clamps = true, __VA_ARGS__)
#define P_DOUBLE(n, v, m)   ROW(n, v, KEY_PROPERTY, KEY_HONOURED, KEY_DOUBLE, TO_DOUBLE(m))
#define P_BOOL(n, v, m)     ROW(n, v, KEY_PROPERTY, KEY_HONOURED, KEY_BOOL, TO_BOOL(m))
#define P_FORM(n, v, t, m)  ROW(n, v, KEY_PROPERTY, KEY_HONOURED, t, TO_BOOL(m))
#define S_INT(n, v, ...)    ROW(n, v, KEY_SYSTEM, KEY_HONOURED, KEY_DECODE_INT, __VA_ARGS__)
#define S_LONG(n, v, ...)   ROW(n, v, KEY_SYSTEM, KEY_HONOURED, KEY_DECODE_LONG, __VA_ARGS__)
#define S_BOOL(n, v, m)     ROW(n, v, KEY_SYSTEM, KEY_HONOURED, KEY_BOOL, TO_BOOL(m))
#define OWN_BOOL(n, v, m)   ROW(n, v, KEY_OWN, KEY_HONOURED, KEY_BOOL_STRICT, TO_BOOL(m))
#define OWN_TEXT(n, v, m)   ROW(n, v, KEY_OWN, KEY_HONOURED, KEY_TEXT, TO_TEXT(m))
#define OWN_INT(n, v, ...)  ROW(n, v, KEY_OWN, KEY_HONOURED, KEY_INT, __VA_ARGS__)
#define OWN_LONG(n, v, ...) ROW(n, v, KEY_OWN, KEY_HONOURED, KEY_LONG, __VA_ARGS__)

/* Of ensembles. */
#define F_ENSEMBLE(n, v, t, ...) ROW(n, v, KEY_FILE, KEY_ENSEMBLE, t, __VA_ARGS__)
#define P_ENSEMBLE(n, v, t, ...) ROW(n, v, KEY_PROPERTY, KEY_ENSEMBLE, t, __VA_ARGS__)
#define F_MEMBERS(n)             ROW(n, NULL, KEY_FILE, KEY_ENSEMBLE, KEY_TEXT, .is_prefix = true)
#define LIMIT(m)                 TO_INT(m), FROM(0, INT32_MAX)
#define MS(m)                    TO_INT(m), FROM(1, INT32_MAX), .clamps = true

#define F_JVM(n, v, t) ROW(n, v, KEY_FILE, KEY_JVM, t, .field = FIELD_NONE)
#define P_JVM(n, v)    ROW(n, v, KEY_PROPERTY, KEY_JVM, KEY_TEXT, .field = FIELD_NONE)
#define S_JVM(n)       ROW(n, NULL, KEY_SYSTEM, KEY_JVM, KEY_TEXT, .field = FIELD_NONE)
#define S_JVMS(n)      ROW(n, NULL, KEY_SYSTEM, KEY_JVM, KEY_TEXT, .is_prefix = true)
#define P_JVMS(n)      ROW(n, NULL, KEY_PROPERTY, KEY_JVM, KEY_TEXT, .is_prefix = true)

/* Of what is done in another way here, which needs no tuning. */
#define P_NEEDLESS(n, v, t, f) \
    ROW(n, v, KEY_PROPERTY, KEY_NEEDLESS, t, .feature = (f), .field = FIELD_NONE)

/* Of features that are not there yet. */
#define P_IDLE(n, v, f) ROW(n, v, KEY_PROPERTY, KEY_IDLE, KEY_TEXT, .feature = (f))
#define P_IDLES(n, f) \
    ROW(n, NULL, KEY_PROPERTY, KEY_IDLE, KEY_TEXT, .feature = (f), .is_prefix = true)

#define STOP(n, v, k, t, f, ...) ROW(n, v, k, KEY_UNSUPPORTED, t, .feature = (f), __VA_ARGS__)
#define F_STOP(n, v, t, f)       STOP(n, v, KEY_FILE, t, f, .off = NULL)
#define P_STOP(n, v, t, f)       STOP(n, v, KEY_PROPERTY, t, f, .off = NULL)
#define P_STOP_BUT(n, v, o, f)   STOP(n, v, KEY_PROPERTY, KEY_TEXT, f, .off = (o))

#define P_STOPS(n, o, f) STOP(n, NULL, KEY_PROPERTY, KEY_TEXT, f, .off = (o), .is_prefix = true)

#define TLS   "TLS"
#define SASL  "SASL"
#define ADMIN "the AdminServer"
#define AUDIT "the audit log"
#define KIB   INT64_C(1024)

/* Why a key is needless. */
#define TRIES_ALL "all addresses of a server are tried"
#define IN_TURNS  "learners that join are fed in turns, however many they are"
#define NO_STALL  "who has to wait goes on as soon as there is room"
#define AT_A_STOP "what is under way at a stop is finished first"

/* Kept as a table by hand. */
/* clang-format off */
const struct config_key config_keys[] = {
    /* Directories and the client port. */
    F_TEXT("dataDir", NULL, TO_TEXT(data_dir)),
    F_TEXT("dataLogDir", NULL, TO_TEXT(data_log_dir)),
    P_BOOL("datadir.autocreate", "true", data_dir_autocreate),
    P_BOOL("db.autocreate", "true", db_autocreate),
    F_INT("clientPort", NULL, TO_INT(client_port), FROM(0, 65535)),
    F_TEXT("clientPortAddress", NULL, TO_TEXT(client_address)),
    F_INT("clientPortListenBacklog", "-1", TO_INT(client_backlog)),
    P_BOOL("clientTcpKeepAlive", "false", client_keepalive),
    F_INT("maxClientCnxns", "60", TO_INT(max_connections_ip), FROM(0, INT32_MAX), .clamps = true),
    P_INT("maxCnxns", "0", TO_INT(max_connections), FROM(0, INT32_MAX)),
    P_INT("nio.sessionlessCnxnTimeout", "10000", TO_INT(sessionless_ms), FROM(1, INT32_MAX)),
    S_INT("jute.maxbuffer", "0xfffff", TO_INT(max_frame_bytes), FROM(1, INT32_MAX)),
    P_INT("jute.maxbuffer.extrasize", NULL, TO_INT(max_frame_extra_bytes), FROM(1024, INT32_MAX)),

    /* Time. */
    F_INT("tickTime", "3000", TO_INT(tick_ms), FROM(1, INT32_MAX / 20)),
    F_INT("minSessionTimeout", "-1", TO_INT(session_timeout_min_ms), FROM(-1, INT32_MAX)),
    F_INT("maxSessionTimeout", "-1", TO_INT(session_timeout_max_ms), FROM(-1, INT32_MAX)),

    /* Requests. */
    P_INT("globalOutstandingLimit", "1000", TO_INT(outstanding_limit), FROM(0, INT32_MAX)),
    P_INT("largeRequestThreshold", "-1", TO_INT(large_threshold_bytes), FROM(-1, INT32_MAX)),
    ROW("largeRequestMaxBytes", "104857600", KEY_PROPERTY, KEY_HONOURED, KEY_DECODE_INT,
        TO_INT(large_max_bytes), FROM(1, INT32_MAX)),
    P_INT("request_throttle_max_requests", "0", TO_INT(throttle_max_requests), FROM(0, INT32_MAX)),
    P_NEEDLESS("request_throttle_stall_time", "100", KEY_DECODE_INT, NO_STALL),
    P_BOOL("request_throttle_drop_stale", "true", throttle_drop_stale),
    P_BOOL("request_stale_latency_check", "false", stale_latency_check),
    P_BOOL("request_stale_connection_check", "true", stale_connection_check),
    P_NEEDLESS("request_throttler.shutdownTimeout", "10000", KEY_DECODE_INT, AT_A_STOP),
    P_INT("throttled_op_wait_time", "0", TO_INT(throttled_op_wait_ms), FROM(0, INT32_MAX)),

    /* Connection throttle. */
    P_INT("connection_throttle_tokens", "0", TO_INT(connection_tokens), FROM(0, INT32_MAX)),
    P_INT("connection_throttle_fill_time", "1", TO_INT(connection_fill_time_ms),
          FROM(1, INT32_MAX)),
    P_INT("connection_throttle_fill_count", "1", TO_INT(connection_fill_count),
          FROM(0, INT32_MAX)),
    P_INT("connection_throttle_freeze_time", "-1", TO_INT(connection_freeze_ms),
          FROM(-1, INT32_MAX)),
    P_DOUBLE("connection_throttle_drop_increase", "0.02", connection_drop_increase),
    P_DOUBLE("connection_throttle_drop_decrease", "0.002", connection_drop_decrease),
    P_DOUBLE("connection_throttle_decrease_ratio", "0", connection_decrease_ratio),
    P_BOOL("connection_throttle_weight_enabled", "false", connection_weight_enabled),
    P_INT("connection_throttle_global_session_weight", "3", TO_INT(connection_weight_global),
          FROM(1, INT32_MAX)),
    P_INT("connection_throttle_renew_session_weight", "2", TO_INT(connection_weight_renew),
          FROM(1, INT32_MAX)),
    P_INT("connection_throttle_local_session_weight", "1", TO_INT(connection_weight_local),
          FROM(1, INT32_MAX)),

    /* Log. */
    ROW("preAllocSize", "65536", KEY_PROPERTY, KEY_HONOURED, KEY_LENIENT_LONG,
        TO_LONG(prealloc_bytes), FROM(0, INT64_MAX / KIB), .scale = KIB, .clamps = true),
    P_LONG("txnLogSizeLimitInKb", "-1", TO_LONG(log_size_limit_bytes),
           FROM(-1, INT64_MAX / KIB), .scale = KIB),
    P_FORM("forceSync", "yes", KEY_UNLESS_NO, force_sync),
    P_LONG("fsync.warningthresholdms", "1000", TO_LONG(fsync_warn_ms)),
    P_LONG("flushDelay", "0", TO_LONG(flush_delay_ms), FROM(0, INT32_MAX)),
    P_LONG("maxWriteQueuePollTime", NULL, TO_LONG(write_queue_poll_ms), FROM(0, INT32_MAX)),
    P_INT("maxBatchSize", "1000", TO_INT(max_batch_size), FROM(0, INT32_MAX)),

    /* Snapshots. */
    P_INT("snapCount", "100000", TO_INT(snap_count), FROM(2, INT32_MAX)),
    P_LONG("snapSizeLimitInKb", "4194304", TO_LONG(snap_size_limit_bytes),
           FROM(-1, INT64_MAX / KIB), .scale = KIB),
    P_TEXT("snapshot.compression.method", "", .field = FIELD_NONE),
    P_BOOL("snapshot.trust.empty", "false", snapshot_trust_empty),
    P_BOOL("serializeLastProcessedZxid.enabled", "true", serialize_last_zxid),
    P_BOOL("digest.enabled", "true", digest_enabled),
    F_INT("autopurge.snapRetainCount", "3", TO_INT(purge_retain_count), FROM(3, INT32_MAX),
          .clamps = true),
    F_INT("autopurge.purgeInterval", "0", TO_LONG(purge_interval_ms), FROM(0, INT32_MAX),
          .scale = 3600000, .clamps = true),

    /* Tree. */
    P_BOOL("extendedTypesEnabled", "false", extended_types),
    P_BOOL("emulate353TTLNodes", "false", emulate_353_ttl),
    P_BOOL("enforceQuota", "false", enforce_quota),
    P_BOOL("closeSessionTxn.enabled", "true", close_session_txn),
    F_BOOL("reconfigEnabled", "false", reconfig_enabled),
    S_BOOL("readonlymode.enabled", "false", readonly_mode),
    S_INT("znode.container.checkIntervalMs", "60000", TO_INT(container_interval_ms),
          FROM(1, INT32_MAX), .clamps = true),
    S_INT("znode.container.maxPerMinute", "10000", TO_INT(container_per_minute),
          FROM(1, INT32_MAX), .clamps = true),
    S_LONG("znode.container.maxNeverUsedIntervalMs", "0", TO_LONG(container_never_used_ms),
           FROM(0, INT64_MAX), .clamps = true),

    /* Access. */
    P_FORM("skipACL", "no", KEY_IF_YES, skip_acl),
    P_BOOL("DigestAuthenticationProvider.enabled", "true", auth_digest),
    P_TEXT("DigestAuthenticationProvider.digestAlg", "SHA1", TO_TEXT(digest_algorithm)),
    P_TEXT("DigestAuthenticationProvider.superDigest", NULL, TO_TEXT(super_digest)),
    P_TEXT("ensembleAuthName", NULL, TO_TEXT(ensemble_names)),
    P_BOOL("enforce.auth.enabled", "false", enforce_auth),
    P_TEXT("enforce.auth.schemes", NULL, TO_TEXT(enforce_schemes)),
    P_TEXT("authProvider.", NULL, .is_prefix = true),
    P_TEXT("4lw.commands.whitelist", "srvr", TO_TEXT(words_whitelist)),
    P_IDLE("IPAuthenticationProvider.usexforwardedfor", "false", ADMIN),

    /* Metrics and requests by path. */
    F_TEXT("metricsProvider.className", "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider",
           .field = FIELD_NONE),
    ROW("metricsProvider.", NULL, KEY_FILE, KEY_IDLE, KEY_TEXT,
        .feature = "a metrics provider with settings", .is_prefix = true),
    P_STOP("pathStats.enabled", "false", KEY_BOOL, "statistics of request paths"),
    P_IDLES("pathStats.", "statistics of request paths"),

    /* zabd's own. */
    OWN_TEXT("zabd.logFile", NULL, log_file),
    OWN_TEXT("zabd.logLevel", "info", log_level),
    OWN_LONG("zabd.maxIngressBytes", "67108864", TO_LONG(max_ingress_bytes),
             FROM(KIB * KIB, INT64_MAX)),
    OWN_LONG("zabd.maxEgressBytes", "268435456", TO_LONG(max_egress_bytes),
             FROM(KIB * KIB, INT64_MAX)),
    OWN_LONG("zabd.connEgressBytes", "1048576", TO_LONG(conn_egress_bytes),
             FROM(KIB, INT64_MAX)),
    OWN_INT("zabd.slowReaderMs", "10000", TO_INT(slow_reader_ms), FROM(1, INT32_MAX)),

    OWN_BOOL("zabd.linearizableReads", "false", linearizable_reads),
    OWN_LONG("zabd.learnerFeedBytes", "8388608", TO_LONG(learner_feed_bytes),
             FROM(64 * KIB, INT64_MAX)),
    OWN_LONG("zabd.historyBytes", "33554432", TO_LONG(history_bytes), FROM(KIB * KIB, INT64_MAX)),
    OWN_LONG("zabd.epochTxns", "4293918720", TO_LONG(epoch_txns), FROM(100, 4293918720)),

    /* Ensembles. */
    F_MEMBERS("server."),
    F_MEMBERS("group."),
    F_MEMBERS("weight."),
    F_TEXT("dynamicConfigFile", NULL, TO_TEXT(dynamic_path)),
    F_ENSEMBLE("standaloneEnabled", "true", KEY_BOOL_STRICT, TO_BOOL(standalone_enabled)),
    F_ENSEMBLE("initLimit", NULL, KEY_INT, LIMIT(init_limit)),
    F_ENSEMBLE("syncLimit", NULL, KEY_INT, LIMIT(sync_limit)),
    F_ENSEMBLE("connectToLearnerMasterLimit", "0", KEY_INT, LIMIT(connect_limit)),
    F_ENSEMBLE("electionAlg", "3", KEY_INT, .field = FIELD_NONE),
    F_ENSEMBLE("peerType", "participant", KEY_TEXT, .field = FIELD_NONE),
    F_ENSEMBLE("localSessionsEnabled", "false", KEY_BOOL_STRICT, TO_BOOL(local_sessions)),
    F_ENSEMBLE("localSessionsUpgradingEnabled", "false", KEY_BOOL_STRICT,
               TO_BOOL(local_sessions_upgrading)),
    P_ENSEMBLE("leaderServes", "yes", KEY_UNLESS_NO, TO_BOOL(leader_serves)),
    F_ENSEMBLE("syncEnabled", "true", KEY_BOOL_STRICT, TO_BOOL(observer_logs)),
    P_ENSEMBLE("observer.syncEnabled", NULL, KEY_BOOL, .field = FIELD_NONE),
    F_ENSEMBLE("observerMasterPort", "0", KEY_INT, TO_INT(observer_master_port), FROM(0, 65535)),
    P_ENSEMBLE("observerMaster.sizeLimit", "33554432", KEY_DECODE_INT,
               TO_INT(observer_master_bytes), FROM(0, INT32_MAX), .clamps = true),
    P_ENSEMBLE("observer.reconnectDelayMs", "0", KEY_DECODE_LONG, TO_LONG(observer_reconnect_ms),
               FROM(0, INT32_MAX), .clamps = true),
    P_ENSEMBLE("observer.election.DelayMs", "200", KEY_DECODE_LONG, TO_LONG(observer_election_ms),
               FROM(0, INT32_MAX), .clamps = true),
    F_ENSEMBLE("quorumListenOnAllIPs", "false", KEY_BOOL_STRICT, TO_BOOL(quorum_listen_on_all)),
    P_ENSEMBLE("multiAddress.enabled", "false", KEY_BOOL_STRICT, TO_BOOL(multi_address)),
    P_NEEDLESS("multiAddress.reachabilityCheckEnabled", "true", KEY_BOOL_STRICT, TRIES_ALL),
    P_NEEDLESS("multiAddress.reachabilityCheckTimeoutMs", "1000", KEY_INT, TRIES_ALL),
    P_ENSEMBLE("cnxTimeout", "5000", KEY_INT, TO_INT(election_connect_ms), FROM(1, INT32_MAX)),
    P_ENSEMBLE("quorumCnxnTimeoutMs", "-1", KEY_DECODE_INT, TO_INT(election_handshake_ms),
               FROM(-1, INT32_MAX), .clamps = true),
    P_ENSEMBLE("tcpKeepAlive", "false", KEY_BOOL, TO_BOOL(election_keepalive)),
    P_ENSEMBLE("electionPortBindRetry", "3", KEY_DECODE_INT, TO_INT(election_bind_tries)),
    P_ENSEMBLE("fastleader.minNotificationInterval", "200", KEY_DECODE_INT, MS(notify_min_ms)),
    P_ENSEMBLE("fastleader.maxNotificationInterval", "60000", KEY_DECODE_INT, MS(notify_max_ms)),
    P_ENSEMBLE("leaderConnectDelayDuringRetryMs", "100", KEY_DECODE_INT,
               TO_INT(learner_retry_ms), FROM(0, INT32_MAX), .clamps = true),
    P_ENSEMBLE("leader.maxTimeToWaitForEpoch", "-1", KEY_DECODE_INT, TO_INT(epoch_wait_ms),
               FROM(-1, INT32_MAX), .clamps = true),
    P_NEEDLESS("leader.maxConcurrentSnapSyncs", "10", KEY_DECODE_INT, IN_TURNS),
    P_NEEDLESS("leader.maxConcurrentDiffSyncs", "100", KEY_DECODE_INT, IN_TURNS),
    P_ENSEMBLE("commitLogCount", "500", KEY_LENIENT_LONG, TO_INT(commit_log_count),
               FROM(500, INT32_MAX), .clamps = true),
    P_ENSEMBLE("snapshotSizeFactor", "0.33", KEY_LENIENT_DOUBLE, TO_DOUBLE(snapshot_size_factor)),
    P_ENSEMBLE("forceSnapshotSync", "false", KEY_BOOL, TO_BOOL(force_snapshot_sync)),
    F_STOP("oraclePath", NULL, KEY_TEXT, "an oracle"),

    /* TLS. */
    F_STOP("secureClientPort", NULL, KEY_INT, TLS),
    F_STOP("secureClientPortAddress", NULL, KEY_TEXT, TLS),
    F_STOP("sslQuorum", "false", KEY_BOOL_STRICT, TLS),
    F_STOP("sslQuorumReloadCertFiles", "false", KEY_BOOL_STRICT, TLS),
    F_STOP("portUnification", "false", KEY_BOOL_STRICT, TLS),
    P_STOP("client.portUnification", "false", KEY_BOOL, TLS),
    P_STOP("client.certReload", "false", KEY_BOOL, TLS),
    P_STOP_BUT("ssl.clientAuth", "need", "none", TLS),
    P_STOPS("ssl.", "false", TLS),
    P_IDLE("X509AuthenticationProvider.superUser", NULL, TLS),

    /* SASL. */
    F_STOP("quorum.auth.enableSasl", "false", KEY_BOOL_STRICT, SASL),
    F_STOP("quorum.auth.serverRequireSasl", "false", KEY_BOOL_STRICT, SASL),
    F_STOP("quorum.auth.learnerRequireSasl", "false", KEY_BOOL_STRICT, SASL),
    ROW("quorum.auth.kerberos.servicePrincipal", "zkquorum/localhost", KEY_FILE, KEY_IDLE,
        KEY_TEXT, .feature = SASL),
    ROW("quorum.auth.learner.saslLoginContext", "QuorumLearner", KEY_FILE, KEY_IDLE, KEY_TEXT,
        .feature = SASL),
    ROW("quorum.auth.server.saslLoginContext", "QuorumServer", KEY_FILE, KEY_IDLE, KEY_TEXT,
        .feature = SASL),
    STOP("java.security.auth.login.config", NULL, KEY_SYSTEM, KEY_TEXT, SASL, .off = NULL),
    P_STOP("sasl.serverconfig", "Server", KEY_TEXT, SASL),
    P_STOP("sessionRequireClientSASLAuth", "false", KEY_BOOL, SASL),
    P_STOP("allowSaslFailedClients", "false", KEY_BOOL, SASL),
    P_IDLE("SASLAuthenticationProvider.superPassword", NULL, SASL),
    P_IDLES("superUser", SASL),
    P_IDLES("kerberos.", SASL),
    P_IDLE("security.auth_to_local", "DEFAULT", SASL),
    P_IDLE("requireKerberosConfig", NULL, SASL),
    P_IDLE("letAnySaslUserDoX", NULL, SASL),
    P_IDLE("server.realm", NULL, SASL),
    P_IDLE("kinit", NULL, SASL),

    /* AdminServer and audit log. ZooKeeper's default for the first is on. */
    P_STOP_BUT("admin.enableServer", "false", "false", ADMIN),
    P_IDLES("admin.", ADMIN),
    P_STOP("audit.enable", "false", KEY_BOOL, AUDIT),
    P_IDLE("audit.impl.class", NULL, AUDIT),

    /* Of the JVM and of how ZooKeeper is made inside. */
    P_TEXT("serverCnxnFactory", "org.apache.zookeeper.server.NIOServerCnxnFactory",
           .field = FIELD_NONE),
    P_TEXT("watchManagerName", "org.apache.zookeeper.server.watch.WatchManager",
           .field = FIELD_NONE),
    P_JVM("enableEagerACLCheck", "false"),
    F_JVM("quorum.cnxn.threads.size", "20", KEY_INT),
    P_JVM("leader.closeSocketAsync", "false"),
    P_JVM("leader.ackLoggingFrequency", "1000"),
    P_JVM("learner.closeSocketAsync", "false"),
    P_JVM("learner.asyncSending", "false"),
    P_JVM("forward_learner_requests_to_commit_processor_disabled", "false"),
    P_JVM("follower.skipLearnerRequestToNextProcessor", "false"),
    P_JVM("messageTracker.Enabled", "false"),
    P_JVM("messageTracker.BufferSize", "10"),
    P_JVM("watcherCleanThreadsNum", "2"),
    P_JVM("watcherCleanThreshold", "1000"),
    P_JVM("watcherCleanIntervalInSeconds", "600"),
    P_JVM("maxInProcessingDeadWatchers", "-1"),
    P_JVM("bitHashCacheSize", "10"),
    P_JVM("maxResponseCacheSize", "400"),
    P_JVM("maxGetChildrenResponseCacheSize", "400"),
    P_JVM("intBufferStartingSizeBytes", "1024"),
    P_JVM("nio.numSelectorThreads", NULL),
    P_JVM("nio.numWorkerThreads", NULL),
    P_JVM("nio.directBufferBytes", "65536"),
    P_JVM("nio.shutdownTimeout", "5000"),
    P_JVMS("netty."),
    P_JVMS("commitProcessor."),
    P_JVM("fips-mode", "true"),
    P_JVMS("jmx."),
    P_JVMS("log."),
    P_JVM("root.logger", NULL),
    P_JVM("console.threshold", NULL),
    F_JVM("jvm.pause.monitor", "false", KEY_BOOL_STRICT),
    F_JVM("jvm.pause.info-threshold.ms", "1000", KEY_LONG),
    F_JVM("jvm.pause.warn-threshold.ms", "10000", KEY_LONG),
    F_JVM("jvm.pause.sleep.time.ms", "500", KEY_LONG),
    S_JVM("leader.nodelay"),
    S_JVM("follower.nodelay"),
    S_JVMS("java."),
    S_JVMS("javax."),
    S_JVMS("jdk."),
    S_JVMS("sun."),
    S_JVMS("com.sun."),
    S_JVMS("log4j"),
    S_JVMS("logback."),
    S_JVMS("org.slf4j."),
};
/* clang-format on */
const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];

static const char *without_prefix(const char *name)
{
    static const char prefix[] = "zookeeper.";

    return strncmp(name, prefix, sizeof prefix - 1) == 0 ? name + sizeof prefix - 1 : NULL;
}

static bool matches(const struct config_key *key, const char *name)
{
    if (key->is_prefix)
        return strncmp(name, key->name, strlen(key->name)) == 0;
    return strcmp(name, key->name) == 0;
}

/* A whole name wins over a prefix; the rows are in that order nowhere else. */
static const struct config_key *find(const char *name, bool only_properties)
{
    const struct config_key *prefix = NULL;

    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        if ((only_properties && key->kind != KEY_PROPERTY) || !matches(key, name))
            continue;
        if (!key->is_prefix)
            return key;
        prefix = key;
    }
    return prefix;
}

const struct config_key *config_key_find(const char *name)
{
    const char *rest = without_prefix(name);

    return rest != NULL ? find(rest, true) : find(name, false);
}

const struct config_key *config_key_get(const char *name)
{
    const struct config_key *key = find(name, false);

    zk_assert(key != NULL && strcmp(key->name, name) == 0);
    return key;
}
