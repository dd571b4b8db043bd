/* zab/election: when one server decides (quorum-protocol 2.6): a quorum and silence, or at once. */
#include "tests/unit/test_election_one.h"

START_TEST(a_quorum_and_silence_decide)
{
    looks(3, 3);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_open();
    ck_assert_int_eq(election_deadline(e), now_ms + FINALIZE_MS);
    passes(FINALIZE_MS - 1);
    is_open();
    passes(1);
    is_decided(vote_for(3, 5, 1, 1));
    ck_assert_str_eq(out.why, "a quorum and silence");
    over();
}
END_TEST

START_TEST(votes_agree_only_in_all_their_fields)
{
    looks(3, 3);
    hear(1, LOOKING, vote_for(3, 4, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 0));
    passes(FINALIZE_MS - 1);
    ck_assert_int_gt(election_deadline(e), now_ms);
    passes(1);
    is_open();
    over();
}
END_TEST

START_TEST(news_in_the_silence_begin_it_again)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS - 1);
    hear(4, LOOKING, vote_for(3, 5, 1, 1));
    passes(1);
    is_open();
    passes(FINALIZE_MS - 1);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(one_that_repeats_itself_does_not_hold_up_the_decision)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(4, LOOKING, vote_for(4, 1, 0, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    for (int i = 0; i < FINALIZE_MS; i++) {
        ck_assert(!out.is_decided);
        now_ms++;
        hear(4, LOOKING, vote_for(4, 1, 0, 1));
        hear(2, LOOKING, vote_for(3, 5, 1, 1));
    }
    passes(0);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_better_vote_in_the_silence_ends_it)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    hear(4, LOOKING, vote_for(4, 5, 1, 1));
    proposes(vote_for(4, 5, 1, 1));
    passes(FINALIZE_MS);
    is_open();
    over();
}
END_TEST

START_TEST(a_higher_round_with_a_better_vote_in_the_silence_is_joined)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    hear(4, LOOKING, vote_for(4, 5, 6, 1));
    proposes(vote_for(4, 5, 6, 1));
    over();
}
END_TEST

