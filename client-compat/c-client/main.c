/* Asks all questions of ZooKeeper's own C client: c-client CONNECT. */

#include "asker.h"
#include "relay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct asker asker; /* Too large for a stack. */

/* Whether the question was answered as expected; if not, asker.reason says why. */
static bool ask(const struct question *q)
{
    asker.reason[0] = '\0';
    asker.client_count = 0;
    asker.relay = NULL;
    if (setjmp(asker.wrong) == 0)
        q->ask(&asker);

    /* A client's threads may still tell its events while it is being closed. */
    for (int i = 0; i < asker.client_count; i++)
        if (asker.clients[i] != NULL)
            zookeeper_close(asker.clients[i]);
    for (int i = 0; i < asker.client_count; i++)
        events_done(&asker.sessions[i]);
    relay_free(asker.relay);
    return asker.reason[0] == '\0';
}

/* Connects without a chroot, for what goes beyond one question. */
static zhandle_t *open_janitor(const char *connect)
{
    static struct events states; /* As long as the client, which lives until the end. */

    events_init(&states);

    zhandle_t *zh = zookeeper_init(connect, events_watch_all, 10000, NULL, &states, 0);

    if (zh != NULL && events_see_state(&states, 0, ZOO_CONNECTED_STATE))
        zoo_add_auth(zh, "digest", "super:compat", 12, NULL, NULL); /* As in server.cfg. */
    return zh;
}

static void remove_tree(zhandle_t *zh, const char *path)
{
    struct String_vector names;

    if (zoo_get_children(zh, path, 0, &names) == ZOK) {
        for (int i = 0; i < names.count; i++) {
            char child[ASKER_PATH_MAX];

            if (snprintf(child, sizeof(child), "%s/%s", path, names.data[i]) < (int)sizeof(child))
                remove_tree(zh, child);
        }
        deallocate_String_vector(&names);
    }
    zoo_delete(zh, path, -1);
}

/* Where ../lib/suite.sh looks for the reason of a failure. */
static FILE *open_reason(void)
{
    const char *name = getenv("COMPAT_REASON");
    FILE *f = name ? fopen(name, "w") : NULL;

    return f ? f : stderr;
}

static bool ask_and_tell(zhandle_t *janitor, const struct question *q)
{
    double start = now_s();
    bool is_right;

    zoo_create(janitor, asker.root, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    is_right = ask(q);
    printf("  %s %s (%.1f s)\n", is_right ? "ok   " : "wrong", q->name, now_s() - start);
    if (!is_right)
        printf("          %s\n", asker.reason);
    fflush(stdout);
    return is_right;
}

int main(int argc, char **argv)
{
    static const struct question *const suites[] = { basics_questions, async_questions,
                                                     watch_questions, rights_questions,
                                                     session_questions };
    char root[ASKER_PATH_MAX / 2];
    char first_wrong[1200] = "";
    int count = 0, bad = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: c-client HOST:PORT[,HOST:PORT...]\n");
        return 2;
    }
    zoo_set_debug_level((ZooLogLevel)0);
    zoo_deterministic_conn_order(1);
    snprintf(root, sizeof(root), "/compat-c-client-%lx-%lx", (long)getpid(), (long)time(NULL));
    asker.connect = argv[1];

    zhandle_t *janitor = open_janitor(argv[1]);
    int rc = janitor == NULL ? ZSYSTEMERROR
                             : zoo_create(janitor, root, NULL, -1, &ZOO_OPEN_ACL_UNSAFE,
                                          ZOO_PERSISTENT, NULL, 0);

    if (rc != ZOK) {
        fprintf(open_reason(), "no answer to the first request: %s\n", zerror(rc));
        return 1;
    }
    for (size_t s = 0; s < sizeof(suites) / sizeof(suites[0]); s++) {
        for (const struct question *q = suites[s]; q->name != NULL; q++) {
            count++;
            snprintf(asker.root, sizeof(asker.root), "%s/%s", root, q->name);
            if (!ask_and_tell(janitor, q) && bad++ == 0)
                snprintf(first_wrong, sizeof(first_wrong), "%.80s (%.1000s)", q->name,
                         asker.reason);
        }
    }
    printf("  %d questions, %d wrong answers\n", count, bad);
    remove_tree(janitor, root);
    zookeeper_close(janitor);
    if (bad > 0)
        fprintf(open_reason(), "%d of %d questions, the first: %s\n", bad, count, first_wrong);
    return bad > 0;
}
