/* zab/election: the votes and rounds of one server (quorum-protocol 2.6). How it joins those that
 * have a leader is in test_election_join.c, whom it answers in test_election_answers.c; what many
 * do together in test_election_net.c. */
#include "tests/unit/test_election_one.h"

/* ---- The beginning. */

START_TEST(a_look_begins_with_the_own_vote_to_all_other_voters)
{
    looks(2, 3);
    ck_assert_uint_eq(out.count, 2);
    is_told(1, LOOKING, vote_for(2, 5, 1, 1));
    is_told(3, LOOKING, vote_for(2, 5, 1, 1));
    ck_assert(jute_is_text(told(1)->config, "server.1=host1:2888:3888:participant\n"
                                            "server.2=host2:2888:3888:participant\n"
                                            "server.3=host3:2888:3888:participant\nversion=0"));
    over();
}
END_TEST

START_TEST(each_look_is_a_new_round)
{
    looks(2, 3);
    begin(5, 1);
    is_told(1, LOOKING, vote_for(2, 5, 2, 1));
    ck_assert_int_eq(election_round(e), 2);
    over();
}
END_TEST

START_TEST(a_look_forgets_what_was_heard_in_the_last)
{
    looks(1, 5);
    hear(2, FOLLOWING, vote_for(5, 4, 7, 2));
    hear(3, FOLLOWING, vote_for(5, 4, 7, 2));
    begin(5, 1);
    hear(5, LEADING, vote_for(5, 4, 7, 2));
    is_open();
    hear(2, FOLLOWING, vote_for(5, 4, 7, 2));
    is_open();
    hear(3, FOLLOWING, vote_for(5, 4, 7, 2));
    is_decided(vote_for(5, 4, 7, 2));
    over();
}
END_TEST

START_TEST(a_single_voter_decides_at_once)
{
    looks(1, 1);
    is_decided(vote_for(1, 5, 1, 1));
    over();
}
END_TEST

START_TEST(an_observer_asks_all_voters_and_proposes_nobody)
{
    make(4, config_of(1, 3, 2, "", 0), NULL);
    begin(5, 1);
    ck_assert_uint_eq(out.count, 3);
    is_told(1, LOOKING, vote_for(INT64_MIN, INT64_MIN, 1, INT64_MIN));
    ck_assert_ptr_null(told(5));
    over();
}
END_TEST

START_TEST(a_voter_that_is_in_no_configuration_proposes_nobody_but_has_its_zxid)
{
    make(9, config_of(1, 3, 0, "", 0), NULL);
    begin(5, 1);
    is_told(1, LOOKING, vote_for(INT64_MIN, 5, 1, 1));
    over();
}
END_TEST

START_TEST(voters_of_the_next_configuration_are_asked_too)
{
    make(1, config_of(1, 3, 0, "", 1), config_of(3, 3, 0, "", 2));
    begin(5, 1);
    ck_assert_uint_eq(out.count, 4);
    for (zk_sid sid = 2; sid <= 5; sid++)
        is_told(sid, LOOKING, vote_for(1, 5, 1, 1));
    ck_assert(jute_bytes_equal(told(2)->config, told(5)->config));
    ck_assert_ptr_nonnull(memmem(told(2)->config.at, (size_t)told(2)->config.len, "version=1", 9));
    over();
}
END_TEST

