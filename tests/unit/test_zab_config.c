/* zab/config: the membership of an ensemble. */
#include "zab/config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct zab_config_rules plain = { .standalone_enabled = true };
static const struct zab_config_rules alone = { .standalone_enabled = false };
static const struct zab_config_rules many = { .standalone_enabled = true, .multi_address = true };

#define THREE                             \
    "server.1=a:2888:3888;0.0.0.0:2181\n" \
    "server.2=b:2888:3888;0.0.0.0:2181\n" \
    "server.3=c:2888:3888;0.0.0.0:2181\n"

static char why[ZAB_CONFIG_WHY_MAX];

/* In memory of exactly its size, so that AddressSanitizer sees one byte too far. */
static char *copy(const char *text, size_t len)
{
    char *exact = malloc(len + (len == 0));

    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text, len);
    return exact;
}

static int parse(struct zab_config **ret, const char *text, const struct zab_config_rules *rules)
{
    size_t len = strlen(text);
    char *exact = copy(text, len);
    int r = zab_config_parse(ret, exact, len, rules, why);

    free(exact);
    return r;
}

static struct zab_config *config(const char *text, const struct zab_config_rules *rules)
{
    struct zab_config *c = NULL;
    int r = parse(&c, text, rules);

    ck_assert_msg(r == 0, "refused: %s", why);
    return c;
}

/* What is printed of it, in a buffer that the next call reuses. */
static const char *printed(const struct zab_config *c)
{
    static char text[8192];
    struct bytes out = { 0 };

    zab_config_print(c, &out);
    ck_assert_uint_lt(out.len, sizeof text);
    memcpy(text, out.at, out.len);
    text[out.len] = '\0';
    bytes_done(&out);
    return text;
}

/* Texts and what becomes of them. */
static const struct form {
    const char *text, *printed;
    bool many;
} forms[] = {
    { THREE "version=1a0000000f",
      "server.1=a:2888:3888:participant;0.0.0.0:2181\n"
      "server.2=b:2888:3888:participant;0.0.0.0:2181\n"
      "server.3=c:2888:3888:participant;0.0.0.0:2181\n"
      "version=1a0000000f",
      false },
    { "version=0\nserver.10=a:1:2:Observer\nserver.2=b:1:2:PARTICIPANT;2181\nserver.1=c:1:2;\n",
      "server.1=c:1:2:participant\n"
      "server.2=b:1:2:participant;0.0.0.0:2181\n"
      "server.10=a:1:2:observer\n"
      "version=0",
      false },
    { "server.1 [::1]:1:2;[fe80::1%eth0]:3\nserver.2:[::ffff:10.1.2.3]:1:2 \n",
      "server.1=[0:0:0:0:0:0:0:1]:1:2:participant;[fe80:0:0:0:0:0:0:1%eth0]:3\n"
      "server.2=10.1.2.3:1:2:participant\n"
      "version=0",
      false },
    { "server.1=[::1]:1:2|a:3:4|[0:0::1]:1:2|a:3:4\nserver.2=x:1:2|x:1:2\nserver.3=y:1:2",
      "server.1=[0:0:0:0:0:0:0:1]:1:2|a:3:4:participant\n"
      "server.2=x:1:2:participant\nserver.3=y:1:2:participant\nversion=0",
      true },
    { "server.1=b:1:2|a:3:4: observer;h:5\nserver.2=x:1:2\nserver.3=y:1:2",
      "server.1=a:3:4|b:1:2:observer;h:5\n"
      "server.2=x:1:2:participant\nserver.3=y:1:2:participant\nversion=0",
      true },
    { "group.2=3\nserver.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\ngroup.1=1:2\nweight.2=0\n"
      "weight.9=5\n",
      "server.1=a:1:2:participant\nserver.2=b:1:2:participant\nserver.3=c:1:2:participant\n"
      "group.1=1:2\ngroup.2=3\nweight.1=1\nweight.2=0\nweight.3=1\nversion=0",
      false },
    { "server.1=a:1:2\n", "server.1=a:1:2:participant\nversion=0", false },
};

