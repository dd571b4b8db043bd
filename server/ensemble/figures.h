/* What an ensemble's server counts of its part in it, for mntr: since it began, or since srst.
 * Names and meanings are ZooKeeper's; times are in ms. */
#ifndef SERVER_ENSEMBLE_FIGURES_H
#define SERVER_ENSEMBLE_FIGURES_H

#include "util/summary.h"

struct ensemble_figures {
    uint64_t looking;           /* How often it had no leader. */
    uint64_t sync_mismatches;   /* How often a leader found that our digest is not its own. */
    struct summary unavailable; /* From the loss of one role until it served in the next. */

    /* As leader. Proposals by size in bytes; commits by the time since they were prepared. */
    uint64_t diffs, snaps, proposals, commits, revalidations;
    uint64_t disloyal_voters; /* How often leader.maxTimeToWaitForEpoch ended it. */
    struct summary diffs_in_flight, snaps_in_flight; /* With each new one. */
    struct summary leader_unavailable;
    struct histogram quorum_ack;
    int64_t proposal_last, proposal_min, proposal_max; /* -1: none. */

    /* As learner, while it serves. */
    uint64_t proposals_received, commits_received;
    struct summary follower_sync, observer_sync;
    struct histogram proposal_latency, commit_latency; /* Since the leader prepared it. */
};

#endif
