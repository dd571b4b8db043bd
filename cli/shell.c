#include "cli/shell.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/editor.h"
#include "cli/output.h"
#include "util/check.h"

/* ---- Waiting for answers. */

/* Outlives the waiting when that is interrupted: then the answer frees it. */
struct call {
    bool is_answered, is_abandoned;
    struct answer answer;
};

static struct call *calling; /* The one that shell_asks() has made and shell_wait() waits for. */

static void *copy_of(struct answer *a, size_t slot, const void *at, size_t len)
{
    void *ret = zk_xmalloc(len + 1);

    if (len > 0)
        memcpy(ret, at, len);
    a->owned[slot] = ret;
    return ret;
}

static void copy_bytes(struct answer *a, size_t slot, struct jute_bytes *b)
{
    if (b->len > 0)
        b->at = copy_of(a, slot, b->at, (size_t)b->len);
}

static void copy_vector(struct answer *a, size_t slot, struct jute_vector *v)
{
    v->at = copy_of(a, slot, v->at, v->len);
}

static void on_answer(void *arg, const struct zabc_reply *reply)
{
    struct call *call = arg;
    struct answer *a = &call->answer;

    if (call->is_abandoned) {
        free(call);
        return;
    }
    call->is_answered = true;
    a->reply = *reply;
    a->reply.results = NULL; /* Nobody here looks at them. */
    copy_bytes(a, 0, &a->reply.path);
    copy_bytes(a, 1, &a->reply.data);
    copy_vector(a, 2, &a->reply.strs);
    copy_vector(a, 3, &a->reply.acl);
    copy_vector(a, 4, &a->reply.ids);
}

void answer_done(struct answer *a)
{
    for (size_t i = 0; i < sizeof a->owned / sizeof a->owned[0]; i++)
        free(a->owned[i]);
    *a = (struct answer){ 0 };
}

struct zabc_done shell_asks(struct shell *sh)
{
    (void)sh;
    calling = zk_xcalloc(1, sizeof *calling);
    return (struct zabc_done){ .tell = on_answer, .arg = calling };
}

void shell_turn(struct shell *sh)
{
    (void)event_base_loop(sh->base, EVLOOP_ONCE);
}

