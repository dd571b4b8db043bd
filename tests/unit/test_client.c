/* client/: a session over several connections, and requests at the cuts between them. */
#include "tests/unit/test_client_lib.h"

static struct jute_bytes null_bytes(void)
{
    return (struct jute_bytes){ .len = -1 };
}

/* ---- Sessions. */

START_TEST(a_new_session_is_asked_for_with_what_the_caller_wants)
{
    open_conf((struct zabc_conf){ .timeout_ms = 12345 }, "");

    int fd = accept_client(listeners[0]);
    struct connect_request r = greet(fd);

    ck_assert_int_eq(r.timeout_ms, 12345);
    ck_assert_int_eq(r.session_id, 0);
    ck_assert_int_eq(r.last_zxid_seen, 0);
    expect_told("state:3");
    ck_assert_int_eq(zabc_state(client), ZABC_CONNECTED);
    ck_assert_int_eq(zabc_session_id(client), FAKE_SESSION);
    ck_assert_int_eq(zabc_timeout_ms(client), FAKE_TIMEOUT_MS);
    ck_assert_int_eq(zabc_passwd(client).len, 16);
    ck_assert_str_eq(zabc_server(client), servers);
    (void)close(fd);
}
END_TEST

START_TEST(a_cut_session_comes_back_with_its_id_password_and_zxid)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 77, ZK_NO_AUTH, NULL);
    expect_told("s=-102");
    (void)close(fd);
    fd = accept_client(listeners[0]);

    struct connect_request r = greet(fd);

    ck_assert_int_eq(r.session_id, FAKE_SESSION);
    ck_assert_int_eq(r.last_zxid_seen, 77);
    ck_assert(jute_is_text(r.passwd, "0123456789abcdef"));
    expect_told("state:0 state:3");
    (void)close(fd);
}
END_TEST

START_TEST(an_expired_session_is_the_end_of_everything)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    (void)close(fd);
    fd = accept_client(listeners[0]);
    ck_assert_int_eq(zabc_sync(client, "/", done("waits")), 0);
    (void)greet_with(fd, 0, false);
    expect_told("state:0 waits=-112 state:-112");
    ck_assert_int_eq(zabc_state(client), ZABC_CLOSED);
    ck_assert_int_eq(zabc_sync(client, "/", done("late")), 0);
    ck_assert_str_eq(told, "");
    expect_told("late=-112");
    expect_cut(fd);
}
END_TEST

START_TEST(closing_asks_the_server_behind_all_requests)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    ck_assert_int_eq(zabc_close(client, done("closed")), 0);
    ck_assert_int_eq(zabc_close(client, done("again")), -EINVAL);

    int32_t xid = recv_request(fd, ZK_OP_SYNC, NULL);
    int32_t last = recv_request(fd, ZK_OP_CLOSE_SESSION, NULL);

    send_reply(fd, xid, 5, ZK_NO_AUTH, NULL);
    send_reply(fd, last, 6, 0, NULL);
    expect_told("s=-102 state:7 closed=0");
    expect_cut(fd);
}
END_TEST

START_TEST(closing_without_a_connection_asks_nobody)
{
    open_conf((struct zabc_conf){ 0 }, "");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    ck_assert_int_eq(zabc_close(client, done("closed")), 0);
    expect_told("s=-112 state:7 closed=0");
}
END_TEST

static void free_in_callback(void *arg, const struct zabc_reply *reply)
{
    on_reply(arg, reply);
    zabc_free(client);
    client = NULL;
    tell("freed");
}

START_TEST(a_client_may_be_freed_by_the_answer_and_answers_the_others_first)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_done frees = { .tell = free_in_callback, .arg = name_of("a") };

    ck_assert_int_eq(zabc_sync(client, "/", frees), 0);
    ck_assert_int_eq(zabc_sync(client, "/", done("b")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 1, ZK_NO_AUTH, NULL);
    expect_told("a=-102 b=-112 freed");
    (void)close(fd);
}
END_TEST

