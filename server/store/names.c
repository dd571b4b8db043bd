#include "server/store/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/store/io.h"
#include "util/check.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool store_name_parse(zk_zxid *ret, const char *name, const char *family)
{
    size_t len = strlen(family);
    uint64_t v = 0;

    if (strncmp(name, family, len) != 0 || name[len] != '.')
        return false;

    const char *p = name + len + 1;

    if (hex_value(*p) < 0)
        return false;
    for (; hex_value(*p) >= 0; p++) {
        if (v >> 59 != 0) /* Another digit would reach the sign. */
            return false;
        v = v << 4 | (uint64_t)hex_value(*p);
    }
    if (*p != '\0' && *p != '.')
        return false;
    *ret = (zk_zxid)v;
    return true;
}

bool store_name_has_ext(const char *name, const char *ext)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && strcasecmp(dot + 1, ext) == 0;
}

static int compare_names(const void *a, const void *b)
{
    const struct store_name *x = a;
    const struct store_name *y = b;

    if (x->zxid != y->zxid)
        return x->zxid < y->zxid ? -1 : 1;

    size_t x_len = strlen(x->name);
    size_t y_len = strlen(y->name);

    if (x_len != y_len)
        return x_len < y_len ? -1 : 1;
    return strcmp(x->name, y->name);
}

static int scan_entries(DIR *d, const char *family, struct store_name **ret, size_t *ret_count)
{
    struct store_name *names = NULL;
    size_t count = 0;
    size_t cap = 0;

    for (;;) {
        zk_zxid zxid;

        errno = 0;

        struct dirent *e = readdir(d);

        if (e == NULL)
            break;

        size_t len = strlen(e->d_name);

        if (!store_name_parse(&zxid, e->d_name, family) || len >= STORE_NAME_MAX)
            continue;
        if (count == cap) {
            cap = cap * 2 + 16;
            names = zk_xrealloc(names, cap * sizeof *names);
        }
        names[count].zxid = zxid;
        memcpy(names[count++].name, e->d_name, len + 1);
    }
    if (errno != 0) {
        int r = -errno;

        free(names);
        return r;
    }
    if (count > 0)
        qsort(names, count, sizeof *names, compare_names);
    *ret = names;
    *ret_count = count;
    return 0;
}

int store_scan(struct store_name **ret, size_t *ret_count, const char *dir, const char *family,
               char why[STORE_WHY_MAX])
{
    DIR *d = opendir(dir);

    if (d == NULL)
        return store_why_errno(why, -errno, dir, "cannot list the directory");

    int r = scan_entries(d, family, ret, ret_count);

    (void)closedir(d);
    if (r < 0)
        return store_why_errno(why, r, dir, "cannot read the directory");
    return 0;
}

char *store_join(const char *dir, const char *name)
{
    size_t dir_len = strlen(dir);
    size_t name_len = strlen(name);
    char *path = zk_xmalloc(dir_len + name_len + 2);

    memcpy(path, dir, dir_len);
    path[dir_len] = '/';
    memcpy(path + dir_len + 1, name, name_len);
    path[dir_len + 1 + name_len] = '\0';
    return path;
}
