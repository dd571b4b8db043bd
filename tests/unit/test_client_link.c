/* client/link.c: a name with several addresses, and a socket that is full. */
#include <netdb.h>

#include "client/impl.h"
#include "tests/unit/test_client_lib.h"

/* ---- Names. The library's lookups end here: "several" is both listeners, and nobody else has a
 * name. */

static struct sockaddr_in named[2];

static struct addrinfo *found(const struct sockaddr_in *a, size_t count)
{
    struct addrinfo *ret = NULL;

    while (count-- > 0) {
        struct addrinfo *it = calloc(1, sizeof *it);
        struct sockaddr_in *copy = malloc(sizeof *copy);

        ck_assert(it != NULL && copy != NULL);
        *copy = a[count];
        *it = (struct addrinfo){ .ai_family = AF_INET,
                                 .ai_addrlen = sizeof *copy,
                                 .ai_addr = (struct sockaddr *)(void *)copy,
                                 .ai_next = ret };
        ret = it;
    }
    return ret;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    struct sockaddr_in a = { .sin_family = AF_INET };

    a.sin_port = htons((uint16_t)strtoul(service, NULL, 10));
    if (inet_pton(AF_INET, host, &a.sin_addr) == 1)
        *ret = found(&a, 1);
    else if ((hints->ai_flags & AI_NUMERICHOST) == 0 && strcmp(host, "several") == 0)
        *ret = found(named, 2);
    else
        return EAI_NONAME;
    return 0;
}

void freeaddrinfo(struct addrinfo *a)
{
    while (a != NULL) {
        struct addrinfo *next = a->ai_next;

        free(a->ai_addr);
        free(a);
        a = next;
    }
}

static void setup_names(void)
{
    setup();
    for (int i = 0; i < 2; i++) {
        socklen_t len = sizeof named[i];

        ck_assert_int_eq(getsockname(listeners[i], (struct sockaddr *)&named[i], &len), 0);
    }
    (void)snprintf(servers, sizeof servers, "several");
}

/* Whichever of its addresses the client has chosen. Returns its socket and the listener's index. */
static int accept_one(int *which)
{
    for (time_t end = patience(); time(NULL) < end; turn()) {
        for (int i = 0; i < 2; i++) {
            int fd = accept4(listeners[i], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

            *which = i;
            if (fd >= 0)
                return fd;
        }
    }
    ck_abort_msg("nobody dials");
    return -1;
}

/* ---- Addresses. */

enum { SAYS_NOTHING, HANGS_UP, IS_READ_ONLY, WAYS };

/* TCP's handshake is the last that goes well. */
static void disappoint(int fd, int way)
{
    uint8_t bytes[256];

    if (way == IS_READ_ONLY)
        (void)greet_with(fd, FAKE_TIMEOUT_MS, true);
    else
        ck_assert_int_gt(recv_frame(fd, bytes, sizeof bytes), 0);
    if (way == HANGS_UP)
        (void)close(fd);
    else
        expect_cut(fd);
}

START_TEST(the_next_address_is_tried_when_one_gives_no_session)
{
    int first;

    open_conf((struct zabc_conf){ .timeout_ms = _i == SAYS_NOTHING ? 2000 : 0 }, "");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    disappoint(accept_one(&first), _i);

    int fd = accept_client(listeners[1 - first]);

    (void)greet(fd);
    /* The request was not told that all was in vain. */
    send_reply(fd, recv_request(fd, ZK_OP_SYNC, NULL), 1, ZK_NO_AUTH, NULL);
    expect_told("state:3 s=-102");
    (void)close(fd);
}
END_TEST

START_TEST(a_host_has_failed_when_all_of_its_addresses_have)
{
    int first;
    int second;

    open_conf((struct zabc_conf){ 0 }, "");
    ck_assert_int_eq(zabc_sync(client, "/", done("s")), 0);
    disappoint(accept_one(&first), HANGS_UP);
    disappoint(accept_one(&second), HANGS_UP);
    ck_assert_int_ne(first, second);
    expect_told("s=-4");
    /* It is looked up again. */
    (void)close(accept_one(&first));
}
END_TEST

START_TEST(a_session_that_is_cut_goes_on_at_the_next_server)
{
    int which;
    char next[64];

    (void)snprintf(next, sizeof next, ",127.0.0.1:%u", ntohs(named[0].sin_port));
    named[0] = named[1];
    open_conf((struct zabc_conf){ .keeps_order = true }, next);

    int fd = accept_one(&which);

    ck_assert_int_eq(which, 1);
    (void)greet(fd);
    expect_told("state:3");
    (void)close(fd);
    fd = accept_one(&which);
    ck_assert_int_eq(which, 0);
    (void)close(fd);
}
END_TEST

/* ---- Bytes. */

static void shrink(int fd, int which)
{
    const int bytes = 32 * 1024;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, which, &bytes, sizeof bytes), 0);
}

START_TEST(what_is_sent_leaves_the_buffer_though_the_socket_is_always_full)
{
    enum { COUNT = 20, LARGE = 1000 * 1000, ROOM = CLIENT_WRITE_BYTES + LARGE };
    struct bytes data = { 0 };
    size_t most = 0;

    shrink(listeners[0], SO_RCVBUF);

    int fd = open_session((struct zabc_conf){ 0 }, "");

    shrink(client->link.fd, SO_SNDBUF);
    memset(bytes_room(&data, LARGE), 'x', LARGE);
    for (int i = 0; i < COUNT; i++) {
        const struct jute_bytes value = { .at = data.at, .len = LARGE };

        ck_assert_int_eq(zabc_set_data(client, "/", value, -1, (struct zabc_done){ 0 }), 0);
    }
    for (int i = 0; i < COUNT; i++) {
        struct set_data_request r;
        struct jute_in in;

        (void)recv_request(fd, ZK_OP_SET_DATA, &in);
        jute_read_set_data_request(&in, &r);
        ck_assert(!in.bad);
        ck_assert_int_eq(r.data.len, LARGE);
        ck_assert_int_eq(memcmp(r.data.at, data.at, LARGE), 0);
        most = client->link.out.cap > most ? client->link.out.cap : most;
    }
    /* As much again of what is sent, and the growth of the memory. */
    ck_assert_uint_le(most, (size_t)3 * ROOM);
    for (time_t end = patience(); client->link.out.len > 0 && time(NULL) < end;)
        turn();
    ck_assert_uint_le(client->link.out.cap, CLIENT_OUT_BYTES_KEPT);
    bytes_done(&data);
    (void)close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_link");
    TCase *addresses = tcase_create("addresses");
    TCase *bytes = tcase_create("bytes");

    tcase_add_checked_fixture(addresses, setup_names, teardown);
    tcase_set_timeout(addresses, 60);
    tcase_add_loop_test(addresses, the_next_address_is_tried_when_one_gives_no_session, 0, WAYS);
    tcase_add_test(addresses, a_host_has_failed_when_all_of_its_addresses_have);
    tcase_add_test(addresses, a_session_that_is_cut_goes_on_at_the_next_server);
    suite_add_tcase(suite, addresses);
    tcase_add_checked_fixture(bytes, setup, teardown);
    tcase_set_timeout(bytes, 60);
    tcase_add_test(bytes, what_is_sent_leaves_the_buffer_though_the_socket_is_always_full);
    suite_add_tcase(suite, bytes);
    return run_suite(suite);
}