START_TEST(a_text_is_read_and_printed_as_zookeeper_prints_it)
{
    const struct form *f = &forms[_i];
    struct zab_config *c = config(f->text, f->many ? &many : &plain);

    ck_assert_str_eq(printed(c), f->printed);
    struct zab_config *again = config(f->printed, f->many ? &many : &plain);
    ck_assert_str_eq(printed(again), f->printed);
    zab_config_unref(again);
    zab_config_unref(c);
}
END_TEST

#define A_AND_B "server.1=a:1:2\nserver.2=b:1:2\n"

static const struct refusal {
    const char *text, *why;
} refusals[] = {
    { "", "there is no participant" },
    { "server.1=a:1:2:observer", "there is no participant" },
    { "server.1=a:1:2\nserver.2=b:1:2:observer", "observers need several participants" },
    { A_AND_B "dataDir=/d", "dataDir is no key of a membership" },
    { A_AND_B "serverx=a", "serverx is no key of a membership" },
    { A_AND_B "version=0x1", "not a hexadecimal number" },
    { A_AND_B "version=-1", "not a hexadecimal number" },
    { A_AND_B "version=", "not a hexadecimal number" },
    { A_AND_B "version=8000000000000000", "too large" },
    { A_AND_B "version=11112222333344445", "not a hexadecimal number" },
    { A_AND_B "version=1\nversion=1", "twice" },
    { A_AND_B "server.2=c:1:2", "server.2 is there twice" },
    { A_AND_B "server.02=c:1:2", "server.2 is there twice" },
    { A_AND_B "server.x=c:1:2", "server.x: the server id is not a number" },
    { A_AND_B "server.-3=c:1:2", "the server id is not a number" },
    { A_AND_B "server.9223372036854775808=c:1:2", "the server id is not a number" },
    { A_AND_B "server.3=", "server.3 must read" },
    { A_AND_B "server.3=c", "server.3 must read" },
    { A_AND_B "server.3=c:1", "server.3 must read" },
    { A_AND_B "server.3=c:1:2:3", "server.3 must read" },
    { A_AND_B "server.3=c:1:2:observer:x", "server.3 must read" },
    { A_AND_B "server.3=:1:2", "server.3 must read" },
    { A_AND_B "server.3=c:0:2", "server.3 must read" },
    { A_AND_B "server.3=c:1:65536", "server.3 must read" },
    { A_AND_B "server.3=c d:1:2", "server.3 must read" },
    { A_AND_B "server.3=[::1:1:2", "server.3 must read" },
    { A_AND_B "server.3=[::1]", "server.3 must read" },
    { A_AND_B "server.3=[::g]:1:2", "server.3 must read" },
    { A_AND_B "server.3=[::1%]:1:2", "server.3 must read" },
    { A_AND_B "server.3=c:1:2;1;2", "server.3 must read" },
    { A_AND_B "server.3=c:1:2;h:x", "'h:x' is not [host:]port" },
    { A_AND_B "server.3=c:1:2;h:1:2", "is not [host:]port" },
    { A_AND_B "server.3=c:1:2;65536", "is not [host:]port" },
    { A_AND_B "server.3=c:7:7", "the quorum port and the election port are the same" },
    { A_AND_B "server.3=c:1:2|d:1:2", "multiAddress.enabled=true" },
    { A_AND_B "server.3=c:1:\\u00e9", "server.3 must read" },
    { A_AND_B "server.3=c:1:\\uZZ", "line 3: " },
    { A_AND_B "group=1", "group is no key of a membership" },
    { A_AND_B "weight.1=1", "server.1 is in no group" },
    { A_AND_B "group.1=1", "server.2 is in no group" },
    { A_AND_B "group.1=1:2\ngroup.2=2", "server.2 is in two groups" },
    { A_AND_B "group.1=1:1:2", "server.1 is in two groups" },
    { A_AND_B "group.1=1:2:3", "there is no server.3" },
    { A_AND_B "group.1=1:x", "must list server ids" },
    { A_AND_B "group.1=", "must list server ids" },
    { A_AND_B "group.x=1:2", "the group is not a number" },
    { A_AND_B "group.1=1\ngroup.1=2", "group.1 is there twice" },
    { A_AND_B "group.1=1:2\nweight.1=-1", "must be a number" },
    { A_AND_B "group.1=1:2\nweight.1=2147483648", "must be a number" },
    { A_AND_B "group.1=1:2\nweight.1=1\nweight.01=1", "weight.1 is there twice" },
    { A_AND_B "group.1=1:2\nweight.1=0\nweight.2=0", "would be no quorum" },
    { A_AND_B "server.3=c:1:2:observer\ngroup.1=1:2:3", "an observer in a group needs a weight" },
};

