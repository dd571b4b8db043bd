/* zab/election: whom it answers in which state (quorum-protocol 2.5), and configurations that are
 * heard of (2.4). */
#include "tests/unit/test_election_one.h"

/* ---- Answers. */

/* Server 2 of three follows 3, elected in round 4 with zxid 5 in epoch 1. */
static void follows(void)
{
    looks(2, 3);
    hear(1, LOOKING, vote_for(3, 5, 4, 1));
    hear(3, LEADING, vote_for(3, 5, 4, 1));
    is_decided(vote_for(3, 5, 4, 1));
}

START_TEST(a_voter_that_looks_is_told_the_vote_with_its_own_round)
{
    follows();
    hear(1, LOOKING, vote_for(1, 900, 9, 90));
    ck_assert_uint_eq(out.count, 1);
    is_told(1, FOLLOWING, vote_for(3, 5, 4, 1));
    ck_assert_ptr_nonnull(memmem(told(1)->config.at, (size_t)told(1)->config.len, "version=", 8));
    ck_assert_int_eq(election_deadline(e), INT64_MAX);
    over();
}
END_TEST

START_TEST(a_leader_says_that_it_leads)
{
    looks(3, 3);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_decided(vote_for(3, 5, 1, 1));
    hear(1, LOOKING, vote_for(1, 5, 9, 1));
    is_told(1, LEADING, vote_for(3, 5, 1, 1));
    over();
}
END_TEST

/* Server 1 of three follows 3, elected in round 4; server 2 sees the end of it first, and tells us
 * once. */
static void hears_too_early(int64_t round)
{
    looks(1, 3);
    hear(2, LOOKING, vote_for(3, 5, 4, 1));
    hear(3, LEADING, vote_for(3, 5, 4, 1));
    is_decided(vote_for(3, 5, 4, 1));
    hear(2, LOOKING, vote_for(2, 5, round, 1));
    is_told(2, FOLLOWING, vote_for(3, 5, 4, 1));
    election_reachable(e, now_ms, 3, false, &out);
}

START_TEST(a_vote_that_came_before_we_looked_counts)
{
    hears_too_early(5);
    now_ms += FINALIZE_MS;
    begin(5, 1);
    is_decided(vote_for(2, 5, 5, 1));
    ck_assert_uint_eq(out.count, 2); /* Not what it proposed before it heard that. */
    is_told(2, LOOKING, vote_for(2, 5, 5, 1));
    is_told(3, LOOKING, vote_for(2, 5, 5, 1));
    over();
}
END_TEST

START_TEST(a_vote_that_came_long_before_we_looked_does_not)
{
    hears_too_early(5);
    now_ms += FINALIZE_MS + 1;
    begin(5, 1);
    proposes(vote_for(1, 5, 5, 1));
    over();
}
END_TEST

START_TEST(a_vote_of_a_round_before_ours_does_not_count)
{
    hears_too_early(4);
    begin(5, 1);
    proposes(vote_for(1, 5, 5, 1));
    over();
}
END_TEST

START_TEST(a_vote_of_one_that_is_gone_meanwhile_does_not_count)
{
    hears_too_early(5);
    election_reachable(e, now_ms, 2, false, &out);
    begin(5, 1);
    proposes(vote_for(1, 5, 5, 1));
    over();
}
END_TEST

START_TEST(a_vote_that_came_early_counts_once)
{
    hears_too_early(5);
    begin(5, 1);
    is_decided(vote_for(2, 5, 5, 1));
    begin(5, 1);
    proposes(vote_for(1, 5, 6, 1));
    over();
}
END_TEST

START_TEST(a_voter_that_has_its_leader_is_not_answered)
{
    follows();
    for (int32_t state = FOLLOWING; state <= OBSERVING; state++) {
        hear(1, state, vote_for(1, 900, 9, 90));
        ck_assert_uint_eq(out.count, 0);
    }
    over();
}
END_TEST

