/* Random histories, on the tree and on a plain list of nodes that obeys the same rules
 * in the simplest way. Everything that can be read is compared; the digest is computed
 * from the list by its definition; a walk runs all the while. */
#include "tests/unit/test_tree_list.h"
#include "util/rand.h"

enum { STEPS = 6000, SESSIONS = 4 };

static struct plain list;
static struct ground g;
static struct rand_state rnd;
static struct tree_walk walks[WALKS];

/* ---- Comparing. */

static void expect_same_node(const struct mnode *m)
{
    const struct znode *n = look(&g, m->path);
    struct znode_raw raw;
    uint64_t names;
    int32_t children = plain_children(&list, m, &names);

    ck_assert_msg(n != NULL, "%s is missing", m->path);
    znode_raw(g.t, n, &raw);
    ck_assert_int_eq(raw.czxid, m->raw.czxid);
    ck_assert_int_eq(raw.mzxid, m->raw.mzxid);
    ck_assert_int_eq(raw.pzxid, m->raw.pzxid);
    ck_assert_int_eq(raw.ctime, m->raw.ctime);
    ck_assert_int_eq(raw.mtime, m->raw.mtime);
    ck_assert_int_eq(raw.version, m->raw.version);
    ck_assert_int_eq(raw.cversion, m->raw.cversion);
    ck_assert_int_eq(raw.aversion, m->raw.aversion);
    ck_assert_int_eq(raw.owner, m->raw.owner);
    ck_assert(jute_bytes_equal(znode_data(g.t, n),
                               (struct jute_bytes){ .at = m->data, .len = m->data_len }));
    ck_assert_int_eq(znode_child_count(g.t, n), children);
    ck_assert_uint_eq(znode_child_names_len(g.t, n), names);
    if (m->perms == -1)
        ck_assert_int_eq(znode_acl(n), TREE_ACL_OPEN);
    else
        ck_assert_int_eq((int32_t)jute_load32(tree_acl(g.t, znode_acl(n)).at), m->perms);
}

static void expect_same_children(const struct mnode *m)
{
    const struct znode *n = look(&g, m->path);
    int32_t children = 0;
    int64_t below = 0;
    char path[2500];

    for (const struct znode *at = znode_first_child(g.t, n); at != NULL;
         at = znode_next_sibling(g.t, at)) {
        struct jute_bytes name = znode_name(g.t, at);

        (void)snprintf(path, sizeof path, "%s/%.*s", strcmp(m->path, "/") == 0 ? "" : m->path,
                       name.len, (const char *)name.at);
        ck_assert_msg(plain_find(&list, path) != NULL, "%s should not be there", path);
        children++;
    }
    ck_assert_int_eq(children, znode_child_count(g.t, n));
    for (size_t i = 0; i < list.count; i++)
        below += is_below(list.nodes[i]->path, m->path);
    ck_assert_int_eq(znode_descendant_count(g.t, n), below);
}

static bool is_ephemeral(const struct mnode *m)
{
    return m->raw.owner > 0;
}

static void expect_same_ephemerals(void)
{
    for (zk_session_id session = 1; session <= SESSIONS; session++) {
        const struct znode *n = tree_first_ephemeral(g.t, session);
        uint64_t have = 0;

        /* The list is in creation order. */
        for (size_t i = 0; i < list.count; i++) {
            if (list.nodes[i]->raw.owner != session)
                continue;
            ck_assert_ptr_eq(n, look(&g, list.nodes[i]->path));
            n = tree_next_ephemeral(g.t, n);
            have++;
        }
        ck_assert_ptr_null(n);
        ck_assert_uint_eq(tree_ephemeral_count(g.t, session), have);
    }
}

