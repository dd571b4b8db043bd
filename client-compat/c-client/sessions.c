/* Reconnects, taking a session over, expiry and the loss of a session. */

#include "asker.h"
#include "relay.h"

#include <string.h>
#include <unistd.h>

static void make_ephemeral(struct asker *a, zhandle_t *zh, const char *path)
{
    SAME(a, zoo_create(zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0), ZOK);
}

static void a_reconnect_keeps_session_and_ephemerals(struct asker *a)
{
    zhandle_t *other = client(a), *zh = client_open(a, relay_of(a), 20000, NULL);
    struct events *states = client_events(a, zh);
    clientid_t identity = *zoo_client_id(zh);
    struct Stat first, stat;

    make_ephemeral(a, zh, "/e");
    SAME(a, zoo_exists(other, "/e", 0, &first), ZOK);
    for (int i = 0; i < 3; i++) {
        int before = events_count(states);

        relay_cut(a->relay);
        events_wait_state(a, states, before, ZOO_CONNECTING_STATE);
        events_wait_state(a, states, before, ZOO_CONNECTED_STATE);
        SAME(a, memcmp(&identity, zoo_client_id(zh), sizeof(identity)), 0);
        SAME(a, zoo_set(zh, "/e", "x", 1, i), ZOK);
    }
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZOK);
    SAME(a, stat.czxid, first.czxid);
    SAME(a, stat.ephemeralOwner, identity.client_id);
}

static void a_request_during_an_outage_fails_and_the_next_works(struct asker *a)
{
    zhandle_t *zh = client_open(a, relay_of(a), 20000, NULL);
    struct events *states = client_events(a, zh);
    int before = events_count(states);

    make(a, zh, "/a", "0");
    relay_refuse(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTING_STATE);
    SAME(a, zoo_set(zh, "/a", "lost", 4, -1), ZCONNECTIONLOSS);
    before = events_count(states);
    relay_accept(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTED_STATE);
    SAME(a, zoo_set(zh, "/a", "1", 1, 0), ZOK);
    SAME_TEXT(a, data_of(a, zh, "/a", NULL), "1");
}

static void a_session_is_taken_over_with_its_password(struct asker *a)
{
    zhandle_t *other = client(a), *first = client_open(a, relay_of(a), 20000, NULL), *second;
    struct events *states = client_events(a, first);
    clientid_t identity = *zoo_client_id(first);
    struct Stat stat;

    make_ephemeral(a, first, "/e");
    /* The first can't come back, or both would fight for the session. */
    relay_shut(a->relay);
    second = client_open(a, NULL, 20000, &identity);
    SAME(a, zoo_client_id(second)->client_id, identity.client_id);
    events_wait_state(a, states, 0, ZOO_CONNECTING_STATE); /* The server has let it go. */
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZOK);
    SAME(a, stat.ephemeralOwner, identity.client_id);
    SAME(a, client_close(a, second), ZOK);
    settle(a, other);
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZNONODE);
    relay_accept(a->relay);
    events_wait_state(a, states, 0, ZOO_EXPIRED_SESSION_STATE);
    SAME(a, is_unrecoverable(first), ZINVALIDSTATE);
    SAME(a, zoo_exists(first, "/e", 0, &stat), ZINVALIDSTATE);
}

/* Opens a handle that can't get its session, and waits until it is told so. */
static void expect_expired(struct asker *a, const clientid_t *identity)
{
    struct events states;

    events_init(&states);

    zhandle_t *zh = zookeeper_init(a->connect, events_watch_all, 20000, identity, &states, 0);
    bool is_expired = zh != NULL && events_see_state(&states, 0, ZOO_EXPIRED_SESSION_STATE);

    if (zh != NULL)
        zookeeper_close(zh);
    events_done(&states);
    EXPECT(a, is_expired);
}

static void a_wrong_password_gets_no_session(struct asker *a)
{
    zhandle_t *owner = client(a), *other = client(a);
    clientid_t identity = *zoo_client_id(owner);
    struct Stat stat;

    make_ephemeral(a, owner, "/e");
    identity.passwd[3] ^= 1;
    expect_expired(a, &identity);
    /* The server may have ended the owner's connection, but not its session. */
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZOK);
    SAME(a, stat.ephemeralOwner, identity.client_id);
}

static void an_unknown_session_has_expired(struct asker *a)
{
    clientid_t identity = { .client_id = 0x1234567890abcde, .passwd = "fifteen letters" };

    expect_expired(a, &identity);
}

static void a_closed_session_has_expired(struct asker *a)
{
    zhandle_t *zh = client(a);
    clientid_t identity = *zoo_client_id(zh);

    SAME(a, client_close(a, zh), ZOK);
    expect_expired(a, &identity);
}

static void a_silent_session_expires(struct asker *a)
{
    static struct events gone;
    zhandle_t *other = client(a), *zh = client_open(a, relay_of(a), 3000, NULL);
    struct events *states = client_events(a, zh);
    struct Stat stat;

    events_init(&gone);
    make_ephemeral(a, zh, "/e");
    SAME(a, zoo_wexists(other, "/e", events_watch, &gone, &stat), ZOK);

    double cut = now_s();

    relay_refuse(a->relay);
    events_expect(a, &gone, 1, ZOO_DELETED_EVENT, "/e");
    /* The last sign of life may have come up to one ping interval (1 s) before the cut. */
    EXPECT(a, now_s() - cut > 1.5);
    relay_accept(a->relay);
    events_wait_state(a, states, 0, ZOO_EXPIRED_SESSION_STATE);
    SAME(a, zoo_exists(zh, "/e", 0, &stat), ZINVALIDSTATE);
}

static void an_idle_session_lives_by_its_pings(struct asker *a)
{
    zhandle_t *zh = client_open(a, NULL, 1500, NULL);
    struct events *states = client_events(a, zh);
    int before = events_count(states);
    struct Stat stat;

    make_ephemeral(a, zh, "/e");
    sleep(4); /* More than twice the timeout: the passing of time is the question here. */
    SAME(a, events_count(states), before);
    SAME(a, zoo_exists(zh, "/e", 0, &stat), ZOK);
    SAME(a, stat.ephemeralOwner, zoo_client_id(zh)->client_id);
}

const struct question session_questions[] = {
    QUESTION(a_reconnect_keeps_session_and_ephemerals),
    QUESTION(a_request_during_an_outage_fails_and_the_next_works),
    QUESTION(a_session_is_taken_over_with_its_password),
    QUESTION(a_wrong_password_gets_no_session),
    QUESTION(an_unknown_session_has_expired),
    QUESTION(a_closed_session_has_expired),
    QUESTION(a_silent_session_expires),
    QUESTION(an_idle_session_lives_by_its_pings),
    { .name = NULL },
};
