/* ACLs and authentication. */

#include "asker.h"
#include "relay.h"

#include <stdio.h>
#include <string.h>

/* base64(sha1("ann:secret")), as the server keeps it. */
#define ANN "ann:7RJfAeIvrl4zdj6sS2fXrQHDvHM="

static int add_digest(zhandle_t *zh, const char *user)
{
    return zoo_add_auth(zh, "digest", user, (int)strlen(user), NULL, NULL);
}

static void make_private(struct asker *a, zhandle_t *owner, const char *path, const char *data)
{
    SAME(a, zoo_create(owner, path, data, (int)strlen(data), &ZOO_CREATOR_ALL_ACL, 0, NULL, 0),
         ZOK);
}

/* A list of one entry, in memory that the next call uses again. */
static struct ACL_vector *acl_of(int perms, const char *scheme, const char *id)
{
    static struct ACL acl;
    static struct ACL_vector list = { .count = 1, .data = &acl };

    acl.perms = perms;
    acl.id.scheme = (char *)(uintptr_t)scheme;
    acl.id.id = (char *)(uintptr_t)id;
    return &list;
}

static int get_rc(zhandle_t *zh, const char *path)
{
    char data[64];
    int len = sizeof(data);
    struct Stat stat;

    return zoo_get(zh, path, 0, data, &len, &stat);
}

static void a_new_node_is_open_to_all(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct ACL_vector acl;
    struct Stat stat;

    make(a, zh, "/a", "");
    SAME(a, zoo_get_acl(zh, "/a", &acl, &stat), ZOK);
    SAME(a, acl.count, 1);
    SAME(a, acl.data[0].perms, ZOO_PERM_ALL);
    SAME_TEXT(a, acl.data[0].id.scheme, "world");
    SAME_TEXT(a, acl.data[0].id.id, "anyone");
    deallocate_ACL_vector(&acl);
}

static void a_creators_acl_keeps_others_out(struct asker *a)
{
    zhandle_t *owner = client(a), *other = client(a);
    struct ACL_vector acl;
    struct String_vector names;
    struct Stat stat;

    SAME(a, zoo_create(owner, "/early", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0), ZINVALIDACL);
    SAME(a, add_digest(owner, "ann:secret"), ZOK);
    make_private(a, owner, "/a", "1");
    SAME(a, get_rc(owner, "/a"), ZOK);
    SAME(a, zoo_get_acl(owner, "/a", &acl, &stat), ZOK);
    SAME(a, acl.count, 1);
    SAME_TEXT(a, acl.data[0].id.scheme, "digest");
    SAME_TEXT(a, acl.data[0].id.id, ANN);
    deallocate_ACL_vector(&acl);

    SAME(a, get_rc(other, "/a"), ZNOAUTH);
    SAME(a, zoo_exists(other, "/a", 0, &stat), ZNOAUTH);
    SAME(a, zoo_get_children(other, "/a", 0, &names), ZNOAUTH);
    SAME(a, zoo_set(other, "/a", "", 0, -1), ZNOAUTH);
    SAME(a, zoo_create(other, "/a/b", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0), ZNOAUTH);
    SAME(a, zoo_get_acl(other, "/a", &acl, &stat), ZNOAUTH);
    SAME(a, zoo_set_acl(other, "/a", -1, &ZOO_OPEN_ACL_UNSAFE), ZNOAUTH);
    SAME(a, add_digest(other, "ann:wrong"), ZOK);
    SAME(a, get_rc(other, "/a"), ZNOAUTH);
    SAME(a, add_digest(other, "ann:secret"), ZOK);
    SAME(a, get_rc(other, "/a"), ZOK);
}

static void a_delete_asks_for_the_right_on_the_parent(struct asker *a)
{
    zhandle_t *owner = client(a), *other = client(a);

    SAME(a, add_digest(owner, "ann:secret"), ZOK);
    make_private(a, owner, "/p", "");
    make(a, owner, "/p/a", "");
    SAME(a, zoo_delete(other, "/p/a", -1), ZNOAUTH);
    SAME(a, zoo_set(other, "/p/a", "open", 4, -1), ZOK);
    SAME(a, zoo_delete(owner, "/p/a", -1), ZOK);
}

static void an_acl_changes_with_its_version(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct ACL_vector acl;
    struct Stat stat;

    make(a, zh, "/a", "");
    SAME(a, zoo_set_acl(zh, "/a", 0, acl_of(ZOO_PERM_READ | ZOO_PERM_ADMIN, "world", "anyone")),
         ZOK);
    SAME(a, zoo_set_acl(zh, "/a", 0, &ZOO_OPEN_ACL_UNSAFE), ZBADVERSION);
    SAME(a, zoo_set(zh, "/a", "", 0, -1), ZNOAUTH);
    SAME(a, zoo_get_acl(zh, "/a", &acl, &stat), ZOK);
    SAME(a, acl.data[0].perms, ZOO_PERM_READ | ZOO_PERM_ADMIN);
    SAME(a, stat.aversion, 1);
    SAME(a, stat.version, 0);
    SAME(a, stat.mzxid, stat.czxid);
    deallocate_ACL_vector(&acl);
    SAME(a, zoo_set_acl(zh, "/a", 1, &ZOO_OPEN_ACL_UNSAFE), ZOK);
    SAME(a, zoo_set(zh, "/a", "", 0, -1), ZOK);
}

