/* What the files of the words share. */
#ifndef SERVER_NET_WORDS_IMPL_H
#define SERVER_NET_WORDS_IMPL_H

#include "server/net/conn.h"
#include "server/net/words.h"

/* The first lines of srvr and stat; what follows the clients in stat, and it in srvr. */
void words_put_version(const struct net *n, struct bytes *out);
void words_put_srvr(struct net *n, struct bytes *out);
/* Each appends its whole answer. */
void words_put_conf(struct net *n, struct bytes *out);
void words_put_envi(struct net *n, struct bytes *out);
void words_put_dirs(struct net *n, struct bytes *out);
void words_put_hash(struct net *n, struct bytes *out);
void words_put_mntr(struct net *n, struct bytes *out);
void words_put_wchs(struct net *n, struct bytes *out);
void words_put_watches(struct net *n, struct bytes *out, bool by_path);
void words_reset_connections(struct net *n);

/* words_ensemble.c: a server of one has none, then it returns false. */
bool words_ensemble_now(const struct net *n, struct words_ensemble *ret);
/* What srvr calls the mode and mntr the state. */
const char *words_mode(const struct words_ensemble *e);
void words_put_conf_ensemble(const struct net *n, const struct words_ensemble *e,
                             struct bytes *out);
void words_put_mntr_state(const struct words_ensemble *e, struct bytes *out);
void words_put_mntr_ensemble(const struct words_ensemble *e, struct bytes *out);
/* The sessions of a dump, where nobody here says when they expire. */
void words_put_global_sessions(const struct net *n, struct bytes *out);

/* Answers in pieces. A piece is what fits in WORDS_STEP_BYTES; false: that was the last. */
struct word_job {
    enum word word;
    int part;               /* Of the answer, as the word counts them. */
    uint32_t at;            /* Where its part goes on. */
    struct word_dump *dump; /* Of a dump: what it will show. */
};
bool words_step_connections(struct net *n, struct word_job *job, struct bytes *out);
bool words_step_dump(struct net *n, struct word_job *job, struct bytes *out);
struct word_dump *word_dump_free(struct word_dump *d); /* NULL is fine; returns NULL. */

/* Quick where there are very many lines: text, and a number as Java's toHexString. */
void words_put_text(struct bytes *out, const char *text);
void words_put_hex(struct bytes *out, uint64_t v);
/* A mean as Java prints it: rounded to four digits, at least one behind the point. */
void words_put_mean(struct bytes *out, uint64_t sum, uint64_t count);
/* `/ADDRESS:PORT`. */
void words_put_peer(struct bytes *out, const struct conn *c);

#endif
