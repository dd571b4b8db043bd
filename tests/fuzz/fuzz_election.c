/* Fuzz target: an election among liars. Each step of the input is a notification of any sid, in
 * any state, with any vote and sometimes a configuration, or news of who is reachable, or time
 * that passes, or an end of the reign.
 *
 * Laws: a call asks for no more than one message a voter and the answers; time that passes moves
 * the deadline; only a voter of the configurations is decided for, only while looking, and the vote
 * that was decided is the one that is told; a newer configuration comes alone and is newer. */
#include <stdlib.h>
#include <string.h>

#include "util/check.h"
#include "zab/election.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char config_text[] = "server.1=a:1:2:participant\nserver.2=b:1:2:participant\n"
                                  "server.3=c:1:2:participant\nserver.4=d:1:2:observer\nversion=1";
static const char next_text[] = "server.3=c:1:2:participant\nserver.4=d:1:2:participant\n"
                                "server.5=e:1:2:participant\nversion=2";

enum { SENDS_MAX = 2 * 5 + 1 };

struct liar {
    struct election *e;
    struct zab_config *cur, *next;
    struct jute_in in;
    int64_t now_ms;
    bool looks;
};

static struct zab_config *parse(const char *text)
{
    struct zab_config_rules rules = { .standalone_enabled = false };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c = NULL;

    zk_assert(zab_config_parse(&c, text, strlen(text), &rules, why) == 0);
    return c;
}

static uint8_t byte(struct liar *l)
{
    const uint8_t *p = jute_take(&l->in, 1);

    return p != NULL ? *p : 0;
}

/* Small numbers mostly, so that they meet; and the ends. */
static int64_t number(struct liar *l)
{
    uint8_t b = byte(l);
    int64_t any;

    if (b < 0xf0)
        return b % 8;
    if (b == 0xff)
        return INT64_MAX;
    if (b == 0xfe)
        return INT64_MIN;
    if (b == 0xfd)
        return -1;
    jute_read_i64(&l->in, &any);
    return any;
}

static bool votes(const struct liar *l, zk_sid sid)
{
    return zab_config_is_voter(l->cur, sid) || zab_config_is_voter(l->next, sid);
}

static void check(struct liar *l, const struct election_out *out)
{
    zk_assert(out->count <= SENDS_MAX);
    for (size_t i = 0; i < out->count; i++)
        zk_assert(out->sends[i].n.version == 2 && out->sends[i].n.config.len > 0);
    if (out->newer != NULL) {
        zk_assert(l->looks && out->count == 0 && !out->is_decided);
        zk_assert(out->newer->version > l->cur->version);
        zab_config_unref(out->newer);
    }
    if (!out->is_decided)
        return;
    zk_assert(l->looks && out->why != NULL);
    zk_assert(votes(l, out->vote.leader));
    zk_assert(memcmp(&out->vote, election_vote(l->e), sizeof out->vote) == 0);
    zk_assert(election_deadline(l->e) == INT64_MAX);
    l->looks = false;
}

static void begin(struct liar *l)
{
    struct election_out out;

    l->looks = true;
    election_begin(l->e, l->now_ms, number(l), number(l), &out);
    check(l, &out);
}

static void notify(struct liar *l)
{
    zk_sid from = number(l);
    struct zab_notification n = { .state = byte(l) % 5, .version = byte(l) % 3 };
    struct election_out out;

    n.vote = (struct zab_vote){ .leader = number(l) };
    n.vote.zxid = number(l);
    n.vote.round = number(l);
    n.vote.epoch = number(l);
    n.config = (struct jute_bytes){ .len = byte(l) };
    if (n.config.len % 4 == 0 && (size_t)n.config.len <= jute_left(&l->in))
        n.config.at = jute_take(&l->in, (size_t)n.config.len);
    else
        n.config = (struct jute_bytes){ .len = -1 };
    election_notified(l->e, l->now_ms, from, &n, &out);
    check(l, &out);
}

static void pass(struct liar *l)
{
    struct election_out out;
    int64_t deadline = election_deadline(l->e);

    l->now_ms = deadline != INT64_MAX && deadline > l->now_ms ? deadline : l->now_ms + 1;
    election_timer(l->e, l->now_ms, &out);
    check(l, &out);
    zk_assert(election_deadline(l->e) > l->now_ms);
}

static void settle(struct liar *l)
{
    struct zab_vote vote = { .leader = number(l), .epoch = number(l), .round = -1 };

    election_settle(l->e, ZAB_STATE_FOLLOWING, &vote);
    l->looks = false;
}

static void step(struct liar *l)
{
    struct election_out out;

    switch (byte(l) % 16) {
    case 0:
        begin(l);
        break;
    case 1:
    case 2:
        pass(l);
        break;
    case 3:
        election_reachable(l->e, l->now_ms, number(l), byte(l) % 2 == 0, &out);
        check(l, &out);
        break;
    case 4:
        settle(l);
        break;
    case 5:
        election_forget(l->e);
        break;
    case 6:
        election_configure(l->e, l->cur, byte(l) % 2 == 0 ? l->next : NULL);
        election_configure(l->e, l->cur, l->next);
        break;
    default:
        notify(l);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct liar l = { .in = jute_in(data, size), .cur = parse(config_text) };
    struct election_conf conf = {
        .resend_min_ms = 200, .resend_max_ms = 60000, .finalize_ms = 200, .reconfig_enabled = true
    };

    l.next = parse(next_text);
    conf.self = 1 + byte(&l) % 6;
    l.e = election_new(&conf);
    election_configure(l.e, l.cur, l.next);
    while (!l.in.bad && jute_left(&l.in) > 0)
        step(&l);
    election_free(l.e);
    zab_config_unref(l.cur);
    zab_config_unref(l.next);
    return 0;
}
