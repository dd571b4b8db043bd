/* The asynchronous calls: each with its completion, and their order. */

#include "asker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIPELINE 400

/* What completions have told, in order. One for each question, never freed before the client. */
struct told {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int count;
    struct {
        int rc;
        const void *what; /* The call, as its data pointer. */
        struct Stat stat;
        char text[128];
        int number; /* Children, ACL entries, or length of the data. */
    } calls[2 * PIPELINE];
};

static struct told told = { .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER };

static void tell(int rc, const char *text, int number, const struct Stat *stat, const void *what)
{
    pthread_mutex_lock(&told.lock);
    told.calls[told.count].rc = rc;
    told.calls[told.count].what = what;
    told.calls[told.count].number = number;
    if (stat != NULL)
        told.calls[told.count].stat = *stat;
    snprintf(told.calls[told.count].text, sizeof(told.calls[0].text), "%s", text ? text : "");
    told.count++;
    pthread_cond_signal(&told.changed);
    pthread_mutex_unlock(&told.lock);
}

static void void_told(int rc, const void *what)
{
    tell(rc, NULL, 0, NULL, what);
}

static void stat_told(int rc, const struct Stat *stat, const void *what)
{
    tell(rc, NULL, 0, stat, what);
}

static void data_told(int rc, const char *value, int len, const struct Stat *stat, const void *what)
{
    char text[128] = "";

    if (len > 0 && len < (int)sizeof(text))
        memcpy(text, value, (size_t)len);
    tell(rc, text, len, stat, what);
}

static void string_told(int rc, const char *value, const void *what)
{
    tell(rc, value, 0, NULL, what);
}

static void string_stat_told(int rc, const char *value, const struct Stat *stat, const void *what)
{
    tell(rc, value, 0, stat, what);
}

static void strings_told(int rc, const struct String_vector *names, const void *what)
{
    tell(rc, names && names->count > 0 ? names->data[0] : NULL, names ? names->count : -1, NULL,
         what);
}

static void strings_stat_told(int rc, const struct String_vector *names, const struct Stat *stat,
                              const void *what)
{
    tell(rc, names && names->count > 0 ? names->data[0] : NULL, names ? names->count : -1, stat,
         what);
}

static void acl_told(int rc, struct ACL_vector *acl, struct Stat *stat, const void *what)
{
    tell(rc, acl && acl->count > 0 ? acl->data[0].id.id : NULL, acl ? acl->count : -1, stat, what);
}

static void wait_for_calls(struct asker *a, int count)
{
    struct timespec until;
    int status = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&told.lock);
    while (told.count < count && status == 0)
        status = pthread_cond_timedwait(&told.changed, &told.lock, &until);
    pthread_mutex_unlock(&told.lock);
    SAME(a, told.count, count);
}

static void each_call_tells_its_result(struct asker *a)
{
    zhandle_t *zh = client(a);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    const int ttl = ZOO_PERSISTENT_WITH_TTL;

    told.count = 0;
    SAME(a, zoo_acreate(zh, "/a", "data", 4, open, 0, string_told, NULL), ZOK);
    SAME(a, zoo_acreate2(zh, "/a/b", "", 0, open, 0, string_stat_told, NULL), ZOK);
    SAME(a, zoo_acreate_ttl(zh, "/t", "", 0, open, ttl, 900000, string_told, NULL), ZOK);
    SAME(a, zoo_acreate2_ttl(zh, "/t2", "", 0, open, ttl, 900000, string_stat_told, NULL), ZOK);
    SAME(a, zoo_aexists(zh, "/a", 0, stat_told, NULL), ZOK);
    SAME(a, zoo_aget(zh, "/a", 0, data_told, NULL), ZOK);
    SAME(a, zoo_aset(zh, "/a", "longer", 6, 0, stat_told, NULL), ZOK);
    SAME(a, zoo_aget_children(zh, "/a", 0, strings_told, NULL), ZOK);
    SAME(a, zoo_aget_children2(zh, "/a", 0, strings_stat_told, NULL), ZOK);
    SAME(a, zoo_aget_acl(zh, "/a", acl_told, NULL), ZOK);
    SAME(a, zoo_aset_acl(zh, "/a", 0, (struct ACL_vector *)(uintptr_t)open, void_told, NULL), ZOK);
    SAME(a, zoo_async(zh, "/a", string_told, NULL), ZOK);
    SAME(a, zoo_adelete(zh, "/a/b", 0, void_told, NULL), ZOK);
    SAME(a, zoo_adelete(zh, "/missing", 0, void_told, NULL), ZOK);
    wait_for_calls(a, 14);
    for (int i = 0; i < 13; i++)
        SAME(a, told.calls[i].rc, ZOK);
    SAME(a, told.calls[13].rc, ZNONODE);
    SAME_TEXT(a, told.calls[0].text, "/a");
    SAME_TEXT(a, told.calls[1].text, "/a/b");
    SAME_TEXT(a, told.calls[2].text, "/t");
    SAME_TEXT(a, told.calls[3].text, "/t2");
    SAME(a, told.calls[3].stat.version, 0);
    SAME(a, told.calls[4].stat.dataLength, 4);
    SAME(a, told.calls[4].stat.numChildren, 1);
    SAME_TEXT(a, told.calls[5].text, "data");
    SAME(a, told.calls[6].stat.version, 1);
    SAME(a, told.calls[6].stat.dataLength, 6);
    SAME(a, told.calls[7].number, 1);
    SAME_TEXT(a, told.calls[8].text, "b");
    SAME(a, told.calls[8].stat.numChildren, 1);
    SAME(a, told.calls[9].number, 1);
    SAME_TEXT(a, told.calls[9].text, "anyone");
    SAME_TEXT(a, told.calls[11].text, "/a");
}

