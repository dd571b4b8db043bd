/* The table of commands. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/options.h"
#include "cli/shell.h"

struct command {
    const char *name;
    const char *usage; /* Behind the name. */
    const char
        *more; /* Lines of help behind the usage, when it is said for this command; or NULL. */
    const struct option_spec *options;
    enum option_group group;
    size_t args_min;      /* Words without options, the name counted. */
    const char *old_form; /* What is said of a third word, once a way to set a watch; or NULL. */
    /* Returns an exit status. NULL: the shell knows by itself what to do. */
    int (*run)(struct shell *sh, const struct options *o);
};

/* In the order of their names. The last has no name. */
extern const struct command commands[];

/* NULL: there is none. */
const struct command *command_find(const char *name);

/* All of them, on stderr. */
void commands_usage(struct shell *sh);

int run_create(struct shell *sh, const struct options *o);
int run_delete(struct shell *sh, const struct options *o);
int run_deleteall(struct shell *sh, const struct options *o);
int run_get(struct shell *sh, const struct options *o);
int run_set(struct shell *sh, const struct options *o);
int run_ls(struct shell *sh, const struct options *o);
int run_stat(struct shell *sh, const struct options *o);
int run_sync(struct shell *sh, const struct options *o);
int run_get_all_children_number(struct shell *sh, const struct options *o);
int run_get_ephemerals(struct shell *sh, const struct options *o);
int run_get_acl(struct shell *sh, const struct options *o);
int run_set_acl(struct shell *sh, const struct options *o);
int run_add_auth(struct shell *sh, const struct options *o);
int run_who_am_i(struct shell *sh, const struct options *o);
int run_add_watch(struct shell *sh, const struct options *o);
int run_remove_watches(struct shell *sh, const struct options *o);
int run_set_quota(struct shell *sh, const struct options *o);
int run_del_quota(struct shell *sh, const struct options *o);
int run_list_quota(struct shell *sh, const struct options *o);
int run_config(struct shell *sh, const struct options *o);
int run_reconfig(struct shell *sh, const struct options *o);
int run_version(struct shell *sh, const struct options *o);
int run_close(struct shell *sh, const struct options *o);

/* ---- What several of them need. */

/* Of the entries of an ACL list; they point into the list. */
struct acl_list {
    struct zabc_acl acl;
    char *text;
    struct jute_acl *entries;
};

/* `scheme:id:perms,...`. Entries that are none are left out, with a word on stderr. */
void acl_list_parse(struct shell *sh, struct acl_list *ret, const char *text);
void acl_list_done(struct acl_list *a);

/* Goes through a subtree: the node, its children in order, then each child's subtree. `visit` is
 * called once for each path. Stops at the first error and returns it (as shell_wait() does);
 * *ret_path is where that was. Free it. */
struct visit {
    const char *path;
    const struct zabc_watcher *watcher; /* Set along the way; NULL: none. */
    void (*visit)(struct shell *sh, const char *path, void *arg);
    void *arg;
};
int visit_subtree(struct shell *sh, const struct visit *v, char **ret_path);
/* The same as a whole command: `list` is what visit() writes to with --json. Returns the status. */
int visit_listed(struct shell *sh, const struct visit *v, const char *list);

/* `path` and below it `name`. Free it. */
char *path_join(const char *path, struct jute_bytes name);

/* The path of a command about one: checked and, for JSON, said. false: it is wrong. */
bool take_path(struct shell *sh, const char *path);

/* The number that an option has, or `otherwise`. false: it is none, which is said. */
bool number_of(struct shell *sh, const struct options *o, const char *name, int64_t min,
               int64_t max, int64_t otherwise, int64_t *ret);

#endif
