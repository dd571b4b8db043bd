#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"

static void add(struct completion *c, char *name)
{
    c->names = zk_xrealloc(c->names, (c->count + 1) * sizeof *c->names);
    c->names[c->count++] = name;
}

static void find_common(struct completion *c)
{
    if (c->count == 0)
        return;
    c->common_len = strlen(c->names[0]);
    for (size_t i = 1; i < c->count; i++) {
        size_t len = 0;

        while (len < c->common_len && c->names[i][len] == c->names[0][len])
            len++;
        c->common_len = len;
    }
    /* Not within a character. */
    while (c->common_len > 0 && ((unsigned char)c->names[0][c->common_len] & 0xc0) == 0x80)
        c->common_len--;
}

static void find_commands(struct completion *c, const char *word)
{
    for (const struct command *it = commands; it->name != NULL; it++) {
        if (strncmp(it->name, word, c->word_len) == 0) {
            char *name = strdup(it->name);

            zk_assert(name != NULL);
            add(c, name);
        }
    }
}

/* A name with blanks or quotes would not come out of the line as one word. */
static bool is_plain(struct jute_bytes name)
{
    for (int32_t i = 0; i < name.len; i++) {
        if (name.at[i] <= ' ' || name.at[i] == '"' || name.at[i] == '\'')
            return false;
    }
    return true;
}

static void add_children(struct completion *c, const struct answer *a, const char *parent,
                         const char *prefix)
{
    size_t prefix_len = strlen(prefix);
    size_t count;
    struct jute_bytes *names = strings_of(a->reply.strs, &count, true);

    for (size_t i = 0; i < count; i++) {
        if ((size_t)names[i].len >= prefix_len && is_plain(names[i]) &&
            memcmp(names[i].at, prefix, prefix_len) == 0)
            add(c, path_join(parent, names[i]));
    }
    free(names);
}

static void find_nodes(struct completion *c, struct shell *sh, const char *word)
{
    const char *slash = strrchr(word, '/');
    size_t len = slash > word ? (size_t)(slash - word) : 1;
    char *parent = strndup(word, len);
    struct answer a = { 0 };

    zk_assert(parent != NULL);
    c->is_path = true;
    /* Who is not connected has nothing to complete, and should not have to wait. */
    if ((zabc_state(sh->client) == ZABC_CONNECTED ||
         zabc_state(sh->client) == ZABC_CONNECTED_READ_ONLY) &&
        !zabc_path_is_wrong(NULL, parent, false) &&
        shell_wait(sh, &a, zabc_get_children(sh->client, parent, NULL, false, shell_asks(sh))) ==
            ZK_OK)
        add_children(c, &a, parent, slash + 1);
    answer_done(&a);
    free(parent);
}

void completion_find(struct completion *ret, struct shell *sh, const char *line, size_t len)
{
    size_t begin = len;

    *ret = (struct completion){ 0 };
    while (begin > 0 && line[begin - 1] != ' ')
        begin--;

    bool is_first = strspn(line, " ") >= begin;
    char *word = strndup(line + begin, len - begin);

    zk_assert(word != NULL);
    ret->word_len = strlen(word);
    if (is_first)
        find_commands(ret, word);
    else if (word[0] == '/' && sh->client != NULL)
        find_nodes(ret, sh, word);
    find_common(ret);
    free(word);
}

void completion_done(struct completion *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->names[i]);
    free(c->names);
    *c = (struct completion){ 0 };
}
