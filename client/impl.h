/* What the files of the library know of each other. Not for its users.
 *
 *   client.c    a client's life, and what happens to the requests of a dead one
 *   link.c      the connection: which server, when, bytes in and out, all timers
 *   session.c   what is said on a connection before requests are, and what comes unasked
 *   requests.c  requests: made, queued, sent, answered
 *   replies.c   answers as bytes to answers as structs
 *   rw_search.c looks for a server that takes writes, while ours does not
 *   ops.c, multi.c  the requests of zabclient.h */
#ifndef CLIENT_IMPL_H
#define CLIENT_IMPL_H

#include "client/hosts.h"
#include "client/limits.h"
#include "client/resolve.h"
#include "client/watches.h"
#include "client/zabclient.h"
#include "util/rand.h"

struct event;
struct rw_search;

enum link_state {
    LINK_NONE,      /* Nothing: we are dead. */
    LINK_PAUSE,     /* Until link.due_ms. */
    LINK_RESOLVING, /* The host's name. */
    LINK_DIALING,   /* TCP's handshake. */
    LINK_GREETING,  /* The ConnectRequest is on its way. */
    LINK_UP,
};

struct link {
    enum link_state state;
    int fd;
    struct event *readable, *writable;
    struct resolve_job *job;
    struct resolved addresses; /* Of the host that is tried; none before they are known. */
    size_t address_next;
    size_t host_next;          /* Which of the list is next. */
    size_t fails_count;        /* Hosts tried in vain since there was a connection. */
    int64_t due_ms;            /* End of the pause, or of the patience with the handshakes. */
    int64_t timer_ms;          /* When the timer goes off; 0: it is not set. */
    int64_t heard_ms, said_ms; /* When bytes last came, and went. */
    bool ping_is_out;
    struct bytes in, out;
    size_t out_sent; /* Of `out`. */
    uint64_t number; /* Of this connection: tells callers whether it is still the same. */
    char name[64];   /* Of the address. */
};

/* A request from its making to its answer. */
struct request {
    struct list link; /* zabc.queued or zabc.sent, or zabc.dead. */
    int32_t xid, type;
    struct zabc_done done;
    struct bytes frame;  /* Until it is sent. */
    size_t bytes;        /* Of the frame: what it counts for, until it is sent. */
    int64_t deadline_ms; /* 0: none. */
    int err;             /* Of zabc.dead: what it is to be answered with. */
    bool is_counted;     /* In zabc.requests_count and, if it sets one, watchers_asked. */
    /* The watch that the answer sets or removes; path NULL: none. */
    struct zabc_watcher watcher; /* tell NULL in a removal: all. */
    char *watch_path;
    int32_t watcher_type; /* Of a removal: enum zk_watcher_type. */
    bool even_if_cut_off;
    size_t multi_count; /* Operations asked for. */
};

/* The server answers them in the order of sending, and they are sent in their order on every
 * connection: the k-th answer is for the k-th identity. */
struct identity {
    char *scheme;
    struct bytes auth;
    bool is_null;
    struct request *asking; /* Who waits for the answer; NULL: nobody any more. */
};

struct zabc {
    struct zabc_conf conf;
    struct hosts hosts;
    size_t chroot_len;
    struct rand_state rand;
    enum zabc_state state;
    struct link link;
    struct event *timer; /* Everything that is due at some time. */
    struct event *kick;  /* The answers of zabc.dead. */
    struct rw_search *search;

    int timeout_ms; /* Negotiated, or wanted. */
    zk_session_id session_id;
    uint8_t passwd[CLIENT_PASSWD_BYTES_MAX];
    int32_t passwd_len;
    zk_zxid last_zxid;  /* The highest one seen in an answer. */
    bool saw_rw_server; /* The session is the ensemble's, not a read-only server's own. */

    struct list queued, sent, dead; /* Requests: dead ones are answered with their err next. */
    size_t requests_count;
    size_t dead_count;
    size_t queued_bytes;
    size_t watchers_asked; /* By requests under way. */
    int32_t xid;
    bool is_closing;         /* zabc_close() was called, */
    bool close_is_asked;     /* and the server was told. */
    struct zabc_done closed; /* Of zabc_close(). */
    struct watches watches;
    struct identity identities[ZABC_IDENTITIES_MAX];
    size_t identities_count;
    size_t identities_sent, identities_answered; /* On this connection. */

    unsigned depth; /* Of our own functions that may call back. */
    bool is_doomed; /* zabc_free() was called meanwhile. */
};

int64_t client_now_ms(void);

/* ---- client.c */

