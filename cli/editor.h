/* Lines of a terminal: editing, history, completion (libedit), while the client's loop runs. All
 * functions but editor_new() take NULL, for a shell without one, and then do nothing. */
#ifndef CLI_EDITOR_H
#define CLI_EDITOR_H

#include <stdbool.h>

struct editor;
struct shell;

/* NULL when the terminal can't be driven. */
struct editor *editor_new(struct shell *sh);
void editor_free(struct editor *e);

/* The next line, without its newline; NULL at the end of the input. Borrowed until the next call.
 */
const char *editor_line(struct editor *e);

/* Around what is printed while a line is edited: takes the prompt and the line away, and puts them
 * back below. */
void editor_hide(struct editor *e);
void editor_show(struct editor *e);
/* Shows the prompt anew if it says something else by now. */
void editor_refresh(struct editor *e);

#endif
