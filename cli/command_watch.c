/* Commands about watches that stay, and about the session. */
#include <string.h>
#include <strings.h>

#include "cli/commands.h"
#include "cli/output.h"

int run_add_watch(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    const char *mode = options_value(o, "m");
    bool is_recursive = mode == NULL || strcasecmp(mode, "PERSISTENT_RECURSIVE") == 0;
    struct zabc_watcher watcher = shell_watcher(sh);

    if (!is_recursive && strcasecmp(mode, "PERSISTENT") != 0)
        return fail(sh, "addWatch %s", command_find("addWatch")->usage);
    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(
        sh, NULL,
        zabc_add_watch(sh->client, path,
                       is_recursive ? ZK_ADD_WATCH_PERSISTENT_RECURSIVE : ZK_ADD_WATCH_PERSISTENT,
                       &watcher, shell_asks(sh)));

    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

static enum zk_watcher_type type_of(const struct options *o)
{
    if (options_has(o, "c"))
        return ZK_WATCHER_CHILDREN;
    if (options_has(o, "d"))
        return ZK_WATCHER_DATA;
    if (options_has(o, "p"))
        return ZK_WATCHER_PERSISTENT;
    return options_has(o, "r") ? ZK_WATCHER_PERSISTENT_RECURSIVE : ZK_WATCHER_ANY;
}

int run_remove_watches(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(sh, NULL,
                         zabc_remove_watches(sh->client, path, type_of(o), NULL,
                                             options_has(o, "l"), shell_asks(sh)));

    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_close(struct shell *sh, const struct options *o)
{
    (void)o;
    shell_close(sh);
    return EXIT_OK;
}

int run_version(struct shell *sh, const struct options *o)
{
    static const char version[] = "3.9.5-zabcli-" ZABD_VERSION;

    (void)o;
    say(sh, "ZooKeeper CLI version: %s\n", version);
    if (sh->is_json)
        json_str(&sh->json, "version", version);
    return EXIT_OK;
}