void shell_poll(struct shell *sh)
{
    (void)event_base_loop(sh->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

int shell_wait(struct shell *sh, struct answer *ret, int r)
{
    struct call *call = calling;

    calling = NULL;
    if (ret != NULL)
        *ret = (struct answer){ 0 };
    if (r < 0) {
        free(call);
        return r == -EMSGSIZE ? SHELL_TOO_LARGE : r == -EINVAL ? ZK_BAD_ARGUMENTS : SHELL_TOO_MUCH;
    }
    while (!call->is_answered && !sh->is_interrupted)
        shell_turn(sh);
    if (!call->is_answered) {
        call->is_abandoned = true;
        return SHELL_INTERRUPTED;
    }

    int err = call->answer.reply.err;

    if (ret != NULL)
        *ret = call->answer;
    else
        answer_done(&call->answer);
    free(call);
    return err;
}

/* ---- The connection. */

static void on_event(void *arg, const struct zabc_event *event)
{
    struct shell *sh = arg;

    if (sh->prints_watches)
        say_event(sh, event);
}

struct zabc_watcher shell_watcher(struct shell *sh)
{
    return (struct zabc_watcher){ .tell = on_event, .arg = sh };
}

static void on_session(void *arg, const struct zabc_event *event)
{
    struct shell *sh = arg;

    /* A single command has done its work before anybody cares. */
    if (!sh->is_single || sh->waits_for_connection)
        on_event(sh, event);
    else
        editor_refresh(sh->editor);
}

bool shell_is_connectable(const struct shell *sh)
{
    return sh->client != NULL && zabc_state(sh->client) != ZABC_CLOSED &&
           zabc_state(sh->client) != ZABC_AUTH_FAILED;
}

void shell_close(struct shell *sh)
{
    if (shell_is_connectable(sh))
        (void)shell_wait(sh, NULL, zabc_close(sh->client, shell_asks(sh)));
    sh->has_ephemerals = false;
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
    bool *is_late = arg;

    (void)fd;
    (void)what;
    *is_late = true;
}

static int wait_for_connection(struct shell *sh)
{
    const struct timeval tv = { .tv_sec = sh->conf.timeout_ms / 1000,
                                .tv_usec = sh->conf.timeout_ms % 1000 * 1000L };
    bool is_late = false;
    struct event *late = evtimer_new(sh->base, on_late, &is_late);

    zk_assert(late != NULL);
    (void)evtimer_add(late, &tv);
    while (zabc_state(sh->client) == ZABC_CONNECTING && !is_late && !sh->is_interrupted)
        shell_turn(sh);
    event_free(late);
    if (sh->is_interrupted)
        return fail_err(sh, SHELL_INTERRUPTED, NULL);
    return is_late ? fail_err(sh, ZK_CONNECTION_LOSS, NULL) : EXIT_OK;
}

int shell_connect(struct shell *sh, const char *servers)
{
    struct zabc_conf conf = sh->conf;
    struct zabc *client;

    conf.base = sh->base;
    conf.servers = servers != NULL ? servers : sh->servers;
    conf.session = (struct zabc_watcher){ .tell = on_session, .arg = sh };

    int r = zabc_new(&client, &conf);

    if (r == -EINVAL)
        return fail(sh, "The list of servers is not valid: %s", conf.servers);
    if (r < 0)
        return fail(sh, "No connection: %s", strerror(-r));
    /* The list is good: the old session is left, and only then a new one is begun. */
    zabc_free(client);
    shell_close(sh);
    sh->client = zabc_free(sh->client);
    r = zabc_new(&sh->client, &conf);
    if (r < 0)
        return fail(sh, "No connection: %s", strerror(-r));
    if (servers != NULL) {
        free(sh->servers);
        sh->servers = strdup(servers);
        zk_assert(sh->servers != NULL);
    }
    return sh->waits_for_connection ? wait_for_connection(sh) : EXIT_OK;
}

const char *shell_state_name(const struct shell *sh)
{
    static const char *const names[] = {
        [ZABC_CONNECTING] = "CONNECTING",
        [ZABC_CONNECTED] = "CONNECTED",
        [ZABC_CONNECTED_READ_ONLY] = "CONNECTEDREADONLY",
        [ZABC_CLOSED] = "CLOSED",
        [ZABC_AUTH_FAILED] = "AUTH_FAILED",
    };

    return sh->client != NULL ? names[zabc_state(sh->client)] : "CLOSED";
}

/* ---- Commands that the shell knows by itself. */

static void remember(struct shell *sh, const char *line)
{
    sh->history = zk_xrealloc(sh->history, (sh->history_count + 1) * sizeof *sh->history);
    sh->history[sh->history_count] = strdup(line);
    zk_assert(sh->history[sh->history_count] != NULL);
    sh->history_count++;
}

static void show_history(struct shell *sh)
{
    size_t count = sh->history_count;
    size_t first = count > HISTORY_SHOWN ? count - HISTORY_SHOWN : 0;

    if (sh->is_json)
        json_open(&sh->json, "history", '[');
    for (size_t i = first; i < count; i++) {
        say(sh, "%zu - %s\n", i, sh->history[i]);
        if (sh->is_json)
            json_str(&sh->json, NULL, sh->history[i]);
    }
    if (sh->is_json)
        json_close(&sh->json, '[');
}

static int redo(struct shell *sh, const char *number)
{
    char *end;
    unsigned long index = strtoul(number, &end, 0);
    /* The line that runs now is the history's last. */
    size_t earlier = sh->history_count > 0 ? sh->history_count - 1 : 0;
    struct words words;

    if (*number < '0' || *number > '9' || *end != '\0' || index >= earlier)
        return fail(sh, "Command index out of range");
    words_split(&words, sh->history[index]);

    int status;

    if (words.count > 0 && strcmp(words.at[0], "redo") == 0) {
        status = fail(sh, "No redoing redos");
    } else {
        char *line = strdup(sh->history[index]);

        zk_assert(line != NULL);
        free(sh->history[earlier]);
        sh->history[earlier] = line;
        status = shell_run(sh, &words);
    }
    words_done(&words);
    return status;
}

static int print_watches(struct shell *sh, const struct words *words)
{
    if (words->count > 1)
        sh->prints_watches = strcmp(words->at[1], "on") == 0;
    else
        say(sh, "printwatches is %s\n", sh->prints_watches ? "on" : "off");
    if (sh->is_json)
        json_flag(&sh->json, "printwatches", sh->prints_watches);
    return EXIT_OK;
}

static int run_own(struct shell *sh, const struct words *words)
{
    const char *name = words->at[0];

    if (strcmp(name, "connect") == 0)
        return shell_connect(sh, words->count > 1 ? words->at[1] : NULL);
    if (strcmp(name, "printwatches") == 0)
        return print_watches(sh, words);
    if (strcmp(name, "redo") == 0 && words->count > 1)
        return redo(sh, words->at[1]);
    if (strcmp(name, "history") == 0)
        show_history(sh);
    return EXIT_OK;
}

/* ---- All others. */

static int malformed(struct shell *sh, const struct command *c)
{
    if (c->more != NULL)
        return fail(sh, "%s %s\n%s", c->name, c->usage, c->more);
    return fail(sh, "%s %s", c->name, c->usage);
}

/* With the third word of an old form made into -w, as zkCli does it: the third of all words. */
static bool parse_old_form(const struct command *c, struct options *o, struct bytes *wrong,
                           const struct words *words)
{
    struct words now = *words;
    char watch[] = "-w";

    if (c->run == run_delete)
        return true;
    now.at = zk_xmalloc((words->count + 1) * sizeof *now.at);
    memcpy(now.at, words->at, (words->count + 1) * sizeof *now.at);
    now.at[2] = watch;
    options_done(o);

    bool ok = options_parse(o, wrong, c->options, c->group, &now);

    free(now.at);
    return ok;
}

static int run_parsed(struct shell *sh, const struct command *c, const struct words *words)
{
    struct bytes wrong = { 0 };
    struct options o;
    int status = EXIT_FAILED;
    bool ok = options_parse(&o, &wrong, c->options, c->group, words);

    if (ok && c->run == run_ls && options_has(&o, "?"))
        say(sh, "usage: ls [options] path\n -?   help\n -R   recurse\n -s   stat\n -w   watch\n");
    if (ok && o.args_count < c->args_min) {
        status = malformed(sh, c);
    } else {
        if (ok && c->old_form != NULL && o.args_count > 2) {
            note(sh, "%s", c->old_form);
            ok = parse_old_form(c, &o, &wrong, words);
        }
        if (!ok)
            status = fail(sh, "%.*s", (int)wrong.len, (const char *)wrong.at);
        else if (o.args_count < c->args_min)
            status = malformed(sh, c);
        else
            status = c->run(sh, &o);
    }
    options_done(&o);
    bytes_done(&wrong);
    return status;
}

static int run_words(struct shell *sh, const struct words *words)
{
    const struct command *c = command_find(words->at[0]);
    int status = EXIT_OK;

    if (c == NULL) {
        commands_usage(sh);
        (void)fail(sh, "Command not found: Command not found %s", words->at[0]);
        return EXIT_UNKNOWN_COMMAND;
    }
    if (strcmp(c->name, "quit") == 0) {
        shell_close(sh);
        sh->is_over = true;
        return sh->status;
    }
    if (c->run == NULL)
        status = run_own(sh, words);
    if (status != EXIT_OK)
        return status;
    if (!shell_is_connectable(sh)) {
        say(sh, "Not connected\n");
        if (sh->is_json)
            json_str(&sh->json, "message", "Not connected");
        return EXIT_OK;
    }
    return c->run != NULL ? run_parsed(sh, c, words) : EXIT_OK;
}

int shell_run(struct shell *sh, const struct words *words)
{
    static unsigned depth; /* redo runs another command inside. */
    int status;

    if (words->count == 0)
        return sh->status;
    sh->is_interrupted = false;
    if (depth++ == 0) {
        begin_object(sh);
        if (sh->is_json)
            json_str(&sh->json, "command", words->at[0]);
    }
    status = run_words(sh, words);
    if (--depth == 0)
        end_object(sh, status);
    flush_output();
    return status;
}

void shell_run_line(struct shell *sh, const char *line)
{
    struct words words;

    if (line[0] == '\0')
        return;
    remember(sh, line);
    words_split(&words, line);
    sh->status = shell_run(sh, &words);
    words_done(&words);
}

/* ---- A life. */

static void on_interrupt(evutil_socket_t fd, short what, void *arg)
{
    struct shell *sh = arg;

    (void)fd;
    (void)what;
    sh->is_interrupted = true;
}

void shell_init(struct shell *sh)
{
    *sh = (struct shell){ .prints_watches = true, .conf.timeout_ms = ZABC_TIMEOUT_MS };
    sh->base = event_base_new();
    zk_assert(sh->base != NULL);
    sh->interrupt = evsignal_new(sh->base, SIGINT, on_interrupt, sh);
    zk_assert(sh->interrupt != NULL);
}

void shell_done(struct shell *sh)
{
    editor_free(sh->editor);
    sh->editor = NULL;
    zabc_free(sh->client);
    event_free(sh->interrupt);
    event_base_free(sh->base);
    for (size_t i = 0; i < sh->history_count; i++)
        free(sh->history[i]);
    free(sh->history);
    free(sh->servers);
    bytes_done(&sh->json.text);
    bytes_done(&sh->warnings.text);
}