START_TEST(a_cut_answers_all_that_were_sent_even_if_one_frees_the_client)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_done frees = { .tell = free_in_callback, .arg = name_of("a") };

    ck_assert_int_eq(zabc_sync(client, "/", frees), 0);
    ck_assert_int_eq(zabc_sync(client, "/", done("b")), 0);
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    (void)close(fd);
    expect_told("a=-4 b=-4 freed");
}
END_TEST

/* ---- Servers. */

START_TEST(the_next_server_is_tried_when_one_refuses)
{
    char second[64];
    struct sockaddr_in a;
    socklen_t len = sizeof a;

    ck_assert_int_eq(getsockname(listeners[1], (struct sockaddr *)&a, &len), 0);
    (void)snprintf(second, sizeof second, ",127.0.0.1:%u", ntohs(a.sin_port));
    (void)close(listeners[0]);
    listeners[0] = dup(listeners[1]);
    open_conf((struct zabc_conf){ 0 }, second);
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);

    int fd = accept_client(listeners[1]);

    (void)greet(fd);
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 1, ZK_NO_AUTH, NULL);
    expect_told("state:3 s=-102");
    (void)close(fd);
}
END_TEST

START_TEST(a_request_fails_when_every_server_was_tried_in_vain)
{
    (void)close(listeners[0]);
    listeners[0] = dup(listeners[1]);
    open_conf((struct zabc_conf){ 0 }, "");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    expect_told("s=-4");
    ck_assert_int_eq(zabc_state(client), ZABC_CONNECTING);
}
END_TEST

START_TEST(a_server_that_says_nothing_is_left)
{
    open_conf((struct zabc_conf){ .timeout_ms = 200 }, "");

    int fd = accept_client(listeners[0]);
    uint8_t bytes[256];

    ck_assert_int_eq(recv_frame(fd, bytes, sizeof bytes), 45);
    expect_cut(fd);
    (void)close(accept_client(listeners[0]));
}
END_TEST

START_TEST(pings_go_out_and_silence_cuts)
{
    open_conf((struct zabc_conf){ 0 }, "");

    int fd = accept_client(listeners[0]);

    (void)greet_with(fd, 600, false);
    expect_told("state:3");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(recv_request(fd, ZK_OP_PING, NULL), ZK_XID_PING);
        send_reply(fd, ZK_XID_PING, 1, 0, NULL);
    }
    expect_told("state:0");
    (void)close(fd);
}
END_TEST

START_TEST(a_read_only_server_is_for_those_who_ask_for_it)
{
    open_conf((struct zabc_conf){ 0 }, "");

    int fd = accept_client(listeners[0]);

    (void)greet_with(fd, FAKE_TIMEOUT_MS, true);
    expect_cut(fd);
    zabc_free(client);
    open_conf((struct zabc_conf){ .takes_read_only = true }, "");
    fd = accept_client(listeners[0]);
    (void)greet_with(fd, FAKE_TIMEOUT_MS, true);
    expect_told("state:5");
    ck_assert_int_eq(zabc_state(client), ZABC_CONNECTED_READ_ONLY);

    /* It looks for a server that takes writes: the list has only this one. */
    int asking = accept_client(listeners[0]);
    char word[4] = "";

    for (time_t end = patience(); word[3] == '\0' && time(NULL) < end; turn()) {
        ssize_t got = recv(asking, word, sizeof word, MSG_PEEK);

        if (got == sizeof word)
            break;
    }
    ck_assert_int_eq(memcmp(word, "isro", 4), 0);
    send_bytes(asking, "rw", 2);
    expect_cut(fd);
    (void)close(asking);
    fd = accept_client(listeners[0]);
    /* What a read-only server made is no session to the others. */
    ck_assert_int_eq(greet(fd).session_id, 0);
    expect_told("state:0 state:3");
    (void)close(fd);
}
END_TEST

/* ---- Identities and watches on a new connection. */

