/* Words about the server as a whole. */
#include <pwd.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "server/net/words_impl.h"
#include "server/store/dirs.h"

/* A fixed date: equal sources print equal text. */
#define BUILT_ON "2026-11-22 00:00 UTC"

const char *words_version(void)
{
    return "3.9.5-zabd-" ZABD_VERSION ", built on " BUILT_ON;
}

void words_put_version(const struct net *n, struct bytes *out)
{
    struct words_ensemble e;

    bytes_printf(out, "Zookeeper version: %s\n", words_version());
    if (words_ensemble_now(n, &e) && e.is_read_only)
        words_put_text(out, "READ-ONLY mode; serving only read-only clients\n");
}

void words_put_srvr(struct net *n, struct bytes *out)
{
    const struct service *s = n->service;
    const struct summary *latency = &s->stats.latency_ms;
    struct tree_totals totals;
    struct words_ensemble e;
    bool is_alone = !words_ensemble_now(n, &e);

    tree_totals(s->state.tree, &totals);
    bytes_printf(out, "Latency min/avg/max: %llu/", (unsigned long long)latency->min);
    words_put_mean(out, latency->sum, latency->count);
    bytes_printf(out, "/%llu\nReceived: %llu\nSent: %llu\nConnections: %u\nOutstanding: %llu\n",
                 (unsigned long long)latency->max, (unsigned long long)s->stats.packets_received,
                 (unsigned long long)s->stats.packets_sent, s->client_count,
                 (unsigned long long)s->outstanding);
    /* ZK counts the root twice. */
    bytes_printf(out, "Zxid: 0x%llx\nMode: %s\nNode count: %llu\n",
                 (unsigned long long)service_zxid(s), is_alone ? "standalone" : words_mode(&e),
                 (unsigned long long)totals.nodes + 1);
    if (!is_alone && e.role == ZAB_LEADING && !e.is_read_only)
        bytes_printf(out, "Proposal sizes last/min/max: %lld/%lld/%lld\n",
                     (long long)e.proposal_last, (long long)e.proposal_min,
                     (long long)e.proposal_max);
}

void words_put_conf(struct net *n, struct bytes *out)
{
    const struct words_conf *c = &n->words.conf;
    struct words_ensemble e;
    bool is_alone = !words_ensemble_now(n, &e);

    bytes_printf(out, "clientPort=%d\nsecureClientPort=-1\ndataDir=%s\ndataDirSize=%llu\n",
                 c->client_port, c->snap_dir, (unsigned long long)dirs_size(c->snap_dir));
    bytes_printf(out, "dataLogDir=%s\ndataLogSize=%llu\ntickTime=%lld\nmaxClientCnxns=%d\n",
                 c->log_dir, (unsigned long long)dirs_size(c->log_dir), (long long)c->tick_ms,
                 c->max_connections_ip);
    bytes_printf(out,
                 "minSessionTimeout=%lld\nmaxSessionTimeout=%lld\nclientPortListenBacklog=%d\n"
                 "serverId=%lld\n",
                 (long long)c->min_session_timeout_ms, (long long)c->max_session_timeout_ms,
                 c->backlog, is_alone ? 0 : (long long)c->sid);
    if (!is_alone)
        words_put_conf_ensemble(n, &e, out);
}

static void put_variable(struct bytes *out, const char *key, const char *value)
{
    bytes_printf(out, "%s=%s\n", key, value != NULL && value[0] != '\0' ? value : "<NA>");
}

static void put_memory(struct bytes *out)
{
    struct sysinfo info = { .mem_unit = 1 };

    (void)sysinfo(&info);

    unsigned long long unit = info.mem_unit;

    bytes_printf(out, "os.memory.free=%lluMB\n", info.freeram * unit >> 20);
    bytes_printf(out, "os.memory.max=%lluMB\n", info.totalram * unit >> 20);
    bytes_printf(out, "os.memory.total=%lluMB\n", info.totalram * unit >> 20);
}

void words_put_envi(struct net *n, struct bytes *out)
{
    /* Of Java's there is none. */
    static const char *const of_java[] = {
        "java.version",      "java.vendor",    "java.home",     "java.class.path",
        "java.library.path", "java.io.tmpdir", "java.compiler",
    };
    struct utsname os = { 0 };
    char host[256] = "";
    char *dir = getcwd(NULL, 0);
    const struct passwd *user = getpwuid(geteuid());

    (void)n;
    (void)uname(&os);
    (void)gethostname(host, sizeof host - 1);
    words_put_text(out, "Environment:\n");
    put_variable(out, "zookeeper.version", words_version());
    put_variable(out, "host.name", host);
    for (size_t i = 0; i < sizeof of_java / sizeof of_java[0]; i++)
        put_variable(out, of_java[i], NULL);
    put_variable(out, "os.name", os.sysname);
    put_variable(out, "os.arch", strcmp(os.machine, "x86_64") == 0 ? "amd64" : os.machine);
    put_variable(out, "os.version", os.release);
    put_variable(out, "user.name", user != NULL ? user->pw_name : NULL);
    put_variable(out, "user.home", user != NULL ? user->pw_dir : NULL);
    put_variable(out, "user.dir", dir);
    put_memory(out);
    free(dir);
}

void words_put_dirs(struct net *n, struct bytes *out)
{
    const struct words_conf *c = &n->words.conf;

    bytes_printf(out, "datadir_size: %llu\nlogdir_size: %llu\n",
                 (unsigned long long)dirs_size(c->snap_dir),
                 (unsigned long long)dirs_size(c->log_dir));
}

void words_put_hash(struct net *n, struct bytes *out)
{
    const struct service *s = n->service;

    for (size_t i = 0; i < s->past_digest_count; i++)
        bytes_printf(out, "%llx: %lld\n", (unsigned long long)s->past_digests[i].zxid,
                     (long long)s->past_digests[i].digest);
}
