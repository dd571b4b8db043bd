#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stage_impl.h"
#include "util/check.h"

enum {
    PATH_BYTES = 256, /* Of any path, with the root's. */
    DELETES = 100,    /* Nodes in a multi. */
    ATTEMPTS = 5,     /* To empty a directory: ephemeral nodes may come late. */
};

static bool has_dirs(const struct bench *b)
{
    return b->o->workload->keys == 0;
}

/* ---- Failures. */

static bool fail(struct bench *b, int err, const char *what)
{
    struct stage *st = b->stage;

    if (err == ZK_OK)
        return true;
    if (b->signal != 0)
        return false;
    (void)snprintf(st->text, sizeof st->text, "%s: %s", what, zabc_err_text(err));
    b->fatal = st->text;
    return false;
}

/* ---- Set-up. */

/* Whether it was made now, or by an attempt whose answer was lost. */
static int take_created(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    (void)all;
    (void)index;
    return reply->err == ZK_NODE_EXISTS ? ZK_OK : reply->err;
}

static int create(struct jobs *all, const char *below, bool has_data, struct zabc_done done)
{
    const struct bench *b = all->stage->bench;
    char path[PATH_BYTES];
    const struct zabc_create what = {
        .path = path,
        .data = { .at = b->data, .len = has_data ? (int32_t)b->o->size : 0 },
    };

    (void)snprintf(path, sizeof path, "%s%s", b->root, below);
    return zabc_create(all->stage->client, &what, done);
}

static int ask_root(struct jobs *all, uint64_t index, struct zabc_done done)
{
    (void)index;
    all->stage->has_root = true;
    return create(all, "", false, done);
}

static int ask_parent(struct jobs *all, uint64_t index, struct zabc_done done)
{
    char path[STAGE_PATH_BYTES] = "/k";

    if (has_dirs(all->stage->bench))
        (void)snprintf(path, sizeof path, "/d%03" PRIu64, index);
    return create(all, path, false, done);
}

static int ask_key(struct jobs *all, uint64_t index, struct zabc_done done)
{
    char path[STAGE_PATH_BYTES];

    stage_key_path(path, index);
    return create(all, path, true, done);
}

static uint64_t parents_count(const struct bench *b)
{
    return has_dirs(b) ? STAGE_DIRS : 1;
}

static uint64_t keys_count(const struct bench *b)
{
    return has_dirs(b) ? 0 : (uint64_t)b->o->keys;
}

bool stage_set_up(struct bench *b)
{
    struct jobs root = { .stage = b->stage, .count = 1, .ask = ask_root, .take = take_created };
    struct jobs parents = {
        .stage = b->stage, .count = parents_count(b), .ask = ask_parent, .take = take_created
    };
    struct jobs keys = {
        .stage = b->stage, .count = keys_count(b), .ask = ask_key, .take = take_created
    };
    int err = jobs_run(&root);

    if (err == ZK_OK)
        err = jobs_run(&parents);
    if (err == ZK_OK)
        err = jobs_run(&keys);
    return fail(b, err,
                err == ZK_NO_NODE ? "the chroot does not exist" : "the nodes can't be made");
}

/* ---- What is there in the end. */

static int ask_version(struct jobs *all, uint64_t index, struct zabc_done done)
{
    char path[PATH_BYTES];
    size_t len = strlen(all->stage->bench->root);

    memcpy(path, all->stage->bench->root, len);
    stage_key_path(path + len, index);
    return zabc_exists(all->stage->client, path, NULL, done);
}

static int ask_dir(struct jobs *all, uint64_t index, struct zabc_done done)
{
    char path[PATH_BYTES];

    (void)snprintf(path, sizeof path, "%s/d%03" PRIu64, all->stage->bench->root, index);
    return zabc_exists(all->stage->client, path, NULL, done);
}

static int take_stat(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    uint64_t *sum = all->arg;
    const struct zk_stat *stat = &reply->stat;

    (void)index;
    if (reply->err == ZK_OK)
        *sum += (uint64_t)(has_dirs(all->stage->bench) ? stat->num_children : stat->version);
    return reply->err;
}

static int ask_sync(struct jobs *all, uint64_t index, struct zabc_done done)
{
    (void)index;
    return zabc_sync(all->stage->client, all->stage->bench->root, done);
}

static int take_any(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    (void)all;
    (void)index;
    return reply->err;
}

int stage_count(struct bench *b, uint64_t *ret)
{
    struct jobs sync = { .stage = b->stage, .count = 1, .ask = ask_sync, .take = take_any };
    struct jobs stats = { .stage = b->stage,
                          .count = has_dirs(b) ? STAGE_DIRS : keys_count(b),
                          .ask = has_dirs(b) ? ask_dir : ask_version,
                          .take = take_stat,
                          .arg = ret };
    int err = jobs_run(&sync);

    *ret = 0;
    return err == ZK_OK ? jobs_run(&stats) : err;
}

/* ---- Removal. */

/* Nodes with one parent. */
struct removal {
    char parent[PATH_BYTES / 2];
    struct bytes text; /* Their names, each ended with a NUL; none for keys. */
    size_t *names;     /* Where each begins. */
    uint64_t count;
    uint64_t *failed; /* Multis of which something failed. */
    size_t failed_count;
};

static void path_of(const struct removal *r, uint64_t index, char *ret)
{
    if (r->names != NULL)
        (void)snprintf(ret, PATH_BYTES, "%s/%s", r->parent,
                       (const char *)r->text.at + r->names[index]);
    else
        (void)snprintf(ret, PATH_BYTES, "%s/%08" PRIu64, r->parent, index);
}

