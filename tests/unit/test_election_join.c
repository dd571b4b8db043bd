/* zab/election: joining those that have a leader (quorum-protocol 2.7). */
#include "tests/unit/test_election_one.h"

/* ---- Joining. */

START_TEST(a_joiner_follows_the_leader_of_a_running_ensemble)
{
    looks(1, 3);
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    is_open();
    hear(3, LEADING, vote_for(3, 4, 7, 2));
    is_decided(vote_for(3, 4, 7, 2));
    ck_assert_str_eq(out.why, "it leads already");
    ck_assert_int_eq(election_round(e), 7);
    over();
}
END_TEST

START_TEST(a_better_vote_of_the_own_does_not_matter_to_a_joiner)
{
    make(1, config_of(1, 3, 0, "", 0), NULL);
    begin(900, 90);
    hear(3, LEADING, vote_for(3, 4, 7, 2));
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    is_decided(vote_for(3, 4, 7, 2));
    over();
}
END_TEST

START_TEST(a_leader_that_does_not_say_so_itself_is_not_followed)
{
    looks(1, 5);
    hear(2, FOLLOWING, vote_for(5, 4, 7, 2));
    hear(3, FOLLOWING, vote_for(5, 4, 7, 2));
    hear(4, FOLLOWING, vote_for(5, 4, 7, 2));
    is_open();
    hear(5, FOLLOWING, vote_for(5, 4, 7, 2));
    is_open();
    hear(5, LEADING, vote_for(5, 4, 7, 2));
    is_decided(vote_for(5, 4, 7, 2));
    over();
}
END_TEST

START_TEST(a_leader_without_a_quorum_is_not_followed)
{
    looks(1, 5);
    hear(5, LEADING, vote_for(5, 4, 7, 2));
    hear(2, FOLLOWING, vote_for(5, 4, 7, 2));
    is_open();
    over();
}
END_TEST

START_TEST(zxid_and_round_of_those_that_have_a_leader_are_not_compared)
{
    looks(1, 3);
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    hear(3, LEADING, vote_for(3, 2, 5, 2));
    is_decided(vote_for(3, 2, 5, 2));
    ck_assert_int_eq(election_round(e), 5);
    over();
}
END_TEST

START_TEST(the_epoch_of_those_that_have_a_leader_is_compared)
{
    looks(1, 3);
    hear(2, FOLLOWING, vote_for(3, 4, 7, 1));
    hear(3, LEADING, vote_for(3, 4, 7, 2));
    is_open();
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    is_decided(vote_for(3, 4, 7, 2));
    over();
}
END_TEST

START_TEST(an_old_format_agrees_by_the_leader_alone_with_a_new_one)
{
    looks(1, 3);
    hear_version(2, FOLLOWING, vote_for(3, 4, 7, 1), 0);
    hear_version(3, LEADING, vote_for(3, 4, 7, 2), 2);
    is_decided(vote_for(3, 4, 7, 2));
    over();
}
END_TEST

START_TEST(two_of_the_old_format_must_agree_in_the_epoch)
{
    looks(1, 3);
    hear_version(2, FOLLOWING, vote_for(3, 4, 7, 1), 0);
    hear_version(3, LEADING, vote_for(3, 4, 7, 2), 0);
    is_open();
    over();
}
END_TEST

START_TEST(votes_of_this_round_are_kept_with_format_0)
{
    looks(1, 5);
    hear_version(2, FOLLOWING, vote_for(5, 4, 1, 1), 2);
    hear_version(3, FOLLOWING, vote_for(5, 4, 1, 3), 2);
    is_open();
    hear_version(5, LEADING, vote_for(5, 4, 1, 2), 2);
    is_decided(vote_for(5, 4, 1, 2));
    ck_assert_str_eq(out.why, "it leads in this round");
    over();
}
END_TEST

START_TEST(votes_of_this_round_for_a_leader_count_with_those_that_look)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(5, 9, 1, 1));
    hear(2, LOOKING, vote_for(5, 9, 1, 1));
    hear(5, LEADING, vote_for(5, 9, 1, 1));
    is_decided(vote_for(5, 9, 1, 1));
    over();
}
END_TEST

START_TEST(one_that_looks_must_agree_in_all_with_the_leader)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(5, 9, 1, 1));
    hear(2, LOOKING, vote_for(5, 9, 1, 1));
    hear(5, LEADING, vote_for(5, 9, 1, 2));
    is_open();
    over();
}
END_TEST

