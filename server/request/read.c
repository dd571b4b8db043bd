#include "server/request/read.h"

#include "jute/utf8.h"
#include "server/request/limits.h"
#include "server/tree/path.h"
#include "util/check.h"

static bool may(const struct call *call, const struct znode *n, int32_t perm)
{
    const struct service *s = call->client->service;

    return auth_allows(&s->conf.auth, call->ids, tree_acl(s->state.tree, znode_acl(n)), perm);
}

struct jute_bytes watch_key(const struct call *call, struct jute_bytes path)
{
    static const uint8_t null_path[] = { 0xff }; /* No text that was read looks like this. */

    return path.len >= 0 ? read_text(call, path)
                         : (struct jute_bytes){ .at = null_path, .len = sizeof null_path };
}

struct jute_bytes read_text(const struct call *call, struct jute_bytes text)
{
    struct bytes *repaired = &call->client->service->repaired;

    if (text.len <= 0 || utf8_is_as_written(text.at, (size_t)text.len))
        return text;
    repaired->len = 0;
    utf8_as_written(repaired, text.at, (size_t)text.len);
    return (struct jute_bytes){ .at = repaired->at, .len = (int32_t)repaired->len };
}

static void put_stat(const struct call *call, const struct znode *n)
{
    struct zk_stat stat;

    znode_stat(call->client->service->state.tree, n, &stat);
    jute_write_zk_stat(&call->client->out, &stat);
}

void read_exists(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct exists_request r;

    jute_read_exists_request(&in, &r);
    if (in.bad || r.path.len < 0) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    if (path_has_nul(r.path)) {
        reply_error(call, ZK_BAD_ARGUMENTS);
        return;
    }
    const struct znode *n = tree_find(call->client->service->state.tree, r.path);
    if (n != NULL && !may(call, n, ZK_PERM_READ)) {
        reply_error(call, ZK_NO_AUTH);
        return;
    }
    /* The one read that leaves a watch although it fails. */
    if (r.watch)
        watch_set(call, r.path, WATCH_DATA);
    if (n == NULL) {
        reply_error(call, ZK_NO_NODE);
        return;
    }
    tree_note_read(call->client->service->state.tree, r.path, 0);
    size_t begin = reply_begin(call, ZK_OK);
    put_stat(call, n);
    reply_end(call, begin);
}

/* ---- What reads and members of a multiRead put alike. */

void read_put_data(struct service *s, struct jute_bytes path, const struct znode *n,
                   struct bytes *out)
{
    struct jute_bytes data = znode_data(s->state.tree, n);

    jute_write_buf(out, data);
    tree_note_read(s->state.tree, path, data.len > 0 ? (uint64_t)data.len : 0);
}

/* Of the list, only the names count as read. */
void read_put_children(struct service *s, struct jute_bytes path, const struct znode *n,
                       struct bytes *out)
{
    size_t begin = out->len;
    size_t lengths = 4 + 4 * (size_t)znode_child_count(s->state.tree, n);

    children_put(s, n, out);
    tree_note_read(s->state.tree, path, out->len - begin - lengths);
}

/* The checks that most reads share: NULL and an answer when it may not go on. */
static const struct znode *find_readable(const struct call *call, struct jute_bytes path,
                                         bool well_formed, int32_t perm)
{
    if (!well_formed || path.len < 0) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return NULL;
    }
    const struct znode *n = tree_find(call->client->service->state.tree, path);
    if (n == NULL) {
        reply_error(call, ZK_NO_NODE);
        return NULL;
    }
    if (!may(call, n, perm)) {
        reply_error(call, ZK_NO_AUTH);
        return NULL;
    }
    return n;
}

void read_data(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct get_data_request r;

    jute_read_get_data_request(&in, &r);
    const struct znode *n = find_readable(call, r.path, !in.bad, ZK_PERM_READ);
    if (n == NULL)
        return;
    if (r.watch)
        watch_set(call, r.path, WATCH_DATA);
    size_t begin = reply_begin(call, ZK_OK);
    read_put_data(call->client->service, r.path, n, &call->client->out);
    put_stat(call, n);
    reply_end(call, begin);
}

