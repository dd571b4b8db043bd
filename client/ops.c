/* The requests of zabclient.h that are no multi. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/impl.h"
#include "util/check.h"

static const char config_path[] = "/zookeeper/config";

/* One that is about a path and, with a watcher, sets a watch there. */
struct about {
    struct request *r;
    char *path; /* The server's name of it; NULL: it is wrong, and nothing else is set. */
    struct jute_bytes text;
};

static struct about about(const struct zabc *c, int32_t type, const char *path,
                          struct zabc_done done)
{
    struct about ret = { .path = request_path(c, path, false) };

    if (ret.path != NULL) {
        ret.r = request_new(type, done);
        ret.text = jute_text(ret.path);
    }
    return ret;
}

static int submit(struct zabc *c, struct about a, const struct zabc_watcher *watcher)
{
    if (watcher != NULL) {
        a.r->watcher = *watcher;
        a.r->watch_path = a.path;
    } else {
        free(a.path);
    }
    return request_submit(c, a.r);
}

int zabc_create(struct zabc *c, const struct zabc_create *what, struct zabc_done done)
{
    struct request *r = request_new(create_op(what), done);
    int wrong = create_write(c, &r->frame, what);

    if (wrong < 0) {
        request_drop(r);
        return wrong;
    }
    return request_submit(c, r);
}

int zabc_delete(struct zabc *c, const char *path, int32_t version, struct zabc_done done)
{
    struct about a = about(c, ZK_OP_DELETE, path, done);

    /* Below a chroot too the root is what nobody deletes: as ZooKeeper's client has it. */
    if (a.path != NULL && strcmp(path, "/") == 0)
        a.text = jute_text("/");

    const struct delete_request record = { .path = a.text, .version = version };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_delete_request(&a.r->frame, &record);
    return submit(c, a, NULL);
}

int zabc_exists(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                struct zabc_done done)
{
    struct about a = about(c, ZK_OP_EXISTS, path, done);
    const struct exists_request record = { .path = a.text, .watch = watcher != NULL };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_exists_request(&a.r->frame, &record);
    return submit(c, a, watcher);
}

static int get_data(struct zabc *c, struct about a, const struct zabc_watcher *watcher)
{
    const struct get_data_request record = { .path = a.text, .watch = watcher != NULL };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_get_data_request(&a.r->frame, &record);
    return submit(c, a, watcher);
}

int zabc_get_data(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                  struct zabc_done done)
{
    return get_data(c, about(c, ZK_OP_GET_DATA, path, done), watcher);
}

int zabc_get_config(struct zabc *c, const struct zabc_watcher *watcher, struct zabc_done done)
{
    struct about a = { .r = request_new(ZK_OP_GET_DATA, done), .path = strdup(config_path) };

    zk_assert(a.path != NULL);
    a.text = jute_text(a.path);
    return get_data(c, a, watcher);
}

int zabc_set_data(struct zabc *c, const char *path, struct jute_bytes data, int32_t version,
                  struct zabc_done done)
{
    struct about a = about(c, ZK_OP_SET_DATA, path, done);
    const struct set_data_request record = { .path = a.text, .data = data, .version = version };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_set_data_request(&a.r->frame, &record);
    return submit(c, a, NULL);
}

int zabc_get_children(struct zabc *c, const char *path, const struct zabc_watcher *watcher,
                      bool wants_stat, struct zabc_done done)
{
    int32_t type = wants_stat ? ZK_OP_GET_CHILDREN2 : ZK_OP_GET_CHILDREN;
    struct about a = about(c, type, path, done);
    const struct get_children_request record = { .path = a.text, .watch = watcher != NULL };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_get_children_request(&a.r->frame, &record); /* Both look the same. */
    return submit(c, a, watcher);
}

/* A request that is a path and nothing else. */
static int ask_about(struct zabc *c, int32_t type, const char *path, struct zabc_done done)
{
    struct about a = about(c, type, path, done);

    if (a.path == NULL)
        return -EINVAL;
    jute_write_str(&a.r->frame, a.text);
    return submit(c, a, NULL);
}

int zabc_get_all_children_number(struct zabc *c, const char *path, struct zabc_done done)
{
    return ask_about(c, ZK_OP_GET_ALL_CHILDREN_NUMBER, path, done);
}

int zabc_get_ephemerals(struct zabc *c, const char *prefix, struct zabc_done done)
{
    return ask_about(c, ZK_OP_GET_EPHEMERALS, prefix, done);
}

int zabc_get_acl(struct zabc *c, const char *path, struct zabc_done done)
{
    return ask_about(c, ZK_OP_GET_ACL, path, done);
}

int zabc_sync(struct zabc *c, const char *path, struct zabc_done done)
{
    return ask_about(c, ZK_OP_SYNC, path, done);
}

