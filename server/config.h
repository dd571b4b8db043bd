/* The configuration of a server: every value it reads, with ZooKeeper's default,
 * filled from a zoo.cfg, from `-Dname=value` options, or from ZooKeeper's short
 * form on the command line.
 *
 * Pure: reads the one file it is given, opens no socket, resolves no name, looks at
 * no directory. What it has to say goes to a report, so that the start and
 * `zabd --check-config` say the same.
 *
 * Which of two values of a key counts: a property of ZooKeeper (`zookeeper.K`, `K` in
 * the file) comes from the file when the file has it, as in ZooKeeper, where reading
 * the file overwrites system properties. Keys that only the file can give there
 * (dataDir, clientPort ...), properties without the prefix (jute.maxbuffer ...) and
 * zabd's own come from the command line when it has them. */
#ifndef SERVER_CONFIG_H
#define SERVER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "util/ids.h"

struct zab_config;
struct zab_config_rules;

/* All strings belong to the struct. A string that may be unset is NULL then. */
struct config {
    /* The file that was read; NULL when there was none. */
    char *path;

    /* Directories, as written (relative ones to the working directory), without
     * `version-2`. data_log_dir equals data_dir unless given. */
    char *data_dir;
    char *data_log_dir;
    bool data_dir_autocreate; /* Make missing directories. */
    bool db_autocreate;       /* Start from nothing even without the `initialize` marker. */

    /* Client port. */
    char *client_address;          /* Host name or address; NULL: all interfaces. */
    int32_t client_port;           /* 0: any free port; -1: known after config_settle(). */
    int32_t client_backlog;        /* -1: the system's choice. */
    bool client_keepalive;         /* SO_KEEPALIVE on client connections. */
    int32_t max_connections_ip;    /* From one address; 0: no limit. */
    int32_t max_connections;       /* In all; 0: no limit. */
    int32_t sessionless_ms;        /* A connection without a handshake is closed after it. */
    int32_t max_frame_bytes;       /* jute.maxbuffer: largest length of a frame. */
    int32_t max_frame_extra_bytes; /* Added to it for strings and buffers on disk. */

    /* Time. */
    int32_t tick_ms;
    int32_t session_timeout_min_ms; /* Resolved: never -1. */
    int32_t session_timeout_max_ms;

    /* Requests. */
    int32_t outstanding_limit;     /* globalOutstandingLimit. */
    int32_t large_threshold_bytes; /* A longer request is large; -1: none is. */
    int32_t large_max_bytes;       /* Of all large requests in flight. */
    int32_t throttle_max_requests; /* request_throttle_max_requests; 0: off. */
    bool throttle_drop_stale;
    bool stale_latency_check;
    bool stale_connection_check;
    int32_t throttled_op_wait_ms; /* 0: off. */

    /* Connection throttle: a bucket of tokens for handshakes. */
    int32_t connection_tokens; /* 0: off. */
    int32_t connection_fill_time_ms;
    int32_t connection_fill_count;
    int32_t connection_freeze_ms; /* -1: no early drop. */
    double connection_drop_increase;
    double connection_drop_decrease;
    double connection_decrease_ratio;
    bool connection_weight_enabled;
    int32_t connection_weight_global;
    int32_t connection_weight_renew;
    int32_t connection_weight_local;

    /* Log. */
    int64_t prealloc_bytes;       /* 0: none. */
    int64_t log_size_limit_bytes; /* txnLogSizeLimitInKb; <= 0: off. */
    bool force_sync;
    int64_t fsync_warn_ms;
    int64_t flush_delay_ms;      /* 0: off. */
    int64_t write_queue_poll_ms; /* maxWriteQueuePollTime. */
    int32_t max_batch_size;      /* Requests; 0: no limit. */

    /* Snapshots. */
    int32_t snap_count;            /* Txns; >= 2. */
    int64_t snap_size_limit_bytes; /* <= 0: off. */
    bool snapshot_gz;              /* Compress new snapshots. */
    bool snapshot_trust_empty;
    bool serialize_last_zxid;
    bool digest_enabled;
    int32_t purge_retain_count; /* >= 3. */
    int64_t purge_interval_ms;  /* 0: never. */

    /* Tree. */
    bool extended_types;
    bool emulate_353_ttl;
    bool enforce_quota;
    bool close_session_txn;
    bool reconfig_enabled;
    bool readonly_mode;
    int32_t container_interval_ms;
    int32_t container_per_minute;
    int64_t container_never_used_ms; /* 0: off. */

    /* Access. */
    bool skip_acl;
    bool auth_digest; /* The schemes that are registered; `ip` always is. */
    bool auth_sasl;   /* ACLs only: there is no SASL handshake. */
    bool auth_x509;   /* ACLs only: there is no TLS. */
    bool auth_ensemble;
    char *digest_algorithm; /* Name that OpenSSL knows: "SHA1", "SHA256", "SHA3-256" ... */
    char *super_digest;     /* Secret: never logged. */
    char *ensemble_names;   /* Comma list. */
    bool enforce_auth;
    char *enforce_schemes; /* Comma list, without blanks; NULL unless enforce_auth. */

    /* Four-letter words: comma list or `*`, as written. */
    char *words_whitelist;

    /* zabd's own. */
    char *log_file;  /* NULL: stderr. */
    char *log_level; /* error, warn, info or debug. */
    int64_t max_ingress_bytes;
    int64_t max_egress_bytes;
    int64_t conn_egress_bytes;
    int32_t slow_reader_ms;

