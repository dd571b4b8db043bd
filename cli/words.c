#include "cli/words.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/check.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

static void add(struct words *w, const char *at, size_t len)
{
    w->at = zk_xrealloc(w->at, (w->count + 2) * sizeof *w->at);

    char *copy = zk_xmalloc(len + 1);

    memcpy(copy, at, len);
    copy[len] = '\0';
    w->at[w->count++] = copy;
    w->at[w->count] = NULL;
}

static const char *end_of_run(const char *at)
{
    while (*at != '\0' && !is_blank(*at))
        at++;
    return at;
}

/* A word that begins at `at`, which is no blank. Returns its end, or NULL: a lone quote. */
static const char *take_word(struct words *w, const char *at)
{
    if (!is_quote(*at)) {
        const char *end = end_of_run(at);

        add(w, at, (size_t)(end - at));
        return end;
    }

    const char *close = strchr(at + 1, *at);

    if (close == NULL)
        return NULL;
    add(w, at + 1, (size_t)(close - at - 1));
    return close + 1;
}

void words_split(struct words *ret, const char *line)
{
    const char *at = line;

    *ret = (struct words){ 0 };
    while (*at != '\0') {
        const char *begin = at;

        while (is_blank(*at))
            at++;

        const char *end = *at != '\0' ? take_word(ret, at) : NULL;

        if (end == NULL && at > begin && ret->count == 0) {
            /* zkCli takes the last blank of a line's beginning into such a word. */
            end = end_of_run(at);
            add(ret, at - 1, (size_t)(end - at + 1));
        }
        at = end != NULL ? end : *at != '\0' ? at + 1 : at;
    }
}

void words_copy(struct words *ret, char *const *from, size_t count)
{
    *ret = (struct words){ 0 };
    for (size_t i = 0; i < count; i++)
        add(ret, from[i], strlen(from[i]));
}

void words_done(struct words *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->at[i]);
    free(w->at);
    *w = (struct words){ 0 };
}
