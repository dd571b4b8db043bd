/* zabd: the command line. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "server/driver.h"
#include "server/net/words.h"
#include "util/check.h"
#include "util/log.h"

enum { EXIT_CONFIG = 2 };

static const char usage[] =
    "usage: zabd [-Dname=value ...] [CONFIG]\n"
    "       zabd [-Dname=value ...] PORT DATADIR [TICKTIME [MAXCLIENTCNXNS]]\n"
    "       zabd --check-config CONFIG   say what is wrong with a configuration\n"
    "       zabd --list-keys             print every key, its default and whether it is supported\n"
    "       zabd --version | --help\n"
    "\n"
    "CONFIG is a zoo.cfg. Without one the server listens on 2181 and keeps its data in ./data.\n"
    "-D gives a property of ZooKeeper (zookeeper.NAME or NAME) or of zabd (zabd.NAME).\n";

struct arguments {
    char **defines;
    size_t define_count;
    char **words;
    size_t word_count;
    bool check, list, version, help;
    const char *unknown;
};

static void take_option(struct arguments *a, char *text)
{
    if (strcmp(text, "--check-config") == 0)
        a->check = true;
    else if (strcmp(text, "--list-keys") == 0)
        a->list = true;
    else if (strcmp(text, "--version") == 0 || strcmp(text, "-V") == 0)
        a->version = true;
    else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
        a->help = true;
    else
        a->unknown = text;
}

static void parse(struct arguments *a, int argc, char **argv)
{
    *a = (struct arguments){ 0 };
    a->defines = zk_xcalloc((size_t)argc, sizeof *a->defines);
    a->words = zk_xcalloc((size_t)argc, sizeof *a->words);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-D") == 0 && i + 1 < argc)
            a->defines[a->define_count++] = argv[++i];
        else if (strncmp(argv[i], "-D", 2) == 0 && argv[i][2] != '\0')
            a->defines[a->define_count++] = argv[i] + 2;
        else if (argv[i][0] == '-')
            take_option(a, argv[i]);
        else
            a->words[a->word_count++] = argv[i];
    }
}

static int check_config(const struct arguments *a)
{
    struct config_report report = { 0 };
    struct config *conf = NULL;

    if (a->word_count != 1) {
        (void)fputs(usage, stderr);
        return EXIT_CONFIG;
    }
    int r = config_load_words(&conf, &report, a->words, 1, a->defines, a->define_count);
    if (r == 0)
        r = config_settle(conf, &report, CONFIG_CHECK);
    config_report_print(&report, stdout);
    if (r == 0)
        (void)printf("%s: ok\n", a->words[0]);
    config_report_done(&report);
    (void)config_free(conf);
    return r == 0 ? EXIT_SUCCESS : EXIT_CONFIG;
}

/* What the configuration has to say goes to the log, errors first to stderr too when
 * the log is a file. */
static void say_notes(const struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_note *n = &report->notes[i];
        enum log_level level = n->severity == CONFIG_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN;
        const char *file = n->file[0] != '\0' ? n->file : "command line";

        if (n->line > 0)
            log_line(level, "config: %s:%d: %s", file, n->line, n->text);
        else
            log_line(level, "config: %s: %s", file, n->text);
    }
}

static int serve(struct config *conf)
{
    static struct driver driver;
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    (void)sigaction(SIGPIPE, &ignore, NULL);
    int exit_code = driver_start(&driver, conf);
    if (exit_code == 0)
        exit_code = driver_run(&driver);
    driver_stop(&driver);
    return exit_code;
}

static int run(const struct arguments *a)
{
    struct config_report report = { 0 };
    struct config *conf = NULL;
    enum log_level level;

    int r = config_load_words(&conf, &report, a->words, a->word_count, a->defines, a->define_count);
    if (r == 0)
        r = config_settle(conf, &report, CONFIG_START);
    if (r == 0 && conf->log_file != NULL) {
        int opened = log_open(conf->log_file);
        if (opened < 0) {
            (void)log_errno(LOG_LEVEL_ERROR, opened, "start: cannot open the log file '%s'",
                            conf->log_file);
            r = opened;
        }
    }
    if (r == 0 && conf->log_level != NULL && log_level_from_name(&level, conf->log_level))
        log_set_level(level);
    say_notes(&report);
    config_report_done(&report);
    int exit_code = r == 0 ? serve(conf) : EXIT_CONFIG;
    (void)config_free(conf);
    return exit_code;
}

int main(int argc, char **argv)
{
    struct arguments a;
    int exit_code = EXIT_SUCCESS;

    parse(&a, argc, argv);
    if (a.unknown != NULL) {
        (void)fprintf(stderr, "zabd: unknown option '%s'\n%s", a.unknown, usage);
        exit_code = EXIT_CONFIG;
    } else if (a.help) {
        (void)fputs(usage, stdout);
    } else if (a.version) {
        (void)printf("zabd %s (speaks ZooKeeper %s)\n", ZABD_VERSION, words_version());
    } else if (a.list) {
        config_print_keys(stdout);
    } else if (a.check) {
        exit_code = check_config(&a);
    } else {
        exit_code = run(&a);
    }
    free(a.defines);
    free(a.words);
    return exit_code;
}
