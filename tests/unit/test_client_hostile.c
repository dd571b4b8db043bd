/* client/: a server that talks nonsense is left; what hung on it is answered, and nothing crashes.
 */
#include "tests/unit/test_client_lib.h"

static void expect_left(int fd, const char *said)
{
    expect_told(said);
    expect_cut(fd);
}

START_TEST(a_bad_length_cuts)
{
    static const uint8_t lengths[][4] = { { 0xff, 0xff, 0xff, 0xff },
                                          { 0x80, 0, 0, 0 },
                                          { 0, 0x10, 0, 0 } };
    int fd = open_session((struct zabc_conf){ 0 }, "");

    send_bytes(fd, lengths[_i], 4);
    expect_left(fd, "state:0");
}
END_TEST

START_TEST(an_answer_nobody_asked_for_cuts)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    send_reply(fd, 1, 1, 0, NULL);
    expect_left(fd, "state:0");
}
END_TEST

START_TEST(an_answer_out_of_order_cuts)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    ck_assert_int_eq(zabc_sync(client, "/", done("a")), 0);
    ck_assert_int_eq(zabc_sync(client, "/", done("b")), 0);
    (void)recv_request(fd, ZK_OP_SYNC, NULL);
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 1, ZK_NO_AUTH, NULL);
    expect_left(fd, "a=-4 b=-4 state:0");
}
END_TEST

START_TEST(an_auth_answer_nobody_asked_for_cuts)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    send_reply(fd, ZK_XID_AUTH, 0, ZK_AUTH_FAILED, NULL);
    expect_left(fd, "state:0");
}
END_TEST

START_TEST(an_event_without_a_proper_path_or_type_cuts)
{
    static const struct watcher_event bad[] = {
        { .type = 3, .state = 3, .path = { .len = -1 } },
        { .type = 3, .state = 3, .path = { .at = (const uint8_t *)"/a\0b", .len = 4 } },
        { .type = 99, .state = 3, .path = { .at = (const uint8_t *)"/a", .len = 2 } },
        { .type = -1, .state = 3, .path = { .at = (const uint8_t *)"/a", .len = 2 } },
    };
    int fd = open_session((struct zabc_conf){ 0 }, "");
    struct bytes body = { 0 };

    jute_write_watcher_event(&body, &bad[_i]);
    send_reply(fd, ZK_XID_WATCH, 1, 0, &body);
    expect_left(fd, "state:0");
}
END_TEST

/* Appends a well-formed answer to a request of the kind, and asks it. */
static int ask(int kind, struct bytes *answer)
{
    const struct zk_stat stat = { .version = 1 };
    const struct zabc_create create = { .path = "/a", .wants_stat = true };

    switch (kind) {
    case 0:
        jute_write_zk_stat(answer, &stat);
        return zabc_exists(client, "/a", NULL, done("r"));
    case 1:
        jute_write_str(answer, jute_text("data"));
        jute_write_zk_stat(answer, &stat);
        return zabc_get_data(client, "/a", NULL, done("r"));
    case 2:
        jute_write_i32(answer, 1);
        jute_write_str(answer, jute_text("child"));
        jute_write_zk_stat(answer, &stat);
        return zabc_get_children(client, "/a", NULL, true, done("r"));
    case 3:
        jute_write_str(answer, jute_text("/a"));
        jute_write_zk_stat(answer, &stat);
        return zabc_create(client, &create, done("r"));
    case 4:
        jute_write_i32(answer, 1);
        jute_write_id(answer, (struct jute_id){ jute_text("ip"), jute_text("::1") });
        return zabc_who_am_i(client, done("r"));
    default:
        jute_write_i32(answer, 1);
        jute_write_acl(answer, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });
        jute_write_zk_stat(answer, &stat);
        return zabc_get_acl(client, "/a", done("r"));
    }
}

