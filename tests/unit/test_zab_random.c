/* The core under random crashes, cuts, slow disks and held-back messages, in seeded runs: what is
 * decided stays decided, one leader an epoch (asserted by the stage), and in the end all come
 * together again. `test_zab_random SEED` plays one run and prints it;
 * `test_zab_random FROM TO` plays many. With `reconfig` behind it memberships change, too. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/scenario_stage.h"
#include "util/check.h"
#include "util/rand.h"
#include "zab/print.h"

enum { STEPS = 250, RUNS = 400 };

static struct stage stage;
static struct rand_state dice;
static bool with_reconfig; /* Memberships change, too. */

static int any(void)
{
    return (int)rand_below(&dice, (uint64_t)stage.count);
}

static bool one_of(uint64_t n)
{
    return rand_below(&dice, n) == 0;
}

static void crash_or_start(int who)
{
    if (!stage.servers[who].is_up)
        stage_start(&stage, who);
    else if (one_of(3))
        stage_crash(&stage, who);
}

static void cut_or_heal(int a, int b)
{
    if (a == b)
        return;
    if (one_of(2))
        stage_heal(&stage, a, b);
    else if (one_of(2))
        stage_cut(&stage, a, b);
    else
        stage.is_muted[a][b] = true;
}

static void submit_somewhere(int who)
{
    const struct stage_server *s = &stage.servers[who];

    if (s->is_up && zab_can_submit(s->z))
        stage_submit(&stage, who, 1 + (int)rand_below(&dice, 3));
}

static void poke(int who)
{
    const struct stage_server *s = &stage.servers[who];

    if (!s->is_up)
        return;
    if (one_of(10))
        stage_step(&stage, who, (struct zab_event){ .kind = ZAB_EV_DIVERGED });
    else if (zab_role(s->z) == ZAB_LEADING && zab_phase(s->z) == ZAB_BROADCAST)
        (void)zab_confirm(s->z);
}

/* What the request floor checks before it lets a configuration pass (5.2). */
static bool may_become(int who, const struct zab_config *c)
{
    struct zab_learner_view views[STAGE_SERVERS];
    zk_sid sids[STAGE_SERVERS + 1];
    size_t count = zab_learners(stage.servers[who].z, views, STAGE_SERVERS), synced = 0;

    sids[synced++] = stage.servers[who].sid;
    for (size_t i = 0; i < count; i++)
        if (views[i].is_synced)
            sids[synced++] = views[i].sid;
    /* One voter becomes two: should the first die before the second knows, nobody can lead. */
    return c->voters >= 2 && zab_config_in_force(stage.servers[who].z)->voters >= 2 &&
           zab_config_is_quorum(c, sids, synced);
}

/* One member leaves, joins or takes another role. */
static void reconfigure(int who)
{
    const struct stage_server *s = &stage.servers[who];
    char joining[64] = "", leaving[16] = "", why[ZAB_CONFIG_WHY_MAX];
    int member = 1 + any();
    struct zab_config *c;

    if (!stage.conf.reconfig_enabled || stage.config_count == STAGE_CONFIGS || !s->is_up ||
        !zab_can_submit(s->z) ||
        zab_config_last_seen(s->z)->version != zab_config_in_force(s->z)->version)
        return;
    if (one_of(3))
        (void)snprintf(leaving, sizeof leaving, "%d", member);
    else
        (void)snprintf(joining, sizeof joining, "server.%d=h%d:2888:3888:%s;2181", member, member,
                       one_of(3) ? "observer" : "participant");
    if (zab_config_change(&c, zab_config_in_force(s->z),
                          *joining != '\0' ? jute_text(joining) : (struct jute_bytes){ .len = -1 },
                          *leaving != '\0' ? jute_text(leaving) : (struct jute_bytes){ .len = -1 },
                          (struct jute_bytes){ .len = -1 }, zab_next_zxid(s->z), &stage.conf.rules,
                          why) < 0)
        return;
    bool may = may_become(who, c);

    zab_config_unref(c);
    if (may)
        stage_reconfig(&stage, who, joining, leaving);
}

