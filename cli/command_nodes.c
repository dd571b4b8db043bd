/* Commands that make, show, change and delete nodes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"

#define TTL_MS_MAX 1099511627775 /* 40 bits. */

/* ---- Shared. */

char *path_join(const char *path, struct jute_bytes name)
{
    size_t len = path[1] != '\0' ? strlen(path) : 0; /* The root's children have one slash. */
    size_t name_len = name.len > 0 ? (size_t)name.len : 0;
    char *ret = zk_xmalloc(len + name_len + 2);

    memcpy(ret, path, len);
    ret[len] = '/';
    if (name_len > 0)
        memcpy(ret + len + 1, name.at, name_len);
    ret[len + 1 + name_len] = '\0';
    return ret;
}

bool number_of(struct shell *sh, const struct options *o, const char *name, int64_t min,
               int64_t max, int64_t otherwise, int64_t *ret)
{
    const char *text = options_value(o, name);
    char *end;

    *ret = otherwise;
    if (text == NULL)
        return true;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (errno == 0 && end != text && *end == '\0' && *text != ' ' && *ret >= min && *ret <= max)
        return true;
    (void)fail(sh, "-%s argument must be %s value", name, max > INT32_MAX ? "a long" : "an int");
    return false;
}

bool take_path(struct shell *sh, const char *path)
{
    if (sh->is_json)
        json_str(&sh->json, "path", path);
    return !path_is_wrong(sh, path, false);
}

/* The watcher to be set, if -w is given. */
static const struct zabc_watcher *watcher_of(struct shell *sh, const struct options *o,
                                             struct zabc_watcher *ret)
{
    *ret = shell_watcher(sh);
    return options_has(o, "w") ? ret : NULL;
}

static struct jute_bytes text_of(const char *text)
{
    return text != NULL ? jute_text(text) : (struct jute_bytes){ .len = -1 };
}

/* ---- create */

static enum zk_create_mode mode_of(bool is_ephemeral, bool is_sequential, bool is_container,
                                   bool has_ttl)
{
    if (is_container)
        return ZK_CREATE_CONTAINER;
    if (has_ttl)
        return is_sequential ? ZK_CREATE_PERSISTENT_SEQUENTIAL_WITH_TTL
                             : ZK_CREATE_PERSISTENT_WITH_TTL;
    if (is_ephemeral)
        return is_sequential ? ZK_CREATE_EPHEMERAL_SEQUENTIAL : ZK_CREATE_EPHEMERAL;
    return is_sequential ? ZK_CREATE_PERSISTENT_SEQUENTIAL : ZK_CREATE_PERSISTENT;
}

static int check_create(struct shell *sh, const struct options *o, int64_t *ttl_ms)
{
    bool is_ephemeral = options_has(o, "e");

    if (options_has(o, "c") && (is_ephemeral || options_has(o, "s")))
        return fail(sh, "-c cannot be combined with -s or -e. Containers cannot be ephemeral or "
                        "sequential.");
    if (!number_of(sh, o, "t", INT64_MIN, INT64_MAX, 0, ttl_ms))
        return EXIT_FAILED;
    if (!options_has(o, "t"))
        return EXIT_OK;
    if (is_ephemeral)
        return fail(sh, "TTLs cannot be used with Ephemeral znodes");
    if (options_has(o, "c"))
        return fail(sh, "TTLs cannot be used with Container znodes");
    if (*ttl_ms <= 0 || *ttl_ms > TTL_MS_MAX)
        return fail(sh, "ttl must be positive and cannot be larger than: %lld",
                    (long long)TTL_MS_MAX);
    return EXIT_OK;
}

static int created(struct shell *sh, const struct zabc_create *what, int err,
                   const struct answer *a)
{
    if (err == ZK_EPHEMERAL_ON_LOCAL_SESSION)
        note(sh, "Unable to create ephemeral node on a local session");
    if (err == ZK_INVALID_ACL)
        note(sh, "KeeperErrorCode = InvalidACL for %s", what->path);
    if (err != ZK_OK)
        return fail_err(sh, err, what->path);
    if (what->mode == ZK_CREATE_EPHEMERAL || what->mode == ZK_CREATE_EPHEMERAL_SEQUENTIAL)
        sh->has_ephemerals = true;
    note(sh, "Created %.*s", (int)a->reply.path.len, (const char *)a->reply.path.at);
    if (sh->is_json)
        json_bytes(&sh->json, "created", a->reply.path);
    return EXIT_OK;
}