START_TEST(nothing_is_said_before_the_first_look)
{
    make(1, config_of(1, 3, 0, "", 0), NULL);
    hear(2, LOOKING, vote_for(2, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    hear(99, LOOKING, vote_for(99, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    passes(1000000);
    ck_assert_uint_eq(out.count, 0);
    ck_assert_int_eq(election_deadline(e), INT64_MAX);
    over();
}
END_TEST

/* ---- Order of votes. */

START_TEST(votes_are_ordered_by_epoch_then_zxid_then_leader)
{
    struct zab_config *c = config_of(1, 3, 0, "", 0);
    struct zab_vote base = vote_for(2, 10, 1, 5);
    struct zab_vote epoch = vote_for(1, 0, 1, 6);
    struct zab_vote zxid = vote_for(1, 11, 1, 5);
    struct zab_vote leader = vote_for(3, 10, 1, 5);
    struct zab_vote round = vote_for(2, 10, 9, 5);

    ck_assert(election_beats(c, &epoch, &base) && !election_beats(c, &base, &epoch));
    ck_assert(election_beats(c, &zxid, &base) && !election_beats(c, &base, &zxid));
    ck_assert(election_beats(c, &leader, &base) && !election_beats(c, &base, &leader));
    ck_assert(!election_beats(c, &round, &base) && !election_beats(c, &base, &round));
    zab_config_unref(c);
}
END_TEST

START_TEST(votes_are_compared_signed)
{
    struct zab_config *c = config_of(1, 3, 0, "", 0);
    struct zab_vote low = vote_for(1, INT64_MIN, 1, 5);
    struct zab_vote high = vote_for(1, 0, 1, 5);
    struct zab_vote lowest = vote_for(1, 0, 1, INT64_MIN);

    ck_assert(election_beats(c, &high, &low) && !election_beats(c, &low, &high));
    ck_assert(election_beats(c, &low, &lowest) && !election_beats(c, &lowest, &low));
    zab_config_unref(c);
}
END_TEST

START_TEST(a_leader_without_weight_never_beats)
{
    struct zab_config *c = config_of(1, 3, 0, "group.1=1:2:3\nweight.3=0\n", 0);
    struct zab_vote weightless = vote_for(3, 100, 1, 9);
    struct zab_vote stranger = vote_for(7, 100, 1, 9);
    struct zab_vote any = vote_for(1, 0, 1, 0);

    ck_assert(!election_beats(c, &weightless, &any));
    ck_assert(!election_beats(c, &stranger, &any));
    ck_assert(election_beats(c, &any, &(struct zab_vote){ .epoch = -1 }));
    zab_config_unref(c);
}
END_TEST

START_TEST(a_leader_of_the_next_configuration_alone_can_win)
{
    make(1, config_of(1, 3, 0, "", 1), config_of(1, 4, 0, "", 2));
    begin(5, 1);
    hear(4, LOOKING, vote_for(4, 5, 1, 1));
    proposes(vote_for(4, 5, 1, 1));
    over();
}
END_TEST

/* ---- The round. */

START_TEST(a_better_vote_is_adopted_and_told_to_all)
{
    looks(1, 5);
    hear(2, LOOKING, vote_for(2, 6, 1, 1));
    proposes(vote_for(2, 6, 1, 1));
    ck_assert_uint_eq(out.count, 4);
    is_told(2, LOOKING, vote_for(2, 6, 1, 1));
    is_told(5, LOOKING, vote_for(2, 6, 1, 1));
    over();
}
END_TEST

START_TEST(a_worse_vote_of_this_round_is_told_ours)
{
    looks(3, 5);
    hear(2, LOOKING, vote_for(2, 5, 1, 1));
    proposes(vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 1);
    is_told(2, LOOKING, vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(an_equal_vote_of_this_round_is_not_answered)
{
    looks(3, 5);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    proposes(vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    over();
}
END_TEST

START_TEST(who_is_behind_and_repeats_itself_is_not_told_again_at_once)
{
    looks(3, 5);
    begin(5, 1);
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    hear(2, LOOKING, vote_for(2, 5, 2, 1));
    ck_assert_uint_eq(out.count, 1);
    now_ms += RESEND_MIN_MS - 1;
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    hear(2, LOOKING, vote_for(2, 5, 2, 1));
    ck_assert_uint_eq(out.count, 0);
    now_ms++;
    hear(1, LOOKING, vote_for(1, 5, 1, 1));
    is_told(1, LOOKING, vote_for(3, 5, 2, 1));
    hear(2, LOOKING, vote_for(2, 5, 2, 1));
    is_told(2, LOOKING, vote_for(3, 5, 2, 1));
    over();
}
END_TEST

START_TEST(a_higher_round_is_joined_and_what_was_counted_is_forgotten)
{
    looks(3, 5);
    hear(1, LOOKING, vote_for(3, 5, 1, 1));
    hear(2, LOOKING, vote_for(2, 1, 7, 1));
    ck_assert_int_eq(election_round(e), 7);
    ck_assert_uint_eq(out.count, 4);
    is_told(2, LOOKING, vote_for(3, 5, 7, 1));
    hear(4, LOOKING, vote_for(3, 5, 7, 1));
    passes(FINALIZE_MS);
    is_open();
    over();
}
END_TEST

START_TEST(a_higher_round_begins_with_the_better_of_its_vote_and_the_own)
{
    looks(2, 5);
    hear(5, LOOKING, vote_for(5, 9, 1, 1));
    proposes(vote_for(5, 9, 1, 1));
    hear(1, LOOKING, vote_for(1, 5, 2, 1));
    proposes(vote_for(2, 5, 2, 1));
    hear(1, LOOKING, vote_for(4, 8, 3, 1));
    proposes(vote_for(4, 8, 3, 1));
    over();
}
END_TEST

START_TEST(a_lower_round_is_told_ours_and_is_not_counted)
{
    looks(3, 3);
    begin(5, 1);
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    ck_assert_uint_eq(out.count, 1);
    is_told(2, LOOKING, vote_for(3, 5, 2, 1));
    passes(FINALIZE_MS);
    is_open();
    over();
}
END_TEST

START_TEST(a_lower_round_is_not_adopted_however_good)
{
    looks(1, 3);
    begin(5, 1);
    hear(2, LOOKING, vote_for(2, 900, 1, 90));
    proposes(vote_for(1, 5, 2, 1));
    over();
}
END_TEST

START_TEST(a_vote_for_one_that_does_not_vote_is_not_counted)
{
    looks(1, 3);
    hear(2, LOOKING, vote_for(9, 900, 1, 90));
    proposes(vote_for(1, 5, 1, 1));
    ck_assert_int_eq(election_round(e), 1);
    /* But its round is a later one. */
    hear(2, LOOKING, vote_for(INT64_MIN, 900, 8, 90));
    proposes(vote_for(1, 5, 8, 1));
    ck_assert_int_eq(election_round(e), 8);
    over();
}
END_TEST

/* Others should lead; but it may have logged what those that vote already have not. */
START_TEST(who_votes_only_in_the_next_configuration_stands_late)
{
    make(3, config_of(1, 2, 0, "", 0), config_of(1, 3, 0, "", 7));
    begin(5, 1);
    proposes(vote_for(INT64_MIN, 5, 1, 1));
    hear(1, LOOKING, vote_for(1, 4, 1, 1));
    for (int i = 0; i < 100 && election_vote(e)->leader != 3; i++)
        passes(100);
    proposes(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_vote_with_zxid_minus_1_is_ignored)
{
    looks(1, 3);
    hear(2, LOOKING, vote_for(2, -1, 9, 90));
    proposes(vote_for(1, 5, 1, 1));
    ck_assert_int_eq(election_round(e), 1);
    over();
}
END_TEST

START_TEST(who_has_zxid_minus_1_neither_counts_nor_adopts_votes)
{
    make(1, config_of(1, 3, 0, "", 0), NULL);
    begin(-1, 0);
    is_told(2, LOOKING, vote_for(1, -1, 1, 0));
    hear(2, LOOKING, vote_for(3, 5, 1, 1));
    hear(3, LOOKING, vote_for(3, 5, 1, 1));
    proposes(vote_for(1, -1, 1, 0));
    passes(FINALIZE_MS);
    is_open();
    hear(2, FOLLOWING, vote_for(3, 5, 1, 1));
    hear(3, LEADING, vote_for(3, 5, 1, 1));
    is_decided(vote_for(3, 5, 1, 1));
    over();
}
END_TEST

START_TEST(a_single_voter_with_zxid_minus_1_does_not_lead)
{
    make(1, config_of(1, 1, 0, "", 0), NULL);
    begin(-1, 0);
    is_open();
    over();
}
END_TEST

START_TEST(what_comes_under_the_own_sid_is_ignored)
{
    looks(1, 3);
    hear(1, LOOKING, vote_for(3, 900, 9, 90));
    proposes(vote_for(1, 5, 1, 1));
    ck_assert_uint_eq(out.count, 0);
    over();
}
END_TEST

START_TEST(the_highest_round_is_followed_by_the_lowest)
{
    looks(3, 3);
    hear(2, LOOKING, vote_for(2, 5, INT64_MAX, 1));
    ck_assert_int_eq(election_round(e), INT64_MAX);
    begin(5, 1);
    ck_assert_int_eq(election_round(e), INT64_MIN);
    hear(2, LOOKING, vote_for(2, 5, INT64_MAX, 1));
    ck_assert_int_eq(election_round(e), INT64_MAX);
    over();
}
END_TEST

/* ---- Sending again. */

START_TEST(the_proposal_is_sent_again_ever_more_seldom)
{
    int64_t interval = RESEND_MIN_MS;

    looks(1, 3);
    for (int i = 0; i < 12; i++) {
        ck_assert_int_eq(election_deadline(e), now_ms + interval);
        passes(interval - 1);
        ck_assert_uint_eq(out.count, 0);
        passes(1);
        ck_assert_uint_eq(out.count, 2);
        is_told(2, LOOKING, vote_for(1, 5, 1, 1));
        interval = interval * 2 < RESEND_MAX_MS ? interval * 2 : RESEND_MAX_MS;
    }
    ck_assert_int_eq(interval, RESEND_MAX_MS);
    begin(5, 1);
    ck_assert_int_eq(election_deadline(e), now_ms + RESEND_MIN_MS);
    over();
}
END_TEST

START_TEST(who_becomes_reachable_is_told_at_once)
{
    looks(1, 3);
    election_reachable(e, now_ms, 2, true, &out);
    ck_assert_uint_eq(out.count, 1);
    is_told(2, LOOKING, vote_for(1, 5, 1, 1));
    election_reachable(e, now_ms, 9, true, &out);
    ck_assert_uint_eq(out.count, 0);
    over();
}
END_TEST

static TCase *beginning(void)
{
    TCase *tc = tcase_create("beginning");

    tcase_add_test(tc, a_look_begins_with_the_own_vote_to_all_other_voters);
    tcase_add_test(tc, each_look_is_a_new_round);
    tcase_add_test(tc, a_look_forgets_what_was_heard_in_the_last);
    tcase_add_test(tc, a_single_voter_decides_at_once);
    tcase_add_test(tc, an_observer_asks_all_voters_and_proposes_nobody);
    tcase_add_test(tc, a_voter_that_is_in_no_configuration_proposes_nobody_but_has_its_zxid);
    tcase_add_test(tc, voters_of_the_next_configuration_are_asked_too);
    tcase_add_test(tc, nothing_is_said_before_the_first_look);
    tcase_add_test(tc, votes_are_ordered_by_epoch_then_zxid_then_leader);
    tcase_add_test(tc, votes_are_compared_signed);
    tcase_add_test(tc, a_leader_without_weight_never_beats);
    tcase_add_test(tc, a_leader_of_the_next_configuration_alone_can_win);
    return tc;
}

static TCase *rounds(void)
{
    TCase *tc = tcase_create("rounds");

    tcase_add_test(tc, a_better_vote_is_adopted_and_told_to_all);
    tcase_add_test(tc, a_worse_vote_of_this_round_is_told_ours);
    tcase_add_test(tc, an_equal_vote_of_this_round_is_not_answered);
    tcase_add_test(tc, who_is_behind_and_repeats_itself_is_not_told_again_at_once);
    tcase_add_test(tc, a_higher_round_is_joined_and_what_was_counted_is_forgotten);
    tcase_add_test(tc, a_higher_round_begins_with_the_better_of_its_vote_and_the_own);
    tcase_add_test(tc, a_lower_round_is_told_ours_and_is_not_counted);
    tcase_add_test(tc, a_lower_round_is_not_adopted_however_good);
    tcase_add_test(tc, a_vote_for_one_that_does_not_vote_is_not_counted);
    tcase_add_test(tc, who_votes_only_in_the_next_configuration_stands_late);
    tcase_add_test(tc, a_vote_with_zxid_minus_1_is_ignored);
    tcase_add_test(tc, who_has_zxid_minus_1_neither_counts_nor_adopts_votes);
    tcase_add_test(tc, a_single_voter_with_zxid_minus_1_does_not_lead);
    tcase_add_test(tc, what_comes_under_the_own_sid_is_ignored);
    tcase_add_test(tc, the_highest_round_is_followed_by_the_lowest);
    tcase_add_test(tc, the_proposal_is_sent_again_ever_more_seldom);
    tcase_add_test(tc, who_becomes_reachable_is_told_at_once);
    return tc;
}

int main(void)
{
    Suite *s = suite_create("election");

    suite_add_tcase(s, beginning());
    suite_add_tcase(s, rounds());
    return test_run(s);
}
