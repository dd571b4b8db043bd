/* Commands about quotas: nodes below /zookeeper/quota whose text names limits and usage. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"

#define QUOTA_ROOT "/zookeeper/quota"

/* The numbers of a quota. -1: none. */
struct quota {
    int64_t count, bytes, count_hard, bytes_hard;
    bool has_hard; /* Whether the text has the hard limits. */
};

static const struct quota no_quota = {
    .count = -1, .bytes = -1, .count_hard = -1, .bytes_hard = -1, .has_hard = true
};

/* ---- Its text: `count=1,bytes=2=;byteHardLimit=3;countHardLimit=4`. */

static void take_pair(struct quota *q, const char *at, size_t len)
{
    static const char *const keys[] = { "count", "bytes", "countHardLimit", "byteHardLimit" };
    int64_t *const numbers[] = { &q->count, &q->bytes, &q->count_hard, &q->bytes_hard };
    const char *equals = memchr(at, '=', len);

    for (size_t i = 0; equals != NULL && i < sizeof keys / sizeof keys[0]; i++) {
        if (strlen(keys[i]) != (size_t)(equals - at) ||
            memcmp(keys[i], at, (size_t)(equals - at)) != 0)
            continue;
        *numbers[i] = strtoll(equals + 1, NULL, 10);
        q->has_hard = q->has_hard || i >= 2;
    }
}

static struct quota quota_of(struct jute_bytes data)
{
    struct quota ret = no_quota;
    char *text =
        strndup(data.len > 0 ? (const char *)data.at : "", data.len > 0 ? (size_t)data.len : 0);

    zk_assert(text != NULL);
    ret.has_hard = false;
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, ",;");

        take_pair(&ret, at, len);
        at += len + strspn(at + len, ",;");
    }
    free(text);
    return ret;
}

static void write_quota(struct bytes *out, const struct quota *q)
{
    bytes_printf(out, "count=%" PRId64 ",bytes=%" PRId64, q->count, q->bytes);
    if (q->has_hard)
        bytes_printf(out, "=;byteHardLimit=%" PRId64 ";countHardLimit=%" PRId64, q->bytes_hard,
                     q->count_hard);
}

static void say_quota(struct shell *sh, const char *what, const char *path, struct jute_bytes data)
{
    struct quota q = quota_of(data);
    struct bytes text = { 0 };

    write_quota(&text, &q);
    say(sh, "Output %s for %s %.*s\n", what, path, (int)text.len, (const char *)text.at);
    bytes_done(&text);
    if (!sh->is_json)
        return;
    json_open(&sh->json, what, '{');
    json_int(&sh->json, "count", q.count);
    json_int(&sh->json, "bytes", q.bytes);
    if (q.has_hard) {
        json_int(&sh->json, "countHardLimit", q.count_hard);
        json_int(&sh->json, "byteHardLimit", q.bytes_hard);
    }
    json_close(&sh->json, '{');
}

/* ---- Nodes. */

enum node { NODE_ITSELF, NODE_LIMITS, NODE_STATS };

/* Free it. */
static char *node_of(const char *path, enum node node)
{
    static const char *const names[] = { "", "/zookeeper_limits", "/zookeeper_stats" };
    size_t size = sizeof QUOTA_ROOT + strlen(path) + strlen(names[node]);
    char *ret = zk_xmalloc(size);

    (void)snprintf(ret, size, QUOTA_ROOT "%s%s", path, names[node]);
    return ret;
}

/* The data of one of them; ZK_BAD_ARGUMENTS when the path is wrong. */
static int get(struct shell *sh, struct answer *ret, const char *path, enum node node)
{
    char *full = node_of(path, node);
    int err = shell_wait(sh, ret, zabc_get_data(sh->client, full, NULL, shell_asks(sh)));

    free(full);
    return err;
}

static int exists(struct shell *sh, const char *path)
{
    return shell_wait(sh, NULL, zabc_exists(sh->client, path, NULL, shell_asks(sh)));
}

