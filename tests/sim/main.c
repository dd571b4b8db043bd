/* sim: runs seeds, and says which of them show a bug.
 *
 *   sim --seed N [--trace] [--steps M]   one of them; the same every time
 *   sim --seeds A..B                     many; ends at the first that fails
 *   --mutation NAME                      with a bug built in; --mutations names them
 *   --twice                              each runs twice and must do the same */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/sim.h"
#include "zab/mutation.h"

enum { EXIT_FOUND = 1, EXIT_USAGE = 2, EXIT_ABORTED = 3 };

enum zab_mutation zab_mutation_on;

static const char *const mutations[] = { [ZAB_MUTATION_NONE] = "none",
#define MUTATION_NAME(name, text) [ZAB_MUTATION_##name] = text,
                                         ZAB_MUTATIONS(MUTATION_NAME)
#undef MUTATION_NAME
};
enum { MUTATION_COUNT = sizeof mutations / sizeof *mutations };

struct options {
    uint64_t first, last;
    uint64_t steps_max;
    bool tracing, twice, keeps_going;
};

/* An assertion of the server's is as good a find as one of ours. What it says is put together
 * beforehand: a signal handler may do little. */
static char last_words[96];

static void on_abort(int sig)
{
    ssize_t written = write(STDOUT_FILENO, last_words, strlen(last_words));

    _exit(written < 0 ? sig : EXIT_ABORTED);
}

static bool run_one(const struct options *o, uint64_t seed, uint64_t seen[SEEN_COUNT])
{
    struct sim_wish wish = {
        .seed = seed, .tracing = o->tracing, .hashing = o->twice, .steps_max = o->steps_max
    };
    struct sim_result result;

    (void)snprintf(last_words, sizeof last_words,
                   "sim: seed %" PRIu64 ": aborted\n     see it: scripts/sim --seed %" PRIu64 "\n",
                   seed, seed);
    sim_run(&wish, &result);
    for (size_t i = 0; i < SEEN_COUNT; i++)
        seen[i] += result.seen[i];
    if (o->twice && !result.failed) {
        uint64_t hash = result.trace_hash;

        sim_run(&wish, &result);
        if (result.trace_hash != hash) {
            result.failed = true;
            (void)snprintf(result.why, sizeof result.why, "two runs differ");
        }
    }
    if (result.failed)
        printf("sim: seed %" PRIu64 ": %s\n     see it: scripts/sim --seed %" PRIu64 "\n", seed,
               result.why, seed);
    (void)fflush(stdout);
    return !result.failed;
}

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;

    if (text == NULL || *text < '0' || *text > '9')
        return false;
    *ret = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_range(char *text, struct options *o)
{
    char *dots = text != NULL ? strstr(text, "..") : NULL;

    if (dots == NULL)
        return false;
    *dots = '\0';
    return read_number(text, &o->first) && read_number(dots + 2, &o->last);
}

static bool read_mutation(const char *text)
{
    for (size_t i = 0; text != NULL && i < MUTATION_COUNT; i++)
        if (strcmp(text, mutations[i]) == 0) {
            zab_mutation_on = (enum zab_mutation)i;
            return true;
        }
    return false;
}

static int list_mutations(void)
{
    for (size_t i = 1; i < MUTATION_COUNT; i++)
        puts(mutations[i]);
    return 0;
}

static bool read_options(int argc, char **argv, struct options *o)
{
    bool ok = argc > 1;

    for (int i = 1; i < argc && ok; i++) {
        if (strcmp(argv[i], "--seed") == 0) {
            ok = read_number(argv[++i], &o->first);
            o->last = o->first;
        } else if (strcmp(argv[i], "--seeds") == 0) {
            ok = read_range(argv[++i], o);
        } else if (strcmp(argv[i], "--steps") == 0) {
            ok = read_number(argv[++i], &o->steps_max);
        } else if (strcmp(argv[i], "--mutation") == 0) {
            ok = read_mutation(argv[++i]);
        } else if (strcmp(argv[i], "--trace") == 0) {
            o->tracing = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            o->twice = true;
        } else if (strcmp(argv[i], "--keep-going") == 0) {
            o->keeps_going = true;
        } else {
            ok = false;
        }
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct options o = { 0 };
    uint64_t seen[SEEN_COUNT] = { 0 };
    uint64_t failed = 0;
    uint64_t count = 0;

    if (argc == 2 && strcmp(argv[1], "--mutations") == 0)
        return list_mutations();
    if (!read_options(argc, argv, &o)) {
        (void)fprintf(stderr, "sim: --seed N or --seeds A..B; see the head of main.c\n");
        return EXIT_USAGE;
    }
    (void)signal(SIGABRT, on_abort);
    (void)signal(SIGSEGV, on_abort);
    for (uint64_t seed = o.first; seed <= o.last; seed++) {
        count++;
        if (run_one(&o, seed, seen))
            continue;
        failed++;
        if (!o.keeps_going)
            break;
    }
    for (size_t i = 0; i < SEEN_COUNT; i++)
        printf("%12" PRIu64 "  %s\n", seen[i], sim_seen_name((enum sim_seen)i));
    printf("%" PRIu64 " seeds, %" PRIu64 " failed\n", count, failed);
    return failed == 0 ? 0 : EXIT_FOUND;
}
