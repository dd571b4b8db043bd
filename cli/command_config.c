/* Commands about the ensemble's membership. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"
#include "util/properties.h"

enum { SERVER_LEN = 7 }; /* Of `server.`, which begins the key of a member. */

/* ---- config */

/* The client address of `server.N=...;[host:]port`, with the address of all interfaces where none
 * is given; nothing when there is no such part. */
static void add_client_address(struct bytes *out, const char *server)
{
    const char *semicolon = strchr(server, ';');
    const char *at = semicolon != NULL ? semicolon + 1 : "";

    if (*at != '\0')
        bytes_printf(out, strchr(at, ':') != NULL ? "%s" : "0.0.0.0:%s", at);
}

static int by_number(const void *a, const void *b)
{
    const struct property *x = a;
    const struct property *y = b;
    long long first = strtoll(x->key + SERVER_LEN, NULL, 10);
    long long second = strtoll(y->key + SERVER_LEN, NULL, 10);

    return (first > second) - (first < second);
}

/* Moves the servers to the front, in the order of their numbers (ZooKeeper's text has them in
 * none). Returns how many there are. */
static size_t sort_servers(struct properties *all)
{
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++) {
        struct property it = all->items[i];

        if (strncmp(it.key, "server.", SERVER_LEN) != 0)
            continue;
        all->items[i] = all->items[count];
        all->items[count++] = it;
    }
    if (count > 0)
        qsort(all->items, count, sizeof *all->items, by_number);
    return count;
}

/* `VERSION HOST:PORT,...` */
static void say_client_addresses(struct shell *sh, struct jute_bytes text)
{
    struct properties all;
    struct properties_error err;
    struct bytes addresses = { 0 };
    const char *version = "";
    const char *comma = "";

    if (properties_parse(&all, &err, text.at, text.len > 0 ? (size_t)text.len : 0) < 0)
        all = (struct properties){ 0 };

    size_t servers = sort_servers(&all);

    for (size_t i = servers; i < all.count; i++) {
        if (strcmp(all.items[i].key, "version") == 0)
            version = all.items[i].value;
    }
    for (size_t i = 0; i < servers; i++, comma = ",") {
        bytes_printf(&addresses, "%s", comma);
        add_client_address(&addresses, all.items[i].value);
    }
    say(sh, "%s %.*s\n", version, (int)addresses.len, (const char *)addresses.at);
    if (sh->is_json) {
        json_str(&sh->json, "version", version);
        json_bytes(&sh->json, "servers",
                   (struct jute_bytes){ .at = addresses.at, .len = (int32_t)addresses.len });
    }
    bytes_done(&addresses);
    properties_done(&all);
}

int run_config(struct shell *sh, const struct options *o)
{
    struct zabc_watcher watcher = shell_watcher(sh);
    struct answer a;
    int err = shell_wait(
        sh, &a, zabc_get_config(sh->client, options_has(o, "w") ? &watcher : NULL, shell_asks(sh)));

    if (err == ZK_OK) {
        if (options_has(o, "c"))
            say_client_addresses(sh, a.reply.data);
        else
            say_data(sh, a.reply.data);
        if (options_has(o, "s"))
            say_stat(sh, &a.reply.stat);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, "/zookeeper/config");
}

/* ---- reconfig */

/* What is to be asked for; NULL: not. */
struct change {
    char *joining, *leaving, *members;
    int64_t version;
};

static char *in_lower_case(const char *text)
{
    char *ret = text != NULL ? strdup(text) : NULL;

    for (char *c = ret; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return ret;
}

static bool is_about_members(const char *key)
{
    return strncmp(key, "server.", 7) == 0 || strncmp(key, "group", 5) == 0 ||
           strncmp(key, "weight", 6) == 0 || strcmp(key, "version") == 0;
}

/* The members that a file describes. */
static int read_members(struct shell *sh, char **ret, const char *path)
{
    struct properties all;
    struct properties_error err;
    struct bytes text = { 0 };
    int r = properties_read(&all, &err, path);

    if (r < 0)
        return fail(sh, "Error processing %s%s (%s)", path, path,
                    r == -EINVAL || r == -E2BIG ? err.text : strerror(-r));
    for (size_t i = 0; i < all.count; i++) {
        if (is_about_members(all.items[i].key))
            bytes_printf(&text, "%s=%s\n", all.items[i].key, all.items[i].value);
    }
    bytes_put(&text, "", 1);
    *ret = (char *)text.at;
    properties_done(&all);
    return EXIT_OK;
}

static int take_change(struct shell *sh, const struct options *o, struct change *ret)
{
    const char *file = options_value(o, "file");
    const char *members = options_value(o, "members");
    const char *version = options_value(o, "v");
    bool is_incremental = options_has(o, "add") || options_has(o, "remove");
    char *end;

    if (file == NULL && members == NULL && !is_incremental)
        return fail(sh, "reconfig %s", command_find("reconfig")->usage);
    ret->version = version != NULL ? strtoll(version, &end, 16) : -1;
    if (version != NULL && (*end != '\0' || end == version))
        ret->version = -1;
    if ((file != NULL || members != NULL) && is_incremental)
        return fail(sh, "Can't use -file or -members together with -add or -remove (mixing "
                        "incremental and non-incremental modes is not allowed)");
    if (file != NULL && members != NULL)
        return fail(sh,
                    "Can't use -file and -members together (conflicting non-incremental modes)");
    ret->joining = in_lower_case(options_value(o, "add"));
    ret->leaving = in_lower_case(options_value(o, "remove"));
    ret->members = in_lower_case(members);
    return file != NULL ? read_members(sh, &ret->members, file) : EXIT_OK;
}

static int change_members(struct shell *sh, const struct options *o, const struct change *what)
{
    struct answer a;
    int err = shell_wait(sh, &a,
                         zabc_reconfig(sh->client, what->joining, what->leaving, what->members,
                                       what->version, shell_asks(sh)));

    if (err == ZK_OK) {
        say(sh, "Committed new configuration:\n");
        say_data(sh, a.reply.data);
        if (options_has(o, "s"))
            say_stat(sh, &a.reply.stat);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, "");
}

int run_reconfig(struct shell *sh, const struct options *o)
{
    struct change what = { 0 };
    int status = take_change(sh, o, &what);

    if (status == EXIT_OK)
        status = change_members(sh, o, &what);
    free(what.joining);
    free(what.leaving);
    free(what.members);
    return status;
}