/* Around everything that may call back. After client_leave() the client may be gone. */
void client_enter(struct zabc *c);
void client_leave(struct zabc *c);
/* The end, for the reason that `state` and `event` give: no connection any more, and all requests
 * are answered with `err`. */
void client_die(struct zabc *c, enum zabc_state state, enum zk_state event, int err);
void client_tell_session(struct zabc *c, enum zk_state state);
bool client_is_alive(const struct zabc *c);
/* What a request is answered with, that was made when the client was dead. */
int client_dead_err(const struct zabc *c);

/* ---- link.c */

int link_init(struct zabc *c);
void link_done(struct zabc *c);
/* Lets the connection go, if there is one. While it was never up, the host's next address is tried
 * at once; else the next server after a pause (in ms; -1: by the rules). */
void link_drop(struct zabc *c, int pause_ms);
/* No further attempts. */
void link_end(struct zabc *c);
/* There is something to be sent, or a deadline is new. */
void link_wake(struct zabc *c);
/* The handshake is through: the connection is up. */
void link_is_up(struct zabc *c);
/* For the fuzzer: a socket that is connected already, and bytes that came from the server. */
bool link_adopt(struct zabc *c, int fd);
void link_take(struct zabc *c, const uint8_t *at, size_t len);
/* Our patience with a silent server, while connected. */
int link_read_timeout_ms(const struct zabc *c);

/* ---- session.c */

/* Answers everybody who waits for a server's word about an identity. */
void session_fail_identities(struct zabc *c, int err);
/* Appends what is said first. */
void session_greet(struct zabc *c);
/* The first frame of a connection. false: the server is left. */
bool session_greeted(struct zabc *c, const uint8_t *at, size_t len);
/* Any other. */
bool session_take(struct zabc *c, const uint8_t *at, size_t len);
void session_ping(struct zabc *c);
/* The connection is gone. */
void session_cut(struct zabc *c);
/* The path below the chroot, of a path with it. */
const char *session_strip(const struct zabc *c, const char *path);
/* Tells each of `told` (struct zabc_watcher). */
void session_tell(struct zabc *c, const struct bytes *told, const struct zabc_event *event);

/* ---- requests.c */

/* Begins a frame; never NULL. Append the record to ->frame, then submit or drop. */
struct request *request_new(int32_t type, struct zabc_done done);
void request_drop(struct request *r);
/* What is wrong, as zabclient.h has it, and then it was dropped. */
int request_submit(struct zabc *c, struct request *r);
/* Moves from the queue to link.out what has room there. */
void requests_send(struct zabc *c);
/* Answers all that are sent, and those in the queue if `queued_too`. */
void requests_fail(struct zabc *c, int err, bool queued_too);
/* This one, with `err` instead of an answer. */
void request_fail(struct zabc *c, struct request *r, int err);
/* Those of zabc.dead, but none that their callbacks add. */
void requests_bury(struct zabc *c);
/* Whether one under way will set a watch of that kind, at that path, for somebody else. An exists
 * counts as WATCH_DATA: which of the two it is comes with its answer. */
bool requests_set_other(const struct zabc *c, enum watch_kind kind, const char *path,
                        const struct zabc_watcher *watcher);
/* A reply's header is read, `in` is behind it. false: the server talks nonsense. */
bool requests_answered(struct zabc *c, const struct reply_header *header, struct jute_in *in);
/* When the first deadline is; 0: never. */
int64_t requests_due_ms(const struct zabc *c);
/* Whether that of one that is sent is over: then the connection is no use. */
bool requests_are_late(const struct zabc *c, int64_t now_ms);
/* Those that wait and whose deadline is over are answered by the loop, and never sent. */
void requests_expire(struct zabc *c, int64_t now_ms);

/* The server's name of a path: with the chroot. Free it. NULL when the path is wrong. */
char *request_path(const struct zabc *c, const char *path, bool is_sequential);

/* ---- replies.c */

/* false: it does not hold. `results` is freed by the caller. */
bool reply_read(const struct zabc *c, const struct request *r, struct jute_in *in,
                struct zabc_reply *ret, struct zabc_reply **results);

/* ---- multi.c */

/* A create's record as it lies in a request or in a multi. */
int create_write(const struct zabc *c, struct bytes *out, const struct zabc_create *what);
/* The opcode that it goes by. */
int32_t create_op(const struct zabc_create *what);
/* Elements of an ACL list, for jute_vector_of(). 0, or -EINVAL. */
int acl_write(struct bytes *out, const struct zabc_acl *acl, int32_t *ret_count);

/* ---- rw_search.c */

void rw_search_begin(struct zabc *c);
void rw_search_end(struct zabc *c);

#endif
