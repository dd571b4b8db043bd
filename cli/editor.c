#include "cli/editor.h"

#include <errno.h>
#include <event2/event.h>
#include <histedit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/complete.h"
#include "cli/output.h"
#include "cli/shell.h"
#include "util/check.h"

enum { HISTORY_SIZE = 1000, PROMPT_BYTES = 512, COLUMNS_DEFAULT = 80 };

/* Signals that end the shell. */
static const int deadly[] = { SIGTERM, SIGHUP, SIGQUIT };

enum { DEADLY = sizeof deadly / sizeof deadly[0] };

#define ESCAPE "\1" /* Around what takes no column, for libedit. */

struct editor {
    struct shell *sh;
    EditLine *el;
    History *history;
    char *history_file; /* NULL: it is not kept. */
    struct event *key;
    struct event *resized;
    struct event *ends[DEADLY]; /* NULL for those that are ignored. */
    bool is_reading;            /* A line is being edited: the prompt is on the screen, */
    bool is_hidden;             /* unless this. */
    bool has_key;
    char *line;               /* The one read last. */
    char shown[PROMPT_BYTES]; /* The prompt as it is on the screen, */
    char prompt[PROMPT_BYTES + 32];
};

/* ---- The prompt. */

static void write_prompt(const struct editor *e, char ret[PROMPT_BYTES])
{
    const struct shell *sh = e->sh;

    (void)snprintf(ret, PROMPT_BYTES, "[zk: %.256s(%s) %zu] ", sh->servers, shell_state_name(sh),
                   sh->history_count);
}

static char *prompt_of(EditLine *el)
{
    struct editor *e;

    (void)el_get(el, EL_CLIENTDATA, &e);
    write_prompt(e, e->shown);
    if (e->sh->has_colours)
        (void)snprintf(e->prompt, sizeof e->prompt,
                       ESCAPE "\033[1m" ESCAPE "%s" ESCAPE "\033[0m" ESCAPE, e->shown);
    else
        (void)snprintf(e->prompt, sizeof e->prompt, "%s", e->shown);
    return e->prompt;
}

static size_t columns(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return COLUMNS_DEFAULT;
}

/* Columns that a text takes: control characters are shown as two. */
static size_t width_of(const char *at, size_t len)
{
    mbstate_t state = { 0 };
    size_t ret = 0;

    while (len > 0) {
        wchar_t c;
        size_t used = mbrtowc(&c, at, len, &state);

        if (used == 0 || used > len) {
            used = 1;
            ret += 4; /* \ooo */
            state = (mbstate_t){ 0 };
        } else {
            int width = wcwidth(c);

            ret += width >= 0 ? (size_t)width : 2;
        }
        at += used;
        len -= used;
    }
    return ret;
}

/* Columns from the prompt's beginning to the line's first `len` bytes. */
static size_t columns_to(const struct editor *e, const LineInfo *line, const char *to)
{
    return width_of(e->shown, strlen(e->shown)) +
           width_of(line->buffer, (size_t)(to - line->buffer));
}

void editor_hide(struct editor *e)
{
    if (e == NULL || !e->is_reading || e->is_hidden)
        return;

    const LineInfo *line = el_line(e->el);
    size_t rows = columns_to(e, line, line->cursor) / columns();

    if (rows > 0)
        (void)printf("\033[%zuA", rows);
    (void)printf("\r\033[J");
    e->is_hidden = true;
}

void editor_show(struct editor *e)
{
    if (e == NULL || !e->is_hidden)
        return;
    e->is_hidden = false;
    flush_output();
    (void)el_set(e->el, EL_REFRESH, NULL);
}

void editor_refresh(struct editor *e)
{
    char now[PROMPT_BYTES];

    if (e == NULL || !e->is_reading)
        return;
    write_prompt(e, now);
    if (strcmp(now, e->shown) != 0) {
        editor_hide(e);
        editor_show(e);
    }
}

/* ---- Keys: waiting for one is when everything else happens. */

static void on_key(evutil_socket_t fd, short what, void *arg)
{
    struct editor *e = arg;

    (void)fd;
    (void)what;
    e->has_key = true;
}