START_TEST(identities_and_watches_come_first_on_a_new_connection)
{
    int fd = open_session((struct zabc_conf){ 0 }, "/root");
    struct zabc_watcher w = watcher("w");
    struct jute_in in;
    struct auth_packet auth;
    struct set_watches2 set;

    ck_assert_int_eq(zabc_add_auth(client, "digest", jute_text("a:b"), done("auth")), 0);
    ck_assert_int_eq(recv_request(fd, ZK_OP_AUTH, &in), ZK_XID_AUTH);
    send_reply(fd, ZK_XID_AUTH, 0, 0, NULL);
    ck_assert_int_eq(zabc_exists(client, "/none", &w, done("e")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_EXISTS, NULL), 9, ZK_NO_NODE, NULL);
    ck_assert_int_eq(zabc_add_watch(client, "/r", ZK_ADD_WATCH_PERSISTENT_RECURSIVE, &w, done("r")),
                     0);

    struct bytes ok = { 0 };

    jute_write_i32(&ok, 0);
    send_reply(fd, recv_request(fd, ZK_OP_ADD_WATCH, NULL), 9, 0, &ok);
    expect_told("auth=0 e=-101 r=0");
    (void)close(fd);
    fd = accept_client(listeners[0]);
    (void)greet(fd);
    expect_told("state:0 state:3");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    ck_assert_int_eq(recv_request(fd, ZK_OP_AUTH, &in), ZK_XID_AUTH);
    jute_read_auth_packet(&in, &auth);
    ck_assert(jute_is_text(auth.scheme, "digest") && jute_is_text(auth.auth, "a:b"));
    ck_assert_int_eq(recv_request(fd, ZK_OP_SET_WATCHES2, &in), ZK_XID_SET_WATCHES);
    jute_read_set_watches2(&in, &set);
    ck_assert(!in.bad);
    ck_assert_int_eq(set.relative_zxid, 9);
    ck_assert_int_eq(set.exist_watches.count, 1);
    ck_assert_int_eq(set.data_watches.count, 0);
    ck_assert_int_eq(set.persistent_recursive_watches.count, 1);

    struct jute_in walk = jute_walk(set.exist_watches);
    struct jute_bytes path;

    ck_assert(jute_next_str(&walk, &path) && jute_is_text(path, "/root/none"));
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    send_event(fd, -1, ZK_EVENT_NODE_CREATED, "/root/none");
    send_event(fd, 12, ZK_EVENT_NODE_DELETED, "/root/r/below");
    send_event(fd, 12, ZK_EVENT_NODE_CREATED, "/root/none");
    expect_told("w:1:/none w:2:/r/below");
    (void)close(fd);
}
END_TEST

START_TEST(many_watches_are_set_again_in_pieces_that_fit)
{
    enum { COUNT = 3000 };
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_watcher w = watcher("w");
    char path[128];
    int32_t found = 0;
    int pieces = 0;

    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(path, sizeof path, "/%0100d", i);
        ck_assert_int_eq(zabc_exists(client, path, &w, (struct zabc_done){ 0 }), 0);
        send_reply(fd, recv_request(fd, ZK_OP_EXISTS, NULL), 9, ZK_NO_NODE, NULL);
    }
    turn();
    (void)close(fd);
    fd = accept_client(listeners[0]);
    (void)greet(fd);
    while (found < COUNT) {
        struct jute_in in;
        struct set_watches set;

        (void)recv_request(fd, ZK_OP_SET_WATCHES, &in);
        ck_assert_uint_le(jute_left(&in), 128 * 1024 + 64);
        jute_read_set_watches(&in, &set);
        ck_assert(!in.bad);
        found += set.exist_watches.count;
        pieces++;
    }
    ck_assert_int_eq(found, COUNT);
    ck_assert_int_ge(pieces, 3);
    (void)close(fd);
}
END_TEST

START_TEST(forgotten_watches_are_not_set_again)
{
    int fd = open_session((struct zabc_conf){ .forgets_watches = true }, "");
    struct zabc_watcher w = watcher("w");

    ck_assert_int_eq(zabc_exists(client, "/none", &w, done("e")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_EXISTS, NULL), 9, ZK_NO_NODE, NULL);
    expect_told("e=-101");
    (void)close(fd);
    fd = accept_client(listeners[0]);
    (void)greet(fd);
    expect_told("state:0 state:3");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    (void)close(fd);
}
END_TEST