static int ask_multi(struct jobs *all, uint64_t index, struct zabc_done done)
{
    const struct removal *r = all->arg;
    struct zabc_multi m;

    zabc_multi_begin(&m, all->stage->client);
    for (uint64_t i = index * DELETES; i < (index + 1) * DELETES && i < r->count; i++) {
        char path[PATH_BYTES];

        path_of(r, i, path);
        zabc_multi_delete(&m, path, -1);
    }
    return zabc_multi_submit(&m, done);
}

static int take_multi(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    struct removal *r = all->arg;

    if (reply->err == ZK_OK)
        return ZK_OK;
    r->failed = zk_xrealloc(r->failed, (r->failed_count + 1) * sizeof *r->failed);
    r->failed[r->failed_count++] = index;
    return ZK_OK;
}

static int ask_single(struct jobs *all, uint64_t index, struct zabc_done done)
{
    const struct removal *r = all->arg;
    uint64_t node = r->failed[index / DELETES] * DELETES + index % DELETES;
    char path[PATH_BYTES];

    path_of(r, node < r->count ? node : r->count - 1, path);
    return zabc_delete(all->stage->client, path, -1, done);
}

static int take_deleted(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    (void)all;
    (void)index;
    return reply->err == ZK_NO_NODE ? ZK_OK : reply->err;
}

/* First many at a time, then those singly of which some were gone already. */
static int remove_children(struct stage *st, struct removal *r)
{
    struct jobs multis = { .stage = st,
                           .count = (r->count + DELETES - 1) / DELETES,
                           .ask = ask_multi,
                           .take = take_multi,
                           .arg = r,
                           .goes_on = true };
    int err = jobs_run(&multis);
    struct jobs singles = { .stage = st,
                            .count = r->failed_count * DELETES,
                            .ask = ask_single,
                            .take = take_deleted,
                            .arg = r,
                            .goes_on = true };

    if (err == ZK_OK)
        err = jobs_run(&singles);
    free(r->failed);
    r->failed = NULL;
    r->failed_count = 0;
    return err;
}

static int ask_children(struct jobs *all, uint64_t index, struct zabc_done done)
{
    const struct removal *r = all->arg;

    (void)index;
    return zabc_get_children(all->stage->client, r->parent, NULL, false, done);
}

static int take_children(struct jobs *all, uint64_t index, const struct zabc_reply *reply)
{
    struct removal *r = all->arg;
    struct jute_in walk = jute_walk(reply->strs);
    struct jute_bytes name;
    size_t most = reply->strs.count > 0 ? (size_t)reply->strs.count : 0;

    (void)index;
    r->count = 0;
    if (reply->err != ZK_OK)
        return reply->err == ZK_NO_NODE ? ZK_OK : reply->err;
    r->text.len = 0;
    r->names = zk_xrealloc(r->names, (most + 1) * sizeof *r->names);
    while (jute_next_str(&walk, &name)) {
        if (name.len <= 0 || name.len > STAGE_PATH_BYTES)
            continue; /* None of ours. */
        r->names[r->count++] = r->text.len;
        bytes_put(&r->text, name.at, (size_t)name.len);
        bytes_put(&r->text, "", 1);
    }
    return ZK_OK;
}

static int ask_delete(struct jobs *all, uint64_t index, struct zabc_done done)
{
    const struct removal *r = all->arg;

    (void)index;
    return zabc_delete(all->stage->client, r->parent, -1, done);
}

/* The node that r->parent names, when it has no children. */
static int remove_node(struct stage *st, struct removal *r)
{
    struct jobs one = {
        .stage = st, .count = 1, .ask = ask_delete, .take = take_deleted, .arg = r, .goes_on = true
    };

    return jobs_run(&one);
}

static int remove_dir(struct stage *st, uint64_t dir)
{
    struct removal r = { .count = 0 };
    int err = ZK_NOT_EMPTY;

    (void)snprintf(r.parent, sizeof r.parent, "%s/d%03" PRIu64, st->bench->root, dir);
    for (int i = 0; i < ATTEMPTS && err == ZK_NOT_EMPTY; i++) {
        struct jobs list = { .stage = st,
                             .count = 1,
                             .ask = ask_children,
                             .take = take_children,
                             .arg = &r,
                             .goes_on = true };

        err = jobs_run(&list);
        if (err == ZK_OK)
            err = remove_children(st, &r);
        if (err == ZK_OK)
            err = remove_node(st, &r);
    }
    bytes_done(&r.text);
    free(r.names);
    return err;
}

static int remove_keys(struct stage *st)
{
    struct removal r = { .count = keys_count(st->bench) };

    (void)snprintf(r.parent, sizeof r.parent, "%s/k", st->bench->root);

    int err = remove_children(st, &r);

    return err == ZK_OK ? remove_node(st, &r) : err;
}

bool stage_remove(struct bench *b, const char **why)
{
    struct stage *st = b->stage;
    struct removal root = { .count = 0 };
    int err = ZK_OK;

    if (st == NULL || !st->has_root || b->o->keeps_nodes)
        return true;
    if (!has_dirs(b))
        err = remove_keys(st);
    for (uint64_t i = 0; has_dirs(b) && i < STAGE_DIRS && err == ZK_OK; i++)
        err = remove_dir(st, i);
    (void)snprintf(root.parent, sizeof root.parent, "%s", b->root);
    if (err == ZK_OK)
        err = remove_node(st, &root);
    *why = zabc_err_text(err);
    return err == ZK_OK;
}