/* 1: there is something to read; 0: the line was interrupted. */
static int wait_for_key(struct editor *e)
{
    e->has_key = false;
    (void)event_add(e->key, NULL);
    while (!e->has_key && !e->sh->is_interrupted)
        shell_turn(e->sh);
    (void)event_del(e->key);
    return e->has_key ? 1 : 0;
}

static int get_char(EditLine *el, wchar_t *ret)
{
    struct editor *e;
    mbstate_t state = { 0 };

    (void)el_get(el, EL_CLIENTDATA, &e);
    for (;;) {
        char byte;

        if (wait_for_key(e) == 0)
            return 0;

        ssize_t got = read(STDIN_FILENO, &byte, 1);

        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got <= 0)
            return 0;

        size_t used = mbrtowc(ret, &byte, 1, &state);

        if (used == (size_t)-1) {
            state = (mbstate_t){ 0 };
            continue; /* No character: nobody can edit it. */
        }
        if (used != (size_t)-2)
            return 1;
    }
}

/* ---- Completion. */

static void list_names(struct editor *e, const struct completion *c)
{
    size_t widest = 1;
    size_t each;

    editor_hide(e);
    /* What was typed stays above the list. */
    (void)printf("%s%.*s\n", e->shown, (int)(el_line(e->el)->lastchar - el_line(e->el)->buffer),
                 el_line(e->el)->buffer);
    for (size_t i = 0; i < c->count; i++) {
        size_t width = width_of(c->names[i], strlen(c->names[i]));

        widest = width > widest ? width : widest;
    }
    each = columns() / (widest + 2);
    for (size_t i = 0; i < c->count; i++) {
        size_t width = width_of(c->names[i], strlen(c->names[i]));
        bool is_last = each == 0 || (i + 1) % each == 0 || i + 1 == c->count;

        (void)printf("%s%*s", c->names[i], is_last ? 0 : (int)(widest + 2 - width), "");
        if (is_last)
            (void)printf("\n");
    }
    editor_show(e);
}

static unsigned char complete(EditLine *el, int key)
{
    struct editor *e;
    const LineInfo *line = el_line(el);
    struct completion c;
    unsigned char ret = CC_ERROR;

    (void)key;
    (void)el_get(el, EL_CLIENTDATA, &e);
    completion_find(&c, e->sh, line->buffer, (size_t)(line->cursor - line->buffer));
    if (c.count > 0 && c.common_len > c.word_len) {
        char *rest = strndup(c.names[0] + c.word_len, c.common_len - c.word_len);

        zk_assert(rest != NULL);
        (void)el_insertstr(el, rest);
        free(rest);
        ret = CC_REFRESH;
    } else if (c.count > 1) {
        list_names(e, &c);
        ret = CC_NORM;
    }
    /* A command is done; a path may go on below. */
    if (c.count == 1 && !c.is_path) {
        (void)el_insertstr(el, " ");
        ret = CC_REFRESH;
    }
    completion_done(&c);
    return ret;
}

/* ---- History. */

static char *history_file(void)
{
    const char *said = getenv("ZABCLI_HISTORY");
    const char *home = getenv("HOME");
    char *ret = NULL;

    if (said != NULL)
        return said[0] != '\0' ? strdup(said) : NULL;
    if (home == NULL || home[0] == '\0' || asprintf(&ret, "%s/.zabcli_history", home) < 0)
        return NULL;
    return ret;
}

static void load_history(struct editor *e)
{
    HistEvent event;

    e->history = history_init();
    zk_assert(e->history != NULL);
    (void)history(e->history, &event, H_SETSIZE, HISTORY_SIZE);
    (void)history(e->history, &event, H_SETUNIQUE, 1);
    e->history_file = history_file();
    if (e->history_file != NULL)
        (void)history(e->history, &event, H_LOAD, e->history_file);
    (void)el_set(e->el, EL_HIST, history, e->history);
}

static void save_history(struct editor *e)
{
    HistEvent event;

    if (e->history_file == NULL)
        return;

    mode_t before = umask(077);

    (void)history(e->history, &event, H_SAVE, e->history_file);
    (void)umask(before);
}

/* Passwords stay out of it. */
static bool is_kept(const char *line)
{
    return line[0] != '\0' && strncmp(line + strspn(line, " "), "addauth", 7) != 0;
}

