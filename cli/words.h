/* A line of the shell as words: cut at blanks, where a word in '...' or "..." keeps its blanks and
 * loses its quotes. There are no escapes. As zkCli does it, down to what it makes of a quote
 * without its fellow. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>

struct words {
    char **at; /* NUL-terminated each; NULL at the end. */
    size_t count;
};

/* Free with words_done(). */
void words_split(struct words *ret, const char *line);
/* Copies of these. */
void words_copy(struct words *ret, char *const *from, size_t count);
void words_done(struct words *w);

#endif
