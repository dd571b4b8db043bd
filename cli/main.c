/* zabcli: a shell for ZooKeeper's protocol, for people without a JVM. See docs/zabcli.md. */
#include <errno.h>
#include <event2/event.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/editor.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "util/check.h"
#include "util/properties.h"

enum { LINE_BYTES_MAX = 4 << 20 };

struct arguments {
    const char *servers;
    const char *configuration;
    const char *timeout;
    char **command; /* NULL: none. */
    size_t command_count;
    bool is_help;
};

static const char usage[] =
    "usage: zabcli [-server HOST:PORT,...[/CHROOT]] [-timeout MS] [-r] [-waitforconnection]\n"
    "              [-client-configuration FILE] [--json] [COMMAND [ARGUMENT...]]\n"
    "\n"
    "With a command it runs that and ends with its exit status (0 done, 1 failed, 127 unknown).\n"
    "Without, it reads commands from its input. `zabcli help` lists them.\n";

/* ---- The command line. */

/* An option with a value: sets *ret, or says what is missing. */
static bool take_value(const char **ret, char **argv, int *at)
{
    if (argv[*at + 1] == NULL) {
        (void)fprintf(stderr, "Error: no argument found for option %s\n", argv[*at]);
        return false;
    }
    *ret = argv[++*at];
    return true;
}

/* As zkCli: options come before the command; those that nobody knows are skipped; after a missing
 * value the rest is not looked at. */
static void take_arguments(struct shell *sh, struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        bool ok = true;

        if (strcmp(word, "-server") == 0)
            ok = take_value(&a->servers, argv, &i);
        else if (strcmp(word, "-timeout") == 0)
            ok = take_value(&a->timeout, argv, &i);
        else if (strcmp(word, "-client-configuration") == 0)
            ok = take_value(&a->configuration, argv, &i);
        else if (strcmp(word, "-r") == 0)
            sh->conf.takes_read_only = true;
        else if (strcmp(word, "-waitforconnection") == 0)
            sh->waits_for_connection = true;
        else if (strcmp(word, "--json") == 0)
            sh->is_json = true;
        else if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
            a->is_help = true;
        else if (word[0] != '-') {
            a->command = argv + i;
            a->command_count = (size_t)(argc - i);
            return;
        }
        if (!ok)
            return;
    }
}

/* ---- The client's configuration. */

static bool read_number(long *ret, const char *text, long max)
{
    char *end;

    errno = 0;
    *ret = strtol(text, &end, 0);
    return errno == 0 && end != text && *end == '\0' && *ret >= 0 && *ret <= max;
}

/* Of the keys that ZooKeeper's client reads, those that mean something here. Returns what is wrong,
 * or NULL. */
static const char *take_property(struct shell *sh, const struct property *p)
{
    long number;

    if (strcmp(p->key, "zookeeper.request.timeout") == 0) {
        if (!read_number(&number, p->value, INT32_MAX))
            return "is no number of milliseconds";
        sh->conf.request_timeout_ms = (int)number;
    } else if (strcmp(p->key, "jute.maxbuffer") == 0) {
        if (!read_number(&number, p->value, INT32_MAX / 4) || number == 0)
            return "is no number of bytes";
        sh->conf.packet_bytes_max = (size_t)number;
    } else if (strcmp(p->key, "zookeeper.disableAutoWatchReset") == 0) {
        sh->conf.forgets_watches = strcasecmp(p->value, "true") == 0;
    } else if (strcmp(p->key, "zookeeper.client.secure") == 0) {
        if (strcasecmp(p->value, "true") == 0)
            return "TLS is not supported";
    }
    return NULL;
}

static int read_configuration(struct shell *sh, const char *path)
{
    struct properties all;
    struct properties_error err;

    if (properties_read(&all, &err, path) < 0)
        return fail(sh, "Error processing %s: %s", path, err.text);

    int status = EXIT_OK;

    for (size_t i = 0; i < all.count && status == EXIT_OK; i++) {
        const char *wrong = take_property(sh, &all.items[i]);

        if (wrong != NULL)
            status = fail(sh, "Error processing %s: %s=%s: %s", path, all.items[i].key,
                          all.items[i].value, wrong);
    }
    properties_done(&all);
    return status;
}

/* ---- Where lines come from. */

/* Lines of a pipe or of a file, while the loop runs. */
struct reader {
    struct bytes text;
    size_t at;
    struct event *readable; /* NULL for what is always readable. */
    bool is_ready, is_over;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct reader *r = arg;

    (void)fd;
    (void)what;
    r->is_ready = true;
}

/* Files, and devices such as /dev/null, can't be waited for. */
static bool is_always_readable(void)
{
    struct stat st;

    return fstat(STDIN_FILENO, &st) < 0 || S_ISREG(st.st_mode) ||
           (S_ISCHR(st.st_mode) && isatty(STDIN_FILENO) != 1);
}

