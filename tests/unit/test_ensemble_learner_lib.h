/* A learner, and a leader played byte by byte. */
#ifndef TESTS_UNIT_TEST_ENSEMBLE_LEARNER_LIB_H
#define TESTS_UNIT_TEST_ENSEMBLE_LEARNER_LIB_H

#include <check.h>
#include <stdint.h>

#include "tests/lib/ensemble_rig.h"

/* Server 1 is real, 3 leads epoch 7. */
enum { LEARNER = 0 };

#define LEADERINFO "00000011 0000000700000000 00000004 00010000 ffffffff"
#define UPTODATE   "0000000c ffffffffffffffff ffffffff ffffffff"

static struct ensemble_rig *r;
static struct rig_server *me;
static struct rig_link *leader;
static bool digests = true;
static bool reconfigs, hints;
static uint64_t learned_bytes;

/* It finds its leader. */
static inline void elect(void)
{
    ensemble_rig_vote(r, 1, LEARNER, ZAB_STATE_FOLLOWING, 3, 0, 1, 6);
    ensemble_rig_vote(r, 2, LEARNER, ZAB_STATE_LEADING, 3, 0, 1, 6);
    ensemble_rig_sleep(r, 300);
    leader = ensemble_rig_dialled(r, LEARNER);
    ck_assert_ptr_nonnull(leader);
}

static inline void begin(unsigned observers)
{
    r = ensemble_rig_new(3, 6, observers);
    r->conf.zab.zabd_hints = hints;
    r->conf.learned_bytes = learned_bytes;
    r->conf.order.digest = digests;
    r->conf.zab.reconfig_enabled = reconfigs;
    me = &r->servers[LEARNER];
    ensemble_rig_start(r, LEARNER);
    elect();
}

static inline void hears(const char *hex)
{
    char want[8192] = "";
    size_t len = 0;

    for (; *hex != '\0'; hex++)
        if (*hex != ' ')
            want[len++] = *hex;
    want[len] = '\0';
    ck_assert_str_eq(ensemble_rig_heard(r, leader), want);
}

static inline void says(const char *hex)
{
    ensemble_rig_say(r, leader, hex);
}

static inline void introduce(void)
{
    hears("0000000b 0000000000000000 00000014 0000000000000001 00010000 0000000000000000"
          "ffffffff");
    says(LEADERINFO);
    ck_assert_int_eq(me->disk.accepted, 7);
    hears("00000012 0000000000000000 00000004 00000000 ffffffff");
}

/* Nothing is missing: it may serve. */
static inline void be_synced(void)
{
    says("0000000d 0000000000000000 ffffffff ffffffff");
    ensemble_rig_say_newleader(r, leader, 0x700000000);
    ck_assert_int_eq(me->disk.current, 7);
    hears("00000003 0000000700000000 ffffffff ffffffff");
    says(UPTODATE);
    hears("00000003 0000000700000000 ffffffff ffffffff");
    ck_assert(ensemble_serves(me->ensemble));
}

static inline void establish(void)
{
    begin(0);
    introduce();
    be_synced();
    ck_assert_int_eq(me->serves, 1);
}

#endif
