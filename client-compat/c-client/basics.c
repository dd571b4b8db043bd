/* Connecting, reading and writing, sequences, ephemerals, node kinds, transactions. */

#include "asker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_client_connects(struct asker *a)
{
    zhandle_t *zh = client(a);
    const clientid_t *id = zoo_client_id(zh);
    static const char zeros[16];

    SAME(a, zoo_state(zh), ZOO_CONNECTED_STATE);
    EXPECT(a, id->client_id != 0);
    EXPECT(a, memcmp(id->passwd, zeros, sizeof(zeros)) != 0);
    SAME(a, zoo_recv_timeout(zh), 20000);
    SAME(a, is_unrecoverable(zh), ZOK);
    SAME(a, client_close(a, zh), ZOK);
}

static void a_session_timeout_is_negotiated(struct asker *a)
{
    SAME(a, zoo_recv_timeout(client_open(a, NULL, 500000, NULL)), 60000);
    SAME(a, zoo_recv_timeout(client_open(a, NULL, 10, NULL)), 1000);
}

static void a_dead_server_in_the_list_is_skipped(struct asker *a)
{
    char list[ASKER_PATH_MAX];

    /* Port 1 of the loopback: nobody may listen there but root, and nobody does. */
    snprintf(list, sizeof(list), "127.0.0.1:1,%.400s", a->connect);
    make(a, client_open(a, list, 20000, NULL), "/a", "1");
}

static void a_read_only_client_gets_a_full_server(struct asker *a)
{
    char hosts[2 * ASKER_PATH_MAX];
    struct events states;

    snprintf(hosts, sizeof(hosts), "%s%s", a->connect, a->root);
    events_init(&states);

    zhandle_t *zh = zookeeper_init(hosts, events_watch_all, 20000, NULL, &states, ZOO_READONLY);
    bool is_connected = zh != NULL && events_see_state(&states, 0, ZOO_CONNECTED_STATE);
    int rc = is_connected ? zoo_create(zh, "/a", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0) : 0;

    if (zh != NULL)
        zookeeper_close(zh);
    events_done(&states);
    EXPECT(a, is_connected);
    SAME(a, rc, ZOK);
}

static void the_server_list_can_be_changed(struct asker *a)
{
    zhandle_t *zh = client(a);
    char list[ASKER_PATH_MAX];

    snprintf(list, sizeof(list), "%.200s,%.200s", a->connect, relay_of(a));
    make(a, zh, "/a", "1");
    SAME(a, zoo_set_servers(zh, list), ZOK);
    wait_for_rc(a, zh, "/a", ZOK);
}

/* Field by field: the struct has gaps. */
static void same_stat(struct asker *a, const struct Stat *got, const struct Stat *expected)
{
    SAME(a, got->czxid, expected->czxid);
    SAME(a, got->mzxid, expected->mzxid);
    SAME(a, got->pzxid, expected->pzxid);
    SAME(a, got->ctime, expected->ctime);
    SAME(a, got->mtime, expected->mtime);
    SAME(a, got->version, expected->version);
    SAME(a, got->cversion, expected->cversion);
    SAME(a, got->aversion, expected->aversion);
    SAME(a, got->ephemeralOwner, expected->ephemeralOwner);
    SAME(a, got->dataLength, expected->dataLength);
    SAME(a, got->numChildren, expected->numChildren);
}

static void a_node_is_created_read_set_and_deleted(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct Stat stat, changed, seen;
    char path[64];

    SAME(a, zoo_exists(zh, "/a", 0, &stat), ZNONODE);
    SAME(a, zoo_create(zh, "/a", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof(path)), ZOK);
    SAME_TEXT(a, path, "/a");
    SAME_TEXT(a, data_of(a, zh, "/a", &stat), "one");
    SAME(a, stat.version, 0);
    SAME(a, stat.cversion, 0);
    SAME(a, stat.aversion, 0);
    SAME(a, stat.dataLength, 3);
    SAME(a, stat.numChildren, 0);
    SAME(a, stat.ephemeralOwner, 0);
    SAME(a, stat.mzxid, stat.czxid);
    SAME(a, stat.pzxid, stat.czxid);
    SAME(a, stat.mtime, stat.ctime);
    SAME(a, zoo_set(zh, "/a", "two", 3, 0), ZOK);
    SAME(a, zoo_set2(zh, "/a", "three", 5, 1, &changed), ZOK);
    SAME(a, changed.version, 2);
    SAME(a, changed.dataLength, 5);
    EXPECT(a, changed.mzxid == stat.mzxid + 2);
    SAME(a, changed.pzxid, stat.pzxid);
    SAME(a, zoo_exists(zh, "/a", 0, &seen), ZOK);
    same_stat(a, &seen, &changed);
    SAME(a, zoo_delete(zh, "/a", 2), ZOK);
    SAME(a, zoo_exists(zh, "/a", 0, &stat), ZNONODE);
}

