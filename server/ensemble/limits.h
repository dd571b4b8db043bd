/* Limits of this floor: name, unit, default, and what happens at the limit. */
#ifndef SERVER_ENSEMBLE_LIMITS_H
#define SERVER_ENSEMBLE_LIMITS_H

#include "zab/config.h"

enum {
    /* Bytes of a packet's data from a link that is not known as a learner yet. A longer one closes
     * the link. */
    HANDSHAKE_DATA_MAX = 4096,

    /* Learners that are fed. The core takes no more. */
    FEEDS_MAX = 512,

    /* Bytes that are encoded for a learner at once. */
    FEED_CHUNK_BYTES = 256 * 1024,

    /* Bytes that are read from the log, or dumped, for one learner in one turn of the loop; then
     * others have their turn. */
    FEED_SLICE_BYTES = 512 * 1024,

    /* The same for all learners together. Who gets nothing in a turn comes first in the next. */
    FEED_TURN_BYTES = 1024 * 1024,

    /* Bytes of packets that wait for their place in a learner's feed. More close its link. */
    FEED_CONTROL_BYTES_MAX = 1024 * 1024,

    /* While a learner is on its way through a snapshot or a log, the history keeps so many times
     * history_bytes for it; then it goes on from the log when it gets there, or its link closes. */
    HISTORY_PATIENCE = 4,

    /* Requests of one learner that wait for room among the proposals, bytes; more close its
     * link. They go with their link, so there is never more than this times FEEDS_MAX. */
    PARKED_BYTES_MAX = 64 * 1024 * 1024,
    PARKED_OVERHEAD_BYTES = 128,

    /* Learners' syncs, and sessions that we don't know, that wait for a quorum's word. One more
     * closes its link; with a session of a client of ours, its connection. */
    BARRIERS_MAX = 1024 * 1024,

    /* Of ours, on their way to the leader and back; beyond it ensemble_can_submit() is false. */
    FORWARD_REQUESTS_MAX = 4096,
    FORWARD_BYTES_MAX = 16 * 1024 * 1024,
    /* Unsent to the leader: the same. */
    FORWARD_UNSENT_MAX = 4 * 1024 * 1024,

    /* Sessions that the leader was asked about and did not answer for yet. One more of an
     * observer's closes its link. */
    ASKED_MAX = 1024 * 1024,
    /* Unsent to the leader, of what observers ask for. With more the link of the next one that asks
     * is closed. */
    RELAY_UNSENT_MAX = 64 * 1024 * 1024,
    /* Touched sessions that wait for the leader's next PING. More of observers' are passed over:
     * they tell of them again. */
    RELAYED_TOUCHES_MAX = 1024 * 1024,

    /* Sessions in one PING answer; the rest follows with the next. */
    TOUCHES_MAX = 65536,
    SESSION_TOUCH_BYTES = 12,

    /* Bytes of txns that a leader sent and that are not applied: not committed, or not before
     * UPTODATE. More close the link to it; another zabd is asked for a SNAP then. */
    LEARNED_BYTES_MAX = 1024 * 1024 * 1024,

    /* Reconfigurations whose designated leader is remembered for learners that lag behind. */
    ACTIVATIONS_MAX = 8,

    /* ms between two words to the core that bytes move. */
    PROGRESS_EACH_MS = 1000,
};

#endif