int run_create(struct shell *sh, const struct options *o)
{
    int64_t ttl_ms;
    int status = check_create(sh, o, &ttl_ms);

    if (status != EXIT_OK)
        return status;

    struct acl_list acl = { 0 };
    struct answer a = { 0 };
    struct zabc_create what = {
        .path = o->args[1],
        .data = text_of(o->args_count > 2 ? o->args[2] : NULL),
        .mode = mode_of(options_has(o, "e"), options_has(o, "s"), options_has(o, "c"),
                        options_has(o, "t")),
        .ttl_ms = ttl_ms,
    };

    if (o->args_count > 3) {
        acl_list_parse(sh, &acl, o->args[3]);
        what.acl = &acl.acl;
    }
    if (sh->is_json)
        json_str(&sh->json, "path", what.path);
    if (path_is_wrong(sh, what.path, options_has(o, "s"))) {
        status = EXIT_FAILED;
    } else if (what.acl != NULL && acl.acl.count == 0) {
        note(sh, "KeeperErrorCode = InvalidACL");
        status = fail_err(sh, ZK_INVALID_ACL, NULL);
    } else {
        int err = shell_wait(sh, &a, zabc_create(sh->client, &what, shell_asks(sh)));

        status = created(sh, &what, err, &a);
    }
    answer_done(&a);
    acl_list_done(&acl);
    return status;
}

/* ---- get, set, stat, sync */

