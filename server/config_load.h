/* A configuration while it is being loaded. Only config*.c look in here. */
#ifndef SERVER_CONFIG_LOAD_H
#define SERVER_CONFIG_LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "server/config.h"
#include "server/config_keys.h"
#include "zab/config.h"

/* A key that was given a value. */
struct config_given {
    const struct config_key *key; /* NULL: nobody reads it. */
    const char *name;             /* As written. Borrowed, like the value. */
    const char *value;
    int line;             /* In the file. */
    bool on_command_line; /* Then there is no line. */
    bool is_shadowed;     /* Another one for the same key counts. */
};

/* The lines server.N, read one by one. */
struct config_servers {
    struct zab_member *members;
    size_t count, participants;
    const struct config_given *first; /* Of server.N, group.N and weight.N. */
    bool is_bad;                      /* A line was refused. */
    bool has_client_port;             /* The client port was taken from one. */
};

struct config_load {
    struct config *conf;
    struct config_report *report;
    const char *path; /* NULL: no file. */
    struct config_given *given;
    size_t count;
    struct config_servers servers;
};

/* Adds a note about `given`, or about the file as a whole when that is NULL. */
__attribute__((format(printf, 4, 5))) void config_say(struct config_load *l,
                                                      enum config_severity severity,
                                                      const struct config_given *given,
                                                      const char *format, ...);

/* The one that counts for the key of this name (as in the table), or NULL. */
const struct config_given *config_given_find(const struct config_load *l, const char *name);

/* config_apply.c: takes over the defaults of the table. */
void config_apply_defaults(struct config *conf);
/* Takes over one value, or says what is wrong with it. */
void config_apply(struct config_load *l, const struct config_given *given);

/* config_special.c: keys whose values are more than a number, a text or a switch.
 * Returns false when `given` is not one of them. */
bool config_apply_special(struct config_load *l, const struct config_given *given);

/* config_servers.c: one line server.N, group.N or weight.N, and then all of them together. */
void config_apply_server(struct config_load *l, const struct config_given *given);
void config_apply_group(struct config_load *l, const struct config_given *given);
void config_check_servers(struct config_load *l);
void config_servers_done(struct config_servers *servers);
/* What an ensemble must have beside its members. */
void config_check_ensemble(struct config_load *l, const struct config_given *at);
/* The client port of the own line of a membership counts, unless the static file's says
 * another: then *ret_agrees is false and nothing is taken over. */
void config_take_client(struct config *conf, const struct zab_member *own, bool *ret_agrees);

/* config_check.c: what depends on several keys. */
void config_check(struct config_load *l);

#endif