START_TEST(a_higher_round_with_a_worse_vote_in_the_silence_is_told_the_decision)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    hear(4, LOOKING, vote_for(4, 4, 6, 1));
    proposes(vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 1);
    is_told(4, LEADING, vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(every_voter_alike_decides_at_once)
{
    looks(3, 3);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    is_open();
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_decided(vote_for(3, 5, 1, 1));
    ck_assert_str_eq(out.why, "every voter agrees");
    over();
}
END_TEST

START_TEST(who_adopts_the_last_missing_vote_decides_at_once_and_has_told_so)
{
    looks(1, 2);
    hear(2, LOOKING, vote_for(2, 5, 1, 1));
    is_decided(vote_for(2, 5, 1, 1));
    is_told(2, LOOKING, vote_for(2, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_vote_of_another_round_is_none_of_every_voter)
{
    looks(3, 3);
    begin(5, 1);
    hear(1, LOOKING, vote_for(3, 5, 2, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_open();
    over();
}
END_TEST

START_TEST(who_follows_the_same_leader_in_a_newer_epoch_is_alike)
{
    looks(1, 5);
    hear(5, LOOKING, vote_for(5, 5, 1, 1));
    hear(2, LOOKING, vote_for(5, 5, 1, 1));
    hear(3, FOLLOWING, vote_for(5, 5, 1, 2));
    is_open();
    hear(4, LOOKING, vote_for(5, 5, 1, 1));
    is_decided(vote_for(5, 5, 1, 1));
    over();
}
END_TEST

START_TEST(who_is_known_to_be_gone_is_not_waited_for)
{
    looks(2, 3);
    election_reachable(e, now_ms, 3, false, &out);
    is_open();
    hear(1, LOOKING, vote_for(2, 5, 1, 1));
    is_decided(vote_for(2, 5, 1, 1));
    over();
}
END_TEST

START_TEST(who_goes_in_the_silence_cuts_it_short)
{
    looks(2, 3);
    hear(1, LOOKING, vote_for(2, 5, 1, 1));
    is_open();
    election_reachable(e, now_ms, 3, false, &out);
    is_decided(vote_for(2, 5, 1, 1));
    over();
}
END_TEST

START_TEST(who_is_gone_stays_gone_in_the_next_look)
{
    looks(2, 3);
    election_reachable(e, now_ms, 3, false, &out);
    begin(5, 1);
    hear(1, LOOKING, vote_for(2, 5, 2, 1));
    is_decided(vote_for(2, 5, 2, 1));
    over();
}
END_TEST

START_TEST(who_is_back_is_waited_for)
{
    looks(2, 3);
    election_reachable(e, now_ms, 3, false, &out);
    election_reachable(e, now_ms, 3, true, &out);
    hear(1, LOOKING, vote_for(2, 5, 1, 1));
    is_open();
    over();

    looks(2, 3);
    election_reachable(e, now_ms, 3, false, &out);
    hear(3, LOOKING, vote_for(3, 4, 1, 1));
    hear(1, LOOKING, vote_for(2, 5, 1, 1));
    is_open();
    over();
}
END_TEST

START_TEST(a_leader_that_is_gone_is_not_decided_for_in_haste)
{
    looks(1, 3);
    hear(3, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(2, 5, 1, 1));
    election_reachable(e, now_ms, 3, false, &out);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    is_open();
    over();
}
END_TEST

START_TEST(those_that_are_gone_do_not_make_the_quorum_of_haste)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    election_reachable(e, now_ms, 1, false, &out);
    election_reachable(e, now_ms, 4, false, &out);
    election_reachable(e, now_ms, 5, false, &out);
    is_open();
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(both_configurations_must_agree)
{
    make(3, config_of(1, 3, 0, "", 1), config_of(3, 3, 0, "", 2));
    begin(5, 1);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS);
    is_open();
    hear(5, LOOKING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_configuration_seen_that_is_not_newer_is_not_asked)
{
    make(3, config_of(1, 3, 0, "", 2), config_of(3, 3, 0, "", 2));
    begin(5, 1);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_quorum_of_groups_is_one_of_weights)
{
    make(3, config_of(1, 5, 0, "group.1=1:2:3:4:5\nweight.3=5\n", 0), NULL);
    begin(5, 1);
    is_open();
    ck_assert_int_eq(election_deadline(e), now_ms + FINALIZE_MS);
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_new_configuration_has_the_votes_counted_anew)
{
    looks(3, 3);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    struct zab_config *five = config_of(1, 5, 0, "", 1);
    election_configure(e, five, NULL);
    zab_config_unref(five);
    ck_assert_int_le(election_deadline(e), now_ms);
    passes(0);
    is_open();
    is_told(5, LOOKING, vote_for(3, 5, 1, 1));
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    passes(FINALIZE_MS);
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("election_decisions");
    TCase *tc = tcase_create("decisions");

    tcase_add_test(tc, a_quorum_and_silence_decide);
    tcase_add_test(tc, votes_agree_only_in_all_their_fields);
    tcase_add_test(tc, news_in_the_silence_begin_it_again);
    tcase_add_test(tc, one_that_repeats_itself_does_not_hold_up_the_decision);
    tcase_add_test(tc, a_better_vote_in_the_silence_ends_it);
    tcase_add_test(tc, a_higher_round_with_a_better_vote_in_the_silence_is_joined);
    tcase_add_test(tc, a_higher_round_with_a_worse_vote_in_the_silence_is_told_the_decision);
    tcase_add_test(tc, every_voter_alike_decides_at_once);
    tcase_add_test(tc, who_adopts_the_last_missing_vote_decides_at_once_and_has_told_so);
    tcase_add_test(tc, a_vote_of_another_round_is_none_of_every_voter);
    tcase_add_test(tc, who_follows_the_same_leader_in_a_newer_epoch_is_alike);
    tcase_add_test(tc, who_is_known_to_be_gone_is_not_waited_for);
    tcase_add_test(tc, who_goes_in_the_silence_cuts_it_short);
    tcase_add_test(tc, who_is_gone_stays_gone_in_the_next_look);
    tcase_add_test(tc, who_is_back_is_waited_for);
    tcase_add_test(tc, a_leader_that_is_gone_is_not_decided_for_in_haste);
    tcase_add_test(tc, those_that_are_gone_do_not_make_the_quorum_of_haste);
    tcase_add_test(tc, both_configurations_must_agree);
    tcase_add_test(tc, a_configuration_seen_that_is_not_newer_is_not_asked);
    tcase_add_test(tc, a_quorum_of_groups_is_one_of_weights);
    tcase_add_test(tc, a_new_configuration_has_the_votes_counted_anew);
    suite_add_tcase(s, tc);
    return test_run(s);
}