static void expect_same_totals(void)
{
    struct tree_totals t;
    uint64_t bytes = 0;
    uint64_t ephemerals = 0;

    tree_totals(g.t, &t);
    for (size_t i = 0; i < list.count; i++) {
        for (const char *p = list.nodes[i]->path; *p != 0; p++)
            bytes += ((unsigned char)*p & 0xc0) != 0x80;
        bytes += list.nodes[i]->data_len > 0 ? (uint64_t)list.nodes[i]->data_len : 0;
        ephemerals += is_ephemeral(list.nodes[i]);
    }
    ck_assert_uint_eq(t.nodes, list.count);
    ck_assert_uint_eq(t.data_bytes, bytes);
    ck_assert_uint_eq(t.ephemerals, ephemerals);
}

static void expect_same(void)
{
    for (size_t i = 0; i < list.count; i++) {
        const struct mnode *m = list.nodes[i];

        ck_assert_ptr_nonnull(m);
        expect_same_node(m);
        expect_same_children(m);
    }
    expect_same_ephemerals();
    expect_same_totals();
    ck_assert_uint_eq(slow_digest(g.t), tree_digest(g.t));
}

/* ---- The walk. */

/* One of the walks goes on by some nodes. */
static void walk_some(void)
{
    size_t which = (size_t)rand_below(&rnd, WALKS);
    struct tree_walk *w = &walks[which];
    struct bytes path = { 0 };

    if (tree_walk_is_lost(w)) {
        for (size_t i = 0; i < list.count; i++) {
            list.nodes[i]->was_there[which] = true;
            list.nodes[i]->seen[which] = 0;
        }
        tree_walk_begin(g.t, w);
    }
    for (uint64_t steps = rand_below(&rnd, 4); steps > 0; steps--) {
        const struct znode *n = tree_walk_next(w);

        if (n == NULL) {
            for (size_t i = 0; i < list.count; i++)
                ck_assert_int_eq(list.nodes[i]->seen[which], list.nodes[i]->was_there[which]);
            tree_walk_end(w);
            break;
        }
        path.len = 0;
        znode_path(g.t, n, &path);
        bytes_put(&path, "", 1);

        struct mnode *m = plain_find(&list, (const char *)path.at);
        const struct mnode *parent = plain_parent(&list, (const char *)path.at);

        ck_assert_ptr_nonnull(m);
        ck_assert_int_eq(m->seen[which]++, 0);
        m->was_there[which] = true;
        ck_assert(parent == NULL || parent->seen[which] == 1);
    }
    bytes_done(&path);
}

/* ---- Random ops. */

static const char *random_path(void)
{
    static char path[PATH_SIZE];
    static const char *const names[] = {
        "a", "b", "c", "dd", "e\xc3\xa9", "ffffffffffffffff", "g"
    };
    int depth = 1 + (int)rand_below(&rnd, 4);
    size_t len = 0;

    /* Mostly near something that exists. */
    if (rand_below(&rnd, 3) != 0) {
        const char *from = list.nodes[rand_below(&rnd, list.count)]->path;

        if (strlen(from) < 60 && strcmp(from, "/") != 0) {
            copy_path(path, from);
            len = strlen(path);
            depth = (int)rand_below(&rnd, 2);
        }
    }
    for (; depth > 0 || len == 0; depth--)
        len += (size_t)snprintf(path + len, sizeof path - len, "/%s",
                                names[rand_below(&rnd, sizeof names / sizeof *names)]);
    if (rand_below(&rnd, 200) == 0 && len < 70) {
        memset(path + len, 'L', 1100); /* A name that is kept outside its node. */
        path[len + 1100] = 0;
    }
    return path;
}

static struct jute_bytes random_data(void)
{
    static uint8_t bytes[6000];
    uint64_t kind = rand_below(&rnd, 20);
    size_t len = rand_below(&rnd, kind == 0 ? sizeof bytes : 200);

    if (kind == 1)
        return text(NULL);
    for (size_t i = 0; i < len; i += 50)
        bytes[i] = (uint8_t)rand_next(&rnd);
    return (struct jute_bytes){ .at = bytes, .len = (int32_t)len };
}

