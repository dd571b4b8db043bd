/* A state that is read from disk again, by a server that leads then. The others are played. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/ensemble_rig.h"

enum { ME = 0, LAST = 6 }; /* LAST: of epoch 7, in our log. */

static struct ensemble_rig *r;
static struct rig_server *me;

/* Two vote for server 3, which leads epoch 7. */
static struct rig_link *follows(void)
{
    ensemble_rig_vote(r, 1, ME, ZAB_STATE_FOLLOWING, 3, 0, 1, 6);
    ensemble_rig_vote(r, 2, ME, ZAB_STATE_LEADING, 3, 0, 1, 6);
    ensemble_rig_sleep(r, 300);
    struct rig_link *l = ensemble_rig_dialled(r, ME);
    ck_assert_ptr_nonnull(l);
    return l;
}

/* An error's txn: it changes nothing. */
static void proposes(struct rig_link *l, int counter)
{
    char hex[256];

    (void)snprintf(hex, sizeof hex,
                   "00000002 00000007%08x 00000024 0300000000000001 %08x 00000007%08x"
                   "0000018bcfe56800 ffffffff ffffff9b ffffffff",
                   counter, counter, counter);
    ensemble_rig_say(r, l, hex);
}

static void is_brought_to_the_end_of_our_log(void)
{
    struct rig_link *l = follows();

    ensemble_rig_say(r, l, "00000011 0000000700000000 00000004 00010000 ffffffff");
    ensemble_rig_say(r, l, "0000000d 0000000000000000 ffffffff ffffffff");
    ensemble_rig_say_newleader(r, l, 0x700000000);
    ensemble_rig_say(r, l, "0000000c ffffffffffffffff ffffffff ffffffff");
    for (int i = 1; i <= LAST; i++)
        proposes(l, i);
    ck_assert_uint_eq(me->disk.durable, LAST);
    l->is_closing = true;
    ensemble_rig_settle(r);
}

/* Of epoch 8, at a zxid before our last; it dies before NEWLEADER. */
static void is_sent_a_snapshot_in_vain(void)
{
    static const char *const snapshot =
        "00000000 00000001 0000000000000001 00000001 0000001f 00000005 776f726c64 00000006"
        "616e796f6e65 00000000 00000000 ffffffffffffffff 0000000000000000 0000000000000000"
        "0000000000000000 0000000000000000 00000000 00000000 00000000 0000000000000000"
        "0000000000000000 00000001 2f 0000000a 42656e57617348657265";

    ensemble_rig_vote(r, 1, ME, ZAB_STATE_FOLLOWING, 3, 0, 2, 7);
    ensemble_rig_vote(r, 2, ME, ZAB_STATE_LEADING, 3, 0, 2, 7);
    ensemble_rig_sleep(r, 300);
    struct rig_link *l = ensemble_rig_dialled(r, ME);
    ck_assert_ptr_nonnull(l);
    ensemble_rig_say(r, l, "00000011 0000000800000000 00000004 00010000 ffffffff");
    ensemble_rig_say(r, l, "0000000f 0000000700000002 ffffffff ffffffff");
    ensemble_rig_say(r, l, snapshot);
    ck_assert_ptr_nonnull(strstr(me->log, "sync: a snapshot replaces our state"));
    l->is_closing = true;
    ensemble_rig_settle(r);
}

static zk_zxid hears_next(struct rig_link *l, int32_t type)
{
    struct zab_packet p = { 0 };

    ck_assert(ensemble_rig_hear(l, &p));
    ck_assert_int_eq(p.type, type);
    return p.zxid;
}

START_TEST(a_leader_whose_snapshot_broke_off_gives_its_whole_log)
{
    r = ensemble_rig_new(3, 6, 0);
    r->conf.zab.zabd_hints = false;
    me = &r->servers[ME];
    ensemble_rig_start(r, ME);
    is_brought_to_the_end_of_our_log();
    is_sent_a_snapshot_in_vain();
    for (int voter = 1; voter <= 2; voter++)
        ensemble_rig_vote(r, voter, ME, ZAB_STATE_LOOKING, 1, 0x700000000 + LAST, 9, 7);
    ensemble_rig_sleep(r, 300);
    ck_assert_int_eq(zab_role(ensemble_zab(me->ensemble)), ZAB_LEADING);

    struct rig_link *l = ensemble_rig_dial(r, 1, ME);
    ensemble_rig_say(
        r, l,
        "0000000b 0000000800000000 00000014 0000000000000002 00010000 0000000000000000 ffffffff");
    (void)hears_next(l, ZAB_LEADERINFO);
    ensemble_rig_say(r, l, "00000012 0000000700000003 00000004 00000007 ffffffff");
    ck_assert_int_eq(hears_next(l, ZAB_DIFF), 0x700000000 + LAST);
    for (int i = 4; i <= LAST; i++) {
        ck_assert_int_eq(hears_next(l, ZAB_PROPOSAL), 0x700000000 + i);
        ck_assert_int_eq(hears_next(l, ZAB_COMMIT), 0x700000000 + i);
    }
    (void)hears_next(l, ZAB_NEWLEADER);
    r = ensemble_rig_free(r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ensemble_reload");
    TCase *tc = tcase_create("ensemble_reload");
    SRunner *runner = srunner_create(s);

    tcase_add_test(tc, a_leader_whose_snapshot_broke_off_gives_its_whole_log);
    suite_add_tcase(s, tc);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