/* ---- Signals. */

/* The terminal is given back, and the signal does what it would have done. */
static void on_deadly(evutil_socket_t number, short what, void *arg)
{
    struct editor *e = arg;

    (void)what;
    (void)el_set(e->el, EL_PREP_TERM, 0);
    for (size_t i = 0; i < DEADLY; i++) {
        if (e->ends[i] != NULL)
            (void)event_del(e->ends[i]);
    }
    (void)raise((int)number);
}

/* The terminal has wrapped the line anew by then. */
static void on_resized(evutil_socket_t number, short what, void *arg)
{
    struct editor *e = arg;

    (void)number;
    (void)what;
    editor_hide(e);
    el_resize(e->el);
    editor_show(e);
}

static bool is_ignored(int number)
{
    struct sigaction now;

    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void catch_signals(struct editor *e)
{
    e->resized = evsignal_new(e->sh->base, SIGWINCH, on_resized, e);
    zk_assert(e->resized != NULL && event_add(e->resized, NULL) == 0);
    for (size_t i = 0; i < DEADLY; i++) {
        if (is_ignored(deadly[i]))
            continue;
        e->ends[i] = evsignal_new(e->sh->base, deadly[i], on_deadly, e);
        zk_assert(e->ends[i] != NULL && event_add(e->ends[i], NULL) == 0);
    }
}

static void leave_signals(struct editor *e)
{
    if (e->resized != NULL)
        event_free(e->resized);
    for (size_t i = 0; i < DEADLY; i++) {
        if (e->ends[i] != NULL)
            event_free(e->ends[i]);
    }
}

/* ---- A life. */

struct editor *editor_new(struct shell *sh)
{
    struct editor *e = zk_xcalloc(1, sizeof *e);

    e->sh = sh;
    e->el = el_init("zabcli", stdin, stdout, stderr);
    e->key = event_new(sh->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_key, e);
    if (e->el == NULL || e->key == NULL) {
        editor_free(e);
        return NULL;
    }
    (void)el_set(e->el, EL_CLIENTDATA, e);
    (void)el_set(e->el, EL_EDITOR, "emacs");
    (void)el_set(e->el, EL_PROMPT_ESC, prompt_of, ESCAPE[0]);
    (void)el_set(e->el, EL_GETCFN, get_char);
    (void)el_set(e->el, EL_SIGNAL, 0);
    catch_signals(e);
    /* The narrow form of this call makes copies that nobody frees. */
    (void)el_wset(e->el, EL_ADDFN, L"complete-word", L"Complete a command or a path", complete);
    load_history(e);
    (void)el_source(e->el, NULL);
    (void)el_set(e->el, EL_BIND, "^I", "complete-word", NULL);
    (void)el_set(e->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
    return e;
}

void editor_free(struct editor *e)
{
    if (e == NULL)
        return;
    if (e->key != NULL)
        event_free(e->key);
    leave_signals(e);
    if (e->el != NULL)
        el_end(e->el);
    if (e->history != NULL) {
        save_history(e);
        history_end(e->history);
    }
    free(e->history_file);
    free(e->line);
    free(e);
}

/* Goes below what stands there, which may have more rows behind the cursor. */
static void leave_line(const struct editor *e)
{
    const LineInfo *line = el_line(e->el);
    size_t end = columns_to(e, line, line->lastchar);
    size_t down = end / columns() - columns_to(e, line, line->cursor) / columns();

    if (down > 0)
        (void)printf("\033[%zuB", down);
    (void)printf("\033[%zuG^C\n", end % columns() + 1);
}

const char *editor_line(struct editor *e)
{
    HistEvent event;
    int len;

    for (;;) {
        e->sh->is_interrupted = false;
        e->is_reading = true;

        const char *line = el_gets(e->el, &len);

        e->is_reading = false;
        if (line == NULL && e->sh->is_interrupted) {
            leave_line(e);
            continue;
        }
        if (line == NULL || len <= 0) {
            (void)printf("\n");
            return NULL;
        }
        free(e->line);
        e->line = strndup(line, strcspn(line, "\n"));
        zk_assert(e->line != NULL);
        if (is_kept(e->line))
            (void)history(e->history, &event, H_ENTER, e->line);
        return e->line;
    }
}