static void read_more(struct shell *sh, struct reader *r)
{
    enum { CHUNK = 16 * 1024 };

    for (r->is_ready = r->readable == NULL; !r->is_ready && !sh->is_interrupted;)
        shell_turn(sh);
    if (sh->is_interrupted) {
        r->is_over = true;
        return;
    }
    bytes_drop(&r->text, r->at);
    r->at = 0;

    ssize_t got = read(STDIN_FILENO, bytes_room(&r->text, CHUNK), CHUNK);

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0 || r->text.len > LINE_BYTES_MAX)
        r->is_over = true;
    else
        bytes_added(&r->text, (size_t)got);
}

/* The next line, NUL-terminated and without its newline; NULL at the end. */
static char *next_line(struct shell *sh, struct reader *r)
{
    for (;;) {
        size_t left = r->text.len - r->at;
        uint8_t *begin = r->text.at + r->at;
        uint8_t *end = left > 0 ? memchr(begin, '\n', left) : NULL;

        if (end == NULL && !r->is_over) {
            read_more(sh, r);
            continue;
        }
        if (end == NULL && left == 0)
            return NULL;

        size_t len = end != NULL ? (size_t)(end - begin) : left;

        r->at += len + (end != NULL);
        if (len > 0 && begin[len - 1] == '\r')
            len--;

        char *line = strndup((const char *)begin, len);

        zk_assert(line != NULL);
        return line;
    }
}

static void run_piped(struct shell *sh)
{
    struct reader r = { 0 };

    if (!is_always_readable()) {
        r.readable = event_new(sh->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_readable, &r);
        zk_assert(r.readable != NULL && event_add(r.readable, NULL) == 0);
    }
    while (!sh->is_over && !sh->is_interrupted) {
        char *line = next_line(sh, &r);

        if (line == NULL)
            break;
        /* A command begins with no interrupt: one that came since the last answer is seen here. */
        shell_poll(sh);
        if (!sh->is_interrupted)
            shell_run_line(sh, line);
        free(line);
    }
    if (r.readable != NULL)
        event_free(r.readable);
    bytes_done(&r.text);
    if (sh->is_interrupted)
        sh->status = EXIT_INTERRUPTED;
}

static void run_edited(struct shell *sh)
{
    const char *line;

    while (!sh->is_over && (line = editor_line(sh->editor)) != NULL)
        shell_run_line(sh, line);
}

static bool is_terminal(void)
{
    const char *term = getenv("TERM");

    return isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && term != NULL &&
           term[0] != '\0' && strcmp(term, "dumb") != 0;
}

static void run_lines(struct shell *sh)
{
    if (is_terminal() && !sh->is_json)
        sh->editor = editor_new(sh);
    say(sh, "Welcome to ZooKeeper!\nJLine support is %s\n",
        sh->editor != NULL ? "enabled" : "disabled");
    flush_output();
    if (sh->editor != NULL)
        run_edited(sh);
    else
        run_piped(sh);
}

static void run_single(struct shell *sh, const struct arguments *a)
{
    struct words words;

    words_copy(&words, a->command, a->command_count);
    sh->status = shell_run(sh, &words);
    words_done(&words);
}

/* What comes before the first command. */
static int begin(struct shell *sh, const struct arguments *a)
{
    const char *servers = a->servers != NULL ? a->servers : "localhost:2181";
    int status = EXIT_OK;
    long timeout;

    if (a->timeout != NULL) {
        if (!read_number(&timeout, a->timeout, INT32_MAX))
            return fail(sh, "-timeout wants milliseconds, not '%s'", a->timeout);
        sh->conf.timeout_ms = (int)timeout;
    }
    if (a->configuration != NULL)
        status = read_configuration(sh, a->configuration);
    if (status != EXIT_OK)
        return status;
    say(sh, "Connecting to %s\n", servers);
    flush_output();
    return shell_connect(sh, servers);
}

static void run(struct shell *sh, const struct arguments *a)
{
    begin_object(sh);
    sh->status = begin(sh, a);
    if (sh->status != EXIT_OK) {
        end_object(sh, sh->status);
        return;
    }
    if (a->command != NULL)
        run_single(sh, a);
    else
        run_lines(sh);
    /* Whoever made ephemeral nodes and did not say quit keeps them until his session ends by
     * itself, as with zkCli. */
    sh->prints_watches = false;
    if (!sh->has_ephemerals)
        shell_close(sh);
}

int main(int argc, char **argv)
{
    struct shell sh;
    struct arguments a = { 0 };

    (void)setlocale(LC_CTYPE, "");
    shell_init(&sh);
    take_arguments(&sh, &a, argc, argv);
    if (a.is_help) {
        (void)fputs(usage, stdout);
        shell_done(&sh);
        return finish_output(EXIT_OK);
    }
    sh.is_single = a.command != NULL;

    const char *no_colour = getenv("NO_COLOR");

    sh.has_colours =
        isatty(STDOUT_FILENO) == 1 && is_terminal() && (no_colour == NULL || no_colour[0] == '\0');
    (void)event_add(sh.interrupt, NULL);
    run(&sh, &a);

    int status = finish_output(sh.status);

    shell_done(&sh);
    return status;
}
