/* deleteall: a node and everything below it, in batches, some of which are under way at a time. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"

enum {
    BATCH = 1000,           /* Nodes in a multi, unless -b says otherwise. */
    BATCHES_AT_A_TIME = 10, /* As zkCli. */
};

/* Parents before their children. */
struct subtree {
    char **paths;
    size_t count;
};

static void add(struct subtree *t, char *path)
{
    t->paths = zk_xrealloc(t->paths, (t->count + 1) * sizeof *t->paths);
    t->paths[t->count++] = path;
}

static int list_subtree(struct shell *sh, struct subtree *t, const char *path)
{
    char *root = strdup(path);

    zk_assert(root != NULL);
    add(t, root);
    for (size_t next = 0; next < t->count; next++) {
        struct answer a;
        int err = shell_wait(
            sh, &a, zabc_get_children(sh->client, t->paths[next], NULL, false, shell_asks(sh)));
        size_t count = 0;
        struct jute_bytes *names = err == ZK_OK ? strings_of(a.reply.strs, &count, false) : NULL;

        for (size_t i = 0; i < count; i++)
            add(t, path_join(t->paths[next], names[i]));
        free(names);
        answer_done(&a);
        if (err != ZK_OK)
            return fail_err(sh, err, t->paths[next]);
    }
    return EXIT_OK;
}

static int delete_singly(struct shell *sh, const struct subtree *t)
{
    for (size_t i = t->count; i > 0; i--) {
        const char *path = t->paths[i - 1];
        int err = shell_wait(sh, NULL, zabc_delete(sh->client, path, -1, shell_asks(sh)));

        if (err != ZK_OK)
            return fail_err(sh, err, path);
    }
    return EXIT_OK;
}

/* ---- Batches. */

/* Outlives the waiting when that is interrupted: then the last answer frees it. */
struct batches {
    unsigned under_way;
    bool has_failed, is_abandoned;
};

static void on_batch(void *arg, const struct zabc_reply *reply)
{
    struct batches *b = arg;

    b->under_way--;
    b->has_failed = b->has_failed || reply->err != ZK_OK;
    if (b->is_abandoned && b->under_way == 0)
        free(b);
}

/* Children first: *left is how many of the subtree's first nodes are still to be asked for. */
static void ask_batch(struct shell *sh, struct batches *b, const struct subtree *t, size_t batch,
                      size_t *left)
{
    struct zabc_multi m;

    zabc_multi_begin(&m, sh->client);
    for (size_t i = 0; i<batch && * left> 0; i++)
        zabc_multi_delete(&m, t->paths[--*left], -1);
    if (zabc_multi_submit(&m, (struct zabc_done){ on_batch, b }) == 0)
        b->under_way++;
    else
        b->has_failed = true;
}

/* Waits until at most so many are under way; false: interrupted. */
static bool wait_for_batches(struct shell *sh, const struct batches *b, unsigned most)
{
    while (b->under_way > most && !sh->is_interrupted)
        shell_turn(sh);
    return !sh->is_interrupted;
}

static int delete_in_batches(struct shell *sh, const struct subtree *t, size_t batch)
{
    struct batches *b = zk_xcalloc(1, sizeof *b);
    bool goes_on = true;

    for (size_t left = t->count; left > 0 && goes_on;) {
        ask_batch(sh, b, t, batch, &left);
        goes_on = wait_for_batches(sh, b, BATCHES_AT_A_TIME - 1);
    }
    goes_on = goes_on && wait_for_batches(sh, b, 0);

    bool has_failed = b->has_failed;

    b->is_abandoned = true;
    if (b->under_way == 0)
        free(b);
    if (!goes_on)
        return fail_err(sh, SHELL_INTERRUPTED, NULL);
    if (has_failed && sh->is_json)
        json_str(&sh->json, "message", "Failed to delete some node(s) in the subtree!");
    if (has_failed)
        note(sh, "Failed to delete some node(s) in the subtree!");
    return EXIT_OK;
}

int run_deleteall(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct subtree t = { 0 };
    int64_t batch;

    if (!number_of(sh, o, "b", INT32_MIN, INT32_MAX, BATCH, &batch) || !take_path(sh, path))
        return EXIT_FAILED;

    int status = list_subtree(sh, &t, path);

    if (status == EXIT_OK)
        status = batch > 0 ? delete_in_batches(sh, &t, (size_t)batch) : delete_singly(sh, &t);
    while (t.count > 0)
        free(t.paths[--t.count]);
    free(t.paths);
    return status;
}