static bool is_built_in(const char *path)
{
    return strcmp(path, "/zookeeper") == 0 || strcmp(path, "/zookeeper/quota") == 0 ||
           strcmp(path, "/zookeeper/config") == 0;
}

struct op {
    int32_t type;
    const char *path;
    struct jute_bytes data;
    int32_t perms, cversion;
    bool ephemeral;
};

static bool is_create(const struct op *op)
{
    return op->type == ZK_OP_CREATE || op->type == ZK_OP_CREATE2 ||
           op->type == ZK_OP_CREATE_CONTAINER || op->type == ZK_OP_CREATE_TTL;
}

static void write_create(struct bytes *out, const struct op *op)
{
    struct bytes acl = { 0 };
    struct jute_vector acls = acl_of(&acl, op->perms);
    struct create_txn plain = { text(op->path), op->data, acls, op->ephemeral, op->cversion };
    struct create_container_txn container = { text(op->path), op->data, acls, op->cversion };
    struct create_ttl_txn ttl = { text(op->path), op->data, acls, op->cversion, 99 };

    if (op->type == ZK_OP_CREATE_CONTAINER)
        jute_write_create_container_txn(out, &container);
    else if (op->type == ZK_OP_CREATE_TTL)
        jute_write_create_ttl_txn(out, &ttl);
    else
        jute_write_create_txn(out, &plain);
    bytes_done(&acl);
}

static void write_op(struct bytes *out, const struct op *op)
{
    if (is_create(op))
        write_create(out, op);
    else if (op->type == ZK_OP_SET_DATA)
        jute_write_set_data_txn(out, &(struct set_data_txn){ text(op->path), op->data, op->perms });
    else
        jute_write_delete_txn(out, &(struct delete_txn){ text(op->path) });
}

static int64_t owner_of(const struct op *op)
{
    if (op->type == ZK_OP_CREATE_CONTAINER)
        return ZNODE_CONTAINER_OWNER;
    if (op->type == ZK_OP_CREATE_TTL)
        return (int64_t)0xff00000000000063u;
    return op->ephemeral ? g.session : 0;
}

static int32_t model_op(const struct op *op)
{
    if (is_create(op))
        return plain_create(&list, op->path, op->data, op->perms, owner_of(op), op->cversion);
    if (op->type == ZK_OP_SET_DATA)
        return plain_set(&list, op->path, op->data, op->perms);
    return is_built_in(op->path) ? ZK_BAD_ARGUMENTS : plain_delete(&list, op->path);
}

/* Writes one op's record to `out` and applies it to the list if `is_applied`. */
static int32_t random_op(struct bytes *out, int32_t *ret_type, bool is_applied)
{
    static const int32_t types[] = { ZK_OP_CREATE,           ZK_OP_CREATE,
                                     ZK_OP_CREATE2,          ZK_OP_CREATE,
                                     ZK_OP_DELETE,           ZK_OP_DELETE_CONTAINER,
                                     ZK_OP_CREATE_CONTAINER, ZK_OP_SET_DATA,
                                     ZK_OP_CREATE_TTL,       ZK_OP_CREATE };
    struct op op = { .type = types[rand_below(&rnd, sizeof types / sizeof *types)],
                     .path = random_path(),
                     .data = random_data(),
                     .perms = (int32_t)rand_below(&rnd, 32),
                     .cversion = rand_below(&rnd, 4) > 0 ? -1 : (int32_t)rand_below(&rnd, 50),
                     .ephemeral = rand_below(&rnd, 4) == 0 };

    *ret_type = op.type;
    write_op(out, &op);
    return is_applied ? model_op(&op) : 0;
}

static void single(void)
{
    int32_t type;

    g.record.len = 0;

    int32_t want = random_op(&g.record, &type, true);

    ck_assert_int_eq(ground_apply(&g, type), want);
}

