#include "server/dynamic.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/check.h"

enum { FILE_MAX_BYTES = 1024 * 1024, MODE_DEFAULT = 0600 };

__attribute__((format(printf, 3, 4))) static int fail(char why[DYNAMIC_WHY_MAX], int err,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(why, DYNAMIC_WHY_MAX, format, args);
    va_end(args);
    return err;
}

static int fail_errno(char why[DYNAMIC_WHY_MAX], int err, const char *path, const char *what)
{
    return fail(why, err, "%.300s: cannot be %s: %s", path, what, strerror(-err));
}

static char *join(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *made = zk_xmalloc(size);

    (void)snprintf(made, size, "%s%s", path, suffix);
    return made;
}

static char *name_of_version(const char *config_path, zk_zxid version)
{
    char suffix[sizeof ".dynamic." + 16];

    (void)snprintf(suffix, sizeof suffix, ".dynamic.%" PRIx64, (uint64_t)version);
    return join(config_path, suffix);
}

/* ---- Reading. */

/* Reads the whole file. ret_mode may be NULL. */
static int read_file(struct bytes *ret, mode_t *ret_mode, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st = { 0 };

    if (fd < 0)
        return -errno;
    int r = fstat(fd, &st) < 0 ? -errno : bytes_read_all(ret, fd, FILE_MAX_BYTES);
    (void)close(fd);
    if (ret_mode != NULL)
        *ret_mode = st.st_mode & 0777;
    return r;
}

static int parse(struct zab_config **ret, const struct bytes *text, const char *path,
                 const struct zab_config_rules *rules, char why[DYNAMIC_WHY_MAX])
{
    char what[ZAB_CONFIG_WHY_MAX];
    const char *at = text->len > 0 ? (const char *)text->at : "";

    if (zab_config_parse(ret, at, text->len, rules, what) < 0)
        return fail(why, -EINVAL, "%.200s: %s", path, what);
    return 0;
}

/* Behind the last point of the name, in hexadecimal. */
static zk_zxid version_in(const char *path)
{
    const char *point = strrchr(path, '.');
    size_t len = point != NULL ? strlen(point + 1) : 0;

    if (len == 0 || len > 16 || strspn(point + 1, "0123456789abcdefABCDEF") != len)
        return 0;
    uint64_t v = strtoull(point + 1, NULL, 16);
    return v <= INT64_MAX ? (zk_zxid)v : 0;
}

int dynamic_read(struct zab_config **ret, const char *path, const struct zab_config_rules *rules,
                 char why[DYNAMIC_WHY_MAX])
{
    struct bytes text = { 0 };
    struct zab_config *read = NULL;
    int r = read_file(&text, NULL, path);

    if (r < 0)
        r = fail_errno(why, r, path, "read");
    else
        r = parse(&read, &text, path, rules, why);
    bytes_done(&text);
    zk_assert(r < 0 || read != NULL);
    if (read != NULL && read->version != 0)
        r = fail(why, -EINVAL, "%.200s: the version belongs into the name, not into the file",
                 path);
    if (r < 0) {
        zab_config_unref(read);
        return r;
    }
    read->version = version_in(path); /* Nobody else has it yet. */
    *ret = read;
    return 0;
}

int dynamic_read_next(struct zab_config **ret, const char *config_path,
                      const struct zab_config_rules *rules, char why[DYNAMIC_WHY_MAX])
{
    char *path = join(config_path, ".dynamic.next");
    struct bytes text = { 0 };
    int r = read_file(&text, NULL, path);

    *ret = NULL;
    if (r == 0)
        r = parse(ret, &text, path, rules, why);
    else if (r == -ENOENT)
        r = 0;
    else
        r = fail_errno(why, r, path, "read");
    bytes_done(&text);
    free(path);
    return r;
}

/* ---- Writing. */

