#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/impl.h"
#include "jute/frame.h"

/* ---- Time. */

int link_read_timeout_ms(const struct zabc *c)
{
    return (int)((int64_t)c->timeout_ms * 2 / 3);
}

/* How long each server gets for both handshakes: so that all of them fit into the session. The
 * addresses of a host share its part. */
static int64_t patience_ms(const struct zabc *c)
{
    size_t addresses = c->link.addresses.count > 0 ? c->link.addresses.count : 1;
    int64_t share = c->timeout_ms / (int64_t)(c->hosts.count * addresses);

    return share > 0 ? share : 1;
}

/* Two pings fit into the time after which we give a silent server up, a second to spare. */
static int64_t ping_due_ms(const struct zabc *c)
{
    int64_t after = link_read_timeout_ms(c) / 2;

    if (after > 2000)
        after -= 1000;
    return c->link.said_ms + (after < CLIENT_PING_MS_MAX ? after : CLIENT_PING_MS_MAX);
}

static int64_t link_due_ms(const struct zabc *c)
{
    if (c->link.state != LINK_UP)
        return c->link.due_ms;

    int64_t due = c->link.heard_ms + link_read_timeout_ms(c);
    int64_t ping = ping_due_ms(c);

    return ping < due ? ping : due;
}

static int64_t due_ms(const struct zabc *c)
{
    int64_t due = link_due_ms(c);
    int64_t request = requests_due_ms(c);

    return request > 0 && request < due ? request : due;
}

/* A timer that goes off too early sets itself again, so that it is moved only when something is due
 * sooner: not for each request. */
static void set_timer(struct zabc *c)
{
    struct link *l = &c->link;

    if (l->state == LINK_NONE) {
        (void)event_del(c->timer);
        l->timer_ms = 0;
        return;
    }

    int64_t due = due_ms(c);

    if (l->timer_ms > 0 && l->timer_ms <= due)
        return;

    int64_t left = due - client_now_ms();

    if (left < 0)
        left = 0;

    const struct timeval tv = { .tv_sec = left / 1000, .tv_usec = left % 1000 * 1000 };

    if (event_add(c->timer, &tv) == 0)
        l->timer_ms = due > 0 ? due : 1;
}

/* ---- Letting go. */

static void close_socket(struct link *l)
{
    resolve_cancel(l->job);
    l->job = NULL;
    if (l->readable != NULL)
        event_free(l->readable);
    if (l->writable != NULL)
        event_free(l->writable);
    if (l->fd >= 0)
        (void)close(l->fd);
    l->readable = l->writable = NULL;
    l->fd = -1;
    l->in.len = l->out.len = l->out_sent = 0;
    l->ping_is_out = false;
    l->number++;
}

/* Longer with every round through the list, and at random, so that the clients of a server that
 * went away don't come back together. */
static int64_t pause_ms(struct zabc *c)
{
    size_t rounds = c->link.fails_count / c->hosts.count;
    int64_t most = rounds < 4 ? 50 << rounds : CLIENT_PAUSE_MS_MAX;

    return (int64_t)rand_below(&c->rand, (uint64_t)most + 1);
}

static void pause_then_dial(struct zabc *c, int64_t ms)
{
    c->link.state = LINK_PAUSE;
    c->link.due_ms = client_now_ms() + ms;
    set_timer(c);
}

/* Every server was tried in vain: whoever waits for a connection is told. */
static void give_up(struct zabc *c)
{
    requests_fail(c, ZK_CONNECTION_LOSS, true);
    session_fail_identities(c, ZK_CONNECTION_LOSS);
}

static bool dial_next_address(struct zabc *c);

void link_drop(struct zabc *c, int ms)
{
    struct link *l = &c->link;
    bool was_up = l->state == LINK_UP;

    if (l->state == LINK_NONE)
        return;
    /* A host was tried in vain when its last address was. */
    if (!was_up && !c->is_closing && dial_next_address(c))
        return;
    close_socket(l);
    l->host_next = (l->host_next + 1) % c->hosts.count;
    l->fails_count = was_up ? 0 : l->fails_count + 1;
    pause_then_dial(c, ms >= 0 ? ms : pause_ms(c));
    client_enter(c);
    if (was_up)
        session_cut(c);
    else if (l->fails_count % c->hosts.count == 0)
        give_up(c);
    if (c->is_closing)
        client_die(c, ZABC_CLOSED, ZK_STATE_CLOSED, ZK_SESSION_EXPIRED);
    client_leave(c);
}

void link_end(struct zabc *c)
{
    close_socket(&c->link);
    c->link.state = LINK_NONE;
    set_timer(c);
}

/* ---- Dialing. */

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);