static int set_text(struct shell *sh, const char *path, const struct quota *q)
{
    char *full = node_of(path, NODE_LIMITS);
    struct bytes text = { 0 };

    write_quota(&text, q);

    const struct jute_bytes data = { .at = text.at, .len = (int32_t)text.len };
    int err = shell_wait(sh, NULL, zabc_set_data(sh->client, full, data, -1, shell_asks(sh)));

    bytes_done(&text);
    free(full);
    return err;
}

static int create(struct shell *sh, const char *path, struct jute_bytes data)
{
    const struct zabc_create what = { .path = path, .data = data };
    int err = shell_wait(sh, NULL, zabc_create(sh->client, &what, shell_asks(sh)));

    return err == ZK_NODE_EXISTS ? ZK_OK : err;
}

static int create_text(struct shell *sh, const char *path, enum node node, const struct quota *q)
{
    char *full = node_of(path, node);
    struct bytes text = { 0 };

    write_quota(&text, q);

    int err = create(sh, full, (struct jute_bytes){ .at = text.at, .len = (int32_t)text.len });

    bytes_done(&text);
    free(full);
    return err;
}

/* ---- listquota */

int run_list_quota(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    char *limits = node_of(path, NODE_LIMITS);
    struct answer a;
    int status = EXIT_FAILED;

    note(sh, "absolute path is %s", limits);
    if (sh->is_json)
        json_str(&sh->json, "path", path);
    if (!path_is_wrong(sh, limits, false)) {
        int err = get(sh, &a, path, NODE_LIMITS);

        if (err == ZK_OK) {
            say_quota(sh, "quota", path, a.reply.data);
            answer_done(&a);
            err = get(sh, &a, path, NODE_STATS);
        }
        if (err == ZK_OK)
            say_quota(sh, "stat", path, a.reply.data);
        else if (err == ZK_NO_NODE)
            warn(sh, "quota for %s does not exist.", path);
        status = err == ZK_OK || err == ZK_NO_NODE ? EXIT_OK : fail_err(sh, err, limits);
        answer_done(&a);
    }
    free(limits);
    return status;
}

/* ---- delquota */

/* Removes the node and those above it that are left without children, up to the root of quotas. */
static int trim(struct shell *sh, char *path)
{
    while (strcmp(path, QUOTA_ROOT) != 0) {
        struct answer a;
        int err =
            shell_wait(sh, &a, zabc_get_children(sh->client, path, NULL, false, shell_asks(sh)));
        bool is_empty = err == ZK_OK && a.reply.strs.count <= 0;

        answer_done(&a);
        if (is_empty)
            err = shell_wait(sh, NULL, zabc_delete(sh->client, path, -1, shell_asks(sh)));
        if (err != ZK_OK)
            return fail_err(sh, err, path);
        if (!is_empty)
            break;
        *strrchr(path, '/') = '\0';
    }
    return EXIT_OK;
}

