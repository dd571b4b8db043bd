/* Options of a command, in the manner of the parser that zkCli has (Commons CLI): before or behind
 * the other words, `-sw` for `-s -w`, `-v5` and `-v=5` for `-v 5`, `--` ends them. The errors have
 * that parser's words. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/words.h"
#include "util/bytes.h"

enum { OPTIONS_MAX = 8 };

struct option_spec {
    const char *name; /* Without the hyphen; NULL ends a list. */
    bool has_value;
    const char *help; /* Of the group's options: what the error says. */
};

/* How the options of a command go together. */
enum option_group {
    OPTIONS_FREE,
    OPTIONS_ONE,      /* At most one of them. */
    OPTIONS_ONE_MUST, /* Exactly one. */
};

struct options {
    const struct option_spec *specs;
    bool has[OPTIONS_MAX];
    const char *values[OPTIONS_MAX]; /* The first one given. Borrowed from the words. */
    const char **args;               /* The other words, the command's name first. Borrowed too. */
    size_t args_count;
};

/* false after an error, which is appended to `wrong`. In both cases: options_done(). */
bool options_parse(struct options *ret, struct bytes *wrong, const struct option_spec *specs,
                   enum option_group group, const struct words *words);
void options_done(struct options *o);

bool options_has(const struct options *o, const char *name);
/* NULL when it was not given. */
const char *options_value(const struct options *o, const char *name);

#endif