int zabc_set_acl(struct zabc *c, const char *path, const struct zabc_acl *acl, int32_t version,
                 struct zabc_done done)
{
    struct bytes entries = { 0 };
    int32_t count;

    if (acl_write(&entries, acl, &count) < 0)
        return -EINVAL;

    struct about a = about(c, ZK_OP_SET_ACL, path, done);
    const struct set_acl_request record = { .path = a.text,
                                            .acl = jute_vector_of(&entries, count),
                                            .version = version };

    if (a.path != NULL)
        jute_write_set_acl_request(&a.r->frame, &record);
    bytes_done(&entries);
    return a.path != NULL ? submit(c, a, NULL) : -EINVAL;
}

int zabc_who_am_i(struct zabc *c, struct zabc_done done)
{
    return request_submit(c, request_new(ZK_OP_WHO_AM_I, done));
}

static struct jute_bytes text_or_null(const char *s)
{
    return s != NULL ? jute_text(s) : (struct jute_bytes){ .len = -1 };
}

int zabc_reconfig(struct zabc *c, const char *joining, const char *leaving, const char *members,
                  int64_t version, struct zabc_done done)
{
    struct request *r = request_new(ZK_OP_RECONFIG, done);
    const struct reconfig_request record = {
        .joining_servers = text_or_null(joining),
        .leaving_servers = text_or_null(leaving),
        .new_members = text_or_null(members),
        .cur_config_id = version,
    };

    jute_write_reconfig_request(&r->frame, &record);
    return request_submit(c, r);
}

/* ---- Watches that stay. */

int zabc_add_watch(struct zabc *c, const char *path, enum zk_add_watch_mode mode,
                   const struct zabc_watcher *watcher, struct zabc_done done)
{
    if (watcher == NULL || watcher->tell == NULL)
        return -EINVAL;

    struct about a = about(c, ZK_OP_ADD_WATCH, path, done);
    const struct add_watch_request record = { .path = a.text, .mode = (int32_t)mode };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_add_watch_request(&a.r->frame, &record);
    a.r->watcher_type = (int32_t)mode;
    return submit(c, a, watcher);
}

int zabc_check_watches(struct zabc *c, const char *path, enum zk_watcher_type type,
                       struct zabc_done done)
{
    struct about a = about(c, ZK_OP_CHECK_WATCHES, path, done);
    const struct check_watches_request record = { .path = a.text, .type = (int32_t)type };

    if (a.path == NULL)
        return -EINVAL;
    jute_write_check_watches_request(&a.r->frame, &record);
    return submit(c, a, NULL);
}

/* Whether a removal of that kind at `path` would leave watches of other watchers there, set or
 * being set, for which the server's own has to stay. */
static bool leaves_others(const struct zabc *c, const char *path, int32_t type,
                          const struct zabc_watcher *watcher)
{
    static const int32_t types[WATCH_KINDS] = {
        [WATCH_DATA] = ZK_WATCHER_DATA,
        [WATCH_EXIST] = ZK_WATCHER_DATA,
        [WATCH_CHILD] = ZK_WATCHER_CHILDREN,
        [WATCH_PERSISTENT] = ZK_WATCHER_PERSISTENT,
        [WATCH_RECURSIVE] = ZK_WATCHER_PERSISTENT_RECURSIVE,
    };

    for (int kind = 0; kind < WATCH_KINDS && watcher != NULL; kind++) {
        if ((type == ZK_WATCHER_ANY || type == types[kind]) &&
            (watches_has_other(&c->watches, (enum watch_kind)kind, path, watcher) ||
             requests_set_other(c, (enum watch_kind)kind, path, watcher)))
            return true;
    }
    return false;
}

int zabc_remove_watches(struct zabc *c, const char *path, enum zk_watcher_type type,
                        const struct zabc_watcher *watcher, bool even_if_cut_off,
                        struct zabc_done done)
{
    char *full = request_path(c, path, false);

    if (full == NULL)
        return -EINVAL;

    /* With others at the path the server's watch has to stay: it is only asked for. */
    bool is_last = !leaves_others(c, full, (int32_t)type, watcher);
    struct request *r = request_new(is_last ? ZK_OP_REMOVE_WATCHES : ZK_OP_CHECK_WATCHES, done);
    const struct remove_watches_request record = { .path = jute_text(full), .type = (int32_t)type };

    jute_write_remove_watches_request(&r->frame, &record); /* Both look the same. */
    r->type = ZK_OP_REMOVE_WATCHES;
    r->watcher_type = (int32_t)type;
    r->even_if_cut_off = even_if_cut_off;
    if (watcher != NULL)
        r->watcher = *watcher;
    r->watch_path = full;
    return request_submit(c, r);
}
