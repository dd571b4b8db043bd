/* What a line may go on with: names of commands, and of znodes. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stddef.h>

#include "cli/shell.h"

struct completion {
    char **names; /* Sorted. The whole word each, as far as it is known. */
    size_t count;
    size_t word_len;   /* Of the word that is begun. */
    size_t common_len; /* Of the beginning that all names share. */
    bool is_path;
};

/* Of the `len` bytes in front of the cursor. May ask the server. Free with completion_done(). */
void completion_find(struct completion *ret, struct shell *sh, const char *line, size_t len);
void completion_done(struct completion *c);

#endif
