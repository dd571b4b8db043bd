/* The peers' ports: connections of both, opened, fed, closed, replaced and timed out in any
 * order, with words of ours in between. The input is a list of commands, a byte each, some
 * with a length or a number behind. Nothing may crash, leak or spin, and the limits hold.
 *
 * Our sid is 0: nobody is smaller, so nobody can make us call an address of its choice. */
#include <netinet/in.h>
#include <unistd.h>

#include "server/net/peers_impl.h"
#include "tests/lib/peers_rig.h"
#include "util/check.h"

enum { ENDS = 96 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* To the election port, the quorum port or the observerMasterPort. */
static int open_end(struct rig_server *s, uint8_t command)
{
    const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = 1 };
    const struct sockaddr *sa = (const struct sockaddr *)(const void *)&from;
    int ends[2];

    zk_assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    if (command % 8 == 0)
        election_accept(s->peers, ends[0], sa);
    else
        link_accept(s->peers, ends[0], sa, command >= 0x80);
    return ends[1];
}

static void feed(int fd, struct input *in)
{
    size_t len = take(in);
    char buffer[4096];

    if (len > (size_t)(in->end - in->at))
        len = (size_t)(in->end - in->at);
    raw_send(fd, in->at, len);
    in->at += len;
    while (raw_recv(fd, buffer, sizeof buffer) > 0) {
    }
}

/* What our own side does. */
static void act(struct rig_server *s, uint8_t what)
{
    switch (what % 8) {
    case 0:
        rig_notify(s, what / 8, "a word of ours");
        break;
    case 1:
        peers_call(s->peers, what / 8);
        break;
    case 2:
        peers_close(s->peers, s->link, "fuzz");
        break;
    case 3:
        peers_send(s->peers, s->link, (const uint8_t *)"bytes", 5);
        break;
    case 4:
        s->is_echoing = !s->is_echoing;
        break;
    case 5:
        s->is_refusing = !s->is_refusing;
        break;
    case 6:
        s->take_max = what / 8 % 4 == 0 ? SIZE_MAX : what / 8;
        break;
    default:
        s->is_closing = !s->is_closing;
    }
}

static void check_limits(const struct rig_server *s)
{
    struct peers_view v;

    peers_view(s->peers, &v);
    zk_assert(v.guests <= PEERS_GUESTS_MAX);
    zk_assert(v.strangers <= PEERS_STRANGERS_MAX);
    zk_assert(v.calls <= PEERS_STRANGERS_MAX + 1);
    zk_assert(v.links <= PEERS_LINKS_MAX);
}

static void run(struct rig_server *s, struct input *in, int *ends)
{
    unsigned now = 0; /* Which end is spoken on. */

    while (in->at < in->end) {
        uint8_t command = take(in);
        int *end = &ends[now % ENDS];

        switch (command % 8) {
        case 0:
        case 1:
            now++;
            end = &ends[now % ENDS];
            if (*end >= 0)
                (void)close(*end);
            *end = open_end(s, command);
            break;
        case 2:
            if (*end >= 0)
                (void)close(*end);
            *end = -1;
            break;
        case 3:
            s->rig->now_ms += (int64_t)command * 20;
            break;
        case 4:
            act(s, take(in));
            break;
        case 5:
            now = take(in);
            break;
        default:
            if (*end >= 0)
                feed(*end, in);
        }
        rig_turn(s->rig);
        rig_turn(s->rig);
        check_limits(s);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Nobody listens on port 1: a call of the member ends at once. */
    static const char *const members[] = { "0=127.0.0.1:0:0", "3=127.0.0.1:1:1" };
    struct peers_rig rig;
    struct input in = { .at = data, .end = data + size };
    int ends[ENDS];

    for (int i = 0; i < ENDS; i++)
        ends[i] = -1;
    peers_rig_init(&rig);

    struct rig_server *s = rig_start(&rig, 0);

    rig_members(s, members, 2);
    run(s, &in, ends);
    peers_rig_done(&rig);
    for (int i = 0; i < ENDS; i++) {
        if (ends[i] >= 0)
            (void)close(ends[i]);
    }
    return 0;
}