static void pipelined_calls_are_told_in_order(struct asker *a)
{
    zhandle_t *zh = client(a);
    static const char marks[2 * PIPELINE];

    told.count = 0;
    for (int i = 0; i < PIPELINE; i++) {
        char path[32], text[16];
        int len = snprintf(text, sizeof(text), "%d", i);

        snprintf(path, sizeof(path), "/n%d", i);
        SAME(a,
             zoo_acreate(zh, path, text, len, &ZOO_OPEN_ACL_UNSAFE, 0, string_told, &marks[2 * i]),
             ZOK);
        SAME(a, zoo_aget(zh, path, 0, data_told, &marks[2 * i + 1]), ZOK);
    }
    wait_for_calls(a, 2 * PIPELINE);
    for (int i = 0; i < PIPELINE; i++) {
        char text[16];

        snprintf(text, sizeof(text), "%d", i);
        SAME(a, told.calls[2 * i].rc, ZOK);
        EXPECT(a, told.calls[2 * i].what == &marks[2 * i]);
        EXPECT(a, told.calls[2 * i + 1].what == &marks[2 * i + 1]);
        SAME_TEXT(a, told.calls[2 * i + 1].text, text);
    }
}

static void a_transaction_tells_its_results(struct asker *a)
{
    zhandle_t *zh = client(a);
    zoo_op_t ops[3];
    zoo_op_result_t results[3];
    char path[64];
    struct Stat stat;

    told.count = 0;
    make(a, zh, "/a", "");
    zoo_create_op_init(&ops[0], "/a/b", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof(path));
    zoo_set_op_init(&ops[1], "/a", "x", 1, 0, &stat);
    zoo_check_op_init(&ops[2], "/a/b", 0);
    SAME(a, zoo_amulti(zh, 3, ops, results, void_told, NULL), ZOK);
    wait_for_calls(a, 1);
    SAME(a, told.calls[0].rc, ZOK);
    SAME_TEXT(a, path, "/a/b");
    SAME(a, stat.version, 1);
    SAME(a, zoo_amulti(zh, 3, ops, results, void_told, NULL), ZOK);
    wait_for_calls(a, 2);
    SAME(a, told.calls[1].rc, ZNODEEXISTS);
    SAME(a, results[0].err, ZNODEEXISTS);
    SAME(a, results[1].err, ZRUNTIMEINCONSISTENCY);
}

static void order_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    (void)state;
    if (type != ZOO_SESSION_EVENT)
        tell(type, path, 0, NULL, context);
}

static void the_event_comes_before_the_reply_to_ones_own_write(struct asker *a)
{
    zhandle_t *zh = client(a);
    static char event, reply;
    struct Stat stat;

    told.count = 0;
    make(a, zh, "/a", "");
    for (int i = 0; i < 50; i++) {
        SAME(a, zoo_wexists(zh, "/a", order_watch, &event, &stat), ZOK);
        SAME(a, zoo_aset(zh, "/a", "x", 1, -1, stat_told, &reply), ZOK);
        wait_for_calls(a, 2 * (i + 1));
        EXPECT(a, told.calls[2 * i].what == &event);
        EXPECT(a, told.calls[2 * i + 1].what == &reply);
    }
}

const struct question async_questions[] = {
    QUESTION(each_call_tells_its_result),
    QUESTION(pipelined_calls_are_told_in_order),
    QUESTION(a_transaction_tells_its_results),
    QUESTION(the_event_comes_before_the_reply_to_ones_own_write),
    { .name = NULL },
};