START_TEST(a_refused_identity_is_the_end)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    ck_assert_int_eq(zabc_add_auth(client, "x", null_bytes(), done("auth")), 0);
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    (void)recv_request(fd, ZK_OP_AUTH, NULL);
    send_reply(fd, ZK_XID_AUTH, 0, ZK_AUTH_FAILED, NULL);
    expect_told("s=-115 state:4 auth=-115");
    ck_assert_int_eq(zabc_state(client), ZABC_AUTH_FAILED);
    expect_told("");
    (void)close(fd);
}
END_TEST

START_TEST(a_removal_tells_the_watchers_before_its_answer)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_watcher a = watcher("a");
    struct zabc_watcher b = watcher("b");

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(zabc_exists(client, "/n", i == 0 ? &a : &b, (struct zabc_done){ 0 }), 0);
        send_reply(fd, recv_request(fd, ZK_OP_EXISTS, NULL), 9, ZK_NO_NODE, NULL);
    }
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 9, ZK_NO_AUTH, NULL);
    expect_told("s=-102");
    /* b's is still needed at the server. */
    ck_assert_int_eq(zabc_remove_watches(client, "/n", ZK_WATCHER_DATA, &a, false, done("ra")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_CHECK_WATCHES, NULL), 9, 0, NULL);
    expect_told("a:5:/n ra=0");
    ck_assert_int_eq(zabc_remove_watches(client, "/n", ZK_WATCHER_ANY, &b, false, done("rb")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_REMOVE_WATCHES, NULL), 9, 0, NULL);
    expect_told("b:5:/n rb=0");
    ck_assert_int_eq(zabc_remove_watches(client, "/n", ZK_WATCHER_ANY, NULL, false, done("rc")), 0);
    send_reply(fd, recv_request(fd, ZK_OP_REMOVE_WATCHES, NULL), 9, 0, NULL);
    expect_told("rc=-121");
    (void)close(fd);
}
END_TEST

/* Asks for a watch; returns what a server says that has the node. */
static struct bytes set_watch(int32_t op, const struct zabc_watcher *w)
{
    const struct zk_stat stat = { .version = 1 };
    struct bytes ret = { 0 };

    switch (op) {
    case ZK_OP_GET_DATA:
        jute_write_str(&ret, jute_text("data"));
        jute_write_zk_stat(&ret, &stat);
        ck_assert_int_eq(zabc_get_data(client, "/n", w, done("b")), 0);
        break;
    case ZK_OP_EXISTS:
        jute_write_zk_stat(&ret, &stat);
        ck_assert_int_eq(zabc_exists(client, "/n", w, done("b")), 0);
        break;
    case ZK_OP_GET_CHILDREN:
        jute_write_i32(&ret, 0);
        ck_assert_int_eq(zabc_get_children(client, "/n", w, false, done("b")), 0);
        break;
    default:
        jute_write_i32(&ret, 0);
        ck_assert_int_eq(zabc_add_watch(client, "/n", ZK_ADD_WATCH_PERSISTENT, w, done("b")), 0);
        break;
    }
    return ret;
}

static const struct {
    int32_t op;
    enum zk_watcher_type type;
    enum zk_event event; /* One that it hears of. */
    bool is_sent;        /* Before the removal is asked for. */
} being_set[] = {
    { ZK_OP_GET_DATA, ZK_WATCHER_DATA, ZK_EVENT_NODE_DATA_CHANGED, false },
    { ZK_OP_GET_DATA, ZK_WATCHER_ANY, ZK_EVENT_NODE_DATA_CHANGED, true },
    { ZK_OP_EXISTS, ZK_WATCHER_DATA, ZK_EVENT_NODE_DATA_CHANGED, false },
    { ZK_OP_GET_CHILDREN, ZK_WATCHER_CHILDREN, ZK_EVENT_NODE_CHILDREN_CHANGED, true },
    { ZK_OP_ADD_WATCH, ZK_WATCHER_PERSISTENT, ZK_EVENT_NODE_DATA_CHANGED, false },
};