static void multi(void)
{
    struct bytes members = { 0 };
    struct bytes record = { 0 };
    int32_t len = (int32_t)rand_below(&rnd, 5);
    bool fails = len > 0 && rand_below(&rnd, 3) == 0;
    int32_t want[5];

    for (int32_t i = 0; i < len; i++) {
        int32_t type;

        record.len = 0;
        want[i] = random_op(&record, &type, !fails);
        if (fails && i == len / 2) {
            type = ZK_OP_ERROR;
            record.len = 0;
            jute_write_error_txn(&record, &(struct error_txn){ ZK_BAD_VERSION });
        }
        if (fails)
            want[i] = i < len / 2 ? 0 : i == len / 2 ? ZK_BAD_VERSION : ZK_RUNTIME_INCONSISTENCY;
        jute_write_txn(&members, (struct jute_txn){ type, { record.at, (int32_t)record.len } });
    }
    g.record.len = 0;
    jute_write_txns(&g.record, jute_vector_of(&members, len));
    (void)ground_apply(&g, ZK_OP_MULTI);
    ck_assert_uint_eq(g.result_count, (size_t)len);
    for (int32_t i = 0; i < len; i++)
        ck_assert_int_eq(g.results[i].err, want[i]);
    bytes_done(&members);
    bytes_done(&record);
}

/* Some of its ephemerals are listed, as when one was created behind the preparation. */
static void end_session(void)
{
    const char *paths[16];
    char kept[16][PATH_SIZE];
    int32_t listed = 0;

    for (size_t i = 0; i < list.count && listed < 16; i++) {
        if (list.nodes[i]->raw.owner == g.session && rand_below(&rnd, 4) != 0) {
            copy_path(kept[listed], list.nodes[i]->path);
            paths[listed] = kept[listed];
            listed++;
        }
    }
    for (int32_t i = 0; i < listed; i++)
        (void)plain_delete(&list, paths[i]);
    for (size_t i = 0; i < list.count;) {
        if (list.nodes[i]->raw.owner == g.session) {
            char path[PATH_SIZE];

            copy_path(path, list.nodes[i]->path);
            (void)plain_delete(&list, path);
            i = 0;
        } else {
            i++;
        }
    }
    ck_assert_int_eq(close_session(&g, paths, listed), 0);
}

static void change_acl(void)
{
    const char *path = random_path();
    int32_t perms = (int32_t)rand_below(&rnd, 32);
    int32_t version = (int32_t)rand_below(&rnd, 100);
    struct mnode *m = plain_find(&list, path);

    ck_assert_int_eq(set_perms(&g, path, perms, version), m != NULL ? 0 : ZK_NO_NODE);
    if (m != NULL) {
        m->perms = perms;
        m->raw.aversion = version;
    }
}

static void step(void)
{
    uint64_t what = rand_below(&rnd, 100);

    g.session = 1 + (zk_session_id)rand_below(&rnd, SESSIONS);
    g.time_ms += (int64_t)rand_below(&rnd, 3);
    list.time_ms = g.time_ms;
    list.zxid = g.zxid + 1;
    if (what < 80)
        single();
    else if (what < 92)
        multi();
    else if (what < 98)
        change_acl();
    else
        end_session();
}

START_TEST(random_histories_agree_with_a_plain_list)
{
    g = ground_with(
        &(struct tree_conf){ .hash_seed = (uint64_t)_i, .extended_types = true, .digest = true });
    rand_seed(&rnd, 1000 + (uint64_t)_i);
    plain_begin(&list);
    for (int i = 0; i < STEPS; i++) {
        step();
        ck_assert_msg(tree_digest(g.t) == plain_digest(&list), "seed %d step %d", _i, i);
        walk_some();
        if (i % 500 == 499)
            expect_same();
    }
    while (list.count > 0)
        plain_drop(&list, 0);
    ground_done(&g);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("tree_model");
    TCase *c = tcase_create("all");

    tcase_set_timeout(c, 300);
    tcase_add_loop_test(c, random_histories_agree_with_a_plain_list, 0, 6);
    suite_add_tcase(s, c);
    return run_suite(s);
}