    /* The ensemble. members and what goes with it is of the file that was read; where that names
     * a dynamic file (dynamic_path) it comes with config_settle(), as the sid does. */
    struct zab_config *members;   /* In force; NULL: a server of one without an ensemble. */
    struct zab_config *last_seen; /* Proposed after it, from the file .next; NULL: none. */
    zk_sid sid;                   /* Own id; 1 without an ensemble. */
    char *dynamic_path;           /* dynamicConfigFile; NULL: none. */
    bool members_in_file;         /* All of them: what is written there counts at the next start. */
    bool standalone_enabled;
    bool is_observer;      /* peerType; after config_settle() the role of the own line. */
    int32_t init_limit;    /* Ticks: to connect to a leader and to synchronise with it. */
    int32_t sync_limit;    /* Ticks: silence after which a peer counts as lost. */
    int32_t connect_limit; /* Ticks for a learner to connect; 0: init_limit. */
    bool local_sessions, local_sessions_upgrading;
    bool leader_serves;            /* The leader accepts clients. */
    bool observer_logs;            /* syncEnabled: observers keep log and snapshots. */
    int32_t observer_master_port;  /* Followers serve observers there; 0: off. */
    int32_t observer_master_bytes; /* observerMaster.sizeLimit: commits kept for them. */
    int64_t observer_reconnect_ms; /* Random delay up to this before a new connection. */
    int64_t observer_election_ms;  /* The same before an observer looks for a leader. */
    bool quorum_listen_on_all;     /* Peer ports are bound on all interfaces. */
    bool multi_address;            /* A server may have several addresses. */
    /* Elections and peer connections. */
    int32_t election_connect_ms;   /* cnxTimeout: TCP connect on the election port. */
    int32_t election_handshake_ms; /* quorumCnxnTimeoutMs; -1: sync_limit ticks. */
    bool election_keepalive;       /* tcpKeepAlive: SO_KEEPALIVE on election connections. */
    int32_t election_bind_tries;   /* electionPortBindRetry, a second apart; 0: for ever. */
    int32_t notify_min_ms;         /* Votes are sent again after this, */
    int32_t notify_max_ms;         /* doubled each time up to this. */
    int32_t learner_retry_ms;      /* leaderConnectDelayDuringRetryMs: between two tries. */
    int32_t epoch_wait_ms; /* leader.maxTimeToWaitForEpoch: a leader whose voters went; -1: off. */
    /* What a leader keeps and does for learners. */
    int32_t commit_log_count;    /* Txns kept in memory for learners, at least. */
    double snapshot_size_factor; /* Of the last snapshot's size the log read for a learner; < 0:
                                    the log is not read. */
    bool force_snapshot_sync;
    /* zabd's own. */
    bool linearizable_reads;
    int64_t learner_feed_bytes; /* Unsent to a learner, beyond which its feed waits. */
    int64_t history_bytes;      /* Committed txns kept in memory for learners, at most. */
    int64_t epoch_txns;         /* Behind so many a leader ends its epoch and hands over. */
};

enum config_severity { CONFIG_WARNING, CONFIG_ERROR };

struct config_note {
    enum config_severity severity;
    char *file; /* "" is the command line. */
    int line;   /* From 1; 0: no particular line. */
    char *text; /* One line; no secret. */
};

/* What config_load() found, in the order of the lines. Zero it before use. */
struct config_report {
    struct config_note *notes;
    size_t count;
    size_t error_count;
};

/* Reads the file at `path`; NULL stands for the embedded default: port 2181, tick of
 * 2000 ms, data in ./data. `defines` are `count` texts "name=value" (or "name", which
 * sets the empty value), as they follow -D.
 * Returns 0 and sets *ret; or -EINVAL when the report holds an error, or another
 * negative errno when the file can't be read (also in the report). Free with
 * config_free(). */
int config_load(struct config **ret, struct config_report *report, const char *path,
                char *const *defines, size_t count);

/* The same from the words of the command line: none (embedded default), one
 * (CONFIG), or ZooKeeper's short form `port dataDir [tickTime [maxClientCnxns]]`. */
int config_load_words(struct config **ret, struct config_report *report, char *const *words,
                      size_t word_count, char *const *defines, size_t count);

enum config_use { CONFIG_CHECK, CONFIG_START };

/* Reads what else the configuration speaks of: dynamic files and, in an ensemble, myid. Sets
 * members, last_seen, sid, is_observer, and the client port from the own line. CONFIG_CHECK
 * is content without a myid, which another machine has. Returns 0, or -EINVAL when it added an
 * error to the report. Once, after a load that went well, and before anybody else refers to
 * the members. */
int config_settle(struct config *conf, struct config_report *report, enum config_use use);

/* What a membership's text may hold under this configuration. */
struct zab_config_rules config_rules(const struct config *conf);

/* NULL is fine; returns NULL. */
struct config *config_free(struct config *conf);

/* Frees what the report holds and leaves an empty one. */
void config_report_done(struct config_report *report);

/* One line a note: `FILE:LINE: error: TEXT`. */
void config_report_print(const struct config_report *report, FILE *out);

/* The table of all keys: name, default, status; one line each, tab-separated, with a
 * heading. For the documentation. */
void config_print_keys(FILE *out);

#endif
