/* Commands about rights and identities. */
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "util/check.h"

static const struct {
    char letter;
    int32_t perm;
} letters[] = {
    { 'c', ZK_PERM_CREATE }, { 'd', ZK_PERM_DELETE }, { 'r', ZK_PERM_READ },
    { 'w', ZK_PERM_WRITE },  { 'a', ZK_PERM_ADMIN },
};

enum { LETTERS = sizeof letters / sizeof letters[0] };

static int32_t parse_perms(struct shell *sh, const char *text)
{
    int32_t ret = 0;

    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (i < LETTERS && letters[i].letter != *text)
            i++;
        if (i < LETTERS)
            ret |= letters[i].perm;
        else
            warn(sh, "Unknown perm type: %c", *text);
    }
    return ret;
}

/* Cuts the entry up; false when it has not the form. */
static bool parse_entry(struct shell *sh, struct jute_acl *ret, char *text)
{
    char *first = strchr(text, ':');
    char *last = strrchr(text, ':');

    if (first == NULL || first == last) {
        warn(sh, "%s does not have the form scheme:id:perm", text);
        return false;
    }
    ret->perms = parse_perms(sh, last + 1);
    *first = *last = '\0';
    ret->scheme = jute_text(text);
    ret->id = jute_text(first + 1);
    return true;
}

void acl_list_parse(struct shell *sh, struct acl_list *ret, const char *text)
{
    size_t most = 1;

    for (const char *at = text; *at != '\0'; at++)
        most += *at == ',';
    *ret = (struct acl_list){ .text = strdup(text) };
    zk_assert(ret->text != NULL);
    ret->entries = zk_xcalloc(most, sizeof *ret->entries);
    ret->acl.entries = ret->entries;
    for (char *at = ret->text; at != NULL;) {
        char *comma = strchr(at, ',');

        if (comma != NULL)
            *comma++ = '\0';
        /* Java's split() forgets empty parts at the end. */
        if (*at == '\0' && at != ret->text && (comma == NULL || comma[strspn(comma, ",")] == '\0'))
            break;
        if (parse_entry(sh, &ret->entries[ret->acl.count], at))
            ret->acl.count++;
        at = comma;
    }
}

void acl_list_done(struct acl_list *a)
{
    free(a->text);
    free(a->entries);
    *a = (struct acl_list){ 0 };
}

static void perm_letters(char ret[LETTERS + 1], int32_t perms)
{
    size_t len = 0;

    for (size_t i = 0; i < LETTERS; i++) {
        if ((perms & letters[i].perm) != 0)
            ret[len++] = letters[i].letter;
    }
    ret[len] = '\0';
}

static void say_acl(struct shell *sh, struct jute_vector acl)
{
    struct jute_in walk = jute_walk(acl);
    struct jute_acl entry;

    if (sh->is_json)
        json_open(&sh->json, "acl", '[');
    for (int32_t i = 0; i < acl.count && jute_next_acl(&walk, &entry); i++) {
        char perms[LETTERS + 1];

        perm_letters(perms, entry.perms);
        say(sh, "'");
        say_text(sh, entry.scheme);
        say(sh, ",'");
        say_text(sh, entry.id);
        say(sh, "\n: %s\n", perms);
        if (!sh->is_json)
            continue;
        json_open(&sh->json, NULL, '{');
        json_bytes(&sh->json, "scheme", entry.scheme);
        json_bytes(&sh->json, "id", entry.id);
        json_str(&sh->json, "perms", perms);
        json_close(&sh->json, '{');
    }
    if (sh->is_json)
        json_close(&sh->json, '[');
}

