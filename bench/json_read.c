#include "bench/json_read.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/bytes.h"
#include "util/check.h"

struct reader {
    const char *at, *end;
    size_t nodes;
    unsigned depth;
};

static struct json_node *read_value(struct reader *r);

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) != NULL && *r->at != '\0')
        r->at++;
}

/* Takes the character behind blanks, if it is that one. */
static bool take(struct reader *r, char c)
{
    skip_blanks(r);
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

/* ---- Strings. */

static bool read_hex(struct reader *r, uint32_t *ret)
{
    *ret = 0;
    if (r->end - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = *r->at++;
        const char *digit =
            memchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c, sizeof digits - 1);

        if (digit == NULL)
            return false;
        *ret = *ret << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

static void put_utf8(struct bytes *out, uint32_t c)
{
    uint8_t text[3] = { (uint8_t)c };
    size_t len = 1;

    /* Halves of pairs stay what they are: nobody here looks at such characters. */
    if (c >= 0x800) {
        text[0] = (uint8_t)(0xe0 | c >> 12);
        text[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        text[2] = (uint8_t)(0x80 | (c & 0x3f));
        len = 3;
    } else if (c >= 0x80) {
        text[0] = (uint8_t)(0xc0 | c >> 6);
        text[1] = (uint8_t)(0x80 | (c & 0x3f));
        len = 2;
    }
    bytes_put(out, text, len);
}

static bool read_escape(struct reader *r, struct bytes *out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char values[] = "\"\\/\b\f\n\r\t";

    if (r->at == r->end)
        return false;

    char c = *r->at++;
    const char *name = memchr(names, c, sizeof names - 1);
    uint32_t unit;

    if (name != NULL) {
        bytes_put(out, &values[name - names], 1);
        return true;
    }
    if (c != 'u' || !read_hex(r, &unit))
        return false;
    put_utf8(out, unit);
    return true;
}

/* Behind its first quote. NULL: it does not end, or is ill-formed. */
static char *read_text(struct reader *r)
{
    struct bytes out = { 0 };
    bool is_good = true;

    while (is_good && r->at < r->end && *r->at != '"') {
        if ((unsigned char)*r->at < 0x20)
            is_good = false;
        else if (*r->at++ == '\\')
            is_good = read_escape(r, &out);
        else
            bytes_put(&out, r->at - 1, 1);
    }
    if (!is_good || r->at == r->end) {
        bytes_done(&out);
        return NULL;
    }
    r->at++;
    bytes_put(&out, "", 1);
    return (char *)out.at;
}

/* ---- Values. */

static struct json_node *new_node(struct reader *r, enum json_kind kind)
{
    struct json_node *ret = NULL;

    if (r->nodes++ < JSON_NODES_MAX) {
        ret = zk_xcalloc(1, sizeof *ret);
        ret->kind = kind;
    }
    return ret;
}

static struct json_node *read_number(struct reader *r)
{
    char text[64];
    size_t len = 0;
    char *end;
    struct json_node *ret;

    while (r->at + len < r->end && len < sizeof text - 1 &&
           (strchr("+-.eE", r->at[len]) != NULL || (r->at[len] >= '0' && r->at[len] <= '9')) &&
           r->at[len] != '\0')
        len++;
    memcpy(text, r->at, len);
    text[len] = '\0';

    double number = strtod(text, &end);

    if (len == 0 || *end != '\0' || text[0] == '+' || text[0] == '.')
        return NULL;
    r->at += len;
    ret = new_node(r, JSON_NUMBER);
    if (ret != NULL)
        ret->number = number;
    return ret;
}

static struct json_node *read_member(struct reader *r, bool has_key)
{
    char *key = NULL;

    if (has_key) {
        key = take(r, '"') ? read_text(r) : NULL;
        if (key == NULL || !take(r, ':')) {
            free(key);
            return NULL;
        }
    }

    struct json_node *ret = read_value(r);

    if (ret == NULL)
        free(key);
    else
        ret->key = key;
    return ret;
}

/* Behind the bracket that opens it. */
static struct json_node *read_members(struct reader *r, enum json_kind kind)
{
    char close = kind == JSON_OBJECT ? '}' : ']';
    struct json_node *ret = new_node(r, kind);
    struct json_node **next = ret != NULL ? &ret->children : NULL;

    if (ret == NULL || take(r, close))
        return ret;
    do {
        *next = read_member(r, kind == JSON_OBJECT);
        if (*next == NULL) {
            json_free(ret);
            return NULL;
        }
        next = &(*next)->next;
    } while (take(r, ','));
    if (take(r, close))
        return ret;
    json_free(ret);
    return NULL;
}

static struct json_node *read_nested(struct reader *r, enum json_kind kind)
{
    if (r->depth == JSON_DEPTH_MAX)
        return NULL;
    r->depth++;

    struct json_node *ret = read_members(r, kind);

    r->depth--;
    return ret;
}

static struct json_node *read_value(struct reader *r)
{
    struct json_node *ret;

    if (take(r, '{'))
        return read_nested(r, JSON_OBJECT);
    if (take(r, '['))
        return read_nested(r, JSON_ARRAY);
    if (take(r, '"')) {
        char *text = read_text(r);

        ret = text != NULL ? new_node(r, JSON_STRING) : NULL;
        if (ret == NULL)
            free(text);
        else
            ret->text = text;
        return ret;
    }
    if (take_word(r, "null"))
        return new_node(r, JSON_NULL);
    if (take_word(r, "true"))
        return new_node(r, JSON_TRUE);
    if (take_word(r, "false"))
        return new_node(r, JSON_FALSE);
    return read_number(r);
}

struct json_node *json_read(const char *text, size_t len)
{
    struct reader r = { .at = text, .end = text + len };
    struct json_node *ret = read_value(&r);

    skip_blanks(&r);
    if (ret != NULL && r.at != r.end) {
        json_free(ret);
        ret = NULL;
    }
    return ret;
}

void json_free(struct json_node *node)
{
    while (node != NULL) {
        struct json_node *next = node->next;

        json_free(node->children);
        free(node->key);
        free(node->text);
        free(node);
        node = next;
    }
}

const struct json_node *json_find(const struct json_node *node, const char *path)
{
    while (node != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");
        const struct json_node *child = node->kind == JSON_OBJECT ? node->children : NULL;

        while (child != NULL && (strlen(child->key) != len || memcmp(child->key, path, len) != 0))
            child = child->next;
        node = child;
        path += len + (path[len] == '.');
    }
    return node;
}

bool json_find_number(double *ret, const struct json_node *node, const char *path)
{
    const struct json_node *found = json_find(node, path);

    if (found == NULL || found->kind != JSON_NUMBER)
        return false;
    *ret = found->number;
    return true;
}

const char *json_find_text(const struct json_node *node, const char *path)
{
    const struct json_node *found = json_find(node, path);

    return found != NULL && found->kind == JSON_STRING ? found->text : "";
}
