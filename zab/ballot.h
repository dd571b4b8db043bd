/* Who voted for whom in an election, and whether that decides it (quorum-protocol 2.6, 2.7).
 * Internal to the floor: the memory of zab/election.c.
 *
 * Holds one entry of each kind for each voter of the two configurations, hence bounded. */
#ifndef ZAB_BALLOT_H
#define ZAB_BALLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "zab/config.h"
#include "zab/packet.h"

/* Which votes count. */
enum ballot_box {
    BALLOT_VOTES,   /* Of this round, whatever the state of who voted. */
    BALLOT_OUTSIDE, /* What those that follow or lead have said, of any round. */
    BALLOT_BOXES,
};

struct ballot_entry {
    bool is_there;
    enum zab_state state;
    struct zab_vote vote;
    int32_t version; /* Of the notification's format. */
};

/* Whether `a` is there and says the same. */
bool ballot_entry_is(const struct ballot_entry *a, const struct ballot_entry *b);

struct ballot_voter {
    zk_sid sid;
    bool is_gone;       /* Its process is known to be gone. */
    bool is_unanswered; /* It looks, and what it said was passed over. */
    struct ballot_entry box[BALLOT_BOXES];
    struct ballot_entry heard; /* The last that came, whatever became of it. */
    int64_t told_ms;           /* When it was told what it had missed; good only with the above. */
    struct ballot_entry early; /* A vote that came when we did not look yet, and when that was. */
    int64_t early_ms;
};

struct ballot {
    struct zab_config *cur, *last_seen; /* References; NULL until ballot_configure(). */
    struct ballot_voter *voters;        /* Of both, ascending by sid. */
    size_t count;
    zk_sid *agreeing; /* Room for as many. */
};

void ballot_done(struct ballot *b);
/* Takes references. What voters said who stay is kept. last_seen may be NULL. */
void ballot_configure(struct ballot *b, struct zab_config *cur, struct zab_config *last_seen);
struct ballot_voter *ballot_find(const struct ballot *b, zk_sid sid); /* Or NULL. */

/* All that was said is forgotten, but not who is gone, nor what was said before we looked. */
void ballot_clear(struct ballot *b);
/* Others may have seen the end of our leader before us. What they tell each other then is said
 * once, and they stop saying it when they agree. So the last of it is kept, and may be taken, once:
 * is_there is false when there is none, or none since then. */
void ballot_keep_early(struct ballot_voter *v, struct ballot_entry said, int64_t now_ms);
struct ballot_entry ballot_take_early(struct ballot_voter *v, int64_t since_ms);
/* A new round: what was said outside of it stays. */
void ballot_clear_votes(struct ballot *b);

/* Whether those that agree with `entry` are a quorum: of cur, and of last_seen when that is
 * newer. */
bool ballot_has_quorum(const struct ballot *b, enum ballot_box box,
                       const struct ballot_entry *entry);
/* Whether all voters but those that are gone agree with `entry`, or follow its leader in this
 * round; the leader is among them, and they are a quorum. */
bool ballot_is_unanimous(const struct ballot *b, const struct ballot_entry *entry);
/* Whether `leader` itself says that it leads. */
bool ballot_says_it_leads(const struct ballot *b, enum ballot_box box, zk_sid leader);

#endif
