#include "cli/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/editor.h"
#include "jute/utf8.h"
#include "util/check.h"

#define RED    "\033[31m"
#define YELLOW "\033[33m"
#define PLAIN  "\033[0m"

void flush_output(void)
{
    (void)fflush(stdout);
}

int finish_output(int status)
{
    flush_output();
    if (ferror(stdout) == 0)
        return status;
    (void)fprintf(stderr, "The output could not be written\n");
    return status == EXIT_OK ? EXIT_FAILED : status;
}

void say(struct shell *sh, const char *format, ...)
{
    va_list args;

    if (sh->is_json)
        return;
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
}

/* A line on stderr that stands behind all that is on stdout. */
static void put_error(struct shell *sh, const char *text, size_t len)
{
    bool colours = sh->has_colours && isatty(STDERR_FILENO) == 1;

    flush_output();
    (void)fprintf(stderr, "%s%.*s%s\n", colours ? RED : "", (int)len, text, colours ? PLAIN : "");
}

__attribute__((format(printf, 2, 0))) static void vformat(struct bytes *out, const char *format,
                                                          va_list args)
{
    char *text = NULL;
    int len = vasprintf(&text, format, args);

    zk_assert(len >= 0);
    bytes_put(out, text, (size_t)len);
    free(text);
}

static struct jute_bytes bytes_of(const struct bytes *text)
{
    return (struct jute_bytes){ .at = text->at, .len = (int32_t)text->len };
}

void note(struct shell *sh, const char *format, ...)
{
    struct bytes text = { 0 };
    va_list args;

    va_start(args, format);
    vformat(&text, format, args);
    va_end(args);
    if (!sh->is_json)
        put_error(sh, (const char *)text.at, text.len);
    bytes_done(&text);
}

void warn(struct shell *sh, const char *format, ...)
{
    struct bytes text = { 0 };
    va_list args;

    va_start(args, format);
    vformat(&text, format, args);
    va_end(args);
    /* The object may have an array open: they wait for its end. */
    if (sh->is_json)
        json_bytes(&sh->warnings, NULL, bytes_of(&text));
    else
        put_error(sh, (const char *)text.at, text.len);
    bytes_done(&text);
}

/* The words of an error go to stderr, or into the object. */
static int fail_with(struct shell *sh, const char *text, size_t len)
{
    if (sh->is_json)
        json_bytes(&sh->json, "message",
                   (struct jute_bytes){ .at = (const uint8_t *)text, .len = (int32_t)len });
    else
        put_error(sh, text, len);
    return EXIT_FAILED;
}

int fail(struct shell *sh, const char *format, ...)
{
    struct bytes text = { 0 };
    va_list args;

    va_start(args, format);
    vformat(&text, format, args);
    va_end(args);

    int ret = fail_with(sh, (const char *)text.at, text.len);

    bytes_done(&text);
    return ret;
}

/* ZooKeeper's shell has words of its own for these; "%s" is the path. */
static const struct {
    int err;
    const char *before; /* The path follows. */
} own_words[] = {
    { ZK_NO_NODE, "Node does not exist: " },
    { ZK_NO_CHILDREN_FOR_EPHEMERALS, "Ephemerals cannot have children: " },
    { ZK_NODE_EXISTS, "Node already exists: " },
    { ZK_NOT_EMPTY, "Node not empty: " },
    { ZK_NOT_READ_ONLY, "Not a read-only call: " },
    { ZK_INVALID_ACL, "Acl is not valid : " },
    { ZK_NO_AUTH, "Insufficient permission : " },
    { ZK_BAD_ARGUMENTS, "Arguments are not valid : " },
    { ZK_BAD_VERSION, "version No is not valid : " },
    { ZK_QUOTA_EXCEEDED, "Quota has exceeded : " },
};

int fail_err(struct shell *sh, int err, const char *path)
{
    if (err == SHELL_INTERRUPTED) {
        (void)fail(sh, "Interrupted");
        return EXIT_INTERRUPTED;
    }
    if (err == SHELL_TOO_LARGE || err == SHELL_TOO_MUCH)
        return fail(sh, "The request is too large");
    if (sh->is_json) {
        json_int(&sh->json, "code", err);
        json_str(&sh->json, "error", zk_err_name(err));
    }
    if (err == ZK_RECONFIG_IN_PROGRESS)
        return fail(sh, "Another reconfiguration is in progress -- concurrent reconfigs not "
                        "supported (yet)");
    if (err == ZK_NEW_CONFIG_NO_QUORUM)
        return fail(sh, "No quorum of new config is connected and up-to-date with the leader of "
                        "last commmitted config - try invoking reconfiguration after new servers "
                        "are connected and synced");
    for (size_t i = 0; i < sizeof own_words / sizeof own_words[0]; i++) {
        if (own_words[i].err == err)
            return fail(sh, "%s%s", own_words[i].before, path != NULL ? path : "null");
    }

    bool has_path = path != NULL && path[0] != '\0';

    return fail(sh, "KeeperErrorCode = %s%s%s", zabc_err_text(err), has_path ? " for " : "",
                has_path ? path : "");
}