START_TEST(what_is_no_membership_is_refused_and_told)
{
    const struct refusal *f = &refusals[_i];
    struct zab_config *c = NULL;

    int r = parse(&c, f->text, &plain);

    ck_assert(r == -EINVAL || r == -EDOM);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(why, f->why) != NULL, "for '%s': %s", f->text, why);
}
END_TEST

START_TEST(every_truncation_is_read_or_refused_but_not_read_beyond)
{
    const char *text = forms[4].text;

    for (size_t len = 0; len <= strlen(text); len++) {
        struct zab_config *c = NULL;
        char *exact = copy(text, len);
        if (zab_config_parse(&c, exact, len, &plain, why) == 0)
            zab_config_unref(c);
        free(exact);
    }
}
END_TEST

START_TEST(all_addresses_of_a_server_have_one_role)
{
    struct zab_config *c = NULL;

    ck_assert_int_eq(parse(&c, A_AND_B "server.3=c:1:2:observer|d:1:2:participant", &many),
                     -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "must have the same role"));
    c = config(A_AND_B "server.3=c:1:2:observer|d:1:2:observer", &many);
    ck_assert(!zab_config_is_voter(c, 3));
    zab_config_unref(c);
}
END_TEST

START_TEST(observers_beside_one_participant_need_standalone_off)
{
    struct zab_config *c = config("server.1=a:1:2\nserver.2=b:1:2:observer", &alone);
    zk_sid one[] = { 1 };

    ck_assert_uint_eq(c->voters, 1);
    ck_assert(zab_config_is_quorum(c, one, 1));
    zab_config_unref(c);
}
END_TEST

START_TEST(as_many_servers_as_allowed_are_read_and_one_more_is_not)
{
    static char text[65536];
    size_t len = 0;
    struct zab_config *c = NULL;

    for (int i = 1; i <= ZAB_MEMBERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "server.%d=h%d:1:2\n", i, i);
    c = config(text, &plain);
    ck_assert_uint_eq(c->count, ZAB_MEMBERS_MAX);
    for (int i = 0; i <= ZAB_MEMBERS_MAX + 1; i++)
        ck_assert((zab_config_find(c, i) != NULL) == (i >= 1 && i <= ZAB_MEMBERS_MAX));
    zab_config_unref(c);
    (void)snprintf(text + len, sizeof text - len, "server.300=h:1:2\n");
    ck_assert_int_eq(parse(&c, text, &plain), -EINVAL);
}
END_TEST

START_TEST(a_majority_of_voters_is_a_quorum_and_nobody_counts_twice)
{
    struct zab_config *c = config(THREE "server.4=d:1:2\nserver.5=e:1:2:observer", &plain);
    zk_sid sets[][4] = { { 1, 2, 3, 9 }, { 1, 2, 5, 9 }, { 1, 1, 1, 2 }, { 4, 3, 2, 1 } };
    bool quorum[] = { true, false, false, true };

    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(zab_config_is_quorum(c, sets[i], 4) == quorum[i], "set %zu", i);
    ck_assert(!zab_config_is_quorum(c, NULL, 0));
    ck_assert_int_eq(zab_config_weight(c, 1), 1);
    ck_assert_int_eq(zab_config_weight(c, 9), 0);
    zab_config_unref(c);
}
END_TEST