void read_acl(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct get_acl_request r;
    const struct service *s = call->client->service;

    jute_read_get_acl_request(&in, &r);
    const struct znode *n = find_readable(call, r.path, !in.bad, ZK_PERM_READ | ZK_PERM_ADMIN);
    if (n == NULL)
        return;
    struct jute_vector acls = tree_acl(s->state.tree, znode_acl(n));
    size_t begin = reply_begin(call, ZK_OK);
    if (may(call, n, ZK_PERM_ADMIN))
        jute_write_acls(&call->client->out, acls);
    else
        auth_mask_acls(acls, &call->client->out);
    put_stat(call, n);
    reply_end(call, begin);
}

void read_children(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct get_children_request r;

    jute_read_get_children_request(&in, &r);
    const struct znode *n = find_readable(call, r.path, !in.bad, ZK_PERM_READ);
    if (n == NULL)
        return;
    if (read_reply_size(call->client->service, call->op, call->body, call->len) > REPLY_BYTES_MAX) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    if (r.watch)
        watch_set(call, r.path, WATCH_CHILD);
    size_t begin = reply_begin(call, ZK_OK);
    read_put_children(call->client->service, r.path, n, &call->client->out);
    if (call->op == ZK_OP_GET_CHILDREN2)
        put_stat(call, n);
    reply_end(call, begin);
}

void read_descendant_count(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct get_all_children_number_request r;

    jute_read_get_all_children_number_request(&in, &r);
    const struct znode *n = find_readable(call, r.path, !in.bad, ZK_PERM_READ);
    if (n == NULL)
        return;
    int64_t count = znode_descendant_count(call->client->service->state.tree, n);
    /* "" is the root's other name, and then ZK counts "/" among what is below. */
    if (r.path.len == 0)
        count++;
    size_t begin = reply_begin(call, ZK_OK);
    jute_write_i32(&call->client->out, (int32_t)count);
    reply_end(call, begin);
}

/* Whether the prefix selects everything: null, or blank or "/" but for what Java trims. */
static bool is_blank(struct jute_bytes prefix)
{
    while (prefix.len > 0 && prefix.at[0] <= ' ') {
        prefix.at++;
        prefix.len--;
    }
    while (prefix.len > 0 && prefix.at[prefix.len - 1] <= ' ')
        prefix.len--;
    return prefix.len <= 0 || jute_is_text(prefix, "/");
}

void read_ephemerals(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct get_ephemerals_request r;
    struct client *c = call->client;
    const struct tree *t = c->service->state.tree;
    struct bytes *path = &c->service->scratch;

    jute_read_get_ephemerals_request(&in, &r);
    if (in.bad) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    bool all = is_blank(r.prefix_path);
    size_t begin = reply_begin(call, ZK_OK);
    size_t count_at = c->out.len;
    uint32_t count = 0;
    jute_write_i32(&c->out, 0);
    for (const struct znode *n = tree_first_ephemeral(t, c->session_id); n != NULL;
         n = tree_next_ephemeral(t, n)) {
        path->len = 0;
        znode_path(t, n, path);
        if (!all && (path->len < (size_t)r.prefix_path.len ||
                     memcmp(path->at, r.prefix_path.at, (size_t)r.prefix_path.len) != 0))
            continue;
        if (c->out.len - begin + path->len > REPLY_BYTES_MAX) {
            c->out.len = begin;
            reply_error(call, ZK_MARSHALLING_ERROR);
            return;
        }
        jute_write_str(&c->out, (struct jute_bytes){ .at = path->at, .len = (int32_t)path->len });
        count++;
    }
    (void)jute_store32(c->out.at + count_at, count);
    reply_end(call, begin);
}

