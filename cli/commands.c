#include "cli/commands.h"

#include <string.h>

#include "cli/output.h"

#define ADD_WATCH_USAGE                                                                         \
    "[-m mode] path # optional mode is one of [PERSISTENT, PERSISTENT_RECURSIVE] - default is " \
    "PERSISTENT_RECURSIVE"
#define RECONFIG_USAGE                                                                        \
    "[-s] [-v version] [[-file path] | [-members serverID=host:port1:port2;port3[,...]*]] | " \
    "[-add serverId=host:port1:port2;port3[,...]]* [-remove serverId[,...]*]"
#define GET_MORE                             \
    " -b   Output data in base64 format\n"   \
    " -s   Print znode stats additionally\n" \
    " -w   Watch for changes on the znode\n" \
    " -x   Output data in hexdump format\n"
#define SET_MORE                                   \
    " -b         Supply data in base64 format\n"   \
    " -s         Print znode stats additionally\n" \
    " -v <arg>   Set with an expected version\n"
#define OLD(now, then) "'" now " path [" then "]' has been deprecated. Please use '" now
#define QUOTA_OPTIONS(has_value)                                                      \
    { "n", has_value, "num soft quota" }, { "b", has_value, "bytes soft quota" },     \
        { "N", has_value, "num hard quota" }, { "B", has_value, "bytes hard quota" }, \
        { NULL, false, NULL },

static const struct option_spec add_watch[] = { { "m", true, NULL }, { NULL, false, NULL } };
static const struct option_spec config[] = {
    { "c", false, NULL }, { "w", false, NULL }, { "s", false, NULL }, { NULL, false, NULL }
};
static const struct option_spec create[] = { { "s", false, NULL },
                                             { "e", false, NULL },
                                             { "c", false, NULL },
                                             { "t", true, NULL },
                                             { NULL, false, NULL } };
static const struct option_spec version[] = { { "v", true, NULL }, { NULL, false, NULL } };
static const struct option_spec batch[] = { { "b", true, NULL }, { NULL, false, NULL } };
static const struct option_spec del_quota[] = { QUOTA_OPTIONS(false) };
static const struct option_spec set_quota[] = { QUOTA_OPTIONS(true) };
static const struct option_spec get[] = { { "s", false, NULL },
                                          { "w", false, NULL },
                                          { "b", false, NULL },
                                          { "x", false, NULL },
                                          { NULL, false, NULL } };
static const struct option_spec stat_only[] = { { "s", false, NULL }, { NULL, false, NULL } };
static const struct option_spec watch_only[] = { { "w", false, NULL }, { NULL, false, NULL } };
static const struct option_spec ls[] = { { "?", false, NULL },
                                         { "s", false, NULL },
                                         { "w", false, NULL },
                                         { "R", false, NULL },
                                         { NULL, false, NULL } };
static const struct option_spec reconfig[] = { { "s", false, NULL },   { "v", true, NULL },
                                               { "file", true, NULL }, { "members", true, NULL },
                                               { "add", true, NULL },  { "remove", true, NULL },
                                               { NULL, false, NULL } };
static const struct option_spec remove_watches[] = { { "c", false, NULL }, { "d", false, NULL },
                                                     { "p", false, NULL }, { "r", false, NULL },
                                                     { "a", false, NULL }, { "l", false, NULL },
                                                     { NULL, false, NULL } };
static const struct option_spec set[] = {
    { "s", false, NULL }, { "v", true, NULL }, { "b", false, NULL }, { NULL, false, NULL }
};
static const struct option_spec set_acl[] = {
    { "s", false, NULL }, { "v", true, NULL }, { "R", false, NULL }, { NULL, false, NULL }
};

static const char old_delete[] = OLD("delete", "version") " [-v version] path' instead.";
static const char old_get[] = OLD("get", "watch") " [-s] [-w] path' instead.";
static const char old_ls[] = OLD("ls", "watch") " [-w] path' instead.";
static const char old_stat[] = OLD("stat", "watch") " [-w] path' instead.";

