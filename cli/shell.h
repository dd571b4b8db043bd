/* The shell: a client, what is printed where, and the line that runs now. Commands are in the files
 * command_*.c; they ask the server through shell_wait() and say what they found through output.h.
 */
#ifndef CLI_SHELL_H
#define CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/json.h"
#include "cli/options.h"
#include "client/zabclient.h"

struct editor;
struct event;

/* Exit statuses, as zkCli has them. */
enum {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_UNKNOWN_COMMAND = 127,
    EXIT_INTERRUPTED = 130,
};

enum { HISTORY_SHOWN = 11 };

struct shell {
    struct event_base *base;
    struct event *interrupt; /* SIGINT. */
    struct zabc *client;     /* NULL before the first connection. */
    struct zabc_conf conf;
    char *servers;         /* Of the connection, as given. */
    struct editor *editor; /* NULL unless lines are edited. */
    int status;            /* Exit status of the last command. */
    bool is_json;
    bool is_single; /* One command from the command line. */
    bool has_colours;
    bool prints_watches;
    bool waits_for_connection;
    bool is_over; /* quit. */
    bool is_interrupted;
    bool has_ephemerals;  /* The session made some. */
    struct json json;     /* What the command that runs has found, */
    struct json warnings; /* and what it warned of, as the items of an array. */
    char **history;       /* By number of the command. */
    size_t history_count;
};

/* An answer that stays: a deep copy. */
struct answer {
    struct zabc_reply reply;
    void *owned[5];
};

void answer_done(struct answer *a);

void shell_init(struct shell *sh);
void shell_done(struct shell *sh);

/* Connects anew; `servers` NULL: to the same. Returns an exit status, after saying why. */
int shell_connect(struct shell *sh, const char *servers);
/* Ends the session politely. */
void shell_close(struct shell *sh);
bool shell_is_connectable(const struct shell *sh);

/* Runs a line, or the words of a command; returns the exit status. */
void shell_run_line(struct shell *sh, const char *line);
int shell_run(struct shell *sh, const struct words *words);

/* What a request is asked with; one at a time. */
struct zabc_done shell_asks(struct shell *sh);
/* Waits for the answer of a request that was asked with shell_asks(); `r` is what asking returned.
 * Returns its error (enum zk_err), or SHELL_INTERRUPTED, SHELL_TOO_LARGE or SHELL_TOO_MUCH. `ret`
 * may be NULL; free it with answer_done() in any case. */
enum { SHELL_INTERRUPTED = 1, SHELL_TOO_LARGE, SHELL_TOO_MUCH };
int shell_wait(struct shell *sh, struct answer *ret, int r);

/* One turn of the loop: waits for something to happen. */
void shell_turn(struct shell *sh);
/* Takes what has happened already, such as an interrupt. */
void shell_poll(struct shell *sh);

/* Tells of events: what commands set watches with. */
struct zabc_watcher shell_watcher(struct shell *sh);

const char *shell_state_name(const struct shell *sh);

#endif
