/* What the shell prints: zkCli's formats, or JSON. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdio.h>

#include "cli/shell.h"

/* To stdout, unless the output is JSON. */
__attribute__((format(printf, 2, 3))) void say(struct shell *sh, const char *format, ...);
/* To stderr, a line, unless the output is JSON: for what the object tells without it. */
__attribute__((format(printf, 2, 3))) void note(struct shell *sh, const char *format, ...);
/* A line on stderr, or one of the object's warnings. */
__attribute__((format(printf, 2, 3))) void warn(struct shell *sh, const char *format, ...);

/* A line on stderr; returns EXIT_FAILED. */
__attribute__((format(printf, 2, 3))) int fail(struct shell *sh, const char *format, ...);
/* What the server, or the library, had against a request about that path (NULL or "": none; zkCli
 * has both, and calls the first one null). */
int fail_err(struct shell *sh, int err, const char *path);
/* Whether a path is wrong; then it is said why. */
bool path_is_wrong(struct shell *sh, const char *path, bool is_sequential);

void say_stat(struct shell *sh, const struct zk_stat *stat);
/* A text of the server's, without a newline; what it is on a terminal is said below. */
void say_text(struct shell *sh, struct jute_bytes text);
/* Data as text: null is `null`, what is no UTF-8 is repaired, and on a terminal control
 * characters are shown, not obeyed. */
void say_data(struct shell *sh, struct jute_bytes data);
void say_base64(struct shell *sh, struct jute_bytes data);
void say_hex(struct shell *sh, struct jute_bytes data);
/* `[a, b, c]`, without a newline. */
void say_list(struct shell *sh, const struct jute_bytes *items, size_t count);

/* The elements of a list, in the order of their bytes if `sorted`. Free the array. */
struct jute_bytes *strings_of(struct jute_vector v, size_t *ret_count, bool sorted);

void say_event(struct shell *sh, const struct zabc_event *event);

/* Around what a command tells when the output is JSON: its object. The end adds the warnings and
 * the status, and prints it. */
void begin_object(struct shell *sh);
void end_object(struct shell *sh, int status);

/* Everything that was printed is out, if that can be. */
void flush_output(void);
/* The same at the end. Returns the status to end with: EXIT_FAILED, after saying so, instead of
 * EXIT_OK if something never got out. */
int finish_output(int status);

#endif
