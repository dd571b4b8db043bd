#include <stdlib.h>
#include <string.h>

#include "client/impl.h"
#include "util/check.h"

/* The path below the chroot. */
static struct jute_bytes strip(const struct zabc *c, struct jute_bytes path)
{
    int32_t len = (int32_t)c->chroot_len;

    if (len == 0 || path.len < len || memcmp(path.at, c->hosts.chroot, (size_t)len) != 0)
        return path;
    if (path.len == len)
        return jute_text("/");
    if (path.at[len] != '/')
        return path;
    return (struct jute_bytes){ .at = path.at + len, .len = path.len - len };
}

static void read_created(const struct zabc *c, struct jute_in *in, struct zabc_reply *ret)
{
    struct create_response r;

    jute_read_create_response(in, &r);
    ret->path = strip(c, r.path);
}

static void read_created2(const struct zabc *c, struct jute_in *in, struct zabc_reply *ret)
{
    struct create2_response r;

    jute_read_create2_response(in, &r);
    ret->path = strip(c, r.path);
    ret->stat = r.stat;
    ret->has_stat = true;
}

static void read_stat(struct jute_in *in, struct zabc_reply *ret)
{
    jute_read_zk_stat(in, &ret->stat);
    ret->has_stat = true;
}

static void read_data(struct jute_in *in, struct zabc_reply *ret)
{
    struct get_data_response r;

    jute_read_get_data_response(in, &r);
    ret->data = r.data;
    ret->stat = r.stat;
    ret->has_stat = true;
}

static void read_acl(struct jute_in *in, struct zabc_reply *ret)
{
    jute_read_acls(in, &ret->acl);
    read_stat(in, ret);
}

/* One operation of a multi: what its header says that it was. */
static bool read_result(const struct zabc *c, struct jute_in *in, int32_t type,
                        struct zabc_reply *ret)
{
    struct error_response failed;

    *ret = (struct zabc_reply){ .type = type, .path.len = -1, .data.len = -1 };
    switch (type) {
    case ZK_OP_ERROR:
        jute_read_error_response(in, &failed);
        ret->err = failed.err;
        return true;
    case ZK_OP_CREATE:
        read_created(c, in, ret);
        return true;
    case ZK_OP_CREATE2:
        read_created2(c, in, ret);
        return true;
    case ZK_OP_SET_DATA:
        read_stat(in, ret);
        return true;
    case ZK_OP_GET_DATA:
        read_data(in, ret);
        return true;
    case ZK_OP_GET_CHILDREN:
        jute_read_strs(in, &ret->strs);
        return true;
    case ZK_OP_DELETE:
    case ZK_OP_CHECK:
        return true;
    default:
        return false;
    }
}

static bool read_results(const struct zabc *c, const struct request *r, struct jute_in *in,
                         struct zabc_reply *ret, struct zabc_reply *results)
{
    for (size_t count = 0;; count++) {
        struct multi_header header;

        jute_read_multi_header(in, &header);
        if (in->bad)
            return false;
        if (header.done) {
            ret->results = results;
            ret->results_count = count;
            return count == r->multi_count;
        }
        if (count == r->multi_count || !read_result(c, in, header.type, &results[count]) || in->bad)
            return false;
        /* The first that failed is why the others did. */
        if (r->type == ZK_OP_MULTI && ret->err == ZK_OK)
            ret->err = results[count].err;
    }
}

static void read_number(struct jute_in *in, struct zabc_reply *ret)
{
    jute_read_i32(in, &ret->number);
}

bool reply_read(const struct zabc *c, const struct request *r, struct jute_in *in,
                struct zabc_reply *ret, struct zabc_reply **results)
{
    struct error_response ok;

    switch (r->type) {
    case ZK_OP_CREATE:
        read_created(c, in, ret);
        break;
    case ZK_OP_CREATE2:
    case ZK_OP_CREATE_CONTAINER:
    case ZK_OP_CREATE_TTL:
        read_created2(c, in, ret);
        break;
    case ZK_OP_EXISTS:
    case ZK_OP_SET_DATA:
    case ZK_OP_SET_ACL:
        read_stat(in, ret);
        break;
    case ZK_OP_GET_DATA:
    case ZK_OP_RECONFIG:
        read_data(in, ret);
        break;
    case ZK_OP_GET_ACL:
        read_acl(in, ret);
        break;
    case ZK_OP_GET_CHILDREN:
    case ZK_OP_GET_EPHEMERALS:
        jute_read_strs(in, &ret->strs);
        break;
    case ZK_OP_GET_CHILDREN2:
        jute_read_strs(in, &ret->strs);
        read_stat(in, ret);
        break;
    case ZK_OP_GET_ALL_CHILDREN_NUMBER:
        read_number(in, ret);
        break;
    case ZK_OP_WHO_AM_I:
        jute_read_ids(in, &ret->ids);
        break;
    case ZK_OP_ADD_WATCH:
        jute_read_error_response(in, &ok);
        break;
    case ZK_OP_MULTI:
    case ZK_OP_MULTI_READ:
        *results = zk_xcalloc(r->multi_count + 1, sizeof **results);
        return read_results(c, r, in, ret, *results);
    default: /* The others have nothing behind the header that matters. */
        break;
    }
    return !in->bad;
}
