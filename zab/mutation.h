/* Bugs that the simulator switches on, one at a time, to prove that it would see them
 * (tests/sim). Outside of its build none of them exists: ZAB_MUTATED() is false. */
#ifndef ZAB_MUTATION_H
#define ZAB_MUTATION_H

/* M(name, text) */
#define ZAB_MUTATIONS(M)                                                                      \
    M(ACK_BEFORE_FSYNC, "ack-before-fsync")     /* What is on its way to the log counts. */   \
    M(ACK_NEWLEADER_EARLY, "newleader-early")   /* NEWLEADER, before the history is safe. */  \
    M(COMMIT_BY_MINORITY, "minority")           /* The leader's own word is enough. */        \
    M(COUNT_OBSERVER, "count-observer")         /* Who observes counts as a voter. */         \
    M(SKIP_EPOCH_CHECK, "skip-epoch-check")     /* Nobody looks at what was promised. */      \
    M(IGNORE_HISTORY, "ignore-history")         /* The highest id leads, whatever its log. */ \
    M(REUSE_EPOCH, "reuse-epoch")               /* The next epoch is the last one again. */   \
    M(FORGET_PROMISE, "forget-promise")         /* acceptedEpoch is not stored. */            \
    M(FORGET_TAIL, "forget-tail")               /* Votes name the last committed txn. */      \
    M(FORGET_TRUNCATION, "forget-truncation")   /* TRUNC leaves the log as it is. */          \
    M(APPLY_UNDECIDED, "apply-undecided")       /* A learner applies what it logs. */         \
    M(SYNC_WITHOUT_ROUND, "sync-without-round") /* sync does not ask a quorum. */             \
    M(LOSE_WATCH, "lose-watch")                 /* Watches go with a change of the role. */   \
    M(FORGET_TOUCHES, "forget-touches")         /* Learners' clients seem to be silent. */

enum zab_mutation {
    ZAB_MUTATION_NONE,
#define ZAB_MUTATION_VALUE(name, text) ZAB_MUTATION_##name,
    ZAB_MUTATIONS(ZAB_MUTATION_VALUE)
#undef ZAB_MUTATION_VALUE
};

#ifdef ZAB_WITH_MUTATIONS
extern enum zab_mutation zab_mutation_on;
#define ZAB_MUTATED(name) (zab_mutation_on == ZAB_MUTATION_##name)
#else
#define ZAB_MUTATED(name) 0
#endif

#endif