static void digests_are_masked_from_those_without_admin(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct ACL list[2] = {
        { .perms = ZOO_PERM_ALL, .id = { .scheme = (char[]){ "digest" }, .id = (char[]){ ANN } } },
        { .perms = ZOO_PERM_READ, .id = ZOO_ANYONE_ID_UNSAFE },
    };
    struct ACL_vector mixed = { .count = 2, .data = list }, acl;
    struct Stat stat;

    SAME(a, zoo_create(zh, "/a", "", 0, &mixed, 0, NULL, 0), ZOK);
    SAME(a, zoo_get_acl(zh, "/a", &acl, &stat), ZOK);
    SAME(a, acl.count, 2);
    SAME_TEXT(a, acl.data[0].id.id, "ann:x");
    deallocate_ACL_vector(&acl);
    SAME(a, add_digest(zh, "ann:secret"), ZOK);
    SAME(a, zoo_get_acl(zh, "/a", &acl, &stat), ZOK);
    SAME_TEXT(a, acl.data[0].id.id, ANN);
    deallocate_ACL_vector(&acl);
}

static void an_ip_acl_matches_the_clients_address(struct asker *a)
{
    zhandle_t *zh = client(a);

    SAME(a, zoo_create(zh, "/near", "", 0, acl_of(31, "ip", "127.0.0.0/8"), 0, NULL, 0), ZOK);
    SAME(a, get_rc(zh, "/near"), ZOK);
    SAME(a, zoo_create(zh, "/far", "", 0, acl_of(31, "ip", "10.1.2.3"), 0, NULL, 0), ZOK);
    SAME(a, get_rc(zh, "/far"), ZNOAUTH);
}

static void a_meaningless_acl_is_refused(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct ACL_vector none = { .count = 0, .data = NULL };

    SAME(a, zoo_create(zh, "/a", "", 0, &none, 0, NULL, 0), ZINVALIDACL);
    SAME(a, zoo_create(zh, "/a", "", 0, acl_of(31, "digest", "no-colon"), 0, NULL, 0), ZINVALIDACL);
    SAME(a, zoo_create(zh, "/a", "", 0, acl_of(31, "nonsense", "x"), 0, NULL, 0), ZINVALIDACL);
    SAME(a, zoo_create(zh, "/x/a", "", 0, acl_of(31, "ip", "300.1.1.1"), 0, NULL, 0), ZINVALIDACL);
}

static void an_unknown_scheme_ends_the_connection(struct asker *a)
{
    zhandle_t *zh = client(a);
    struct Stat stat;

    SAME(a, zoo_add_auth(zh, "nonsense", "x", 1, NULL, NULL), ZOK);
    events_wait_state(a, client_events(a, zh), 0, ZOO_AUTH_FAILED_STATE);
    SAME(a, is_unrecoverable(zh), ZINVALIDSTATE);
    SAME(a, zoo_exists(zh, "/", 0, &stat), ZINVALIDSTATE);
}

static void auth_is_sent_again_after_a_reconnect(struct asker *a)
{
    zhandle_t *zh = client_open(a, relay_of(a), 20000, NULL);
    struct events *states = client_events(a, zh);

    SAME(a, add_digest(zh, "ann:secret"), ZOK);
    make_private(a, zh, "/a", "");

    int before = events_count(states);

    relay_cut(a->relay);
    events_wait_state(a, states, before, ZOO_CONNECTED_STATE);
    SAME(a, get_rc(zh, "/a"), ZOK);
}

static void the_super_user_passes_every_acl(struct asker *a)
{
    zhandle_t *owner = client(a), *root = client(a);

    SAME(a, add_digest(owner, "ann:secret"), ZOK);
    make_private(a, owner, "/a", "");
    SAME(a, get_rc(root, "/a"), ZNOAUTH);
    SAME(a, add_digest(root, "super:compat"), ZOK); /* Its digest is in server.cfg. */
    SAME(a, get_rc(root, "/a"), ZOK);
    SAME(a, zoo_set_acl(root, "/a", -1, &ZOO_OPEN_ACL_UNSAFE), ZOK);
}

static void an_acl_in_a_transaction_is_checked(struct asker *a)
{
    zhandle_t *owner = client(a), *other = client(a);
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    struct Stat stat;

    SAME(a, add_digest(owner, "ann:secret"), ZOK);
    make_private(a, owner, "/a", "");
    zoo_create_op_init(&ops[0], "/b", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_set_op_init(&ops[1], "/a", "x", 1, -1, &stat);
    SAME(a, zoo_multi(other, 2, ops, results), ZNOAUTH);
    SAME(a, results[0].err, ZOK);
    SAME(a, results[1].err, ZNOAUTH);
    SAME(a, zoo_exists(other, "/b", 0, &stat), ZNONODE);
}

const struct question rights_questions[] = {
    QUESTION(a_new_node_is_open_to_all),
    QUESTION(a_creators_acl_keeps_others_out),
    QUESTION(a_delete_asks_for_the_right_on_the_parent),
    QUESTION(an_acl_changes_with_its_version),
    QUESTION(digests_are_masked_from_those_without_admin),
    QUESTION(an_ip_acl_matches_the_clients_address),
    QUESTION(a_meaningless_acl_is_refused),
    QUESTION(an_unknown_scheme_ends_the_connection),
    QUESTION(auth_is_sent_again_after_a_reconnect),
    QUESTION(the_super_user_passes_every_acl),
    QUESTION(an_acl_in_a_transaction_is_checked),
    { .name = NULL },
};
