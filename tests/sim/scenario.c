/* Plays scenarios over pure cores: a text of commands, each with what comes of it.
 *
 *     # What this shows.
 *     submit 3
 *     ----
 *     3 appends up to 1:1
 *     3 -> 1 PROPOSAL 1:1
 *     ...
 *
 * An empty line ends what a command printed. `scenario FILE...` compares, and prints the first
 * difference; `scenario --rewrite FILE...` writes what came of it into the files
 * (scripts/rewrite-scenarios).
 *
 * Commands (servers are named by their id; K=V may be left out):
 *   cluster voters=N observers=N java=A,B history=N counter=N reconfig stopped
 *                       starts them, until one leads; prints only who
 *   start A, crash A    the process; a crash takes what is not durable
 *   cut A B, heal A B   connections end and cannot be made; or A * for all
 *   mute A B            what A sends to B waits
 *   slow A, fast A      nothing becomes durable until `fast`
 *   submit A N          N txns, one after the other
 *   run MS, run until leader, settle
 *   down A WHY          a planned stop
 *   diverge A           its state is found to be wrong
 *   reconfig A +LIST -LIST  members that join, ids that leave
 *   join [observer]     one more server, which knows the present members and itself; then start it
 *   confirm A           asks whether it leads still
 *   epochs A X Y        sets acceptedEpoch and currentEpoch of a stopped server
 *   quiet COMMAND       the same, without a word
 *   show                who is what, and how far
 *   votes, pings        are printed from here on */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/scenario_stage.h"
#include "util/check.h"
#include "zab/print.h"

static struct stage stage;

static int server(const char *word)
{
    int who = word != NULL ? stage_find(&stage, strtol(word, NULL, 10)) : -1;

    if (who < 0) {
        (void)fprintf(stderr, "no server '%s'\n", word != NULL ? word : "");
        exit(2);
    }
    return who;
}

static long number(const char *word, long otherwise)
{
    return word != NULL ? strtol(word, NULL, 10) : otherwise;
}

/* ---- What is shown. */

static void say_leader(void)
{
    int leader = stage_leader(&stage);
    zk_sid self = leader >= 0 ? stage.servers[leader].sid : 0;

    if (leader < 0) {
        bytes_printf(&stage.out, "nobody leads\n");
        return;
    }
    bytes_printf(&stage.out, "%" PRId64 " leads epoch %" PRId64 ", synced", self,
                 zab_epoch(stage.servers[leader].z));
    for (int i = 0; i < stage.count; i++) {
        const struct stage_server *f = &stage.servers[i];
        if (f->is_up && i != leader && zab_phase(f->z) == ZAB_BROADCAST && zab_leader(f->z) == self)
            bytes_printf(&stage.out, " %" PRId64, f->sid);
    }
    bytes_printf(&stage.out, "\n");
}

static void show(char **args)
{
    (void)args;
    for (int i = 0; i < stage.count; i++) {
        const struct stage_server *s = &stage.servers[i];
        bytes_printf(&stage.out, "%" PRId64 " ", s->sid);
        if (!s->is_up) {
            bytes_printf(&stage.out, "is down");
        } else {
            bytes_printf(&stage.out, "%s %s", zab_role_name(zab_role(s->z)),
                         zab_phase_name(zab_phase(s->z)));
        }
        bytes_printf(&stage.out, " accepted=%" PRId64 " current=%" PRId64 " log=", s->accepted,
                     s->current);
        zab_print_zxid(s->log.count > 0 ? s->log.at[s->log.count - 1] : 0, &stage.out);
        if (s->is_up) {
            bytes_printf(&stage.out, " applied=");
            zab_print_zxid(s->applied, &stage.out);
        }
        bytes_printf(&stage.out, "\n");
    }
}

/* ---- Commands. */

static const char *option(char **args, const char *name)
{
    size_t len = strlen(name);

    for (; *args != NULL; args++)
        if (strncmp(*args, name, len) == 0 && (*args)[len] == '=')
            return *args + len + 1;
    return NULL;
}

static bool has_word(char **args, const char *word)
{
    for (; *args != NULL; args++)
        if (strcmp(*args, word) == 0)
            return true;
    return false;
}

static void run_until_leader(void)
{
    if (!stage_run_until_leader(&stage))
        bytes_printf(&stage.out, "nobody leads all within a minute\n");
    say_leader();
}

