/* zabbench: measures servers that speak ZooKeeper's protocol. See docs/zabbench.md. */
#include <stdio.h>
#include <string.h>

#include "bench/compare.h"
#include "bench/run.h"

static void print_usage(FILE *to)
{
    struct bytes text = { 0 };

    run_options_usage(&text);
    (void)fwrite(text.at, 1, text.len, to);
    bytes_done(&text);
}

int main(int argc, char **argv)
{
    struct run_options o;
    struct bytes wrong = { 0 };

    if (argc > 1 && strcmp(argv[1], "compare") == 0)
        return compare(argv + 2);
    if (argc < 1 || !run_options_parse(&o, &wrong, argv + 1)) {
        (void)fprintf(stderr, "zabbench: %.*s (--help tells more)\n", (int)wrong.len,
                      (const char *)wrong.at);
        bytes_done(&wrong);
        return STATUS_USAGE;
    }
    if (o.is_help) {
        print_usage(stdout);
        return STATUS_OK;
    }
    return run(&o);
}
