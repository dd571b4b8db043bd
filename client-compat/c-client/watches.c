/* Watches: each kind, what fires it, what does not, removal, and how they live through a reconnect.
 * This version of the client (3.8) has no call for persistent watches. */

#include "asker.h"
#include "relay.h"

#include <stdio.h>
#include <string.h>

#define LOGS 8

/* Static, since events may still come in after a question was answered wrongly. */
static struct events logs[LOGS];

static void begin(void)
{
    static bool is_ready;

    for (int i = 0; i < LOGS; i++) {
        if (!is_ready)
            events_init(&logs[i]);
        pthread_mutex_lock(&logs[i].lock);
        logs[i].count = 0;
        pthread_mutex_unlock(&logs[i].lock);
    }
    is_ready = true;
}

static void watch_data(struct asker *a, zhandle_t *zh, const char *path, struct events *e)
{
    char data[64];
    int len = sizeof(data);
    struct Stat stat;

    SAME(a, zoo_wget(zh, path, events_watch, e, data, &len, &stat), ZOK);
}

static void watch_existence(struct asker *a, zhandle_t *zh, const char *path, struct events *e,
                            int rc)
{
    struct Stat stat;

    SAME(a, zoo_wexists(zh, path, events_watch, e, &stat), rc);
}

static void watch_children(struct asker *a, zhandle_t *zh, const char *path, struct events *e)
{
    struct String_vector names;
    struct Stat stat;

    SAME(a, zoo_wget_children2(zh, path, events_watch, e, &names, &stat), ZOK);
    deallocate_String_vector(&names);
}

static void a_data_watch_fires_once_for_a_change(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    make(a, zh, "/a", "0");
    watch_data(a, zh, "/a", &logs[0]);
    SAME(a, zoo_set(other, "/a", "1", 1, -1), ZOK);
    events_expect(a, &logs[0], 1, ZOO_CHANGED_EVENT, "/a");
    SAME(a, zoo_set(other, "/a", "2", 1, -1), ZOK);
    settle(a, zh);
    events_expect(a, &logs[0], 1, ZOO_CHANGED_EVENT, "/a");
}

static void a_data_watch_does_not_hear_of_children(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    make(a, zh, "/a", "0");
    watch_data(a, zh, "/a", &logs[0]);
    make(a, other, "/a/child", "");
    SAME(a, zoo_set_acl(other, "/a", -1, &ZOO_OPEN_ACL_UNSAFE), ZOK);
    SAME(a, zoo_delete(other, "/a/child", -1), ZOK);
    settle(a, zh);
    SAME(a, events_count(&logs[0]), 0);
    SAME(a, zoo_delete(other, "/a", -1), ZOK);
    events_expect(a, &logs[0], 1, ZOO_DELETED_EVENT, "/a");
}

static void an_exists_watch_sees_creation_change_and_deletion(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    watch_existence(a, zh, "/a", &logs[0], ZNONODE);
    make(a, other, "/a", "");
    events_expect(a, &logs[0], 1, ZOO_CREATED_EVENT, "/a");
    watch_existence(a, zh, "/a", &logs[0], ZOK);
    SAME(a, zoo_set(other, "/a", "1", 1, -1), ZOK);
    events_expect(a, &logs[0], 2, ZOO_CHANGED_EVENT, "/a");
    watch_existence(a, zh, "/a", &logs[0], ZOK);
    SAME(a, zoo_delete(other, "/a", -1), ZOK);
    events_expect(a, &logs[0], 3, ZOO_DELETED_EVENT, "/a");
}

static void a_child_watch_fires_for_creation_and_deletion(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    make(a, zh, "/p", "");
    watch_children(a, zh, "/p", &logs[0]);
    SAME(a, zoo_set(other, "/p", "1", 1, -1), ZOK);
    settle(a, zh);
    SAME(a, events_count(&logs[0]), 0);
    make(a, other, "/p/a", "");
    events_expect(a, &logs[0], 1, ZOO_CHILD_EVENT, "/p");
    watch_children(a, zh, "/p", &logs[0]);
    make(a, other, "/p/a/deep", "");
    SAME(a, zoo_delete(other, "/p/a/deep", -1), ZOK);
    settle(a, zh);
    SAME(a, events_count(&logs[0]), 1);
    SAME(a, zoo_delete(other, "/p/a", -1), ZOK);
    events_expect(a, &logs[0], 2, ZOO_CHILD_EVENT, "/p");
}

