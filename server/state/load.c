/* A snapshot read into a tree and a book of sessions. */
#include "server/state/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jute/records.h"
#include "util/check.h"

enum {
    /* Bytes that a typical znode takes in a file: for the size of the tree's tables. */
    ZNODE_BYTES_PLAIN = 160,
    ZNODE_BYTES_PACKED = 100,
    PATH_SHOWN_MAX = 200,
};

int state_new(struct state *ret, const struct tree_conf *conf)
{
    struct state s = { .tree = NULL };
    int r = tree_new(&s.tree, conf);

    if (r < 0)
        return r;
    s.sessions = session_book_new(conf->hash_seed);
    *ret = s;
    return 0;
}

int intake_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    struct intake *l = ctx;

    session_book_put(l->state->sessions, id, timeout_ms);
    return 0;
}

int intake_acl(void *ctx, int64_t id, struct jute_vector acls)
{
    struct intake *l = ctx;
    int r = tree_load_acl(l->state->tree, id, acls);

    if (r < 0)
        (void)snprintf(l->why, STORE_WHY_MAX, "%s: the ACL list %" PRId64 " is %s", l->from, id,
                       r == -EEXIST ? "there twice" : "unusable");
    return r < 0 ? -EBADMSG : 0;
}

/* Paths of a damaged file may be anything: only plain characters go into the line. */
static void show_path(char ret[PATH_SHOWN_MAX + 1], struct jute_bytes path)
{
    size_t len = path.len > 0 ? (size_t)path.len : 0;

    if (len > PATH_SHOWN_MAX)
        len = PATH_SHOWN_MAX;
    memset(ret, '?', len);
    for (size_t i = 0; i < len; i++)
        if (path.at[i] >= 0x20 && path.at[i] < 0x7f)
            ret[i] = (char)path.at[i];
    ret[len] = '\0';
}

int intake_node(void *ctx, struct jute_bytes path, struct jute_bytes data, int64_t acl,
                const uint8_t raw[60])
{
    struct intake *l = ctx;
    struct jute_in in = jute_in(raw, 60);
    struct stat_persisted stat;
    char shown[PATH_SHOWN_MAX + 1];

    jute_read_stat_persisted(&in, &stat);

    struct znode_raw z = { .czxid = stat.czxid,
                           .mzxid = stat.mzxid,
                           .pzxid = stat.pzxid,
                           .ctime = stat.ctime_ms,
                           .mtime = stat.mtime_ms,
                           .version = stat.version,
                           .cversion = stat.cversion,
                           .aversion = stat.aversion,
                           .owner = stat.ephemeral_owner };
    int r = tree_load_node(l->state->tree, path, data, acl, &z);

    if (r == 0 || r == -ENOKEY) /* A list that is missing is nobody's: not fatal. */
        return 0;
    show_path(shown, path);
    (void)snprintf(l->why, STORE_WHY_MAX, "%s: %s %s %s", l->from,
                   r == -EEXIST ? "a znode before" : "the znode", shown,
                   r == -EEXIST   ? "is there twice"
                   : r == -ENOENT ? "has no parent"
                                  : "has an unusable path or owner");
    return r == -ENOMEM ? r : -EBADMSG;
}

int intake_end(const struct intake *l, zk_zxid zxid)
{
    int r = tree_load_end(l->state->tree, zxid);

    if (r < 0)
        (void)snprintf(l->why, STORE_WHY_MAX, "%s: a znode is there twice", l->from);
    return r < 0 ? -EBADMSG : 0;
}

/* Whether what the file says of itself fits its name: ZooKeeper's zxid at the end is
 * never lower. A renamed file would hide txns of the log from the replay. */
static int check_name(const struct intake *l, const struct snapshot_info *info)
{
    if (info->zxid == INT64_MAX || (info->has_last_zxid && info->last_zxid < info->zxid)) {
        (void)snprintf(l->why, STORE_WHY_MAX,
                       "%s: the file was renamed: its name says zxid 0x%" PRIx64
                       ", but it holds the tree at 0x%" PRIx64,
                       l->from, (uint64_t)info->zxid, (uint64_t)info->last_zxid);
        return -EBADMSG;
    }
    return 0;
}

int load_snapshot(struct state *ret, struct snapshot_info *info, const struct tree_conf *conf,
                  const char *dir, const struct snapshot_name *name, char why[STORE_WHY_MAX])
{
    struct state s = { .tree = NULL };
    size_t path_size = strlen(dir) + 1 + sizeof name->name;
    char *path = zk_xmalloc(path_size);
    struct intake l = { .state = &s, .from = path, .why = why };
    struct snapshot_sink sink = {
        .ctx = &l, .session = intake_session, .acl = intake_acl, .node = intake_node
    };
    size_t ext = strlen(name->name) > 3 ? strlen(name->name) - 3 : 0;
    bool is_packed = strcmp(name->name + ext, ".gz") == 0;
    int r = state_new(&s, conf);

    (void)snprintf(path, path_size, "%s/%s", dir, name->name);
    (void)snprintf(why, STORE_WHY_MAX, "%s: not enough memory", path);
    if (r == 0) {
        tree_load_begin(s.tree, name->bytes / (is_packed ? ZNODE_BYTES_PACKED : ZNODE_BYTES_PLAIN));
        r = snapshot_read(path, &sink, info, why);
    }
    if (r == 0)
        r = check_name(&l, info);
    if (r == 0)
        r = intake_end(&l, info->zxid);
    if (r == 0)
        *ret = s;
    else
        state_done(&s);
    free(path);
    return r;
}
