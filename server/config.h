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
    int32_t client_port;           /* 0: any free port. */
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
    int32_t throttle_stall_ms;
    bool throttle_drop_stale;
    bool stale_latency_check;
    bool stale_connection_check;
    int32_t throttler_shutdown_ms;
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
    int32_t commit_log_count;   /* Txns kept in memory for learners. */
    double snapshot_size_factor;

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