START_TEST(a_removal_leaves_the_server_the_watch_that_another_is_setting)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_watcher a = watcher("a");
    struct zabc_watcher b = watcher("b");
    enum zk_watcher_type type = being_set[_i].type;
    struct bytes answer = set_watch(being_set[_i].op, &b);
    int32_t xid = being_set[_i].is_sent ? recv_request(fd, being_set[_i].op, NULL) : 0;
    char said[32];

    ck_assert_int_eq(zabc_remove_watches(client, "/n", type, &a, false, done("ra")), 0);
    if (!being_set[_i].is_sent)
        xid = recv_request(fd, being_set[_i].op, NULL);

    int32_t check = recv_request(fd, ZK_OP_CHECK_WATCHES, NULL);

    send_reply(fd, xid, 1, 0, &answer);
    send_reply(fd, check, 1, 0, NULL);
    expect_told("b=0 ra=-121");
    send_event(fd, 2, being_set[_i].event, "/n");
    (void)snprintf(said, sizeof said, "b:%d:/n", (int)being_set[_i].event);
    expect_told(said);
    (void)close(fd);
}
END_TEST

START_TEST(a_removal_takes_the_servers_watch_when_others_are_set_elsewhere)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct zabc_watcher a = watcher("a");
    struct zabc_watcher b = watcher("b");

    ck_assert_int_eq(zabc_exists(client, "/n", &a, done("own")), 0);
    ck_assert_int_eq(zabc_exists(client, "/other", &b, done("path")), 0);
    ck_assert_int_eq(zabc_get_children(client, "/n", &b, false, done("kind")), 0);
    ck_assert_int_eq(zabc_remove_watches(client, "/n", ZK_WATCHER_DATA, &a, false, done("ra")), 0);
    (void)recv_request(fd, ZK_OP_EXISTS, NULL);
    (void)recv_request(fd, ZK_OP_EXISTS, NULL);
    (void)recv_request(fd, ZK_OP_GET_CHILDREN, NULL);
    (void)recv_request(fd, ZK_OP_REMOVE_WATCHES, NULL);
    (void)close(fd);
}
END_TEST

/* ---- Limits and time. */

START_TEST(what_is_too_large_or_too_much_is_not_taken)
{
    static char data[2000];
    struct jute_bytes large = { .at = (const uint8_t *)data, .len = sizeof data };
    int fd = open_session((struct zabc_conf){ .packet_bytes_max = 1000 }, "");
    int r = 0;
    int count = 0;

    ck_assert_int_eq(zabc_set_data(client, "/", large, -1, done("x")), -EMSGSIZE);
    ck_assert_int_eq(zabc_sync(client, "no", done("x")), -EINVAL);
    for (; r == 0 && count <= ZABC_REQUESTS_MAX; count++)
        r = zabc_sync(client, "/", (struct zabc_done){ 0 });
    ck_assert_int_eq(r, -ENOBUFS);
    ck_assert_int_eq(count, ZABC_REQUESTS_MAX + 1);
    (void)close(fd);
}
END_TEST

START_TEST(an_answer_that_takes_too_long_cuts_the_connection)
{
    int fd = open_session((struct zabc_conf){ .request_timeout_ms = 100 }, "");

    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    expect_told("s=-122 state:0");
    expect_cut(fd);
}
END_TEST

/* The only request that comes, and its answer: on a connection that was not cut meanwhile. */
static void expect_only(int fd, const char *name, const char *said)
{
    ck_assert_int_eq(zabc_exists(client, "/only", NULL, done(name)), 0);
    send_reply(fd, recv_request(fd, ZK_OP_EXISTS, NULL), 1, ZK_NO_NODE, NULL);
    expect_told(said);
}

START_TEST(a_request_is_late_without_a_connection_too)
{
    open_conf((struct zabc_conf){ .request_timeout_ms = 1000 }, "");

    int fd = accept_client(listeners[0]);

    (void)recv_greeting(fd);
    ck_assert_int_eq(zabc_sync(client, "/", done("a")), 0);
    ck_assert_int_eq(zabc_sync(client, "/", done("b")), 0);
    expect_told("a=-122 b=-122");
    /* Nobody has heard of them: the connection goes on. */
    send_greeting(fd, FAKE_TIMEOUT_MS, false);
    expect_told("state:3");
    expect_only(fd, "c", "c=-101");
    (void)close(fd);
}
END_TEST