static void wrong_requests_get_their_errors(struct asker *a)
{
    zhandle_t *zh = client(a);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    struct String_vector names;
    struct Stat stat;
    char data[8];
    int len = sizeof(data);

    make(a, zh, "/a", "");
    make(a, zh, "/a/b", "");
    SAME(a, zoo_create(zh, "/a", "", 0, open, 0, NULL, 0), ZNODEEXISTS);
    SAME(a, zoo_create(zh, "/x/y", "", 0, open, 0, NULL, 0), ZNONODE);
    SAME(a, zoo_create(zh, "/a/\x01", "", 0, open, 0, NULL, 0), ZBADARGUMENTS);
    SAME(a, zoo_get(zh, "/x", 0, data, &len, &stat), ZNONODE);
    SAME(a, zoo_set(zh, "/x", "", 0, -1), ZNONODE);
    SAME(a, zoo_get_children(zh, "/x", 0, &names), ZNONODE);
    SAME(a, zoo_delete(zh, "/x", -1), ZNONODE);
    SAME(a, zoo_delete(zh, "/a", 7), ZBADVERSION); /* Before ZNOTEMPTY. */
    SAME(a, zoo_delete(zh, "/a", -1), ZNOTEMPTY);
    SAME(a, zoo_set(zh, "/a", "", 0, 1), ZBADVERSION);
    SAME(a, zoo_set(zh, "/a", "", 0, 0), ZOK);
}