START_TEST(nothing_that_is_heard_undoes_a_decision)
{
    follows();
    hear(1, LEADING, vote_for(1, 900, 9, 90));
    hear(3, FOLLOWING, vote_for(1, 900, 9, 90));
    election_reachable(e, now_ms, 3, false, &out);
    ck_assert(!out.is_decided);
    passes(1000000);
    ck_assert_uint_eq(out.count, 0);
    ck_assert_int_eq(election_vote(e)->leader, 3);
    ck_assert_int_eq(election_round(e), 4);
    over();
}
END_TEST

START_TEST(the_established_epoch_is_told_once_it_is_settled)
{
    struct zab_vote established = vote_for(3, 5, 4, 2);

    follows();
    election_settle(e, ZAB_STATE_FOLLOWING, &established);
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    is_told(1, FOLLOWING, established);
    over();
}
END_TEST

START_TEST(a_stranger_is_told_the_clock_and_not_the_round_of_the_vote)
{
    struct zab_vote taken_over = vote_for(1, 5, -1, -1);

    follows();
    election_settle(e, ZAB_STATE_FOLLOWING, &taken_over);
    hear(99, LOOKING, vote_for(99, 900, 9, 90));
    ck_assert_uint_eq(out.count, 1);
    is_told(99, FOLLOWING, vote_for(1, 5, 4, -1));
    hear(3, LOOKING, vote_for(3, 5, 9, 1));
    is_told(3, FOLLOWING, taken_over);
    over();
}
END_TEST

START_TEST(a_leader_that_comes_without_an_election_ends_one)
{
    struct zab_vote taken_over = vote_for(1, 5, -1, -1);

    looks(1, 3);
    election_settle(e, ZAB_STATE_LEADING, &taken_over);
    ck_assert_int_eq(election_deadline(e), INT64_MAX);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_told(2, LEADING, taken_over);
    over();
}
END_TEST

START_TEST(nobody_has_elected_a_leader_that_was_designated)
{
    struct zab_vote taken_over = vote_for(1, 5, -1, -1);

    looks(1, 3);
    hear(2, LOOKING, vote_for(1, 5, 1, 1));
    election_settle(e, ZAB_STATE_LEADING, election_vote(e));
    ck_assert(election_was_elected_by(e, 2));
    ck_assert(!election_was_elected_by(e, 3));
    ck_assert(!election_was_elected_by(e, 99));
    election_settle(e, ZAB_STATE_LEADING, &taken_over);
    ck_assert(!election_was_elected_by(e, 2));
    over();
}
END_TEST

START_TEST(who_is_about_to_look_says_nothing)
{
    struct zab_vote last = vote_for(3, 5, 4, 2);

    follows();
    election_settle(e, ZAB_STATE_LOOKING, &last);
    hear(1, LOOKING, vote_for(1, 5, 9, 1));
    hear(99, LOOKING, vote_for(99, 5, 9, 1));
    ck_assert_uint_eq(out.count, 0);
    ck_assert_int_eq(election_deadline(e), INT64_MAX);
    begin(5, 2);
    is_told(1, LOOKING, vote_for(2, 5, 5, 2));
    over();
}
END_TEST

START_TEST(a_stranger_is_told_the_proposal_while_we_look)
{
    looks(1, 3);
    hear(2, LOOKING, vote_for(3, 7, 1, 1));
    hear(99, LOOKING, vote_for(INT64_MIN, INT64_MIN, 1, INT64_MIN));
    ck_assert_uint_eq(out.count, 1);
    is_told(99, LOOKING, vote_for(3, 7, 1, 1));
    over();
}
END_TEST

START_TEST(a_stranger_has_no_say)
{
    looks(1, 3);
    hear(99, LOOKING, vote_for(3, 900, 9, 90));
    proposes(vote_for(1, 5, 1, 1));
    ck_assert_int_eq(election_round(e), 1);
    hear(99, LEADING, vote_for(99, 900, 9, 90));
    is_open();
    over();
}
END_TEST