static void all_watches_of_a_node_hear_its_deletion_once(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    make(a, zh, "/p", "");
    make(a, zh, "/p/n", "");
    watch_data(a, zh, "/p/n", &logs[0]);
    watch_existence(a, zh, "/p/n", &logs[1], ZOK);
    watch_children(a, zh, "/p/n", &logs[2]);
    watch_children(a, zh, "/p", &logs[3]);
    SAME(a, zoo_delete(other, "/p/n", -1), ZOK);
    for (int i = 0; i < 3; i++)
        events_expect(a, &logs[i], 1, ZOO_DELETED_EVENT, "/p/n");
    events_expect(a, &logs[3], 1, ZOO_CHILD_EVENT, "/p");
    settle(a, zh);
    for (int i = 0; i < 4; i++)
        SAME(a, events_count(&logs[i]), 1);
}

static void a_transactions_events_come_for_each_of_its_operations(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);
    zoo_op_t ops[3];
    zoo_op_result_t results[3];
    struct Stat stat;

    begin();
    make(a, zh, "/p", "");
    make(a, zh, "/p/a", "");
    watch_data(a, zh, "/p/a", &logs[0]);
    watch_existence(a, zh, "/p/b", &logs[1], ZNONODE);
    watch_children(a, zh, "/p", &logs[2]);
    zoo_set_op_init(&ops[0], "/p/a", "1", 1, -1, &stat);
    zoo_create_op_init(&ops[1], "/p/b", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_delete_op_init(&ops[2], "/p/a", -1);
    SAME(a, zoo_multi(other, 3, ops, results), ZOK);
    events_expect(a, &logs[0], 1, ZOO_CHANGED_EVENT, "/p/a");
    events_expect(a, &logs[1], 1, ZOO_CREATED_EVENT, "/p/b");
    events_expect(a, &logs[2], 1, ZOO_CHILD_EVENT, "/p");
}

static void a_sessions_end_fires_the_watches_of_its_ephemerals(struct asker *a)
{
    zhandle_t *zh = client(a), *owner = client(a);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;

    begin();
    SAME(a, zoo_create(owner, "/e", "", 0, open, ZOO_EPHEMERAL, NULL, 0), ZOK);
    watch_existence(a, zh, "/e", &logs[0], ZOK);
    watch_children(a, zh, "/", &logs[1]);
    SAME(a, client_close(a, owner), ZOK);
    events_expect(a, &logs[0], 1, ZOO_DELETED_EVENT, "/e");
    events_expect(a, &logs[1], 1, ZOO_CHILD_EVENT, "/");
}

static void removed_watches_stay_silent(struct asker *a)
{
    zhandle_t *zh = client(a), *other = client(a);

    begin();
    make(a, zh, "/a", "");
    SAME(a, zoo_remove_watches(zh, "/a", ZWATCHTYPE_DATA, events_watch, &logs[0], 0), ZNOWATCHER);
    watch_data(a, zh, "/a", &logs[0]);
    watch_data(a, zh, "/a", &logs[1]);
    watch_children(a, zh, "/a", &logs[2]);
    SAME(a, zoo_remove_watches(zh, "/a", ZWATCHTYPE_DATA, events_watch, &logs[0], 0), ZOK);
    SAME(a, zoo_remove_watches(zh, "/a", ZWATCHTYPE_CHILD, events_watch, &logs[2], 0), ZOK);
    make(a, other, "/a/child", "");
    SAME(a, zoo_set(other, "/a", "1", 1, -1), ZOK);
    events_expect(a, &logs[1], 1, ZOO_CHANGED_EVENT, "/a");
    settle(a, zh);
    SAME(a, events_count(&logs[0]), 0);
    SAME(a, events_count(&logs[2]), 0);
    watch_data(a, zh, "/a", &logs[3]);
    watch_children(a, zh, "/a", &logs[3]);
    SAME(a, zoo_remove_all_watches(zh, "/a", ZWATCHTYPE_ANY, 0), ZOK);
    SAME(a, zoo_delete(other, "/a/child", -1), ZOK);
    SAME(a, zoo_delete(other, "/a", -1), ZOK);
    settle(a, zh);
    SAME(a, events_count(&logs[3]), 0);
}

