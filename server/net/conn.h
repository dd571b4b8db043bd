/* One client connection: bytes from the socket to the request floor and back.
 *
 * Input: one read a wake-up into the loop's shared buffer; whole frames are handed over
 * straight from there, only a rest is kept (c->in), and freed when it is used up.
 * Output: what the request floor wrote to client.out leaves once a turn.
 *
 *   open ──finish──► finishing (output leaves) ──► lingering (the other side closes) ──► gone
 *     └──kick, bad input──────────────────────────────►┘
 *     └──end of input, reset, reader too slow──────────────────────────────────────────►┘ */
#ifndef SERVER_NET_CONN_H
#define SERVER_NET_CONN_H

#include "server/net/address.h"
#include "server/net/net.h"
#include "server/request/client.h"

enum conn_state {
    CONN_OPEN,
    CONN_FINISHING, /* Nothing is read; ends when its output has left. */
    CONN_LINGERING, /* The client is done; what still comes is thrown away. */
};

struct conn {
    struct client client; /* First: the request floor's pointer is ours. */
    struct net *net;
    struct event event;
    int fd;
    int interest;       /* EV_READ and EV_WRITE that event waits for. */
    uint8_t state;      /* enum conn_state */
    bool is_busy;       /* On the stack: must not be freed. */
    bool is_doomed;     /* Was kicked while busy. */
    bool is_word;       /* A four-letter word came. */
    bool is_large_word; /* Holds one of WORDS_LARGE_AT_ONCE. */
    struct address address;

    struct bytes in;         /* Input not taken yet, from a frame's begin on... */
    size_t in_from;          /* ...there. */
    size_t out_sent;         /* Bytes of client.out that are sent and still in it. */
    uint32_t out_taken;      /* Bytes sent since blocked_ms. */
    int32_t idle_ms;         /* Timeout that its place in the wheel was made for. */
    int64_t blocked_ms;      /* When it last took NET_READER_BYTES. */
    int64_t io_ms;           /* Last input or output. */
    int64_t since_ms;        /* Of its state. */
    uint64_t drain_received; /* Requests that had come when net_drain() was called. */

    struct ingress_part part;
    struct idle_entry idle;
    struct list in_all, in_ready, in_blocked, in_state, in_words;
    struct word_job *job;
    int64_t word_arg;
    enum word word;
};

static inline struct conn *conn_of(struct client *c)
{
    return (struct conn *)(void *)c;
}

/* Takes over an accepted socket. */
void conn_new(struct net *n, int fd, const struct sockaddr *peer);
/* Input, resumption, a word's next piece: whatever it can do now. */
void conn_go(struct conn *c);
/* Sends what is in client.out. False: the connection is gone. */
bool conn_flush(struct conn *c);
/* The same in two steps, for who sends it himself: what there is to send, and what became
 * of it (the result of send(), errno). */
size_t conn_unsent(const struct conn *c, const uint8_t **ret);
bool conn_sent(struct conn *c, ssize_t sent, int err);
/* Gone at once. With reset, the other side is told by an RST, and nothing is kept for it. */
void conn_destroy(struct conn *c, bool reset);
/* The client is done; what it had to say was sent. */
void conn_linger(struct conn *c);
/* Leaves CONN_OPEN: ends when its output has left. */
void conn_finish(struct conn *c);
/* One more try to send, then it ends. */
void conn_kick(struct conn *c);
/* Puts it in line for net_run(), or behind those. */
void conn_ready(struct conn *c);
void conn_is_greedy(struct conn *c);
void conn_wants(struct conn *c, int interest);
/* Its wheel came round: closes it when it has been idle too long. */
void conn_check_idle(struct conn *c);
/* When it is closed for being idle, as things are; ms, monotonic. */
int64_t conn_idle_end(const struct conn *c);
/* Finds its place in the wheel again when its timeout has changed (the handshake). */
void conn_idle_moved(struct conn *c);

/* conn_input.c */
/* Reads once and hands over. */
void conn_read(struct conn *c);
/* Hands over what is kept; false when some of it could not be taken. */
bool conn_take_kept(struct conn *c);
void conn_forget_input(struct conn *c);

/* conn_word.c */
void conn_word_begin(struct conn *c, enum word word, int64_t arg);
void conn_word_step(struct conn *c);
void conn_word_done(struct conn *c);

#endif