START_TEST(a_state_that_does_not_exist_is_not_heard_from_a_voter)
{
    looks(1, 3);
    hear(2, 4, vote_for(2, 900, 9, 90));
    hear(2, -1, vote_for(2, 900, 9, 90));
    hear(2, INT32_MIN, vote_for(2, 900, 9, 90));
    proposes(vote_for(1, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    over();
}
END_TEST

START_TEST(a_state_that_does_not_exist_is_answered_to_a_stranger)
{
    looks(1, 3);
    hear(99, 4, vote_for(2, 900, 1, 90));
    is_told(99, LOOKING, vote_for(1, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_stranger_that_has_its_leader_is_not_answered)
{
    follows();
    for (int32_t state = FOLLOWING; state <= OBSERVING; state++) {
        hear(99, state, vote_for(1, 900, 9, 90));
        ck_assert_uint_eq(out.count, 0);
    }
    over();
}
END_TEST

START_TEST(a_stranger_that_answers_our_answer_is_not_answered_again)
{
    looks(1, 3);
    hear(99, LOOKING, vote_for(99, 900, 9, 90));
    ck_assert_uint_eq(out.count, 1);
    hear(99, LOOKING, vote_for(99, 900, 9, 90));
    ck_assert_uint_eq(out.count, 0);
    hear(98, LOOKING, vote_for(98, 900, 9, 90));
    ck_assert_uint_eq(out.count, 1);
    now_ms += RESEND_MIN_MS;
    hear(99, LOOKING, vote_for(99, 900, 9, 90));
    ck_assert_uint_eq(out.count, 1);
    hear(99, LOOKING, vote_for(99, 900, 1, 90));
    ck_assert_uint_eq(out.count, 1);
    hear(99, LOOKING, vote_for(99, 900, 1, 90));
    ck_assert_uint_eq(out.count, 0);
    hear(99, LOOKING, vote_for(99, 900, 0, 90));
    ck_assert_uint_eq(out.count, 1);
    hear(99, LOOKING, vote_for(99, 900, 0, 90));
    ck_assert_uint_eq(out.count, 1);
    over();
}
END_TEST

/* ---- Configurations. */

static const char five_text[] = "server.1=host1:2888:3888:participant\n"
                                "server.2=host2:2888:3888:participant\n"
                                "server.3=host3:2888:3888:participant\n"
                                "server.4=host4:2888:3888:participant\n"
                                "server.5=host5:2888:3888:participant\nversion=1a";

START_TEST(a_newer_configuration_is_handed_out_and_nothing_else)
{
    looks(1, 3);
    hear_config(2, vote_for(3, 900, 9, 90), five_text);
    ck_assert_ptr_nonnull(out.newer);
    ck_assert_int_eq(out.newer->version, 0x1a);
    ck_assert_uint_eq(out.newer->voters, 5);
    ck_assert_uint_eq(out.count, 0);
    proposes(vote_for(1, 5, 1, 1));
    zab_config_unref(out.newer);
    over();
}
END_TEST

START_TEST(a_newer_configuration_is_taken_from_strangers_too)
{
    looks(1, 3);
    hear_config(5, vote_for(3, 900, 9, 90), five_text);
    ck_assert_ptr_nonnull(out.newer);
    zab_config_unref(out.newer);
    over();
}
END_TEST

START_TEST(who_adopts_a_configuration_begins_anew_in_round_1)
{
    looks(1, 3);
    hear(2, LOOKING, vote_for(2, 9, 9, 90));
    hear_config(5, vote_for(3, 900, 9, 90), five_text);
    ck_assert_ptr_nonnull(out.newer);
    election_configure(e, out.newer, NULL);
    zab_config_unref(out.newer);
    election_forget(e);
    begin(5, 1);
    ck_assert_uint_eq(out.count, 4);
    is_told(5, LOOKING, vote_for(1, 5, 1, 1));
    ck_assert(jute_is_text(told(5)->config, five_text));
    over();
}
END_TEST

START_TEST(an_equal_or_older_configuration_is_not_handed_out)
{
    make(1, config_of(1, 3, 0, "", 0x1a), NULL);
    begin(5, 1);
    hear_config(2, vote_for(2, 5, 1, 1), five_text);
    ck_assert_ptr_null(out.newer);
    proposes(vote_for(2, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_newer_configuration_does_not_matter_to_who_follows)
{
    follows();
    hear_config(1, vote_for(1, 900, 9, 90), five_text);
    ck_assert_ptr_null(out.newer);
    is_told(1, FOLLOWING, vote_for(3, 5, 4, 1));
    over();
}
END_TEST

START_TEST(without_reconfig_configurations_are_not_looked_at)
{
    struct election_conf conf = { .self = 1, .resend_min_ms = 200, .resend_max_ms = 60000 };
    struct zab_config *c = config_of(1, 3, 0, "", 0);

    e = election_new(&conf);
    election_configure(e, c, NULL);
    zab_config_unref(c);
    begin(5, 1);
    hear_config(2, vote_for(2, 5, 1, 1), five_text);
    ck_assert_ptr_null(out.newer);
    proposes(vote_for(2, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_configuration_of_garbage_leaves_the_vote_heard)
{
    const char *const all[] = { "",
                                "version=zz",
                                "server.x=1",
                                "\xff\xfe",
                                "server.1=a:1:2:observer",
                                "nonsense=1\nversion=ff" };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        looks(1, 3);
        hear_config(2, vote_for(2, 5, 1, 1), all[i]);
        ck_assert_ptr_null(out.newer);
        proposes(vote_for(2, 5, 1, 1));
        over();
    }
}
END_TEST

START_TEST(forgetting_sets_the_round_back_and_leaves_what_was_settled)
{
    follows();
    election_forget(e);
    ck_assert_int_eq(election_round(e), 0);
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    is_told(1, FOLLOWING, vote_for(3, 5, 4, 1));
    over();
}
END_TEST

static TCase *answers(void)
{
    TCase *tc = tcase_create("answers");

    tcase_add_test(tc, a_voter_that_looks_is_told_the_vote_with_its_own_round);
    tcase_add_test(tc, a_leader_says_that_it_leads);
    tcase_add_test(tc, a_vote_that_came_before_we_looked_counts);
    tcase_add_test(tc, a_vote_that_came_long_before_we_looked_does_not);
    tcase_add_test(tc, a_vote_of_a_round_before_ours_does_not_count);
    tcase_add_test(tc, a_vote_of_one_that_is_gone_meanwhile_does_not_count);
    tcase_add_test(tc, a_vote_that_came_early_counts_once);
    tcase_add_test(tc, a_voter_that_has_its_leader_is_not_answered);
    tcase_add_test(tc, nothing_that_is_heard_undoes_a_decision);
    tcase_add_test(tc, the_established_epoch_is_told_once_it_is_settled);
    tcase_add_test(tc, a_stranger_is_told_the_clock_and_not_the_round_of_the_vote);
    tcase_add_test(tc, a_leader_that_comes_without_an_election_ends_one);
    tcase_add_test(tc, nobody_has_elected_a_leader_that_was_designated);
    tcase_add_test(tc, who_is_about_to_look_says_nothing);
    tcase_add_test(tc, a_stranger_is_told_the_proposal_while_we_look);
    tcase_add_test(tc, a_stranger_has_no_say);
    tcase_add_test(tc, a_state_that_does_not_exist_is_not_heard_from_a_voter);
    tcase_add_test(tc, a_state_that_does_not_exist_is_answered_to_a_stranger);
    tcase_add_test(tc, a_stranger_that_has_its_leader_is_not_answered);
    tcase_add_test(tc, a_stranger_that_answers_our_answer_is_not_answered_again);
    return tc;
}

static TCase *configurations(void)
{
    TCase *tc = tcase_create("configurations");

    tcase_add_test(tc, a_newer_configuration_is_handed_out_and_nothing_else);
    tcase_add_test(tc, a_newer_configuration_is_taken_from_strangers_too);
    tcase_add_test(tc, who_adopts_a_configuration_begins_anew_in_round_1);
    tcase_add_test(tc, an_equal_or_older_configuration_is_not_handed_out);
    tcase_add_test(tc, a_newer_configuration_does_not_matter_to_who_follows);
    tcase_add_test(tc, without_reconfig_configurations_are_not_looked_at);
    tcase_add_test(tc, a_configuration_of_garbage_leaves_the_vote_heard);
    tcase_add_test(tc, forgetting_sets_the_round_back_and_leaves_what_was_settled);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("election_answers");

    suite_add_tcase(s, answers());
    suite_add_tcase(s, configurations());
    return test_run(s);
}
