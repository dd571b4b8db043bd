/* One core alone, one event after the other, and what it asks for as text (zab/print.h). */
#ifndef TESTS_UNIT_TEST_ZAB_STEPS_LIB_H
#define TESTS_UNIT_TEST_ZAB_STEPS_LIB_H

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "zab/print.h"

static struct zab *z;
static struct bytes said;
static int64_t now;
static const zab_link OURS = ZAB_LINK_OURS | 1;

static inline struct zab_config *three(void)
{
    static const char text[] = "server.1=a:1:2:participant\n"
                               "server.2=b:1:2:participant\n"
                               "server.3=c:1:2:participant\n"
                               "version=0";
    const struct zab_config_rules rules = { 0 };
    char why[ZAB_CONFIG_WHY_MAX];
    struct zab_config *c;

    ck_assert_int_eq(zab_config_parse(&c, text, sizeof text - 1, &rules, why), 0);
    return c;
}

/* All that came of it but votes and calls, a line each. */
static inline const char *step(struct zab_event ev)
{
    struct zab_printer p = { .self = 3 };

    ev.now_ms = now;
    struct zab_actions actions = zab_step(z, &ev);

    said.len = 0;
    for (size_t i = 0; i < actions.count; i++) {
        if (actions.at[i].kind == ZAB_DO_NOTIFY || actions.at[i].kind == ZAB_DO_CALL)
            continue;
        if (said.len > 0)
            bytes_printf(&said, "\n");
        zab_print_action(&p, &actions.at[i], &said);
    }
    bytes_put(&said, "", 1);
    return (const char *)said.at;
}

/* With this configuration; its reference is taken over. */
static inline void begin_in(struct zab_config *c, bool observer_masters, zk_zxid logged,
                            int64_t accepted, int64_t current)
{
    struct zab_conf conf = { .self = 3,
                             .is_observer = !zab_config_is_voter(c, 3),
                             .observer_masters = observer_masters,
                             .tick_ms = 2000,
                             .init_limit = 10,
                             .sync_limit = 5,
                             .proposals_max = 4,
                             .resend_min_ms = 200,
                             .resend_max_ms = 60000,
                             .finalize_ms = 200,
                             .max_wait_for_epoch_ms = -1 };
    struct zab_saved saved = {
        .logged = logged, .accepted = accepted, .current = current, .config = c
    };

    now = 1000;
    ck_assert_int_eq(zab_new(&z, &conf, &saved), 0);
    zab_config_unref(c);
    (void)step((struct zab_event){ .kind = ZAB_EV_START });
}

static inline void begin(zk_zxid logged, int64_t accepted, int64_t current)
{
    begin_in(three(), false, logged, accepted, current);
}

static inline void end(void)
{
    z = zab_free(z);
    bytes_done(&said);
}

static inline const char *packet(zab_link link, int32_t type, zk_zxid zxid, const void *data,
                                 int32_t len)
{
    struct zab_packet p = {
        .type = type, .zxid = zxid, .data = { .at = data, .len = len }, .authinfo = { .count = -1 }
    };

    return step((struct zab_event){ .kind = ZAB_EV_PACKET, .link = link, .packet = &p });
}

static inline const char *bare(zab_link link, int32_t type, zk_zxid zxid)
{
    return packet(link, type, zxid, NULL, -1);
}

static inline const char *vote(zk_sid from, zk_sid leader, int64_t epoch, zk_zxid zxid,
                               enum zab_state state)
{
    struct zab_notification n = {
        .state = (int32_t)state,
        .vote = { .leader = leader, .zxid = zxid, .round = 1, .epoch = epoch },
        .version = 2,
        .config = { .len = -1 },
    };

    return step((struct zab_event){ .kind = ZAB_EV_NOTIFIED, .peer = from, .notification = &n });
}

static inline const char *info(zab_link link, zk_sid sid, int64_t accepted)
{
    uint8_t data[20], *at = jute_store64(data, (uint64_t)sid);

    at = jute_store32(at, ZAB_PROTOCOL_VERSION);
    (void)jute_store64(at, 0);
    return packet(link, ZAB_FOLLOWERINFO, zxid_make((uint32_t)accepted, 0), data, sizeof data);
}

static inline const char *ackepoch(zab_link link, zk_zxid zxid, int32_t current)
{
    uint8_t data[4];

    (void)jute_store32(data, (uint32_t)current);
    return packet(link, ZAB_ACKEPOCH, zxid, data, sizeof data);
}

static inline const char *leaderinfo(int64_t epoch)
{
    static const uint8_t version[] = { 0, 1, 0, 0 };

    return packet(OURS, ZAB_LEADERINFO, zxid_make((uint32_t)epoch, 0), version, sizeof version);
}

static inline const char *newleader(int64_t epoch)
{
    static const char text[] = "server.1=a:1:2:participant\nversion=0";

    return packet(OURS, ZAB_NEWLEADER, zxid_make((uint32_t)epoch, 0), text, sizeof text - 1);
}

/* Elected by all. */
static inline void lead(zk_zxid logged, int64_t accepted, int64_t current)
{
    begin(logged, accepted, current);
    (void)vote(1, 3, current, logged, ZAB_STATE_LOOKING);
    ck_assert_str_eq(vote(2, 3, current, logged, ZAB_STATE_LOOKING),
                     "3 is LEADING DISCOVERY: every voter agrees");
}

/* Established with server 1. */
static inline void lead_on(zk_zxid logged)
{
    lead(logged, 4, 4);
    (void)info(7, 1, 4);
    (void)ackepoch(7, logged, 4);
    (void)bare(7, ZAB_ACK, zxid_make(5, 0));
    ck_assert_int_eq((int)zab_phase(z), ZAB_BROADCAST);
}

/* Connected to server 2, which leads. */
static inline void follow(zk_zxid logged, int64_t accepted, int64_t current)
{
    begin(logged, accepted, current);
    (void)vote(1, 2, current + 1, logged, ZAB_STATE_LOOKING);
    ck_assert_str_eq(vote(2, 2, current + 1, logged, ZAB_STATE_LOOKING),
                     "3 is FOLLOWING DISCOVERY leader=2: every voter agrees\n"
                     "3 connects to 2");
    (void)step((struct zab_event){ .kind = ZAB_EV_LINK_UP, .link = OURS });
}

static inline const char *logged_up_to(zk_zxid zxid)
{
    return step((struct zab_event){ .kind = ZAB_EV_LOGGED, .zxid = zxid });
}

#endif