/* Three groups of three; in the third only one server weighs, the fourth weighs nothing. */
#define GROUPS                                                                                \
    "server.1=h1:1:2\nserver.2=h2:1:2\nserver.3=h3:1:2\nserver.4=h4:1:2\nserver.5=h5:1:2\n"   \
    "server.6=h6:1:2\nserver.7=h7:1:2\nserver.8=h8:1:2\nserver.9=h9:1:2\nserver.10=h10:1:2\n" \
    "group.1=1:2:3\ngroup.2=4:5:6\ngroup.3=7:8:9\ngroup.4=10\n"                               \
    "weight.8=0\nweight.9=0\nweight.10=0\nweight.1=3\n"

START_TEST(a_majority_of_groups_each_by_weight_is_a_quorum)
{
    struct zab_config *c = config(GROUPS, &plain);
    static const struct {
        zk_sid sids[5];
        bool is_quorum;
    } sets[] = {
        { { 1, 4, 5, 0, 0 }, true },  /* 3 of 5, 2 of 3. */
        { { 2, 3, 4, 5, 0 }, false }, /* 2 of 5. */
        { { 1, 7, 0, 0, 0 }, true },  /* 3 of 5, 1 of 1. */
        { { 1, 8, 9, 10, 0 }, false }, { { 4, 5, 7, 0, 0 }, true },
        { { 4, 7, 10, 8, 9 }, false }, /* 1 of 3. */
    };

    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        ck_assert_msg(zab_config_is_quorum(c, sets[i].sids, 5) == sets[i].is_quorum, "set %zu", i);
    ck_assert_int_eq(zab_config_weight(c, 1), 3);
    ck_assert_int_eq(zab_config_weight(c, 10), 0);
    zab_config_unref(c);
}
END_TEST

START_TEST(a_client_port_of_the_static_file_is_no_part_of_the_membership)
{
    struct zab_config *b = config("server.1=a:1:2;2181\nserver.2=b:1:2", &plain);

    b->members[0].client_is_static = true;
    ck_assert_str_eq(printed(b), "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n"
                                 "version=0");
    zab_config_unref(b);
}
END_TEST

START_TEST(only_host_and_quorum_port_make_the_quorum_address)
{
    struct zab_config *a = config("server.1=a:1:2\nserver.2=A:1:3\nserver.3=a:4:2", &plain);

    ck_assert(zab_member_same_quorum_address(&a->members[0], &a->members[1]));
    ck_assert(!zab_member_same_quorum_address(&a->members[0], &a->members[2]));
    zab_config_unref(a);
}
END_TEST

START_TEST(a_copy_with_another_version_stands_on_its_own)
{
    struct zab_config *a = config(GROUPS "version=1", &plain);
    struct zab_config *b = zab_config_with_version(a, 0x200000000);

    ck_assert_uint_eq(b->count, a->count);
    ck_assert_str_eq(b->members[0].addresses[0].host, a->members[0].addresses[0].host);
    ck_assert_ptr_ne(b->members[0].addresses[0].host, a->members[0].addresses[0].host);
    ck_assert_int_eq(b->version, 0x200000000);
    ck_assert_int_eq(a->version, 1);
    ck_assert_ptr_eq(zab_config_ref(b), b);
    zab_config_unref(b);
    zab_config_unref(a);
    ck_assert_uint_eq(b->group_count, 4);
    zab_config_unref(b);
}
END_TEST

/* A text as a request brings it. NULL is null. */
static struct jute_bytes given(const char *text, char **ret_exact)
{
    size_t len = text != NULL ? strlen(text) : 0;

    *ret_exact = text != NULL ? copy(text, len) : NULL;
    return (struct jute_bytes){ .at = (const uint8_t *)*ret_exact,
                                .len = text != NULL ? (int32_t)len : -1 };
}