bool path_is_wrong(struct shell *sh, const char *path, bool is_sequential)
{
    struct bytes why = { 0 };
    bool is_wrong = zabc_path_is_wrong(&why, path, is_sequential);

    if (is_wrong)
        (void)fail_with(sh, (const char *)why.at, why.len);
    bytes_done(&why);
    return is_wrong;
}

/* ---- Objects. */

void begin_object(struct shell *sh)
{
    if (!sh->is_json)
        return;
    json_begin(&sh->json);
    sh->warnings.text.len = 0;
    sh->warnings.needs_comma = false;
}

void end_object(struct shell *sh, int status)
{
    if (!sh->is_json)
        return;
    if (sh->warnings.text.len > 0) {
        json_open(&sh->json, "warnings", '[');
        bytes_put(&sh->json.text, sh->warnings.text.at, sh->warnings.text.len);
        json_close(&sh->json, '[');
    }
    json_int(&sh->json, "status", status);
    json_end(&sh->json);
    (void)fwrite(sh->json.text.at, 1, sh->json.text.len, stdout);
}

/* ---- Stats and data. */

static void say_time(struct shell *sh, const char *name, int64_t ms)
{
    time_t s = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;
    char text[64] = "";

    if (localtime_r(&s, &tm) != NULL)
        (void)strftime(text, sizeof text, "%a %b %d %H:%M:%S %Z %Y", &tm);
    say(sh, "%s = %s\n", name, text);
}

void say_stat(struct shell *sh, const struct zk_stat *stat)
{
    if (sh->is_json) {
        json_stat(&sh->json, stat);
        return;
    }
    say(sh, "cZxid = 0x%" PRIx64 "\n", (uint64_t)stat->czxid);
    say_time(sh, "ctime", stat->ctime_ms);
    say(sh, "mZxid = 0x%" PRIx64 "\n", (uint64_t)stat->mzxid);
    say_time(sh, "mtime", stat->mtime_ms);
    say(sh, "pZxid = 0x%" PRIx64 "\n", (uint64_t)stat->pzxid);
    say(sh, "cversion = %d\ndataVersion = %d\naclVersion = %d\n", stat->cversion, stat->version,
        stat->aversion);
    say(sh, "ephemeralOwner = 0x%" PRIx64 "\n", (uint64_t)stat->ephemeral_owner);
    say(sh, "dataLength = %d\nnumChildren = %d\n", stat->data_length, stat->num_children);
}

/* Well-formed UTF-8. U+0080 to U+009F, which are C2 80 to C2 9F, control terminals, too. */
static void put_shown(const struct bytes *text)
{
    for (size_t i = 0; i < text->len; i++) {
        uint8_t c = text->at[i];
        bool is_c1 = c == 0xc2 && i + 1 < text->len && text->at[i + 1] < 0xa0;

        if (is_c1)
            (void)printf("\\x%02x", text->at[++i]);
        else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            (void)printf("\\x%02x", c);
        else
            (void)putchar(c);
    }
}

void say_text(struct shell *sh, struct jute_bytes text)
{
    struct bytes repaired = { 0 };

    if (sh->is_json || text.len <= 0)
        return;
    if (isatty(STDOUT_FILENO) == 1) {
        utf8_repair(&repaired, text.at, (size_t)text.len);
        put_shown(&repaired);
    } else {
        (void)fwrite(text.at, 1, (size_t)text.len, stdout);
    }
    bytes_done(&repaired);
}

void say_data(struct shell *sh, struct jute_bytes data)
{
    struct bytes text = { 0 };

    if (sh->is_json) {
        json_data(&sh->json, "data", data);
        return;
    }
    if (data.len < 0)
        data = jute_text("null");
    if (data.len > 0)
        utf8_repair(&text, data.at, (size_t)data.len);
    if (isatty(STDOUT_FILENO) == 1)
        put_shown(&text);
    else if (text.len > 0)
        (void)fwrite(text.at, 1, text.len, stdout);
    (void)putchar('\n');
    bytes_done(&text);
}

void say_base64(struct shell *sh, struct jute_bytes data)
{
    struct bytes text = { 0 };

    if (data.len < 0 && !sh->is_json)
        data = jute_text("null");
    base64_write(&text, data);
    if (sh->is_json)
        json_bytes(
            &sh->json, "data_base64",
            (struct jute_bytes){ .at = text.at, .len = data.len < 0 ? -1 : (int32_t)text.len });
    say(sh, "%.*s\n", (int)text.len, (const char *)text.at);
    bytes_done(&text);
}

