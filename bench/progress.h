/* What is said on stderr while a run goes on: at a terminal one line that is written anew,
 * elsewhere a line now and then. */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include "bench/bench.h"

struct progress {
    struct bench *bench;
    struct event *timer; /* NULL: nothing is said. */
    int64_t period_s;
    bool is_terminal;
    bool is_shown;       /* A line that can be rewritten. */
    const char *phase;   /* What goes on; NULL: it is measured. */
    size_t seconds_said; /* Of the figures. */
};

void progress_init(struct progress *p, struct bench *b);
void progress_done(struct progress *p);
/* What goes on now; NULL: it is measured. */
void progress_phase(struct progress *p, const char *phase);
/* Takes the line away, for other text. */
void progress_clear(struct progress *p);

/* The line, without its end: what the seconds from `first` on give. For tests too. */
void progress_line(struct bytes *out, const struct bench *b, const char *phase, size_t first,
                   int64_t now_ns);

#endif