static int change(struct zab_config **ret, const char *from, const char *joining,
                  const char *leaving, const char *members, const struct zab_config_rules *rules)
{
    struct zab_config *old = config(from, rules);
    char *exact[3];
    struct jute_bytes j = given(joining, &exact[0]);
    struct jute_bytes l = given(leaving, &exact[1]);
    struct jute_bytes m = given(members, &exact[2]);
    int r = zab_config_change(ret, old, j, l, m, 0x100000007, rules, why);

    for (size_t i = 0; i < 3; i++)
        free(exact[i]);
    zab_config_unref(old);
    return r;
}

#define KEPT_2  "server.2=b:2888:3888:participant;0.0.0.0:2181\n"
#define KEPT_23 KEPT_2 "server.3=c:2888:3888:participant;0.0.0.0:2181\n"

static const struct change {
    const char *joining, *leaving, *members, *printed;
} changes[] = {
    { "server.4=d:1:2;2181", "1,9", NULL,
      KEPT_23 "server.4=d:1:2:participant;0.0.0.0:2181\nversion=100000007" },
    { NULL, " 1 ,,", NULL, KEPT_23 "version=100000007" },
    { " server.1 = d:1:2:observer;h:3 , ", NULL, NULL,
      "server.1=d:1:2:observer;h:3\n" KEPT_23 "version=100000007" },
    /* ZK looks for the id behind the last point, and reads negative ones. */
    { "7=d:1:2;3", "-3", NULL,
      "server.1=a:2888:3888:participant;0.0.0.0:2181\n" KEPT_23
      "server.7=d:1:2:participant;0.0.0.0:3\nversion=100000007" },
    { "", "", NULL, "server.1=a:2888:3888:participant;0.0.0.0:2181\n" KEPT_23 "version=100000007" },
    { "server.4=127.0.0.1:2888:3888;2181,server.5=127.0.0.1:2888:3888;2181", "1", NULL,
      KEPT_23 "server.4=127.0.0.1:2888:3888:participant;0.0.0.0:2181\n"
              "server.5=127.0.0.1:2888:3888:participant;0.0.0.0:2181\nversion=100000007" },
    { "server.9=z:1:2", "7", "server.1=x:1:2,server.2=y:1:2\nversion=3",
      "server.1=x:1:2:participant\nserver.2=y:1:2:participant\nversion=100000007" },
    { NULL, NULL, "server.1=x:1:2,server.2=y:1:2,group.1=1:2",
      "server.1=x:1:2:participant\nserver.2=y:1:2:participant\ngroup.1=1:2\nweight.1=1\n"
      "weight.2=1\nversion=100000007" },
};

START_TEST(a_change_gives_the_next_configuration)
{
    const struct change *f = &changes[_i];
    struct zab_config *c = NULL;
    int r = change(&c, THREE "version=100000000", f->joining, f->leaving, f->members, &plain);

    ck_assert_msg(r == 0, "refused: %s", why);
    ck_assert_str_eq(printed(c), f->printed);
    zab_config_unref(c);
}
END_TEST

static const struct wrong_change {
    const char *joining, *leaving, *members, *why;
    int err; /* 0: -EINVAL. */
} wrong_changes[] = {
    { NULL, "1,2", NULL, "at least 2 participants", 0 },
    { NULL, "x", NULL, "'x' is no server id", -EDOM },
    { NULL, "-x", NULL, "'-x' is no server id", -EDOM },
    { NULL, "1 2", NULL, "'1 2' is no server id", -EDOM },
    { NULL, "1,2,3", NULL, "there is no participant", 0 },
    { "server.4", NULL, NULL, "is not server.N=...", 0 },
    { "server.x=d:1:2;3", NULL, NULL, "'x' is no server id", -EDOM },
    { "server.4=d:1:2", NULL, NULL, "server.4 needs a client port", 0 },
    { "server.4=d:1;3", NULL, NULL, "server.4 must read", 0 },
    { "server.4=A:5:3888;6", NULL, NULL, "shares an address and port with server.1", 0 },
    { "server.4=d:1:2;d:3,server.5=e:1:2;D:3", NULL, NULL, "with server.4", 0 },
    { "server.4=d:1:2;a:2888", NULL, NULL, "with server.1", 0 },
    { NULL, NULL, "", "there is no participant", 0 },
    { NULL, NULL, "server.1=x:1:2", "at least 2 participants", 0 },
    { NULL, NULL, "server.1=x:1:2,server.2=y:1:2,clientPort=5", "no key of a membership", 0 },
    { NULL, NULL, "server.x=x:1:2,server.2=y:1:2", "the server id is not a number", -EDOM },
    { NULL, NULL, "server.1=x:1:2,server.2=y:1:2,version=g", "is not a hexadecimal number", -EDOM },
};