int run_get_acl(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct answer a;

    if (!take_path(sh, path))
        return EXIT_FAILED;

    int err = shell_wait(sh, &a, zabc_get_acl(sh->client, path, shell_asks(sh)));

    if (err == ZK_OK) {
        say_acl(sh, a.reply.acl);
        if (options_has(o, "s"))
            say_stat(sh, &a.reply.stat);
    }
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

struct setting {
    const struct acl_list *acl;
    int32_t version;
};

/* Nodes that refuse are told of, and passed over. */
static void set_one(struct shell *sh, const char *path, void *arg)
{
    const struct setting *s = arg;
    int err = shell_wait(sh, NULL,
                         zabc_set_acl(sh->client, path, &s->acl->acl, s->version, shell_asks(sh)));

    if (err == ZK_OK)
        return;
    say(sh, "KeeperErrorCode = %s for %s", zabc_err_text(err), path);
    if (sh->is_json)
        json_str(&sh->json, NULL, path);
}

static int set_recursively(struct shell *sh, const char *path, struct setting *s)
{
    const struct visit v = { .path = path, .visit = set_one, .arg = s };

    return visit_listed(sh, &v, "refused");
}

static int set_alone(struct shell *sh, const char *path, const struct setting *s, bool wants_stat)
{
    struct answer a;
    int err = shell_wait(sh, &a,
                         zabc_set_acl(sh->client, path, &s->acl->acl, s->version, shell_asks(sh)));

    if (err == ZK_OK && wants_stat)
        say_stat(sh, &a.reply.stat);
    answer_done(&a);
    return err == ZK_OK ? EXIT_OK : fail_err(sh, err, path);
}

int run_set_acl(struct shell *sh, const struct options *o)
{
    const char *path = o->args[1];
    struct acl_list acl;
    int64_t version;
    int status = EXIT_FAILED;

    if (!number_of(sh, o, "v", INT32_MIN, INT32_MAX, -1, &version))
        return EXIT_FAILED;
    acl_list_parse(sh, &acl, o->args[2]);
    if (take_path(sh, path)) {
        struct setting s = { .acl = &acl, .version = (int32_t)version };

        if (acl.acl.count == 0)
            status = fail_err(sh, ZK_INVALID_ACL, NULL);
        else if (options_has(o, "R"))
            status = set_recursively(sh, path, &s);
        else
            status = set_alone(sh, path, &s, options_has(o, "s"));
    }
    acl_list_done(&acl);
    return status;
}

/* ---- Identities. */

int run_add_auth(struct shell *sh, const struct options *o)
{
    struct jute_bytes auth =
        o->args_count > 2 ? jute_text(o->args[2]) : (struct jute_bytes){ .len = -1 };
    int err = shell_wait(sh, NULL, zabc_add_auth(sh->client, o->args[1], auth, shell_asks(sh)));

    if (sh->is_json)
        json_int(&sh->json, "code", err);
    /* What the server thinks of it comes as an event of the session. */
    return err == SHELL_INTERRUPTED ? fail_err(sh, err, NULL) : EXIT_OK;
}

int run_who_am_i(struct shell *sh, const struct options *o)
{
    struct answer a;
    int err = shell_wait(sh, &a, zabc_who_am_i(sh->client, shell_asks(sh)));

    (void)o;
    if (err != ZK_OK) {
        answer_done(&a);
        return fail_err(sh, err, NULL);
    }

    struct jute_in walk = jute_walk(a.reply.ids);
    struct jute_id id;

    say(sh, "Auth scheme: User\n");
    if (sh->is_json)
        json_open(&sh->json, "identities", '[');
    for (int32_t i = 0; i < a.reply.ids.count && jute_next_id(&walk, &id); i++) {
        say_text(sh, id.scheme);
        say(sh, ": ");
        say_text(sh, id.id);
        say(sh, "\n");
        if (!sh->is_json)
            continue;
        json_open(&sh->json, NULL, '{');
        json_bytes(&sh->json, "scheme", id.scheme);
        json_bytes(&sh->json, "user", id.id);
        json_close(&sh->json, '{');
    }
    if (sh->is_json)
        json_close(&sh->json, '[');
    answer_done(&a);
    return EXIT_OK;
}