START_TEST(a_request_that_is_late_when_a_connection_comes_up_is_not_sent)
{
    static const struct timespec longer = { .tv_sec = 1, .tv_nsec = 100000000 };

    open_conf((struct zabc_conf){ .request_timeout_ms = 1000 }, "");

    int fd = accept_client(listeners[0]);

    (void)recv_greeting(fd);
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    /* The loop's next turn finds the greeting and the deadline together. */
    (void)nanosleep(&longer, NULL);
    send_greeting(fd, FAKE_TIMEOUT_MS, false);
    expect_told("state:3 s=-122");
    expect_only(fd, "c", "c=-101");
    (void)close(fd);
}
END_TEST

START_TEST(a_request_that_is_lost_with_its_connection_is_not_late)
{
    int fd = open_session((struct zabc_conf){ .request_timeout_ms = 60000 }, "");

    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    (void)close(fd);
    expect_told("s=-4 state:0");
    fd = accept_client(listeners[0]);
    (void)greet(fd);
    expect_told("state:3");
    expect_only(fd, "c", "c=-101");
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client");
    TCase *sessions = tcase_create("sessions");
    TCase *watches = tcase_create("watches");

    tcase_add_checked_fixture(sessions, setup, teardown);
    tcase_set_timeout(sessions, 60);
    tcase_add_test(sessions, a_new_session_is_asked_for_with_what_the_caller_wants);
    tcase_add_test(sessions, a_cut_session_comes_back_with_its_id_password_and_zxid);
    tcase_add_test(sessions, an_expired_session_is_the_end_of_everything);
    tcase_add_test(sessions, closing_asks_the_server_behind_all_requests);
    tcase_add_test(sessions, closing_without_a_connection_asks_nobody);
    tcase_add_test(sessions, a_client_may_be_freed_by_the_answer_and_answers_the_others_first);
    tcase_add_test(sessions, a_cut_answers_all_that_were_sent_even_if_one_frees_the_client);
    tcase_add_test(sessions, the_next_server_is_tried_when_one_refuses);
    tcase_add_test(sessions, a_request_fails_when_every_server_was_tried_in_vain);
    tcase_add_test(sessions, a_server_that_says_nothing_is_left);
    tcase_add_test(sessions, pings_go_out_and_silence_cuts);
    tcase_add_test(sessions, a_read_only_server_is_for_those_who_ask_for_it);
    suite_add_tcase(suite, sessions);
    tcase_add_checked_fixture(watches, setup, teardown);
    tcase_set_timeout(watches, 60);
    tcase_add_test(watches, identities_and_watches_come_first_on_a_new_connection);
    tcase_add_test(watches, many_watches_are_set_again_in_pieces_that_fit);
    tcase_add_test(watches, forgotten_watches_are_not_set_again);
    tcase_add_test(watches, a_refused_identity_is_the_end);
    tcase_add_test(watches, a_removal_tells_the_watchers_before_its_answer);
    tcase_add_loop_test(watches, a_removal_leaves_the_server_the_watch_that_another_is_setting, 0,
                        (int)(sizeof being_set / sizeof being_set[0]));
    tcase_add_test(watches, a_removal_takes_the_servers_watch_when_others_are_set_elsewhere);
    tcase_add_test(watches, what_is_too_large_or_too_much_is_not_taken);
    tcase_add_test(watches, an_answer_that_takes_too_long_cuts_the_connection);
    tcase_add_test(watches, a_request_is_late_without_a_connection_too);
    tcase_add_test(watches, a_request_that_is_late_when_a_connection_comes_up_is_not_sent);
    tcase_add_test(watches, a_request_that_is_lost_with_its_connection_is_not_late);
    suite_add_tcase(suite, watches);
    return run_suite(suite);
}