START_TEST(a_change_that_cannot_be_is_refused_and_told)
{
    const struct wrong_change *f = &wrong_changes[_i];
    struct zab_config *c = NULL;

    ck_assert_int_eq(change(&c, THREE, f->joining, f->leaving, f->members, &plain),
                     f->err != 0 ? f->err : -EINVAL);
    ck_assert_ptr_null(c);
    ck_assert_msg(strstr(why, f->why) != NULL, "%s", why);
}
END_TEST

START_TEST(one_participant_may_stay_when_standalone_is_off)
{
    struct zab_config *c = NULL;

    ck_assert_int_eq(change(&c, THREE, NULL, "2,3", NULL, &alone), 0);
    ck_assert_uint_eq(c->voters, 1);
    zab_config_unref(c);
}
END_TEST

START_TEST(groups_change_only_as_a_whole)
{
    struct zab_config *c = NULL;

    ck_assert_int_eq(change(&c, GROUPS, NULL, "1", NULL, &plain), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "where there are groups"));
    ck_assert_int_eq(change(&c, GROUPS, NULL, NULL, A_AND_B, &plain), 0);
    zab_config_unref(c);
}
END_TEST

START_TEST(a_note_holds_only_what_can_be_printed)
{
    struct zab_config *c = NULL;

    ck_assert_int_eq(change(&c, THREE, "\x01\xff=", NULL, NULL, &plain), -EDOM);
    for (const char *s = why; *s != '\0'; s++)
        ck_assert(*s >= ' ' && *s <= '~');
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

int main(void)
{
    Suite *suite = suite_create("zab_config");
    TCase *text = tcase_create("text");
    TCase *quorums = tcase_create("quorums");
    TCase *reconfig = tcase_create("change");

    tcase_add_loop_test(text, a_text_is_read_and_printed_as_zookeeper_prints_it, 0, COUNT(forms));
    tcase_add_loop_test(text, what_is_no_membership_is_refused_and_told, 0, COUNT(refusals));
    tcase_add_test(text, every_truncation_is_read_or_refused_but_not_read_beyond);
    tcase_add_test(text, all_addresses_of_a_server_have_one_role);
    tcase_add_test(text, observers_beside_one_participant_need_standalone_off);
    tcase_add_test(text, as_many_servers_as_allowed_are_read_and_one_more_is_not);
    tcase_add_test(text, a_note_holds_only_what_can_be_printed);
    suite_add_tcase(suite, text);
    tcase_add_test(quorums, a_majority_of_voters_is_a_quorum_and_nobody_counts_twice);
    tcase_add_test(quorums, a_majority_of_groups_each_by_weight_is_a_quorum);
    tcase_add_test(quorums, a_client_port_of_the_static_file_is_no_part_of_the_membership);
    tcase_add_test(quorums, only_host_and_quorum_port_make_the_quorum_address);
    tcase_add_test(quorums, a_copy_with_another_version_stands_on_its_own);
    suite_add_tcase(suite, quorums);
    tcase_add_loop_test(reconfig, a_change_gives_the_next_configuration, 0, COUNT(changes));
    tcase_add_loop_test(reconfig, a_change_that_cannot_be_is_refused_and_told, 0,
                        COUNT(wrong_changes));
    tcase_add_test(reconfig, one_participant_may_stay_when_standalone_is_off);
    tcase_add_test(reconfig, groups_change_only_as_a_whole);
    suite_add_tcase(suite, reconfig);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