START_TEST(who_is_followed_in_this_round_leads)
{
    looks(3, 3);
    hear(1, FOLLOWING, vote_for(3, 5, 1, 1));
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(who_is_followed_in_another_round_does_not_lead)
{
    looks(3, 3);
    hear(1, FOLLOWING, vote_for(3, 5, 2, 1));
    is_open();
    hear(2, FOLLOWING, vote_for(3, 5, 2, 1));
    is_open();
    over();
}
END_TEST

START_TEST(what_is_said_of_leaders_outlives_the_round)
{
    looks(1, 5);
    hear(2, FOLLOWING, vote_for(5, 4, 7, 2));
    hear(3, LOOKING, vote_for(3, 5, 4, 1));
    ck_assert_int_eq(election_round(e), 4);
    hear(5, LEADING, vote_for(5, 4, 7, 2));
    is_open();
    hear(4, FOLLOWING, vote_for(5, 4, 7, 2));
    is_decided(vote_for(5, 4, 7, 2));
    over();
}
END_TEST

START_TEST(one_that_observes_is_not_heard)
{
    looks(1, 3);
    hear(2, OBSERVING, vote_for(3, 5, 1, 1));
    hear(3, LEADING, vote_for(3, 5, 1, 1));
    is_open();
    over();
}
END_TEST

START_TEST(a_leader_that_does_not_vote_is_not_followed)
{
    looks(1, 3);
    hear(2, FOLLOWING, vote_for(9, 5, 1, 1));
    hear(3, FOLLOWING, vote_for(9, 5, 1, 1));
    hear(9, LEADING, vote_for(9, 5, 1, 1));
    is_open();
    over();
}
END_TEST

START_TEST(a_follower_takes_back_the_vote_that_made_a_quorum)
{
    looks(2, 3);
    hear(1, LOOKING, vote_for(2, 5, 1, 1));
    hear(1, FOLLOWING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS);
    is_open();
    over();
}
END_TEST

/* What is only proposed may wait for nothing but our joining. */
START_TEST(a_leader_under_what_is_in_force_needs_no_quorum_of_what_is_proposed)
{
    make(1, config_of(1, 3, 0, "", 1), config_of(3, 3, 0, "", 2));
    begin(5, 1);
    hear(3, LEADING, vote_for(3, 4, 7, 2));
    is_open();
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    is_decided(vote_for(3, 4, 7, 2));
    over();
}
END_TEST

/* ---- Observers. */

START_TEST(an_observer_observes_the_leader_that_leads)
{
    make(4, config_of(1, 3, 1, "", 0), NULL);
    begin(5, 1);
    hear(2, FOLLOWING, vote_for(3, 4, 7, 2));
    hear(3, LEADING, vote_for(3, 4, 7, 2));
    is_decided(vote_for(3, 4, 7, 2));
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    is_told(1, OBSERVING, vote_for(3, 4, 7, 2));
    over();
}
END_TEST

START_TEST(an_observer_takes_over_the_votes_that_it_is_told_and_waits_for_silence)
{
    make(4, config_of(1, 3, 1, "", 0), NULL);
    begin(5, 1);
    for (zk_sid sid = 1; sid <= 3; sid++) {
        hear(sid, LOOKING, vote_for(3, 5, 1, 1));
        proposes(vote_for(3, 5, 1, 1));
    }
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(an_observer_does_not_answer_voters)
{
    make(4, config_of(1, 3, 1, "", 0), NULL);
    begin(5, 1);
    begin(5, 1);
    hear(3, LOOKING, vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    hear(3, LOOKING, vote_for(3, 5, 2, 1));
    hear(2, LOOKING, vote_for(2, 5, 2, 1));
    ck_assert_uint_eq(out.count, 0);
    over();
}
END_TEST

START_TEST(the_role_in_the_configuration_outweighs_that_of_the_file)
{
    struct election_conf conf = { .self = 1, .is_observer = true, .resend_min_ms = 200 };
    struct zab_config *c = config_of(1, 3, 0, "", 0);

    e = election_new(&conf);
    election_configure(e, c, c);
    zab_config_unref(c);
    begin(5, 1);
    is_told(2, LOOKING, vote_for(1, 5, 1, 1));
    over();
}
END_TEST

static TCase *joining(void)
{
    TCase *tc = tcase_create("joining");

    tcase_add_test(tc, a_joiner_follows_the_leader_of_a_running_ensemble);
    tcase_add_test(tc, a_better_vote_of_the_own_does_not_matter_to_a_joiner);
    tcase_add_test(tc, a_leader_that_does_not_say_so_itself_is_not_followed);
    tcase_add_test(tc, a_leader_without_a_quorum_is_not_followed);
    tcase_add_test(tc, zxid_and_round_of_those_that_have_a_leader_are_not_compared);
    tcase_add_test(tc, the_epoch_of_those_that_have_a_leader_is_compared);
    tcase_add_test(tc, an_old_format_agrees_by_the_leader_alone_with_a_new_one);
    tcase_add_test(tc, two_of_the_old_format_must_agree_in_the_epoch);
    tcase_add_test(tc, votes_of_this_round_are_kept_with_format_0);
    tcase_add_test(tc, votes_of_this_round_for_a_leader_count_with_those_that_look);
    tcase_add_test(tc, one_that_looks_must_agree_in_all_with_the_leader);
    tcase_add_test(tc, who_is_followed_in_this_round_leads);
    tcase_add_test(tc, who_is_followed_in_another_round_does_not_lead);
    tcase_add_test(tc, what_is_said_of_leaders_outlives_the_round);
    tcase_add_test(tc, one_that_observes_is_not_heard);
    tcase_add_test(tc, a_leader_that_does_not_vote_is_not_followed);
    tcase_add_test(tc, a_follower_takes_back_the_vote_that_made_a_quorum);
    tcase_add_test(tc, a_leader_under_what_is_in_force_needs_no_quorum_of_what_is_proposed);
    tcase_add_test(tc, an_observer_observes_the_leader_that_leads);
    tcase_add_test(tc, an_observer_takes_over_the_votes_that_it_is_told_and_waits_for_silence);
    tcase_add_test(tc, an_observer_does_not_answer_voters);
    tcase_add_test(tc, the_role_in_the_configuration_outweighs_that_of_the_file);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("election_join");

    suite_add_tcase(s, joining());
    return test_run(s);
}