int run_get(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct zabc_watcher watcher;
    struct answer a;

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(
        sh, &a, zabc_get_data(sh->client, path, watcher_of(sh, o, &watcher), shell_asks(sh)));

    if (err == ZK_OK) {
        if (options_has(o, "x"))
            say_hex(sh, a.reply.data);
        else if (options_has(o, "b"))
            say_base64(sh, a.reply.data);
        else
            say_data(sh, a.reply.data);
        if (options_has(o, "s"))
            say_stat(sh, &a.reply.stat);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_set(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct bytes decoded = { 0 };
    struct jute_bytes data = jute_text(o->args[2]);
    struct answer a = { 0 };
    int64_t version;
    int status = EXIT_FAILED;

    if (!number_of(sh, o, "v", INT32_MIN, INT32_MAX, -1, &version))
        return EXIT_FAILED;
    if (options_has(o, "b") && !base64_read(&decoded, o->args[2]))
        return fail(sh, "The data is not valid base64");
    if (options_has(o, "b"))
        data = (struct jute_bytes){ .at = decoded.at, .len = (int32_t)decoded.len };
    if (take_path(sh, path)) {
        int err = shell_wait(
            sh, &a, zabc_set_data(sh->client, path, data, (int32_t)version, shell_asks(sh)));

        status = err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
        if (err == ZK_OK && options_has(o, "s"))
            say_stat(sh, &a.reply.stat);
    }
    answer_done(&a);
    bytes_done(&decoded);
    return status;
}

int run_stat(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct zabc_watcher watcher;
    struct answer a;

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(
        sh, &a, zabc_exists(sh->client, path, watcher_of(sh, o, &watcher), shell_asks(sh)));

    if (err == ZK_OK)
        say_stat(sh, &a.reply.stat);
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_sync(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(sh, NULL, zabc_sync(sh->client, path, shell_asks(sh)));

    if (err == SHELL_INTERRUPTED)
        return fail_err(sh, err, path);
    if (sh->is_json)
        json_int(&sh->json, "code", err);
    if (err == ZK_OK)
        say(sh, "Sync is OK\n");
    else
        say(sh, "Sync has failed. rc=%d\n", err);
    return EXIT_OK;
}

/* ---- ls and what it walks on */

static void say_children(struct shell *sh, const struct jute_bytes *names, size_t count)
{
    say_list(sh, names, count);
    say(sh, "\n");
    if (!sh->is_json)
        return;
    json_open(&sh->json, "children", '[');
    for (size_t i = 0; i < count; i++)
        json_bytes(&sh->json, NULL, names[i]);
    json_close(&sh->json, '[');
}

/* Children of the paths that are still to be visited, the next one last. */
struct walk {
    char **paths;
    size_t count;
};

static void push(struct walk *w, char *path)
{
    w->paths = zk_xrealloc(w->paths, (w->count + 1) * sizeof *w->paths);
    w->paths[w->count++] = path;
}

static void visit_children(struct shell *sh, struct walk *w, const char *path,
                           const struct answer *a, const struct visit *v)
{
    size_t count;
    struct jute_bytes *names = strings_of(a->reply.strs, &count, true);
    size_t before = w->count;

    for (size_t i = 0; i < count; i++)
        push(w, path_join(path, names[count - 1 - i]));
    for (size_t i = w->count; i > before; i--)
        v->visit(sh, w->paths[i - 1], v->arg);
    free(names);
}

static int walk_on(struct shell *sh, struct walk *w, const struct visit *v, char **ret_path)
{
    char *path = w->paths[--w->count];
    struct answer a;
    int err =
        shell_wait(sh, &a, zabc_get_children(sh->client, path, v->watcher, false, shell_asks(sh)));

    if (err == ZK_OK)
        visit_children(sh, w, path, &a, v);
    else if (err == ZK_NO_NODE) /* Somebody has deleted it meanwhile. */
        err = ZK_OK;
    answer_done(&a);
    if (err == ZK_OK)
        free(path);
    else
        *ret_path = path;
    return err;
}

int visit_subtree(struct shell *sh, const struct visit *v, char **ret_path)
{
    struct walk w = { 0 };
    char *root = strdup(v->path);
    int err = shell_wait(sh, NULL, zabc_get_data(sh->client, v->path, v->watcher, shell_asks(sh)));

    zk_assert(root != NULL);
    *ret_path = NULL;
    if (err != ZK_OK) {
        *ret_path = root;
        return err;
    }
    v->visit(sh, root, v->arg);
    push(&w, root);
    while (w.count > 0 && err == ZK_OK)
        err = walk_on(sh, &w, v, ret_path);
    while (w.count > 0)
        free(w.paths[--w.count]);
    free(w.paths);
    return err;
}

int visit_listed(struct shell *sh, const struct visit *v, const char *list)
{
    char *failed;

    if (sh->is_json)
        json_open(&sh->json, list, '[');

    int err = visit_subtree(sh, v, &failed);

    if (sh->is_json)
        json_close(&sh->json, '[');

    int status = err == ZK_OK ? EXIT_OK : fail_err(sh, err, failed);

    free(failed);
    return status;
}

static void say_path(struct shell *sh, const char *path, void *arg)
{
    (void)arg;
    say(sh, "%s\n", path);
    if (sh->is_json)
        json_str(&sh->json, NULL, path);
}

static int list_subtree(struct shell *sh, const char *path, const struct zabc_watcher *watcher)
{
    const struct visit v = { .path = path, .watcher = watcher, .visit = say_path };

    return visit_listed(sh, &v, "paths");
}

int run_ls(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct zabc_watcher watcher;
    const struct zabc_watcher *set = watcher_of(sh, o, &watcher);
    struct answer a;

    if (!take_path(sh, path))
        return EXIT_FAILED;
    if (options_has(o, "R"))
        return list_subtree(sh, path, set);

    bool wants_stat = options_has(o, "s");
    int err =
        shell_wait(sh, &a, zabc_get_children(sh->client, path, set, wants_stat, shell_asks(sh)));

    if (err == ZK_OK) {
        size_t count;
        struct jute_bytes *names = strings_of(a.reply.strs, &count, true);

        say_children(sh, names, count);
        if (wants_stat)
            say_stat(sh, &a.reply.stat);
        free(names);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_get_all_children_number(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct answer a;

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(sh, &a, zabc_get_all_children_number(sh->client, path, shell_asks(sh)));

    if (err == ZK_OK)
        say(sh, "%d\n", a.reply.number);
    if (err == ZK_OK && sh->is_json)
        json_int(&sh->json, "number", a.reply.number);
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_get_ephemerals(struct shell *sh, const struct options *o)
{
    const char *prefix = o->args_count > 1 ? o->args[1] : "/";
    struct answer a;

    if (!take_path(sh, prefix))
        return EXIT_FAILED;

    int err = shell_wait(sh, &a, zabc_get_ephemerals(sh->client, prefix, shell_asks(sh)));

    if (err == ZK_OK) {
        size_t count;
        struct jute_bytes *paths = strings_of(a.reply.strs, &count, false);

        say_list(sh, paths, count);
        say(sh, "\n");
        if (sh->is_json)
            json_open(&sh->json, "ephemerals", '[');
        for (size_t i = 0; i < count && sh->is_json; i++)
            json_bytes(&sh->json, NULL, paths[i]);
        if (sh->is_json)
            json_close(&sh->json, '[');
        free(paths);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, prefix);
}

/* ---- delete */

int run_delete(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    int64_t version;

    if (!number_of(sh, o, "v", INT32_MIN, INT32_MAX, -1, &version) || !take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(sh, NULL, zabc_delete(sh->client, path, (int32_t)version, shell_asks(sh)));

    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}
