/* A client of the ensemble: a session that moves between servers, requests in a line, watches. */
#ifndef TESTS_SIM_USER_H
#define TESTS_SIM_USER_H

#include "jute/records.h"
#include "tests/sim/member.h"
#include "tests/sim/tale.h"
#include "tests/sim/watches.h"

enum { USER_LINE_MAX = 4 };

enum user_phase { USER_AWAY, USER_CONNECTING, USER_UP };

/* What a request is for. */
enum errand {
    ERRAND_CREATE, /* /rK */
    ERRAND_SET,
    ERRAND_DELETE,
    ERRAND_MULTI, /* check + set of /rK: a set with a version. */
    ERRAND_GET,
    ERRAND_SYNC,
    ERRAND_EXISTS,
    ERRAND_CHILDREN, /* Of /q. */
    ERRAND_SEQUENTIAL,
    ERRAND_EPHEMERAL,
    ERRAND_PARENTS, /* /q and /e, one after the other. */
    ERRAND_WATCHES,
    ERRAND_PING,
    ERRAND_CLOSE,
    ERRAND_RECONFIG,
    ERRAND_COUNT
};

struct asked {
    enum errand errand;
    int32_t xid, op;
    uint32_t key, value;
    int32_t version;
    bool watch;
    size_t tale; /* Its number there; SIZE_MAX: none. */
};

struct user {
    struct sim *sim;
    size_t index;
    enum user_phase phase;
    struct talk *talk; /* NULL: none. */
    size_t member;     /* Where it is, or was last. */
    zk_session_id session;
    uint8_t password[16];
    int32_t timeout_ms;
    zk_zxid seen; /* The highest zxid that a reply named. */
    int32_t xid;
    struct asked line[USER_LINE_MAX + 8];
    size_t line_count;
    int64_t heard_us, since_us;
    bool is_resting; /* Asks for nothing new: the end is near. */
    bool wants_parents;
    bool has_ephemeral;
    zk_zxid key_seen[SIM_KEYS]; /* The latest mzxid that it saw of each... */
    int32_t key_version[SIM_KEYS];
    struct watches watches;
    int32_t *sequentials; /* Numbers that it was given. */
    size_t sequential_count, sequential_cap;
};

struct user *user_new(struct sim *s, size_t index);
struct user *user_free(struct user *u);
/* A frame came, or the connection is gone (frame NULL). */
void user_heard(struct sim *s, size_t user, uint64_t talk, struct jute_in *frame);
/* Whether it is connected and waits for nothing. */
bool user_is_idle(const struct user *u);
/* What it was told must agree with the tree that everybody has now. */
void user_check_end(struct user *u, const struct tree *t);
void user_leave(struct user *u); /* Hangs up. */
void user_forget_session(struct user *u);

/* work.c: what it asks for. */
enum { WORK_PATH_BYTES = 64 };
void work_next(struct user *u);
void work_set_watches(struct user *u);
void work_ping(struct user *u);
/* The path of the register that is meant: /rK. */
void work_path(char ret[WORK_PATH_BYTES], const struct asked *what);

/* work_answers.c: what it makes of the answers. */
void work_answered(struct user *u, const struct asked *what, const struct reply_header *head,
                   struct jute_in *body);
/* Nobody will say any more what became of it. */
void work_lost(struct user *u, const struct asked *what);

#endif
