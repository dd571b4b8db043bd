/* What the parts of the ledger share. Only ledger*.c look in here.
 *
 *   ledger.c       what servers log, commit and apply, and who leads
 *   ledger_end.c   what clients were told, and what must be true when all is quiet */
#ifndef TESTS_SIM_LEDGER_IMPL_H
#define TESTS_SIM_LEDGER_IMPL_H

#include "tests/sim/ledger.h"

/* What is known of one txn, from the moment at which it was first logged. */
struct note {
    uint64_t hash;  /* Of its bytes; 0: never seen. */
    zk_zxid before; /* What stood before it in the log of its leader: they are one history. */
    zk_session_id session;
    int32_t xid, type;
    uint64_t digest; /* Of the tree after it. */
    bool has_digest, is_committed;
};

struct reign {
    uint32_t epoch;
    zk_sid leader; /* Established; INT64_MIN: not yet. */
    uint32_t life;
    struct note *notes; /* By counter - 1. */
    size_t count, cap;
};

struct ledger {
    struct reign *reigns; /* In order of epoch. */
    size_t reign_count, reign_cap;
    zk_zxid *committed;
    size_t committed_count, committed_cap;
    struct zab_config *config;
    zk_session_id *expired; /* What clients were told. */
    size_t expired_count;
};

/* NULL: neither it nor a later txn of its epoch was ever logged. */
const struct note *ledger_find_note(const struct ledger *l, zk_zxid zxid);

#endif
