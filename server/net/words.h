/* Four-letter words (client-protocol 7.1 to 7.6): an operator's questions, answered in plain
 * text with ZK's exact formats. They come in place of a ConnectRequest. */
#ifndef SERVER_NET_WORDS_H
#define SERVER_NET_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/request/service.h"
#include "util/bytes.h"
#include "util/ids.h"
#include "util/list.h"
#include "zab/zab.h"

struct net;

#define WORDS(W)    \
    W(CONF, "conf") \
    W(CONS, "cons") \
    W(CRST, "crst") \
    W(DIRS, "dirs") \
    W(DUMP, "dump") \
    W(ENVI, "envi") \
    W(GTMK, "gtmk") \
    W(HASH, "hash") \
    W(ISRO, "isro") \
    W(MNTR, "mntr") \
    W(RUOK, "ruok") \
    W(SRST, "srst") \
    W(SRVR, "srvr") \
    W(STAT, "stat") \
    W(STMK, "stmk") \
    W(WCHC, "wchc") \
    W(WCHP, "wchp") \
    W(WCHS, "wchs") \
    W(TELNET_CLOSE, "\xff\xf4\xff\xfd") /* What a telnet client sends for ^C. */

enum word {
#define WORD_VALUE(name, text) WORD_##name,
    WORDS(WORD_VALUE)
#undef WORD_VALUE
        WORD_COUNT
};

/* What the words show of the ensemble. Figures that are of another role are of no matter. */
struct words_ensemble {
    bool serves;       /* Clients are served, if only as a read-only server. */
    bool is_read_only; /* Cut off from the others: read-only clients only. */
    enum zab_role role;
    enum zab_phase phase;
    const struct zab_config *config; /* In force; borrowed for the call. */
    uint64_t local_sessions;
    uint64_t elections;                     /* How often it looked for a leader. */
    struct summary election_ms;             /* How long that took. */
    const struct ensemble_figures *figures; /* Borrowed; NULL: none. */
    /* Leader. */
    uint64_t learners, synced_followers, synced_observers, synced_non_voting, pending_syncs;
    int64_t leading_ms;                                /* For how long. */
    int64_t proposal_last, proposal_min, proposal_max; /* Sizes in bytes; -1 before any. */
    bool is_observer_master; /* As a follower; then it may have synced_observers. */
    /* Observer: whom it learns from, INT64_MIN: nobody. */
    zk_sid observer_master;
};

/* What the words show of the configuration and of the floors above. Strings are borrowed. */
struct words_conf {
    const char *whitelist; /* Comma list or `*`. */
    bool readonly_mode;    /* Adds isro to it. */
    int32_t client_port;
    const char *snap_dir, *log_dir; /* With version-2, absolute. */
    int64_t tick_ms, min_session_timeout_ms, max_session_timeout_ms;
    int32_t max_connections_ip, backlog;
    int64_t started_ms; /* Monotonic. */
    int64_t fd_max;     /* RLIMIT_NOFILE. */
    /* The newest digests, oldest first. May be NULL. */
    void *ctx;
    size_t (*digests)(void *ctx, const struct past_digest **ret);
    /* NULL: a server of one. */
    void (*ensemble)(void *ctx, struct words_ensemble *ret);
    void (*reset)(void *ctx); /* srst, for what is not in the service. May be NULL. */
    zk_sid sid;
    int32_t init_limit, sync_limit; /* Ticks. */
};

/* A word whose answer is made in pieces. */
struct word_job;

struct words {
    struct words_conf conf;
    uint32_t enabled;    /* A bit each. */
    int64_t trace_mask;  /* Only kept: gtmk and stmk. */
    uint64_t fd_base;    /* Descriptors that were open before the first client's. */
    unsigned running;    /* Large words being answered. */
    struct list waiting; /* Connections whose large word waits, conn.in_words. */
};

void words_init(struct words *w, const struct words_conf *conf);
bool words_is_enabled(const struct words *w, enum word word);

enum words_look {
    WORDS_NONE, /* Not a word: a frame's length. */
    WORDS_MORE, /* Needs more bytes to tell, or for its argument. */
    WORDS_WORD, /* *ret and *ret_arg are set; *ret_len bytes are its. */
};
/* Looks at the first bytes of a connection. */
enum words_look words_look(const struct words *w, const uint8_t *at, size_t len, enum word *ret,
                           int64_t *ret_arg);

/* Begins to answer; appends to out. Returns NULL when that was all, else what is left,
 * for words_step(). A word that is not enabled gets the line that says so. */
struct word_job *words_begin(struct net *n, enum word word, int64_t arg, struct bytes *out);
/* Whether words_begin() would make a large answer: see WORDS_LARGE_AT_ONCE. */
bool words_is_large(const struct words *w, enum word word);
/* Appends another piece. False: that was the last. */
bool words_step(struct net *n, struct word_job *job, struct bytes *out);
struct word_job *words_job_free(struct word_job *job); /* NULL is fine; returns NULL. */

/* The version as ZK's clients look for it. */
const char *words_version(void);

#endif