static void say_hex_row(struct shell *sh, const uint8_t *at, int32_t begin, int32_t count)
{
    say(sh, "|%08x|", (unsigned)begin);
    for (int32_t i = 0; i < 16; i++) {
        if (i < count)
            say(sh, " %02x", at[i]);
        else
            say(sh, "   ");
    }
    say(sh, " |");
    for (int32_t i = 0; i < 16; i++)
        say(sh, "%c", i >= count ? ' ' : at[i] > 0x1f && at[i] < 0x7f ? at[i] : '.');
    say(sh, "|\n");
}

void say_hex(struct shell *sh, struct jute_bytes data)
{
    static const char line[] = "+-------------------------------------------------+";

    if (sh->is_json) {
        json_data(&sh->json, "data", data);
        return;
    }
    if (data.len < 0)
        data = jute_text("null");
    if (data.len == 0) {
        say(sh, "\n");
        return;
    }
    say(sh, "         %s\n", line);
    say(sh, "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |\n");
    say(sh, "+--------%s----------------+\n", line);
    for (int32_t at = 0; at < data.len; at += 16)
        say_hex_row(sh, data.at + at, at, data.len - at < 16 ? data.len - at : 16);
    say(sh, "+--------%s----------------+\n", line);
}

static int compare(const void *a, const void *b)
{
    const struct jute_bytes *x = a;
    const struct jute_bytes *y = b;
    int32_t len = x->len < y->len ? x->len : y->len;
    int r = len > 0 ? memcmp(x->at, y->at, (size_t)len) : 0;

    return r != 0 ? r : x->len - y->len;
}

struct jute_bytes *strings_of(struct jute_vector v, size_t *ret_count, bool sorted)
{
    size_t most = v.count > 0 ? (size_t)v.count : 0;
    struct jute_bytes *ret = zk_xcalloc(most + 1, sizeof *ret);
    struct jute_in walk = jute_walk(v);
    size_t count = 0;

    while (count < most && jute_next_str(&walk, &ret[count]))
        count++;
    if (sorted)
        qsort(ret, count, sizeof *ret, compare);
    *ret_count = count;
    return ret;
}

void say_list(struct shell *sh, const struct jute_bytes *items, size_t count)
{
    say(sh, "[");
    for (size_t i = 0; i < count; i++)
        say(sh, "%s%.*s", i > 0 ? ", " : "", items[i].len > 0 ? (int)items[i].len : 0,
            (const char *)items[i].at);
    say(sh, "]");
}

/* ---- Events. */

static const char *type_name(enum zk_event type)
{
    static const char *const names[] = { "None",
                                         "NodeCreated",
                                         "NodeDeleted",
                                         "NodeDataChanged",
                                         "NodeChildrenChanged",
                                         "DataWatchRemoved",
                                         "ChildWatchRemoved",
                                         "PersistentWatchRemoved" };

    return type > 0 && type < (int)(sizeof names / sizeof names[0]) ? names[type] : names[0];
}

static const char *state_name(enum zk_state state)
{
    static const struct {
        enum zk_state state;
        const char *name;
    } names[] = {
        { ZK_STATE_DISCONNECTED, "Disconnected" },
        { ZK_STATE_SYNC_CONNECTED, "SyncConnected" },
        { ZK_STATE_AUTH_FAILED, "AuthFailed" },
        { ZK_STATE_CONNECTED_READ_ONLY, "ConnectedReadOnly" },
        { ZK_STATE_CLOSED, "Closed" },
        { ZK_STATE_EXPIRED, "Expired" },
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].state == state)
            return names[i].name;
    }
    return "Unknown";
}

static void say_event_as_json(const struct zabc_event *event)
{
    struct json j = { 0 };

    json_begin(&j);
    json_str(&j, "event", type_name(event->type));
    json_str(&j, "state", state_name(event->state));
    json_str(&j, "path", event->path);
    json_int(&j, "zxid", event->zxid);
    json_end(&j);
    (void)fwrite(j.text.at, 1, j.text.len, stdout);
    bytes_done(&j.text);
}

void say_event(struct shell *sh, const struct zabc_event *event)
{
    const char *on = sh->has_colours ? YELLOW : "";
    const char *off = sh->has_colours ? PLAIN : "";

    editor_hide(sh->editor);
    if (sh->is_json)
        say_event_as_json(event);
    else
        (void)printf("\n%sWATCHER::%s\n\n%sWatchedEvent state:%s type:%s path:%s zxid: %" PRId64
                     "%s\n",
                     on, off, on, state_name(event->state), type_name(event->type),
                     event->path != NULL ? event->path : "null", event->zxid, off);
    flush_output();
    editor_show(sh->editor);
}