static int delete_children(struct shell *sh, const char *path)
{
    struct answer a;
    int err = shell_wait(sh, &a, zabc_get_children(sh->client, path, NULL, false, shell_asks(sh)));
    size_t count = 0;
    struct jute_bytes *names = err == ZK_OK ? strings_of(a.reply.strs, &count, false) : NULL;

    for (size_t i = 0; i < count && err == ZK_OK; i++) {
        char *child = path_join(path, names[i]);

        err = shell_wait(sh, NULL, zabc_delete(sh->client, child, -1, shell_asks(sh)));
        free(child);
    }
    free(names);
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

static int delete_all_limits(struct shell *sh, const char *path)
{
    char *full = node_of(path, NODE_ITSELF);
    int status = delete_children(sh, full);

    if (status == EXIT_OK)
        status = trim(sh, full);
    free(full);
    return status;
}

int run_del_quota(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    char *limits = node_of(path, NODE_LIMITS);
    bool is_wrong = path_is_wrong(sh, limits, false);
    struct answer a;

    free(limits);
    if (sh->is_json)
        json_str(&sh->json, "path", path);
    if (is_wrong)
        return EXIT_FAILED;

    int err = get(sh, &a, path, NODE_LIMITS);
    struct quota q = quota_of(a.reply.data);

    answer_done(&a);
    if (err == ZK_NO_NODE) {
        say(sh, "Quota does not exist for %s\n", path);
        if (sh->is_json)
            json_str(&sh->json, "message", "Quota does not exist");
        return EXIT_OK;
    }
    if (err != ZK_OK)
        return fail_err(sh, err, path);
    if (options_has(o, "n"))
        q.count = -1;
    else if (options_has(o, "b"))
        q.bytes = -1;
    else if (options_has(o, "N"))
        q.count_hard = -1;
    else if (options_has(o, "B"))
        q.bytes_hard = -1;
    else
        return delete_all_limits(sh, path);
    q.has_hard = true;
    err = set_text(sh, path, &q);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

/* ---- setquota */

/* The limit that one of the options sets. false: it is none, which is said. */
static bool take_limit(struct shell *sh, const struct options *o, const char *name, int64_t min,
                       int64_t max, int64_t *ret)
{
    const char *text = options_value(o, name);
    char *end;

    if (text == NULL)
        return true;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *ret > max || *ret < -max) {
        warn(sh, "NumberFormatException happens when parsing the option value");
        return false;
    }
    if (*ret >= min)
        return true;
    warn(sh, "the %s quota must be greater than %szero", min > 0 ? "num" : "bytes",
         min > 0 ? "" : "or equal to ");
    return false;
}

/* Whether something above the path has a quota: sets status and says so. */
static bool has_quota_above(struct shell *sh, const char *path, int *status)
{
    char *above = strdup(path);
    char *slash;

    zk_assert(above != NULL);
    while ((slash = strrchr(above, '/')) != NULL && slash > above) {
        struct answer a;

        *slash = '\0';

        int err = get(sh, &a, above, NODE_LIMITS);

        answer_done(&a);
        if (err == ZK_NO_NODE)
            continue;
        *status = err == ZK_OK ? fail(sh, "%s has a parent %s which has a quota", path, above)
                               : fail_err(sh, err, above);
        free(above);
        return true;
    }
    free(above);
    return false;
}

struct below {
    const char *path; /* The one that shall get a quota. */
    char *found;      /* One below it that has. */
};

static void note_limits(struct shell *sh, const char *path, void *arg)
{
    struct below *b = arg;
    static const char name[] = "/zookeeper_limits";
    size_t len = strlen(path);

    (void)sh;
    if (b->found != NULL || len < sizeof name || strcmp(path + len - (sizeof name - 1), name) != 0)
        return;

    char *owner =
        strndup(path + sizeof QUOTA_ROOT - 1, len - (sizeof name - 1) - (sizeof QUOTA_ROOT - 1));

    if (owner != NULL && strcmp(owner, b->path) != 0)
        b->found = owner;
    else
        free(owner);
}

static bool has_quota_below(struct shell *sh, const char *path, int *status)
{
    char *full = node_of(path, NODE_ITSELF);
    struct below b = { .path = path };
    const struct visit v = { .path = full, .visit = note_limits, .arg = &b };
    char *failed;
    int err = visit_subtree(sh, &v, &failed);
    bool ret = b.found != NULL || (err != ZK_OK && err != ZK_NO_NODE);

    if (b.found != NULL)
        *status = fail(sh, "%s has a child %s which has a quota", path, b.found);
    else if (ret)
        *status = fail_err(sh, err, failed);
    free(b.found);
    free(failed);
    free(full);
    return ret;
}

/* The nodes down to the one of the quota. */
static int create_way(struct shell *sh, const char *path)
{
    char *full = node_of(path, NODE_ITSELF);
    int err = create(sh, "/zookeeper", (struct jute_bytes){ .len = -1 });

    for (char *slash = strchr(full + 1, '/'); slash != NULL && err == ZK_OK;) {
        slash = strchr(slash + 1, '/');
        if (slash != NULL)
            *slash = '\0';
        if (exists(sh, full) == ZK_NO_NODE)
            err = create(sh, full, (struct jute_bytes){ .len = -1 });
        if (slash != NULL)
            *slash = '/';
    }
    free(full);
    return err;
}

static void tell_of_excess(struct shell *sh, const char *what, int64_t used)
{
    if (sh->is_json)
        warn(sh, "the %s quota you create is less than the existing %s:%" PRId64, what, what, used);
    say(sh, "[Warning]: the %s quota you create is less than the existing %s:%" PRId64 "\n", what,
        what, used);
}

static void warn_of_usage(struct shell *sh, const char *path, const struct quota *now)
{
    struct answer a;

    if (get(sh, &a, path, NODE_STATS) == ZK_OK) {
        struct quota used = quota_of(a.reply.data);

        if ((now->count > -1 && used.count > now->count) ||
            (now->count_hard > -1 && used.count > now->count_hard))
            tell_of_excess(sh, "count", used.count);
        if ((now->bytes > -1 && used.bytes > now->bytes) ||
            (now->bytes_hard > -1 && used.bytes > now->bytes_hard))
            tell_of_excess(sh, "bytes", used.bytes);
    }
    answer_done(&a);
}

/* What is new goes over what was there. */
static void merge(struct quota *into, const struct quota *from)
{
    if (from->count > -1)
        into->count = from->count;
    if (from->bytes > -1)
        into->bytes = from->bytes;
    if (from->count_hard > -1)
        into->count_hard = from->count_hard;
    if (from->bytes_hard > -1)
        into->bytes_hard = from->bytes_hard;
    into->has_hard = true;
}

static int put_quota(struct shell *sh, const char *path, const struct quota *q)
{
    static const struct quota empty = { 0 };
    struct answer a;
    int err = get(sh, &a, path, NODE_LIMITS);
    struct quota now = quota_of(a.reply.data);

    answer_done(&a);
    if (err == ZK_OK) {
        merge(&now, q);
        err = set_text(sh, path, &now);
    } else if (err == ZK_NO_NODE) {
        err = create_text(sh, path, NODE_LIMITS, q);
        if (err == ZK_OK)
            err = create_text(sh, path, NODE_STATS, &empty);
    }
    if (err != ZK_OK)
        return fail_err(sh, err, path);
    warn_of_usage(sh, path, q);
    return EXIT_OK;
}

int run_set_quota(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct quota q = no_quota;
    int status = EXIT_OK;

    if (sh->is_json)
        json_str(&sh->json, "path", path);
    if (strncmp(path, QUOTA_ROOT, sizeof QUOTA_ROOT - 1) == 0) {
        warn(sh, "cannot set a quota under the path: " QUOTA_ROOT);
        return EXIT_OK;
    }
    if (!take_limit(sh, o, "n", 1, INT32_MAX, &q.count) ||
        !take_limit(sh, o, "b", 0, INT64_MAX, &q.bytes) ||
        !take_limit(sh, o, "N", 1, INT32_MAX, &q.count_hard) ||
        !take_limit(sh, o, "B", 0, INT64_MAX, &q.bytes_hard))
        return EXIT_OK;
    if (path_is_wrong(sh, path, false))
        return EXIT_FAILED;

    int err = exists(sh, path);

    if (err == ZK_NO_NODE)
        return fail(sh, "%s does not exist.", path);
    if (err != ZK_OK)
        return fail_err(sh, err, path);
    if (path[1] == '\0')
        return fail(sh, "Path must not end with / character");
    if (has_quota_below(sh, path, &status) || has_quota_above(sh, path, &status))
        return status;
    err = create_way(sh, path);
    return err == ZK_OK ? put_quota(sh, path, &q) : fail_err(sh, err, path);
}