START_TEST(every_truncated_answer_is_an_error_and_cuts)
{
    struct bytes whole = { 0 };
    int fd = open_session((struct zabc_conf){ 0 }, "");

    for (size_t len = 0;; len++) {
        struct bytes cut = { 0 };

        whole.len = 0;
        ck_assert_int_eq(ask(_i, &whole), 0);

        struct jute_in in;
        ssize_t got = recv_frame(fd, request_bytes, sizeof request_bytes);

        ck_assert_int_ge(got, 8);
        in = jute_in(request_bytes, (size_t)got);

        int32_t xid;

        jute_read_i32(&in, &xid);
        bytes_put(&cut, whole.at, len);
        send_reply(fd, xid, 1, 0, &cut);
        if (len == whole.len)
            break;
        expect_told("r=-5 state:0");
        expect_cut(fd);
        fd = accept_client(listeners[0]);
        (void)greet(fd);
        expect_told("state:3");
    }
    expect_told("r=0");
    bytes_done(&whole);
    (void)close(fd);
}
END_TEST

/* A multi's answer with `count` results for two operations, the last of that type. */
static void answer_multi(int fd, int count, int32_t type)
{
    struct zabc_multi m;
    struct bytes body = { 0 };

    zabc_multi_begin(&m, client);
    zabc_multi_delete(&m, "/a", -1);
    zabc_multi_delete(&m, "/b", -1);
    ck_assert_int_eq(zabc_multi_submit(&m, done("m")), 0);
    for (int i = 0; i < count; i++) {
        const struct multi_header h = { .type = i == count - 1 ? type : ZK_OP_DELETE };

        jute_write_multi_header(&body, &h);
    }

    const struct multi_header end = { .type = -1, .done = true, .err = -1 };

    jute_write_multi_header(&body, &end);
    send_reply(fd, recv_request(fd, ZK_OP_MULTI, NULL), 1, 0, &body);
}

START_TEST(a_multi_must_have_as_many_results_as_operations)
{
    int fd = open_session((struct zabc_conf){ 0 }, "");

    answer_multi(fd, 2, ZK_OP_DELETE);
    expect_told("m=0");
    answer_multi(fd, _i == 0 ? 1 : _i == 1 ? 3 : 2, _i == 2 ? 77 : ZK_OP_DELETE);
    expect_left(fd, "m=-5 state:0");
}
END_TEST

START_TEST(a_greeting_that_is_cut_or_has_a_huge_password_is_left)
{
    uint8_t bytes[256];
    struct bytes out = { 0 };
    static const char long_passwd[100];
    const struct connect_response r = {
        .timeout_ms = 1000,
        .session_id = 1,
        .passwd = { .at = (const uint8_t *)long_passwd, .len = _i == 0 ? 16 : 100 },
    };

    open_conf((struct zabc_conf){ 0 }, "");

    int fd = accept_client(listeners[0]);

    ck_assert_int_gt(recv_frame(fd, bytes, sizeof bytes), 0);

    size_t frame = jute_frame_begin(&out);

    jute_write_connect_response(&out, &r);
    if (_i == 0)
        out.len -= 3;
    jute_frame_end(&out, frame);
    send_bytes(fd, out.at, out.len);
    bytes_done(&out);
    expect_cut(fd);
    ck_assert_str_eq(told, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_hostile");
    TCase *hostile = tcase_create("hostile");

    tcase_add_checked_fixture(hostile, setup, teardown);
    tcase_set_timeout(hostile, 120);
    tcase_add_loop_test(hostile, a_bad_length_cuts, 0, 3);
    tcase_add_test(hostile, an_answer_nobody_asked_for_cuts);
    tcase_add_test(hostile, an_answer_out_of_order_cuts);
    tcase_add_test(hostile, an_auth_answer_nobody_asked_for_cuts);
    tcase_add_loop_test(hostile, an_event_without_a_proper_path_or_type_cuts, 0, 4);
    tcase_add_loop_test(hostile, every_truncated_answer_is_an_error_and_cuts, 0, 6);
    tcase_add_loop_test(hostile, a_multi_must_have_as_many_results_as_operations, 0, 3);
    tcase_add_loop_test(hostile, a_greeting_that_is_cut_or_has_a_huge_password_is_left, 0, 2);
    suite_add_tcase(suite, hostile);
    return run_suite(suite);
}