static bool make_events(struct zabc *c)
{
    struct link *l = &c->link;

    l->readable = event_new(c->conf.base, l->fd, EV_READ | EV_PERSIST, on_readable, c);
    l->writable = event_new(c->conf.base, l->fd, EV_WRITE | EV_PERSIST, on_writable, c);
    return l->readable != NULL && l->writable != NULL && event_add(l->writable, NULL) == 0;
}

static socklen_t length_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

static void set_name(struct link *l, const struct sockaddr *sa, socklen_t len)
{
    char host[48];
    char port[8];

    if (getnameinfo(sa, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        host[0] = port[0] = '\0';
    (void)snprintf(l->name, sizeof l->name, sa->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
}

static bool dial(struct zabc *c, const struct sockaddr_storage *address)
{
    struct link *l = &c->link;
    const struct sockaddr *sa = (const void *)address;
    static const int one = 1;

    l->fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return false;
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    set_name(l, sa, length_of(address));
    if (connect(l->fd, sa, length_of(address)) < 0 && errno != EINPROGRESS)
        return false;
    if (!make_events(c))
        return false;
    l->state = LINK_DIALING;
    l->due_ms = client_now_ms() + patience_ms(c);
    set_timer(c);
    return true;
}

/* On to the host's next address; false: there is none. */
static bool dial_next_address(struct zabc *c)
{
    struct link *l = &c->link;

    while (l->address_next < l->addresses.count) {
        close_socket(l);
        if (dial(c, &l->addresses.at[l->address_next++]))
            return true;
    }
    return false;
}

static void on_resolved(void *arg, const struct resolved *found)
{
    struct zabc *c = arg;

    client_enter(c);
    c->link.job = NULL;
    c->link.addresses = *found;
    resolved_shuffle(&c->link.addresses, &c->rand);
    if (!dial_next_address(c))
        link_drop(c, -1);
    client_leave(c);
}

static void dial_next_host(struct zabc *c)
{
    const struct host *host = &c->hosts.items[c->link.host_next];

    c->link.address_next = 0;
    if (resolve_address(&c->link.addresses, host->name, host->port)) {
        if (!dial_next_address(c))
            link_drop(c, -1);
        return;
    }
    c->link.state = LINK_RESOLVING;
    c->link.due_ms = client_now_ms() + patience_ms(c);
    c->link.job = resolve_begin(c->conf.base, host->name, host->port, on_resolved, c);
    if (c->link.job == NULL)
        link_drop(c, -1);
    else
        set_timer(c);
}

static void dialed(struct zabc *c)
{
    struct link *l = &c->link;
    int err = 0;
    socklen_t len = sizeof err;

    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0 || err != 0) {
        link_drop(c, -1);
        return;
    }
    l->state = LINK_GREETING;
    (void)event_add(l->readable, NULL);
    session_greet(c);
}

/* ---- Bytes. */

void link_is_up(struct zabc *c)
{
    struct link *l = &c->link;

    l->state = LINK_UP;
    l->fails_count = 0;
    l->heard_ms = l->said_ms = client_now_ms();
}

static void take_frame(struct zabc *c, const struct jute_frame *frame)
{
    uint64_t number = c->link.number;
    bool holds = c->link.state == LINK_GREETING ? session_greeted(c, frame->body, frame->len)
                                                : session_take(c, frame->body, frame->len);

    if (!holds && c->link.number == number)
        link_drop(c, -1);
}

/* Whole frames at the front; false when the connection is not the same any more. */
static bool take_frames(struct zabc *c)
{
    struct link *l = &c->link;
    uint64_t number = l->number;
    size_t at = 0;
    struct jute_frame frame;

    for (;;) {
        enum jute_frame_state state =
            jute_frame_look(&frame, l->in.at + at, l->in.len - at, c->conf.packet_bytes_max);

        if (state == JUTE_FRAME_BAD) {
            link_drop(c, -1);
            return false;
        }
        if (state == JUTE_FRAME_MORE)
            break;
        take_frame(c, &frame);
        if (l->number != number)
            return false;
        at += frame.wanted;
    }
    bytes_drop(&l->in, at);
    if (frame.wanted > l->in.len)
        bytes_reserve(&l->in, frame.wanted - l->in.len);
    return true;
}

bool link_adopt(struct zabc *c, int fd)
{
    close_socket(&c->link);
    c->link.fd = fd;
    if (!make_events(c))
        return false;
    c->link.state = LINK_GREETING;
    c->link.due_ms = client_now_ms() + patience_ms(c);
    session_greet(c);
    return true;
}

void link_take(struct zabc *c, const uint8_t *at, size_t len)
{
    client_enter(c);
    bytes_put(&c->link.in, at, len);
    c->link.heard_ms = client_now_ms();
    if (take_frames(c))
        link_wake(c);
    client_leave(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct zabc *c = arg;
    struct link *l = &c->link;
    uint8_t *to = bytes_room(&l->in, CLIENT_READ_BYTES);
    ssize_t got = recv(fd, to, l->in.cap - l->in.len, 0);

    (void)what;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client_enter(c);
    if (got <= 0) {
        link_drop(c, -1);
    } else {
        bytes_added(&l->in, (size_t)got);
        l->heard_ms = client_now_ms();
        if (take_frames(c))
            link_wake(c);
    }
    client_leave(c);
}

/* All is sent. A large buffer is not kept: it was for large requests. */
static void drained(struct link *l)
{
    l->out.len = l->out_sent = 0;
    if (l->out.cap > CLIENT_OUT_BYTES_KEPT)
        bytes_done(&l->out);
}

/* Some is left: keeps the buffer from growing at its front for ever, at a cost of less than one
 * byte moved for each byte sent. */
static void keep_rest(struct link *l)
{
    if (l->out_sent < CLIENT_WRITE_BYTES || l->out_sent < l->out.len / 2)
        return;
    bytes_drop(&l->out, l->out_sent);
    l->out_sent = 0;
}

static bool flush(struct zabc *c)
{
    struct link *l = &c->link;

    while (l->out_sent < l->out.len) {
        ssize_t put = send(l->fd, l->out.at + l->out_sent, l->out.len - l->out_sent, MSG_NOSIGNAL);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno != EAGAIN)
            return false;
        if (put < 0) {
            keep_rest(l);
            return true;
        }
        l->out_sent += (size_t)put;
        l->said_ms = client_now_ms();
    }
    drained(l);
    return true;
}

static bool has_to_say(const struct zabc *c)
{
    if (c->link.out.len > 0)
        return true;
    if (c->link.state != LINK_UP || c->close_is_asked)
        return false;
    return c->is_closing || !list_is_empty(&c->queued);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct zabc *c = arg;
    struct link *l = &c->link;

    (void)fd;
    (void)what;
    client_enter(c);
    if (l->state == LINK_DIALING) {
        dialed(c);
    } else {
        requests_send(c);
        if (!flush(c)) {
            link_drop(c, -1);
        } else if (has_to_say(c)) {
            (void)event_add(l->writable, NULL);
        } else {
            (void)event_del(l->writable);
            set_timer(c);
        }
    }
    client_leave(c);
}

void link_wake(struct zabc *c)
{
    struct link *l = &c->link;

    /* With nobody to say good-bye to, closing needs the loop's next turn all the same. */
    if (c->is_closing && l->state != LINK_UP && l->state != LINK_NONE)
        l->due_ms = 0;
    /* Said in this turn of the loop, together with what else will be asked in it. Only what the
     * socket does not take is waited for. */
    if (l->state == LINK_UP && has_to_say(c))
        event_active(l->writable, EV_WRITE, 0);
    set_timer(c);
}

/* ---- The timer. */

static void up_is_due(struct zabc *c)
{
    int64_t now = client_now_ms();

    if (requests_are_late(c, now) || now >= c->link.heard_ms + link_read_timeout_ms(c)) {
        link_drop(c, -1);
        return;
    }
    if (now >= ping_due_ms(c)) {
        session_ping(c);
        c->link.said_ms = now;
    }
    link_wake(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct zabc *c = arg;
    int64_t now = client_now_ms();

    (void)fd;
    (void)what;
    c->link.timer_ms = 0;
    client_enter(c);
    requests_expire(c, now);
    if (now < due_ms(c)) {
        set_timer(c);
    } else if (c->is_closing && c->link.state != LINK_UP) {
        client_die(c, ZABC_CLOSED, ZK_STATE_CLOSED, ZK_SESSION_EXPIRED);
    } else {
        switch (c->link.state) {
        case LINK_NONE:
            break;
        case LINK_PAUSE:
            dial_next_host(c);
            break;
        case LINK_RESOLVING:
        case LINK_DIALING:
        case LINK_GREETING:
            link_drop(c, -1);
            break;
        case LINK_UP:
            up_is_due(c);
            break;
        }
    }
    client_leave(c);
}

int link_init(struct zabc *c)
{
    c->link.fd = -1;
    c->timer = event_new(c->conf.base, -1, 0, on_timer, c);
    if (c->timer == NULL)
        return -ENOMEM;
    pause_then_dial(c, 0);
    return 0;
}

void link_done(struct zabc *c)
{
    if (c->timer != NULL) {
        close_socket(&c->link);
        event_free(c->timer);
    }
    bytes_done(&c->link.in);
    bytes_done(&c->link.out);
}