void read_whoami(const struct call *call)
{
    const struct auth_conf *auth = &call->client->service->conf.auth;
    struct bytes *out = &call->client->out;
    size_t begin = reply_begin(call, ZK_OK);
    size_t count = idset_count(call->ids);

    jute_write_i32(out, (int32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct jute_bytes scheme;
        struct jute_bytes id;

        idset_at(call->ids, i, &scheme, &id);
        jute_write_str(out, scheme);
        jute_write_str(out, idset_user_at(auth, call->ids, i));
    }
    reply_end(call, begin);
}

static void answer_ping(const struct call *call)
{
    struct call ping = *call;

    ping.xid = ZK_XID_PING; /* Whatever the request had. */
    reply_error(&ping, ZK_OK);
}

static void answer_sync(const struct call *call)
{
    struct jute_in in = jute_in(call->body, call->len);
    struct sync_request r;

    jute_read_sync_request(&in, &r);
    if (in.bad) {
        reply_error(call, ZK_MARSHALLING_ERROR);
        return;
    }
    size_t begin = reply_begin(call, ZK_OK);
    jute_write_str(&call->client->out, read_text(call, r.path));
    reply_end(call, begin);
}

void read_answer(const struct call *call)
{
    switch (call->op) {
    case ZK_OP_PING:
        answer_ping(call);
        break;
    case ZK_OP_SYNC:
        answer_sync(call);
        break;
    case ZK_OP_EXISTS:
        read_exists(call);
        break;
    case ZK_OP_GET_DATA:
        read_data(call);
        break;
    case ZK_OP_GET_ACL:
        read_acl(call);
        break;
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        read_children(call);
        break;
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        read_descendant_count(call);
        break;
    case ZK_OP_GET_EPHEMERALS:
        read_ephemerals(call);
        break;
    case ZK_OP_WHO_AM_I:
        read_whoami(call);
        break;
    case ZK_OP_MULTI_READ:
        read_multi(call);
        break;
    case ZK_OP_SET_WATCHES:
    case ZK_OP_SET_WATCHES2:
        watch_set_all(call);
        break;
    case ZK_OP_ADD_WATCH:
        watch_set_one(call);
        break;
    case ZK_OP_CHECK_WATCHES:
    case ZK_OP_REMOVE_WATCHES:
        watch_drop_one(call);
        break;
    default:
        zk_assert(false); /* Routed here by mistake. */
    }
}

/* Header and stat of a member. */
enum { MULTI_MEMBER_BYTES = 96 };

static size_t size_of_node(const struct tree *t, const struct znode *n, bool children)
{
    if (n == NULL)
        return 0;
    if (children)
        return (size_t)znode_child_names_len(t, n) + 4 * (size_t)znode_child_count(t, n);
    int32_t len = znode_data(t, n).len;
    return len > 0 ? (size_t)len : 0;
}

/* The members of a multiRead all end up in one reply. */
static size_t size_of_multi(const struct tree *t, const uint8_t *body, size_t len)
{
    struct jute_in in = jute_in(body, len);
    size_t size = 0;

    for (;;) {
        struct multi_header head;
        struct get_data_request r;

        jute_read_multi_header(&in, &head);
        if (in.bad || head.done)
            return size;
        jute_read_get_data_request(&in, &r);
        if (!in.bad)
            size += size_of_node(t, tree_find(t, r.path), head.type == ZK_OP_GET_CHILDREN) +
                    MULTI_MEMBER_BYTES;
    }
}

size_t read_reply_size(const struct service *s, int32_t op, const uint8_t *body, size_t len)
{
    const struct tree *t = s->state.tree;
    struct jute_in in = jute_in(body, len);
    struct jute_bytes path;

    switch (op) {
    case ZK_OP_GET_DATA:
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_CHILDREN2:
        jute_read_str(&in, &path);
        return in.bad ? 0 : size_of_node(t, tree_find(t, path), op != ZK_OP_GET_DATA);
    case ZK_OP_MULTI_READ:
        return size_of_multi(t, body, len);
    default:
        return 0;
    }
}
