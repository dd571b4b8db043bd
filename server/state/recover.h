/* From the disk to memory: the newest good snapshot plus the logs after it. */
#ifndef SERVER_STATE_RECOVER_H
#define SERVER_STATE_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store/dirs.h"
#include "server/store/log_reader.h"
#include "server/tree/tree.h"

/* Sessions as they are on disk: id and timeout. A small hash table. */
struct session_book;
struct session_book *session_book_new(uint64_t hash_seed);
struct session_book *session_book_free(struct session_book *b);
void session_book_put(struct session_book *b, zk_session_id id, int32_t timeout_ms);
bool session_book_drop(struct session_book *b, zk_session_id id); /* False: was not there. */
bool session_book_get(const struct session_book *b, zk_session_id id, int32_t *ret_timeout_ms);
uint64_t session_book_count(const struct session_book *b);
void session_book_each(const struct session_book *b,
                       void (*each)(void *ctx, zk_session_id id, int32_t timeout_ms), void *ctx);

struct recover_conf {
    struct tree_conf tree;
    bool trust_empty;   /* zookeeper.snapshot.trust.empty. */
    bool db_autocreate; /* zookeeper.db.autocreate. */
};

/* Everything a state is: what a snapshot holds and what txns change. */
struct state {
    struct tree *tree;
    struct session_book *sessions;
    /* The tree may have traces of txns behind its zxid, nobody knows up to where: it is a leader's
     * from a snapshot stream, or one that was saved as such. Applying those txns mends it. (All
     * of them precede NEWLEADER, with ZooKeeper 3.9.5 too; but who leads need not be that.) Until
     * the digest is once what a txn promises, it tells nothing, is not written, and not told to
     * others. */
    bool is_fuzzy;
};

struct recover_report {
    zk_zxid zxid;          /* Last one applied. -1: empty and db_autocreate is off. */
    char snapshot[64];     /* Name of the file taken, "" for none. */
    zk_zxid snapshot_zxid; /* From that name; -1 for none. */
    uint64_t snapshots_skipped;
    uint64_t txns;              /* Replayed from the logs. */
    uint64_t cut_bytes;         /* Torn tails that went. */
    uint64_t digest_mismatches; /* Replayed txns after which the digest differed. */
    zk_zxid first_mismatch;
    uint64_t sessions_killed; /* Owners of ephemerals that no session stands for. */
    uint64_t load_us, replay_us;
};

/* Follows storage-format 1.4, 4.1, 4.2 where that loses nothing, and is stricter where ZK
 * would go on with data missing: a snapshot that fails is skipped for an older one only
 * when the logs reach from there without a gap; otherwise -EBADMSG, and why says which
 * file, which offset, what to do. An empty pair of directories gets a first snapshot.0
 * (written, fsynced). Returns 0 or a negative errno, and then ret is empty. */
int recover(struct state *ret, struct recover_report *report, const struct dirs *dirs,
            const struct recover_conf *conf, char why[STORE_WHY_MAX]);
void state_done(struct state *s);

/* The state as it was right behind txn `zxid`, for a TRUNC: from the newest snapshot that has
 * nothing of later txns, and the logs up to there. A zxid with counter 0, which is no txn's, stands
 * for the end of the epochs before. Writes nothing, and later files may be damaged. -ENOENT with
 * why: no snapshot reaches so far back, or the logs do not have that txn. */
int recover_at(struct state *ret, struct recover_report *report, const struct dirs *dirs,
               const struct recover_conf *conf, zk_zxid zxid, char why[STORE_WHY_MAX]);

/* The same without writing anything: no first snapshot, torn tails stay. For tools. */
int recover_read_only(struct state *ret, struct recover_report *report, const struct dirs *dirs,
                      const struct recover_conf *conf, char why[STORE_WHY_MAX]);

/* Applies one txn to sessions and tree; the only place where a state changes. */
void state_apply(struct state *s, const struct txn *txn, struct watch_table *watches,
                 const struct tree_sink *sink);

#endif