static void random_step(void)
{
    int who = any();

    switch (rand_below(&dice, 9)) {
    case 0:
        crash_or_start(who);
        break;
    case 1:
        cut_or_heal(who, any());
        break;
    case 2:
        stage.servers[who].is_slow = one_of(3);
        break;
    case 3:
        if (stage.servers[who].is_up)
            stage_flush(&stage, who);
        break;
    case 4:
        poke(who);
        break;
    case 5:
        reconfigure(who);
        break;
    case 6:
    case 7:
        submit_somewhere(who);
        break;
    default:
        stage_run(&stage, (int64_t)rand_below(&dice, one_of(4) ? 8000 : 300));
        break;
    }
    /* Now and then more happens before anything arrives. */
    if (!one_of(4))
        stage_settle(&stage);
}

static bool come_together(void)
{
    for (int a = 0; a < stage.count; a++) {
        stage.servers[a].is_slow = false;
        for (int b = 0; b < stage.count; b++)
            stage_heal(&stage, a, b);
        if (!stage.servers[a].is_up)
            stage_start(&stage, a);
    }
    /* Who was abandoned by a leader that hangs waits initLimit. */
    for (int i = 0; i < 5 && !stage_run_until_leader(&stage); i++)
        ;
    if (!stage_run_until_leader(&stage))
        return false;
    int leader = stage_leader(&stage);

    stage_submit(&stage, leader, 1);
    stage_run(&stage, 3000);
    return stage.servers[leader].applied == stage.decided.at[stage.decided.count - 1];
}

/* Whether all was well in the end. */
static bool play(uint64_t seed, bool is_quiet)
{
    rand_seed(&dice, seed);
    stage_init(&stage);
    stage.is_quiet = is_quiet;
    stage.history = 1 + rand_below(&dice, 20);
    stage.conf.zxid_counter_max = one_of(3) ? 6 : 0;
    stage.conf.reconfig_enabled = one_of(2) && with_reconfig;
    int voters = 1 + 2 * (int)rand_below(&dice, 3), observers = (int)rand_below(&dice, 3);

    for (int i = 0; i < voters + observers; i++)
        stage_add(&stage, i < voters, one_of(4));
    stage_configure(&stage, 0);
    for (int i = 0; i < stage.count; i++)
        stage_start(&stage, i);
    for (int i = 0; i < STEPS; i++)
        random_step();
    bool is_well = come_together();

    if (!is_quiet)
        (void)fwrite(stage.out.at, 1, stage.out.len, stdout);
    stage_done(&stage);
    return is_well;
}

static void play_share(int share)
{
    uint64_t end = (uint64_t)(share + 1) * RUNS / 4;

    for (uint64_t seed = (uint64_t)share * RUNS / 4; seed < end; seed++) {
        (void)printf("seed %" PRIu64 "\n", seed); /* The last one printed is the one that failed. */
        (void)fflush(stdout);
        ck_assert_msg(play(seed, true), "they do not come together");
    }
}

START_TEST(what_is_decided_stays_decided)
{
    play_share(_i);
}
END_TEST

START_TEST(also_when_memberships_change)
{
    with_reconfig = true;
    play_share(_i);
}
END_TEST

int main(int argc, char **argv)
{
    with_reconfig = argc > 1 && strcmp(argv[argc - 1], "reconfig") == 0;
    argc -= with_reconfig;
    if (argc > 2) {
        for (uint64_t seed = strtoull(argv[1], NULL, 10); seed < strtoull(argv[2], NULL, 10);
             seed++)
            if (!play(seed, true))
                (void)printf("seed %" PRIu64 ": they do not come together\n", seed);
        return EXIT_SUCCESS;
    }
    if (argc > 1)
        return play(strtoull(argv[1], NULL, 10), false) ? EXIT_SUCCESS : EXIT_FAILURE;
    Suite *s = suite_create("zab_random");
    TCase *tc = tcase_create("runs");

    tcase_set_timeout(tc, 200);
    tcase_add_loop_test(tc, what_is_decided_stays_decided, 0, 4);
    tcase_add_loop_test(tc, also_when_memberships_change, 0, 4);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