/* clang-format off */
const struct command commands[] = {
    { "addWatch", ADD_WATCH_USAGE, NULL, add_watch, OPTIONS_FREE, 2, NULL, run_add_watch },
    { "addauth", "scheme auth", NULL, NULL, OPTIONS_FREE, 2, NULL, run_add_auth },
    { "close", "", NULL, NULL, OPTIONS_FREE, 1, NULL, run_close },
    { "config", "[-c] [-w] [-s]", NULL, config, OPTIONS_FREE, 1, NULL, run_config },
    { "connect", "host:port", NULL, NULL, OPTIONS_FREE, 1, NULL, NULL },
    { "create", "[-s] [-e] [-c] [-t ttl] path [data] [acl]", NULL, create, OPTIONS_FREE, 2, NULL,
      run_create },
    { "delete", "[-v version] path", NULL, version, OPTIONS_FREE, 2, old_delete, run_delete },
    { "deleteall", "path [-b batch size]", NULL, batch, OPTIONS_FREE, 2, NULL, run_deleteall },
    { "delquota", "[-n|-b|-N|-B] path", NULL, del_quota, OPTIONS_ONE, 2, NULL, run_del_quota },
    { "get", "[-s] [-w] [-b] [-x] path", GET_MORE, get, OPTIONS_FREE, 2, old_get, run_get },
    { "getAcl", "[-s] path", NULL, stat_only, OPTIONS_FREE, 2, NULL, run_get_acl },
    { "getAllChildrenNumber", "path", NULL, NULL, OPTIONS_FREE, 2, NULL,
      run_get_all_children_number },
    { "getEphemerals", "path", NULL, NULL, OPTIONS_FREE, 1, NULL, run_get_ephemerals },
    { "history", "", NULL, NULL, OPTIONS_FREE, 1, NULL, NULL },
    { "listquota", "path", NULL, NULL, OPTIONS_FREE, 2, NULL, run_list_quota },
    { "ls", "[-s] [-w] [-R] path", NULL, ls, OPTIONS_FREE, 2, old_ls, run_ls },
    { "printwatches", "on|off", NULL, NULL, OPTIONS_FREE, 1, NULL, NULL },
    { "quit", "", NULL, NULL, OPTIONS_FREE, 1, NULL, NULL },
    { "reconfig", RECONFIG_USAGE, NULL, reconfig, OPTIONS_FREE, 1, NULL, run_reconfig },
    { "redo", "cmdno", NULL, NULL, OPTIONS_FREE, 1, NULL, NULL },
    { "removewatches", "path [-c|-d|-a] [-l]", NULL, remove_watches, OPTIONS_FREE, 2, NULL,
      run_remove_watches },
    { "set", "path data [-s] [-v version] [-b]", SET_MORE, set, OPTIONS_FREE, 3, NULL, run_set },
    { "setAcl", "[-s] [-v version] [-R] path acl", NULL, set_acl, OPTIONS_FREE, 3, NULL,
      run_set_acl },
    { "setquota", "-n|-b|-N|-B val path", NULL, set_quota, OPTIONS_ONE_MUST, 2, NULL,
      run_set_quota },
    { "stat", "[-w] path", NULL, watch_only, OPTIONS_FREE, 2, old_stat, run_stat },
    { "sync", "path", NULL, NULL, OPTIONS_FREE, 2, NULL, run_sync },
    { "version", "", NULL, NULL, OPTIONS_FREE, 1, NULL, run_version },
    { "whoami", "", NULL, NULL, OPTIONS_FREE, 1, NULL, run_who_am_i },
    { NULL, NULL, NULL, NULL, OPTIONS_FREE, 0, NULL, NULL },
};
/* clang-format on */

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

void commands_usage(struct shell *sh)
{
    note(sh, "ZooKeeper -server host:port -client-configuration properties-file cmd args");
    for (const struct command *c = commands; c->name != NULL; c++)
        note(sh, "\t%s %s", c->name, c->usage);
}
