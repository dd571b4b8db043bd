#include <errno.h>
#include <stdlib.h>

#include "client/impl.h"

/* ---- What a create is, alone and in a multi. */

int acl_write(struct bytes *out, const struct zabc_acl *acl, int32_t *ret_count)
{
    const struct jute_acl anyone = { .perms = ZK_PERM_ALL,
                                     .scheme = jute_text("world"),
                                     .id = jute_text("anyone") };
    const struct zabc_acl open = { .entries = &anyone, .count = 1 };

    if (acl == NULL)
        acl = &open;
    if (acl->count <= 0)
        return -EINVAL;
    for (int32_t i = 0; i < acl->count; i++)
        jute_write_acl(out, acl->entries[i]);
    *ret_count = acl->count;
    return 0;
}

static bool has_ttl(enum zk_create_mode mode)
{
    return mode == ZK_CREATE_PERSISTENT_WITH_TTL ||
           mode == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

static bool is_sequential(enum zk_create_mode mode)
{
    return mode == ZK_CREATE_PERSISTENT_SEQUENTIAL || mode == ZK_CREATE_EPHEMERAL_SEQUENTIAL ||
           mode == ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL;
}

int32_t create_op(const struct zabc_create *what)
{
    if (has_ttl(what->mode))
        return ZK_OP_CREATE_TTL;
    if (what->mode == ZK_CREATE_CONTAINER)
        return ZK_OP_CREATE_CONTAINER;
    return what->wants_stat ? ZK_OP_CREATE2 : ZK_OP_CREATE;
}

int create_write(const struct zabc *c, struct bytes *out, const struct zabc_create *what)
{
    struct bytes acl = { 0 };
    int32_t count;
    char *path = request_path(c, what->path, is_sequential(what->mode));
    int r = path != NULL ? acl_write(&acl, what->acl, &count) : -EINVAL;

    if (r == 0 && has_ttl(what->mode)) {
        const struct create_ttl_request record = {
            .path = jute_text(path),
            .data = what->data,
            .acl = jute_vector_of(&acl, count),
            .flags = (int32_t)what->mode,
            .ttl_ms = what->ttl_ms,
        };

        jute_write_create_ttl_request(out, &record);
    } else if (r == 0) {
        const struct create_request record = {
            .path = jute_text(path),
            .data = what->data,
            .acl = jute_vector_of(&acl, count),
            .flags = (int32_t)what->mode,
        };

        jute_write_create_request(out, &record);
    }
    free(path);
    bytes_done(&acl);
    return r;
}

/* ---- Building a multi. */

void zabc_multi_begin(struct zabc_multi *m, struct zabc *c)
{
    *m = (struct zabc_multi){ .client = c };
}

void zabc_multi_drop(struct zabc_multi *m)
{
    bytes_done(&m->ops);
    *m = (struct zabc_multi){ .client = m->client };
}

static void begin_op(struct zabc_multi *m, int32_t type)
{
    const struct multi_header header = { .type = type, .err = -1 };

    jute_write_multi_header(&m->ops, &header);
    m->count++;
    /* Anything longer won't be sent anyway. */
    if (m->wrong == 0 && m->ops.len > m->client->conf.packet_bytes_max)
        m->wrong = -EMSGSIZE;
}

/* The server's name of a path, or NULL after noting what is wrong. */
static char *path_of(struct zabc_multi *m, const char *path)
{
    char *ret = m->wrong == 0 ? request_path(m->client, path, false) : NULL;

    if (ret == NULL && m->wrong == 0)
        m->wrong = -EINVAL;
    return ret;
}

void zabc_multi_create(struct zabc_multi *m, const struct zabc_create *what)
{
    if (m->wrong != 0)
        return;
    begin_op(m, create_op(what));
    if (m->wrong == 0)
        m->wrong = create_write(m->client, &m->ops, what);
}

void zabc_multi_delete(struct zabc_multi *m, const char *path, int32_t version)
{
    char *full = path_of(m, path);

    if (full == NULL)
        return;

    const struct delete_request r = { .path = jute_text(full), .version = version };

    begin_op(m, ZK_OP_DELETE);
    jute_write_delete_request(&m->ops, &r);
    free(full);
}

void zabc_multi_set_data(struct zabc_multi *m, const char *path, struct jute_bytes data,
                         int32_t version)
{
    char *full = path_of(m, path);

    if (full == NULL)
        return;

    const struct set_data_request r = { .path = jute_text(full), .data = data, .version = version };

    begin_op(m, ZK_OP_SET_DATA);
    jute_write_set_data_request(&m->ops, &r);
    free(full);
}

void zabc_multi_check(struct zabc_multi *m, const char *path, int32_t version)
{
    char *full = path_of(m, path);

    if (full == NULL)
        return;

    const struct check_version_request r = { .path = jute_text(full), .version = version };

    begin_op(m, ZK_OP_CHECK);
    jute_write_check_version_request(&m->ops, &r);
    free(full);
}

void zabc_multi_get_data(struct zabc_multi *m, const char *path)
{
    char *full = path_of(m, path);

    if (full == NULL)
        return;

    const struct get_data_request r = { .path = jute_text(full) };

    begin_op(m, ZK_OP_GET_DATA);
    jute_write_get_data_request(&m->ops, &r);
    free(full);
}

void zabc_multi_get_children(struct zabc_multi *m, const char *path)
{
    char *full = path_of(m, path);

    if (full == NULL)
        return;

    const struct get_children_request r = { .path = jute_text(full) };

    begin_op(m, ZK_OP_GET_CHILDREN);
    jute_write_get_children_request(&m->ops, &r);
    free(full);
}

static int submit(struct zabc_multi *m, int32_t type, struct zabc_done done)
{
    static const struct multi_header end = { .type = -1, .done = true, .err = -1 };
    int wrong = m->wrong;

    if (wrong == 0) {
        struct request *r = request_new(type, done);

        bytes_put(&r->frame, m->ops.at, m->ops.len);
        jute_write_multi_header(&r->frame, &end);
        r->multi_count = m->count;
        wrong = request_submit(m->client, r);
    }
    zabc_multi_drop(m);
    return wrong;
}

int zabc_multi_submit(struct zabc_multi *m, struct zabc_done done)
{
    return submit(m, ZK_OP_MULTI, done);
}

int zabc_multi_submit_reads(struct zabc_multi *m, struct zabc_done done)
{
    return submit(m, ZK_OP_MULTI_READ, done);
}
