#include "client/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/limits.h"
#include "client/zabclient.h"
#include "util/check.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts blanks off both ends. */
static void trim(const char **at, size_t *len)
{
    while (*len > 0 && is_blank(**at)) {
        (*at)++;
        (*len)--;
    }
    while (*len > 0 && is_blank((*at)[*len - 1]))
        (*len)--;
}

static bool read_port(uint16_t *ret, const char *at, size_t len)
{
    unsigned port = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (at[i] < '0' || at[i] > '9')
            return false;
        port = port * 10 + (unsigned)(at[i] - '0');
    }
    *ret = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

/* Where the name ends that begins at `at`, without brackets. What has more than one colon is an
 * IPv6 address alone. */
static const char *end_of_name(const char *at, const char *end)
{
    const char *colon = memchr(at, ':', (size_t)(end - at));

    if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
        return end;
    return colon;
}

/* Splits `name[:port]`. */
static bool read_host(struct host *ret, const char *at, size_t len)
{
    const char *end = at + len;
    bool has_brackets = len > 0 && at[0] == '[';
    const char *name = has_brackets ? at + 1 : at;
    const char *name_end = has_brackets ? memchr(at, ']', len) : end_of_name(at, end);

    *ret = (struct host){ .port = ZABC_PORT };
    if (name_end == NULL || name_end == name || name_end - name > CLIENT_HOST_BYTES_MAX)
        return false;

    const char *rest = has_brackets ? name_end + 1 : name_end;

    if (rest < end && (*rest != ':' || !read_port(&ret->port, rest + 1, (size_t)(end - rest - 1))))
        return false;
    ret->name = strndup(name, (size_t)(name_end - name));
    zk_assert(ret->name != NULL);
    return true;
}

static bool read_list(struct hosts *ret, const char *at, size_t len)
{
    const char *end = at + len;

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma != NULL ? comma : end;
        const char *item = at;
        size_t item_len = (size_t)(stop - at);

        at = stop + (comma != NULL);
        trim(&item, &item_len);
        if (item_len == 0)
            continue;
        if (ret->count == ZABC_SERVERS_MAX || !read_host(&ret->items[ret->count], item, item_len))
            return false;
        ret->count++;
    }
    return ret->count > 0;
}

static void shuffle(struct hosts *h, struct rand_state *rand)
{
    for (size_t i = h->count; i > 1; i--) {
        size_t other = (size_t)rand_below(rand, i);
        struct host swapped = h->items[i - 1];

        h->items[i - 1] = h->items[other];
        h->items[other] = swapped;
    }
}

static char *read_chroot(const char *slash)
{
    /* A lone slash is no chroot. */
    if (slash == NULL || slash[1] == '\0')
        return strdup("");
    return zabc_path_is_wrong(NULL, slash, false) ? NULL : strdup(slash);
}

int hosts_parse(struct hosts *ret, const char *text, struct rand_state *rand)
{
    *ret = (struct hosts){ 0 };
    if (text == NULL || strlen(text) > CLIENT_SERVERS_BYTES_MAX)
        return -EINVAL;

    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);

    ret->items = zk_xcalloc(ZABC_SERVERS_MAX, sizeof *ret->items);
    ret->chroot = read_chroot(slash);
    if (ret->chroot == NULL || !read_list(ret, text, len)) {
        hosts_done(ret);
        return -EINVAL;
    }
    if (rand != NULL)
        shuffle(ret, rand);
    return 0;
}

void hosts_done(struct hosts *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->items[i].name);
    free(h->items);
    free(h->chroot);
    *h = (struct hosts){ 0 };
}
