/* What ZooKeeper's client says of a path before it sends it. Indices count UTF-16 units, as Java
 * does, so that the words come out equal. */
#include <string.h>

#include "client/zabclient.h"

/* Bytes of the character that begins with `first`; 0 when none does. */
static unsigned char_len(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* One character of UTF-8 that may be ill-formed: such a byte counts as one U+FFFD. */
static uint32_t next_char(const uint8_t **at)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const uint8_t *p = *at;
    unsigned len = char_len(p[0]);
    uint32_t c = len < 2 ? p[0] : p[0] & (0x7fu >> len);

    for (unsigned i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            len = 0;
        else
            c = c << 6 | (p[i] & 0x3f);
    }
    if (len == 0 || c < least[len] || c > 0x10ffff) {
        *at = p + 1;
        return 0xfffd;
    }
    *at = p + len;
    return c;
}

static bool is_refused(uint32_t c)
{
    return c <= 0x1f || (c >= 0x7f && c <= 0x9f) || (c >= 0xd800 && c <= 0xf8ff) || c >= 0xfff0;
}

static bool say(struct bytes *why, const char *text)
{
    if (why != NULL)
        bytes_put(why, text, strlen(text));
    return true;
}

static bool say_invalid(struct bytes *why, const char *path, const char *reason, unsigned index)
{
    if (why != NULL)
        bytes_printf(why, "Invalid path string \"%s\" caused by %s @%u", path, reason, index);
    return true;
}

/* What is wrong with the component that ends before `end`, at UTF-16 unit `index`; NULL: nothing.
 * Java notices an empty name at its slash, a relative one at its last dot. */
static const char *wrong_component(const char *begin, const char *end, unsigned *index)
{
    size_t len = (size_t)(end - begin);

    if (len == 0)
        return "empty node name specified";
    if (len > 2 || begin[0] != '.' || begin[len - 1] != '.')
        return NULL;
    (*index)--;
    return "relative paths not allowed";
}

/* The first refused character before the next slash; NULL: none. Both outputs are moved to what is
 * said about, or to the component's end. */
static const char *wrong_character(const uint8_t **at, unsigned *index)
{
    while (**at != '\0' && **at != '/') {
        uint32_t c = next_char(at);

        if (is_refused(c))
            return "invalid character";
        *index += c > 0xffff ? 2 : 1;
    }
    return NULL;
}

static bool is_wrong_inside(struct bytes *why, const char *path, bool is_sequential)
{
    const uint8_t *at = (const uint8_t *)path;
    unsigned index = 0;

    do {
        const char *component = (const char *)++at;

        index++;

        const char *reason = wrong_character(&at, &index);

        /* The number behind a sequential path makes a name of its last component. */
        if (reason == NULL && !(*at == '\0' && is_sequential))
            reason = wrong_component(component, (const char *)at, &index);
        if (reason != NULL)
            return say_invalid(why, path, reason, index);
    } while (*at != '\0');
    return false;
}

bool zabc_path_is_wrong(struct bytes *why, const char *path, bool is_sequential)
{
    if (path == NULL)
        return say(why, "Path cannot be null");
    if (path[0] == '\0' && !is_sequential)
        return say(why, "Path length must be > 0");
    if (path[0] != '/')
        return say(why, "Path must start with / character");
    if (path[1] == '\0')
        return false;
    if (!is_sequential && path[strlen(path) - 1] == '/')
        return say(why, "Path must not end with / character");
    return is_wrong_inside(why, path, is_sequential);
}