static void cluster(char **args)
{
    long voters = number(option(args, "voters"), 3),
         observers = number(option(args, "observers"), 0);
    const char *java = option(args, "java"), *history = option(args, "history");

    stage_done(&stage);
    stage_init(&stage);
    stage.history = (size_t)number(history, 500);
    stage.conf.zxid_counter_max = (uint32_t)number(option(args, "counter"), 0);
    stage.conf.reconfig_enabled = has_word(args, "reconfig");
    for (long i = 1; i <= voters + observers; i++)
        stage_add(&stage, i <= voters, java != NULL && strchr(java, (char)('0' + i)) != NULL);
    stage_configure(&stage, 0);
    if (has_word(args, "stopped"))
        return;
    stage.is_quiet = true;
    for (int i = 0; i < stage.count; i++)
        stage_start(&stage, i);
    run_until_leader();
    stage.is_quiet = false;
}

static void start(char **args)
{
    for (; *args != NULL; args++)
        stage_start(&stage, server(*args));
}

static void crash(char **args)
{
    for (; *args != NULL; args++)
        stage_crash(&stage, server(*args));
    stage_settle(&stage);
}

/* Both or, with a star, one and all others. */
static void pairs(char **args, void (*do_it)(struct stage *s, int a, int b))
{
    int a = server(args[0]);

    if (args[1] == NULL || strcmp(args[1], "*") != 0) {
        do_it(&stage, a, server(args[1]));
        return;
    }
    for (int b = 0; b < stage.count; b++)
        if (b != a)
            do_it(&stage, a, b);
}

static void cut(char **args)
{
    pairs(args, stage_cut);
    stage_settle(&stage);
}

static void heal(char **args)
{
    pairs(args, stage_heal);
}

static void mute_pair(struct stage *s, int a, int b)
{
    s->is_muted[a][b] = true;
}

static void mute(char **args)
{
    pairs(args, mute_pair);
}

static void slow(char **args)
{
    stage.servers[server(args[0])].is_slow = true;
}

static void fast(char **args)
{
    stage.servers[server(args[0])].is_slow = false;
    stage_settle(&stage);
}

static void submit(char **args)
{
    stage_submit(&stage, server(args[0]), (int)number(args[1], 1));
    stage_settle(&stage);
}

static void run(char **args)
{
    if (args[0] != NULL && strcmp(args[0], "until") == 0)
        run_until_leader();
    else
        stage_run(&stage, number(args[0], 0));
}

static void settle(char **args)
{
    (void)args;
    stage_settle(&stage);
}

static void down(char **args)
{
    stage_step(&stage, server(args[0]),
               (struct zab_event){ .kind = ZAB_EV_STEP_DOWN, .why = "it is stopped" });
    stage_settle(&stage);
}

static void diverge(char **args)
{
    stage_step(&stage, server(args[0]), (struct zab_event){ .kind = ZAB_EV_DIVERGED });
    stage_settle(&stage);
}

static void confirm(char **args)
{
    int who = server(args[0]);

    bytes_printf(&stage.out, "ticket %" PRIu64 "\n", zab_confirm(stage.servers[who].z));
    stage_step(&stage, who, (struct zab_event){ .kind = ZAB_EV_TIME });
    stage_settle(&stage);
}

static void reconfig(char **args)
{
    const char *joining = "", *leaving = "";
    int who = server(args[0]);

    for (args++; *args != NULL; args++) {
        if (**args == '+')
            joining = *args + 1;
        else
            leaving = *args + 1;
    }
    stage_reconfig(&stage, who, joining, leaving);
    stage_settle(&stage);
}

static void join(char **args)
{
    stage_join(&stage, args[0] == NULL);
}

static void epochs(char **args)
{
    struct stage_server *s = &stage.servers[server(args[0])];

    s->accepted = number(args[1], 0);
    s->current = number(args[2], 0);
}

static void votes(char **args)
{
    (void)args;
    stage.shows_votes = true;
}

static void pings(char **args)
{
    (void)args;
    stage.shows_pings = true;
}

static const struct command {
    const char *name;
    void (*do_it)(char **args);
} commands[] = {
    { "cluster", cluster }, { "start", start },     { "crash", crash },   { "cut", cut },
    { "heal", heal },       { "mute", mute },       { "slow", slow },     { "fast", fast },
    { "submit", submit },   { "run", run },         { "settle", settle }, { "down", down },
    { "diverge", diverge }, { "confirm", confirm }, { "epochs", epochs }, { "show", show },
    { "votes", votes },     { "pings", pings },     { "join", join },     { "reconfig", reconfig },
};

