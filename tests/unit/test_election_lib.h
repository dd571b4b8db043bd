/* For the tests of zab/election: configurations of so many servers, and votes. */
#ifndef TEST_ELECTION_LIB_H
#define TEST_ELECTION_LIB_H

#include <check.h>
#include <stdlib.h>

#include "tests/unit/test_jute_hex.h"
#include "zab/election.h"

enum { RESEND_MIN_MS = 200, RESEND_MAX_MS = 60000, FINALIZE_MS = 200 };

static inline struct zab_config *parse_config(const struct bytes *text)
{
    struct zab_config_rules rules = { .standalone_enabled = false };
    char why[ZAB_CONFIG_WHY_MAX] = "";
    struct zab_config *c = NULL;

    ck_assert_msg(zab_config_parse(&c, (const char *)text->at, text->len, &rules, why) == 0, "%s",
                  why);
    return c;
}

/* Voters from `first` on, then observers. `more` are further lines. */
static inline struct zab_config *config_of(zk_sid first, int voters, int observers,
                                           const char *more, zk_zxid version)
{
    struct bytes text = { 0 };

    for (int i = 0; i < voters + observers; i++)
        bytes_printf(&text, "server.%d=host%d:2888:3888:%s\n", (int)first + i, (int)first + i,
                     i < voters ? "participant" : "observer");
    bytes_printf(&text, "%sversion=%llx", more, (unsigned long long)version);

    struct zab_config *c = parse_config(&text);

    bytes_done(&text);
    return c;
}

static inline struct election *election_of(zk_sid self, struct zab_config *cur,
                                           struct zab_config *last_seen)
{
    struct election_conf conf = { .self = self,
                                  .resend_min_ms = RESEND_MIN_MS,
                                  .resend_max_ms = RESEND_MAX_MS,
                                  .finalize_ms = FINALIZE_MS,
                                  .reconfig_enabled = true };
    struct election *e = election_new(&conf);

    election_configure(e, cur, last_seen);
    return e;
}

static inline struct zab_vote vote_for(zk_sid leader, zk_zxid zxid, int64_t round, int64_t epoch)
{
    return (struct zab_vote){ .leader = leader, .zxid = zxid, .round = round, .epoch = epoch };
}

static inline bool votes_are_equal(const struct zab_vote *a, const struct zab_vote *b)
{
    return a->leader == b->leader && a->zxid == b->zxid && a->round == b->round &&
           a->epoch == b->epoch;
}

#endif