static void null_and_empty_data_differ(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct Stat stat;
    char data[8];
    int len = sizeof(data);

    SAME(a, zoo_create(zh, "/null", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK);
    SAME(a, zoo_get(zh, "/null", 0, data, &len, &stat), ZOK);
    SAME(a, len, -1);
    SAME(a, stat.dataLength, 0);
    len = sizeof(data);
    make(a, zh, "/empty", "");
    SAME(a, zoo_get(zh, "/empty", 0, data, &len, &stat), ZOK);
    SAME(a, len, 0);
    SAME(a, zoo_set(zh, "/empty", NULL, -1, -1), ZOK);
    len = sizeof(data);
    SAME(a, zoo_get(zh, "/empty", 0, data, &len, &stat), ZOK);
    SAME(a, len, -1);
}

static void large_data_comes_back(struct asker *a)
{
    enum { SIZE = 1000000 };
    static char sent[SIZE], got[SIZE];
    zhandle_t *zh = client(a);
    struct Stat stat;
    int len = SIZE;

    for (int i = 0; i < SIZE; i++)
        sent[i] = (char)(i * 7 + i / 251);
    SAME(a, zoo_create(zh, "/a", sent, SIZE, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZOK);
    SAME(a, zoo_get(zh, "/a", 0, got, &len, &stat), ZOK);
    SAME(a, len, SIZE);
    SAME(a, memcmp(sent, got, SIZE), 0);
    SAME(a, stat.dataLength, SIZE);
}

static int compare_names(const void *x, const void *y)
{
    return strcmp(*(char *const *)x, *(char *const *)y);
}

static void children_are_listed(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct String_vector names;
    struct Stat stat, again;

    make(a, zh, "/p", "");
    SAME(a, zoo_get_children(zh, "/p", 0, &names), ZOK);
    SAME(a, names.count, 0);
    deallocate_String_vector(&names);
    make(a, zh, "/p/b", "");
    make(a, zh, "/p/a", "");
    make(a, zh, "/p/a/deep", "");
    SAME(a, zoo_get_children2(zh, "/p", 0, &names, &stat), ZOK);
    SAME(a, names.count, 2);
    qsort(names.data, 2, sizeof(names.data[0]), compare_names);
    SAME_TEXT(a, names.data[0], "a");
    SAME_TEXT(a, names.data[1], "b");
    deallocate_String_vector(&names);
    SAME(a, stat.numChildren, 2);
    SAME(a, stat.cversion, 2);
    SAME(a, zoo_delete(zh, "/p/b", -1), ZOK);
    SAME(a, zoo_exists(zh, "/p", 0, &again), ZOK);
    SAME(a, again.cversion, 3);
    SAME(a, again.numChildren, 1);
    EXPECT(a, again.pzxid > stat.pzxid);
    SAME(a, again.mzxid, stat.mzxid);
}

static void create2_returns_the_stat(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct Stat stat, seen;
    char path[64];

    SAME(a,
         zoo_create2(zh, "/s-", "12345", 5, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, path,
                     sizeof(path), &stat),
         ZOK);
    SAME_TEXT(a, path, "/s-0000000000");
    SAME(a, stat.dataLength, 5);
    SAME(a, stat.ephemeralOwner, zoo_client_id(zh)->client_id);
    SAME(a, zoo_exists(zh, path, 0, &seen), ZOK);
    same_stat(a, &stat, &seen);
}

static void expect_sequence(struct asker *a, zhandle_t *zh, const char *prefix, int mode,
                            const char *expected)
{
    char path[64];

    SAME(a, zoo_create(zh, prefix, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, path, sizeof(path)), ZOK);
    SAME_TEXT(a, path, expected);
}

static void sequence_numbers_never_come_back(struct asker *a)
{
    zhandle_t *zh = client(a);

    make(a, zh, "/s", "");
    expect_sequence(a, zh, "/s/n-", ZOO_PERSISTENT_SEQUENTIAL, "/s/n-0000000000");
    expect_sequence(a, zh, "/s/n-", ZOO_EPHEMERAL_SEQUENTIAL, "/s/n-0000000001");
    make(a, zh, "/s/plain", "");
    expect_sequence(a, zh, "/s/m-", ZOO_PERSISTENT_SEQUENTIAL, "/s/m-0000000003");
    SAME(a, zoo_delete(zh, "/s/m-0000000003", -1), ZOK);
    expect_sequence(a, zh, "/s/", ZOO_PERSISTENT_SEQUENTIAL, "/s/0000000004");
    SAME(a, zoo_create(zh, "/s/plain", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZNODEEXISTS);
    expect_sequence(a, zh, "/s/n-", ZOO_PERSISTENT_SEQUENTIAL, "/s/n-0000000005");
}

static void an_ephemeral_ends_with_its_session(struct asker *a)
{
    zhandle_t *owner = client(a), *other = client(a);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    struct Stat stat;

    SAME(a, zoo_create(owner, "/e", "", 0, open, ZOO_EPHEMERAL, NULL, 0), ZOK);
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZOK);
    SAME(a, stat.ephemeralOwner, zoo_client_id(owner)->client_id);
    SAME(a, zoo_create(other, "/e/child", "", 0, open, 0, NULL, 0), ZNOCHILDRENFOREPHEMERALS);
    SAME(a, client_close(a, owner), ZOK);
    settle(a, other);
    SAME(a, zoo_exists(other, "/e", 0, &stat), ZNONODE);
}

static void a_container_goes_when_its_last_child_goes(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct Stat stat;

    SAME(a, zoo_create(zh, "/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, NULL, 0), ZOK);
    SAME(a, zoo_create(zh, "/kept", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, NULL, 0), ZOK);
    make(a, zh, "/c/child", "");
    SAME(a, zoo_exists(zh, "/c", 0, &stat), ZOK);
    SAME(a, stat.ephemeralOwner, 0);
    SAME(a, zoo_delete(zh, "/c/child", -1), ZOK);
    wait_for_rc(a, zh, "/c", ZNONODE);
    SAME(a, zoo_exists(zh, "/kept", 0, &stat), ZOK); /* It has never had a child. */
}

static void a_ttl_node_goes_after_its_time(struct asker *a)
{
    zhandle_t *zh = client(a);
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    const int ttl = ZOO_PERSISTENT_WITH_TTL, sequential = ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL;
    struct Stat stat;
    char path[64];
    double start = now_s();

    SAME(a, zoo_create_ttl(zh, "/t", "", 0, open, ttl, 1500, path, sizeof(path)), ZOK);
    SAME_TEXT(a, path, "/t");
    SAME(a, zoo_create2_ttl(zh, "/s-", "", 0, open, sequential, 1500, path, sizeof(path), &stat),
         ZOK);
    SAME_TEXT(a, path, "/s-0000000001");
    SAME(a, stat.ephemeralOwner, 0);
    SAME(a, zoo_create_ttl(zh, "/full", "", 0, open, ttl, 1, NULL, 0), ZOK);
    make(a, zh, "/full/child", "");
    wait_for_rc(a, zh, "/t", ZNONODE);
    EXPECT(a, now_s() - start >= 1.4);
    wait_for_rc(a, zh, path, ZNONODE);
    SAME(a, zoo_exists(zh, "/full", 0, &stat), ZOK); /* Children keep it. */
    SAME(a, zoo_create_ttl(zh, "/bad", "", 0, open, ttl, 0, NULL, 0), ZBADARGUMENTS);
}

static void a_transaction_happens_as_a_whole(struct asker *a)
{
    zhandle_t *zh = client(a);
    enum { COUNT = 7 };
    zoo_op_t ops[COUNT];
    zoo_op_result_t results[COUNT];
    char made[64], first[64], second[64];
    struct Stat set, stat;

    make(a, zh, "/gone", "");
    make(a, zh, "/counted", "0");
    zoo_create_op_init(&ops[0], "/a", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof(made));
    zoo_create_op_init(&ops[1], "/a/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL,
                       first, sizeof(first));
    zoo_create_op_init(&ops[2], "/a/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL,
                       second, sizeof(second));
    zoo_set_op_init(&ops[3], "/counted", "1", 1, 0, &set);
    zoo_check_op_init(&ops[4], "/counted", 1);
    zoo_delete_op_init(&ops[5], "/gone", 0);
    zoo_create_op_init(&ops[6], "/gone", "back", 4, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    SAME(a, zoo_multi(zh, COUNT, ops, results), ZOK);
    for (int i = 0; i < COUNT; i++)
        SAME(a, results[i].err, ZOK);
    SAME_TEXT(a, made, "/a");
    SAME_TEXT(a, first, "/a/s-0000000000");
    SAME_TEXT(a, second, "/a/s-0000000001");
    SAME(a, set.version, 1);
    SAME(a, zoo_exists(zh, second, 0, &stat), ZOK);
    SAME(a, stat.czxid, set.mzxid); /* One zxid for all. */
    SAME_TEXT(a, data_of(a, zh, "/gone", &stat), "back");
    SAME(a, stat.czxid, set.mzxid);
}

static void a_failing_transaction_does_nothing(struct asker *a)
{
    zhandle_t *zh = client(a);
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    struct Stat set, stat;

    make(a, zh, "/p", "0");
    zoo_create_op_init(&ops[0], "/p/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, NULL, 0);
    zoo_set_op_init(&ops[1], "/p", "1", 1, 0, &set);
    zoo_check_op_init(&ops[2], "/p", 5);
    zoo_delete_op_init(&ops[3], "/p", -1);
    SAME(a, zoo_multi(zh, 4, ops, results), ZBADVERSION);
    SAME(a, results[0].err, ZOK);
    SAME(a, results[1].err, ZOK);
    SAME(a, results[2].err, ZBADVERSION);
    SAME(a, results[3].err, ZRUNTIMEINCONSISTENCY);
    SAME_TEXT(a, data_of(a, zh, "/p", &stat), "0");
    SAME(a, stat.version, 0);
    SAME(a, stat.numChildren, 0);
    expect_sequence(a, zh, "/p/s-", ZOO_PERSISTENT_SEQUENTIAL, "/p/s-0000000000");
}

static void sync_brings_another_clients_write(struct asker *a)
{
    zhandle_t *one = client(a), *two = client(a);
    char text[16];

    make(a, one, "/a", "");
    for (int i = 0; i < 20; i++) {
        int len = snprintf(text, sizeof(text), "%d", i);

        SAME(a, zoo_set(one, "/a", text, len, -1), ZOK);
        settle(a, two);
        SAME_TEXT(a, data_of(a, two, "/a", NULL), text);
    }
}

static void the_config_node_can_be_read(struct asker *a)
{
    zhandle_t *zh = zookeeper_init(a->connect, NULL, 20000, NULL, NULL, 0);
    struct Stat stat = { .aversion = 0 };
    char config[4096];
    int len = sizeof(config);
    int rc = zoo_getconfig(zh, 0, config, &len, &stat);

    zookeeper_close(zh);
    SAME(a, rc, ZOK);
    SAME(a, stat.aversion, -1);
}

const struct question basics_questions[] = {
    QUESTION(a_client_connects),
    QUESTION(a_session_timeout_is_negotiated),
    QUESTION(a_dead_server_in_the_list_is_skipped),
    QUESTION(a_read_only_client_gets_a_full_server),
    QUESTION(the_server_list_can_be_changed),
    QUESTION(a_node_is_created_read_set_and_deleted),
    QUESTION(wrong_requests_get_their_errors),
    QUESTION(null_and_empty_data_differ),
    QUESTION(large_data_comes_back),
    QUESTION(children_are_listed),
    QUESTION(create2_returns_the_stat),
    QUESTION(sequence_numbers_never_come_back),
    QUESTION(an_ephemeral_ends_with_its_session),
    QUESTION(a_container_goes_when_its_last_child_goes),
    QUESTION(a_ttl_node_goes_after_its_time),
    QUESTION(a_transaction_happens_as_a_whole),
    QUESTION(a_failing_transaction_does_nothing),
    QUESTION(sync_brings_another_clients_write),
    QUESTION(the_config_node_can_be_read),
    { .name = NULL },
};