static int write_fd(int fd, const struct bytes *text)
{
    size_t done = 0;

    while (done < text->len) {
        ssize_t put = write(fd, text->at + done, text->len - done);
        if (put < 0 && errno != EINTR)
            return -errno;
        if (put > 0)
            done += (size_t)put;
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* Leaves a file of exactly this text, durably, though its name is not so yet. */
static int write_temp(const char *path, const struct bytes *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    if (fd < 0)
        return -errno;
    int r = fchmod(fd, mode) < 0 ? -errno : write_fd(fd, text);
    if (close(fd) < 0 && r == 0)
        r = -errno;
    return r;
}

static int sync_dir_of(const char *path)
{
    char *copy = join(path, "");
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    free(copy);
    if (fd < 0)
        return -errno;
    int r = fsync(fd) < 0 ? -errno : 0;
    (void)close(fd);
    return r;
}

static int write_file(const char *path, const struct bytes *text, mode_t mode,
                      char why[DYNAMIC_WHY_MAX])
{
    char *temp = join(path, ".tmp");
    int r = write_temp(temp, text, mode);

    if (r == 0 && rename(temp, path) < 0)
        r = -errno;
    if (r == 0)
        r = sync_dir_of(path);
    else
        (void)unlink(temp);
    free(temp);
    return r < 0 ? fail_errno(why, r, path, "written") : 0;
}

/* The next line, with its end. False: there is none. */
static bool next_line(const struct bytes *text, size_t *at, struct bytes *ret)
{
    if (*at >= text->len)
        return false;
    const uint8_t *from = text->at + *at;
    size_t left = text->len - *at;
    const uint8_t *end = memchr(from, '\n', left);
    size_t len = end != NULL ? (size_t)(end - from) + 1 : left;

    *ret = (struct bytes){ .at = text->at + *at, .len = len };
    *at += len;
    return true;
}

static int compare_lines(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;

    return strcmp(*x, *y);
}

/* The lines of the membership in the order of their texts, as ZooKeeper writes them: joined by
 * line ends, without one behind the last. */
static void print_sorted(const struct zab_config *c, bool with_version, struct bytes *out)
{
    struct bytes text = { 0 }, line;
    const char **lines = NULL;
    size_t count = 0, at = 0;

    zab_config_print(c, &text);
    bytes_put(&text, "\n", 1);
    while (next_line(&text, &at, &line)) {
        line.at[line.len - 1] = '\0';
        const char *start = (const char *)line.at;
        if (!with_version && strncmp(start, "version=", 8) == 0)
            continue;
        lines = zk_xrealloc(lines, (count + 1) * sizeof *lines);
        lines[count++] = start;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++)
        bytes_printf(out, i > 0 ? "\n%s" : "%s", lines[i]);
    free(lines);
    bytes_done(&text);
}

static int write_members(const char *path, const struct zab_config *c, bool with_version,
                         char why[DYNAMIC_WHY_MAX])
{
    struct bytes text = { 0 };

    print_sorted(c, with_version, &text);
    int r = write_file(path, &text, MODE_DEFAULT, why);
    bytes_done(&text);
    return r;
}

/* ---- The static file. */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool begins_with(const struct bytes *line, const char *prefix)
{
    size_t len = strlen(prefix), at = 0;

    while (at < line->len && is_blank(line->at[at]))
        at++;
    return line->len - at >= len && memcmp(line->at + at, prefix, len) == 0;
}

/* Whether the line goes on in the next: it ends with a backslash that is not escaped. */
static bool continues(const struct bytes *line)
{
    size_t end = line->len, slashes = 0;

    while (end > 0 && (line->at[end - 1] == '\n' || line->at[end - 1] == '\r'))
        end--;
    while (slashes < end && line->at[end - 1 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1;
}

/* What must not be in the static file once the members are in a dynamic one. */
static bool is_of_members(const struct bytes *line, bool with_client_port)
{
    static const char *const keys[] = { "server.",  "group",
                                        "weight",   "dynamicConfigFile",
                                        "peerType", "zookeeper.dynamicConfigFile" };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (begins_with(line, keys[i]))
            return true;
    return with_client_port && begins_with(line, "clientPort") &&
           !begins_with(line, "clientPortListenBacklog");
}

static bool is_client_port(const struct bytes *line)
{
    static const char key[] = "clientPort";
    struct bytes bare = *line;

    while (bare.len > 0 && is_blank(bare.at[0])) {
        bare.at++;
        bare.len--;
    }
    return begins_with(&bare, key) && bare.len > sizeof key - 1 &&
           strchr("= \t\f:", bare.at[sizeof key - 1]) != NULL;
}

/* The client port was in the line of the members, and is no more: it stays where it was, also when
 * the server starts again. */
static void keep_client_port(const struct dynamic *d, struct bytes *out)
{
    struct bytes line;
    size_t at = 0;

    while (next_line(out, &at, &line))
        if (is_client_port(&line))
            return;
    bytes_printf(out, "clientPort=%" PRId32 "\n", d->client_port);
    if (d->client_host != NULL)
        bytes_printf(out, "clientPortAddress=%s\n", d->client_host);
}

static void edit(const struct dynamic *d, const struct zab_config *cur, const struct bytes *old,
                 const char *dynamic_path, struct bytes *out)
{
    const struct zab_member *own = zab_config_find(cur, d->self);
    bool has_client = own != NULL && own->client_host != NULL && !own->client_is_static;
    bool is_dropping = false, is_continued = false;
    struct bytes line;
    size_t at = 0;

    while (next_line(old, &at, &line)) {
        if (!is_continued)
            is_dropping = is_of_members(&line, has_client);
        bool is_comment = !is_continued && (begins_with(&line, "#") || begins_with(&line, "!"));
        is_continued = !is_comment && continues(&line);
        if (!is_dropping)
            bytes_put(out, line.at, line.len);
    }
    if (out->len > 0 && out->at[out->len - 1] != '\n')
        bytes_put(out, "\n", 1);
    if (d->client_port > 0 && own != NULL && !has_client)
        keep_client_port(d, out);
    bytes_printf(out, "dynamicConfigFile=%s\n", dynamic_path);
}

static int edit_static(const struct dynamic *d, const struct zab_config *cur,
                       const char *dynamic_path, char why[DYNAMIC_WHY_MAX])
{
    struct bytes old = { 0 }, made = { 0 };
    mode_t mode = MODE_DEFAULT;
    int r = read_file(&old, &mode, d->config_path);

    if (r < 0) {
        r = fail_errno(why, r, d->config_path, "read");
    } else {
        edit(d, cur, &old, dynamic_path, &made);
        if (made.len != old.len || memcmp(made.at, old.at, made.len) != 0)
            r = write_file(d->config_path, &made, mode, why);
    }
    bytes_done(&old);
    bytes_done(&made);
    return r;
}

/* As it is found from any directory. */
static char *absolute(const char *path)
{
    char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;

    if (here == NULL)
        return join(path, "");
    char *slashed = join(here, "/"), *made = join(slashed, path);
    free(slashed);
    free(here);
    return made;
}

/* First the members, then the name by which they are found. */
static int store_current(struct dynamic *d, const struct zab_config *cur, char why[DYNAMIC_WHY_MAX])
{
    char *name = name_of_version(d->config_path, cur->version), *path = absolute(name);
    int r = write_members(path, cur, false, why);

    if (r == 0)
        r = edit_static(d, cur, path, why);
    if (r == 0)
        d->stored = cur->version;
    free(name);
    free(path);
    return r;
}

static int store_next(struct dynamic *d, const char *path, const struct zab_config *last_seen,
                      char why[DYNAMIC_WHY_MAX])
{
    if (last_seen->version == d->stored_next)
        return 0;
    int r = write_members(path, last_seen, true, why);
    if (r == 0)
        d->stored_next = last_seen->version;
    return r;
}

int dynamic_drop_next(const char *config_path, char why[DYNAMIC_WHY_MAX])
{
    char *path = join(config_path, ".dynamic.next");
    int r = unlink(path) < 0 && errno != ENOENT ? -errno : sync_dir_of(path);

    if (r < 0)
        r = fail_errno(why, r, path, "removed");
    free(path);
    return r;
}

static int drop_next(struct dynamic *d, char why[DYNAMIC_WHY_MAX])
{
    int r = d->stored_next != 0 ? dynamic_drop_next(d->config_path, why) : 0;

    if (r == 0)
        d->stored_next = 0;
    return r;
}

int dynamic_store(struct dynamic *d, const struct zab_config *cur,
                  const struct zab_config *last_seen, char why[DYNAMIC_WHY_MAX])
{
    char *next = join(d->config_path, ".dynamic.next");
    bool has_next = last_seen != NULL && last_seen->version > cur->version;
    int r = has_next ? store_next(d, next, last_seen, why) : 0;

    if (r == 0 && cur->version > d->stored)
        r = store_current(d, cur, why);
    if (r == 0 && !has_next)
        r = drop_next(d, why);
    free(next);
    return r;
}

int dynamic_back_up(const char *config_path, char why[DYNAMIC_WHY_MAX])
{
    char *path = join(config_path, ".bak");
    struct bytes text = { 0 };
    mode_t mode = MODE_DEFAULT;
    int r = read_file(&text, &mode, config_path);

    r = r < 0 ? fail_errno(why, r, config_path, "read") : write_file(path, &text, mode, why);
    bytes_done(&text);
    free(path);
    return r;
}