static void do_command(char *line)
{
    char *words[16] = { NULL }, *rest = NULL;
    size_t count = 0;

    for (char *w = strtok_r(line, " ", &rest); w != NULL && count < 15;
         w = strtok_r(NULL, " ", &rest))
        words[count++] = w;
    bool is_quiet = strcmp(words[0], "quiet") == 0;
    char **at = words + (is_quiet ? 1 : 0);

    for (size_t i = 0; at[0] != NULL && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(commands[i].name, at[0]) == 0) {
            stage.is_quiet = is_quiet;
            commands[i].do_it(at + 1);
            stage.is_quiet = false;
            return;
        }
    (void)fprintf(stderr, "no command '%s'\n", at[0] != NULL ? at[0] : "");
    exit(2);
}

/* ---- Files. */

static bool read_file(const char *path, struct bytes *ret)
{
    FILE *f = fopen(path, "re");
    char buffer[65536];

    if (f == NULL) {
        (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        bytes_put(ret, buffer, n);
    (void)fclose(f);
    bytes_put(ret, "", 1);
    return true;
}

/* The next line, without its end; NULL at the end of the text. */
static char *next_line(char **at)
{
    char *line = *at, *end = strchr(line, '\n');

    if (*line == '\0')
        return NULL;
    if (end == NULL) {
        *at = line + strlen(line);
    } else {
        *end = '\0';
        *at = end + 1;
    }
    return line;
}

/* Plays the file and writes it anew, with what came of each command. */
static void play(char *text, struct bytes *ret)
{
    for (char *line = next_line(&text); line != NULL; line = next_line(&text)) {
        bytes_printf(ret, "%s\n", line);
        if (line[0] == '#' || line[0] == '\0')
            continue;
        char *copy = strdup(line);
        zk_assert(copy != NULL);
        stage.out.len = 0;
        do_command(copy);
        free(copy);
        /* The old expectation is passed over. */
        while ((line = next_line(&text)) != NULL && line[0] != '\0')
            ;
        bytes_printf(ret, "----\n");
        bytes_put(ret, stage.out.at, stage.out.len);
        bytes_printf(ret, "\n");
    }
}

static int compare(const char *path, const struct bytes *want, const struct bytes *is)
{
    size_t line = 1, begin = 0;
    size_t want_len = want->len - 1; /* There is a NUL behind it. */

    for (size_t i = 0; i < want_len && i < is->len; i++) {
        if (want->at[i] != is->at[i]) {
            const uint8_t *a = memchr(want->at + begin, '\n', want_len - begin);
            const uint8_t *b = memchr(is->at + begin, '\n', is->len - begin);
            (void)fprintf(stderr, "%s:%zu: expected\n  %.*s\nbut it is\n  %.*s\n", path, line,
                          a != NULL ? (int)(a - (want->at + begin)) : 0, want->at + begin,
                          b != NULL ? (int)(b - (is->at + begin)) : 0, is->at + begin);
            return 1;
        }
        if (want->at[i] == '\n') {
            line++;
            begin = i + 1;
        }
    }
    if (want_len == is->len)
        return 0;
    (void)fprintf(stderr, "%s:%zu: one ends here, the other goes on\n", path, line);
    return 1;
}

static int one_file(const char *path, bool rewrites)
{
    struct bytes text = { 0 }, copy = { 0 }, is = { 0 };
    int failed = 1;

    if (read_file(path, &text)) {
        bytes_put(&copy, text.at, text.len);
        play((char *)copy.at, &is);
        failed = rewrites ? 0 : compare(path, &text, &is);
        FILE *f = rewrites ? fopen(path, "we") : NULL;
        if (f != NULL) {
            failed = fwrite(is.at, 1, is.len, f) != is.len;
            failed |= fclose(f) != 0;
        }
    }
    bytes_done(&text);
    bytes_done(&copy);
    bytes_done(&is);
    return failed;
}

int main(int argc, char **argv)
{
    bool rewrites = argc > 1 && strcmp(argv[1], "--rewrite") == 0;
    int failed = 0;

    stage_init(&stage);
    for (int i = rewrites ? 2 : 1; i < argc; i++)
        failed |= one_file(argv[i], rewrites);
    stage_done(&stage);
    return failed;
}