static void watches_live_through_a_reconnect(struct asker *a)
{
    zhandle_t *other = client(a), *zh = client_open(a, relay_of(a), 20000, NULL);
    struct events *states = client_events(a, zh);
    enum { DATA, GONE, KIDS, BORN, IDLE, IDLE_KIDS };

    begin();
    make(a, zh, "/data", "0");
    make(a, zh, "/gone", "");
    make(a, zh, "/kids", "");
    make(a, zh, "/idle", "");
    watch_data(a, zh, "/data", &logs[DATA]);
    watch_existence(a, zh, "/gone", &logs[GONE], ZOK);
    watch_children(a, zh, "/kids", &logs[KIDS]);
    watch_existence(a, zh, "/born", &logs[BORN], ZNONODE);
    watch_data(a, zh, "/idle", &logs[IDLE]);
    watch_children(a, zh, "/idle", &logs[IDLE_KIDS]);

    int before = events_count(states);

    relay_refuse(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTING_STATE);
    SAME(a, zoo_set(other, "/data", "1", 1, -1), ZOK);
    SAME(a, zoo_delete(other, "/gone", -1), ZOK);
    make(a, other, "/kids/a", "");
    make(a, other, "/born", "");
    relay_accept(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTED_STATE);
    events_expect(a, &logs[DATA], 1, ZOO_CHANGED_EVENT, "/data");
    events_expect(a, &logs[GONE], 1, ZOO_DELETED_EVENT, "/gone");
    events_expect(a, &logs[KIDS], 1, ZOO_CHILD_EVENT, "/kids");
    events_expect(a, &logs[BORN], 1, ZOO_CREATED_EVENT, "/born");
    settle(a, zh);
    SAME(a, events_count(&logs[IDLE]), 0);
    SAME(a, events_count(&logs[IDLE_KIDS]), 0);
    make(a, other, "/idle/a", "");
    events_expect(a, &logs[IDLE_KIDS], 1, ZOO_CHILD_EVENT, "/idle");
    SAME(a, zoo_set(other, "/idle", "1", 1, -1), ZOK);
    events_expect(a, &logs[IDLE], 1, ZOO_CHANGED_EVENT, "/idle");
}

static void many_watches_are_set_again(struct asker *a)
{
    enum { MANY = 200 };
    zhandle_t *other = client(a), *zh = client_open(a, relay_of(a), 20000, NULL);
    struct events *states = client_events(a, zh);
    char path[64];

    begin();
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "/a-rather-long-name-%d", i);
        watch_existence(a, zh, path, &logs[0], ZNONODE);
    }

    int before = events_count(states);

    relay_cut(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTED_STATE);
    settle(a, zh);
    SAME(a, events_count(&logs[0]), 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof(path), "/a-rather-long-name-%d", i);
        make(a, other, path, "");
    }
    events_expect(a, &logs[0], MANY, ZOO_CREATED_EVENT, path);
}

const struct question watch_questions[] = {
    QUESTION(a_data_watch_fires_once_for_a_change),
    QUESTION(a_data_watch_does_not_hear_of_children),
    QUESTION(an_exists_watch_sees_creation_change_and_deletion),
    QUESTION(a_child_watch_fires_for_creation_and_deletion),
    QUESTION(all_watches_of_a_node_hear_its_deletion_once),
    QUESTION(a_transactions_events_come_for_each_of_its_operations),
    QUESTION(a_sessions_end_fires_the_watches_of_its_ephemerals),
    QUESTION(removed_watches_stay_silent),
    QUESTION(watches_live_through_a_reconnect),
    QUESTION(many_watches_are_set_again),
    { .name = NULL },
};
