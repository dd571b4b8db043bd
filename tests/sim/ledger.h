/* The omniscient observer: every txn that was ever proposed, the one order in which txns
 * were committed, and what ZAB promises about both (quorum-protocol 7.3). */
#ifndef TESTS_SIM_LEDGER_H
#define TESTS_SIM_LEDGER_H

#include "tests/sim/member.h"

struct ledger *ledger_new(struct zab_config *first);
struct ledger *ledger_free(struct ledger *l);

/* A txn goes to a log, behind the one that is named. */
void ledger_logged(struct member *n, zk_zxid before, zk_zxid zxid, const uint8_t *payload,
                   size_t len);
/* Before and after a server applies one. */
void ledger_applying(struct member *n, const struct txn *txn);
void ledger_applied(struct member *n, const struct txn *txn);
/* A state came from elsewhere: from disk, or from the leader. */
void ledger_restored(struct member *n, const struct state *state);
/* After each thing that a server is told: its role. */
void ledger_glance(struct member *n);
/* After each turn of a server, and whenever something went from its disk. */
void ledger_look(struct member *n);
void ledger_check_disks(struct sim *s);

/* The last committed txn, and whether this one is. */
zk_zxid ledger_committed(const struct sim *s);
bool ledger_is_committed(const struct sim *s, zk_zxid zxid);
/* A client was told that its write is done. */
void ledger_acked(struct sim *s, zk_zxid zxid, zk_session_id session, int32_t xid);
/* A client was told that its session is over. */
void ledger_expired(struct sim *s, zk_session_id session);
/* The write of that session and xid, if it is committed; 0: it is not. */
zk_zxid ledger_find(const struct sim *s, zk_session_id session, int32_t xid);
/* In force: the last committed one. */
const struct zab_config *ledger_config(const struct sim *s);
/* What is there when all is quiet. */
void ledger_check_end(struct sim *s);

#endif
