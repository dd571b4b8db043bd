/* Prints what a data directory holds, as a server would recover it; writes nothing.
 *
 *   dumptree [OPTION...] DATA_DIR [LOG_DIR]     the directories above version-2
 *
 * One JSON object a line: {"node": ...} for each znode in path order of the walk,
 * {"session": ...} for each session, at the end {"summary": ...}.
 *   --check              only the summary
 *   --no-extended-types  zookeeper.extendedTypesEnabled is false
 *   --trust-empty        zookeeper.snapshot.trust.empty is true
 * Exit code 1 and the line for the operator on stderr when the directory is refused. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/state/recover.h"
#include "util/check.h"

static void print_string(struct jute_bytes s)
{
    (void)putchar('"');
    for (int32_t i = 0; i < s.len; i++) {
        uint8_t c = s.at[i];

        if (c == '"' || c == '\\')
            (void)printf("\\%c", c);
        else if (c < 0x20)
            (void)printf("\\u%04x", c);
        else
            (void)putchar(c);
    }
    (void)putchar('"');
}

static void print_base64(struct jute_bytes data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    if (data.len < 0) {
        (void)printf("null");
        return;
    }
    (void)putchar('"');
    for (int32_t i = 0; i < data.len; i += 3) {
        int32_t left = data.len - i;
        uint32_t v = (uint32_t)data.at[i] << 16;

        if (left > 1)
            v |= (uint32_t)data.at[i + 1] << 8;
        if (left > 2)
            v |= data.at[i + 2];
        (void)putchar(digits[v >> 18]);
        (void)putchar(digits[v >> 12 & 63]);
        (void)putchar(left > 1 ? digits[v >> 6 & 63] : '=');
        (void)putchar(left > 2 ? digits[v & 63] : '=');
    }
    (void)putchar('"');
}

static void print_raw(const struct znode_raw *z)
{
    (void)printf("\"raw\":{\"czxid\":\"0x%" PRIx64 "\",\"mzxid\":\"0x%" PRIx64
                 "\",\"pzxid\":\"0x%" PRIx64 "\",\"ctime\":%" PRId64 ",\"mtime\":%" PRId64
                 ",\"version\":%" PRId32 ",\"cversion\":%" PRId32 ",\"aversion\":%" PRId32
                 ",\"ephemeralOwner\":\"0x%" PRIx64 "\"}",
                 (uint64_t)z->czxid, (uint64_t)z->mzxid, (uint64_t)z->pzxid, z->ctime, z->mtime,
                 z->version, z->cversion, z->aversion, (uint64_t)z->owner);
}

static void print_stat(const struct zk_stat *s)
{
    (void)printf("\"stat\":{\"czxid\":\"0x%" PRIx64 "\",\"mzxid\":\"0x%" PRIx64
                 "\",\"ctime\":%" PRId64 ",\"mtime\":%" PRId64 ",\"version\":%" PRId32
                 ",\"cversion\":%" PRId32 ",\"aversion\":%" PRId32
                 ",\"ephemeralOwner\":\"0x%" PRIx64 "\",\"dataLength\":%" PRId32
                 ",\"numChildren\":%" PRId32 ",\"pzxid\":\"0x%" PRIx64 "\"}",
                 (uint64_t)s->czxid, (uint64_t)s->mzxid, s->ctime_ms, s->mtime_ms, s->version,
                 s->cversion, s->aversion, (uint64_t)s->ephemeral_owner, s->data_length,
                 s->num_children, (uint64_t)s->pzxid);
}

static void print_acls(struct jute_vector acls)
{
    struct jute_in walk = jute_walk(acls);
    struct jute_acl a;
    const char *comma = "";

    (void)printf("\"acl\":[");
    while (jute_next_acl(&walk, &a)) {
        (void)printf("%s{\"perms\":%" PRId32 ",\"scheme\":", comma, a.perms);
        print_string(a.scheme);
        (void)printf(",\"id\":");
        print_string(a.id);
        (void)putchar('}');
        comma = ",";
    }
    (void)putchar(']');
}

static void print_node(struct tree *t, const struct znode *n)
{
    static const char *const kinds[] = { "persistent", "ephemeral", "container", "ttl" };
    struct bytes path = { .at = NULL };
    struct znode_raw raw;
    struct zk_stat stat;

    znode_path(t, n, &path);
    znode_raw(t, n, &raw);
    znode_stat(t, n, &stat);
    (void)printf("{\"node\":{\"path\":");
    print_string((struct jute_bytes){ .at = path.at, .len = (int32_t)path.len });
    (void)printf(",\"kind\":\"%s\",\"data\":", kinds[znode_kind_of(t, raw.owner)]);
    print_base64(znode_data(t, n));
    (void)putchar(',');
    print_raw(&raw);
    (void)putchar(',');
    print_stat(&stat);
    (void)putchar(',');
    print_acls(tree_acl(t, znode_acl(n)));
    (void)printf("}}\n");
    bytes_done(&path);
}

static void print_session(void *ctx, zk_session_id id, int32_t timeout_ms)
{
    (void)ctx;
    (void)printf("{\"session\":{\"id\":\"0x%" PRIx64 "\",\"timeout\":%" PRId32 "}}\n", (uint64_t)id,
                 timeout_ms);
}

static void print_summary(const struct state *s, const struct recover_report *r)
{
    struct tree_totals totals;

    tree_totals(s->tree, &totals);
    (void)printf("{\"summary\":{\"zxid\":\"0x%" PRIx64 "\",\"digest\":\"%" PRId64
                 "\",\"nodes\":%" PRIu64 ",\"ephemerals\":%" PRIu64 ",\"dataBytes\":%" PRIu64
                 ",\"memoryBytes\":%" PRIu64 ",\"sessions\":%" PRIu64 ",\"snapshot\":\"%s\""
                 ",\"snapshotsSkipped\":%" PRIu64 ",\"txns\":%" PRIu64
                 ",\"digestMismatches\":%" PRIu64 ",\"firstMismatch\":\"0x%" PRIx64
                 "\",\"sessionsKilled\":%" PRIu64 ",\"loadUs\":%" PRIu64 ",\"replayUs\":%" PRIu64
                 "}}\n",
                 (uint64_t)r->zxid, (int64_t)tree_digest(s->tree), totals.nodes, totals.ephemerals,
                 totals.data_bytes, totals.memory_bytes, session_book_count(s->sessions),
                 r->snapshot, r->snapshots_skipped, r->txns, r->digest_mismatches,
                 (uint64_t)r->first_mismatch, r->sessions_killed, r->load_us, r->replay_us);
}

static char *version_dir(const char *dir)
{
    static const char name[] = "/version-2";
    size_t len = strlen(dir);
    char *path = zk_xmalloc(len + sizeof name);

    memcpy(path, dir, len);
    memcpy(path + len, name, sizeof name);
    return path;
}

static int dump(const char *data_dir, const char *log_dir, const struct recover_conf *conf,
                bool only_check)
{
    struct dirs dirs = { .snap_dir = version_dir(data_dir),
                         .log_dir = version_dir(log_dir),
                         .lock_fds = { -1, -1 } };
    struct state s;
    struct recover_report report;
    char why[STORE_WHY_MAX];
    int r = recover_read_only(&s, &report, &dirs, conf, why);

    if (r < 0) {
        (void)fprintf(stderr, "%s\n", why);
    } else {
        if (!only_check) {
            struct tree_walk walk;

            tree_walk_begin(s.tree, &walk);
            for (struct znode *n = tree_walk_next(&walk); n != NULL; n = tree_walk_next(&walk))
                print_node(s.tree, n);
            tree_walk_end(&walk);
            session_book_each(s.sessions, print_session, NULL);
        }
        print_summary(&s, &report);
        state_done(&s);
    }
    free(dirs.snap_dir);
    free(dirs.log_dir);
    return r;
}

int main(int argc, char **argv)
{
    struct recover_conf conf = { .tree = { .hash_seed = 1, .extended_types = true, .digest = true },
                                 .db_autocreate = true };
    const char *names[2] = { NULL, NULL };
    size_t count = 0;
    bool only_check = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            only_check = true;
        else if (strcmp(argv[i], "--no-extended-types") == 0)
            conf.tree.extended_types = false;
        else if (strcmp(argv[i], "--trust-empty") == 0)
            conf.trust_empty = true;
        else if (count < 2 && argv[i][0] != '-')
            names[count++] = argv[i];
        else
            count = 3;
    }
    if (count < 1 || count > 2) {
        (void)fprintf(stderr, "usage: dumptree [--check] [--no-extended-types] [--trust-empty]"
                              " DATA_DIR [LOG_DIR]\n");
        return 2;
    }
    return dump(names[0], count == 2 ? names[1] : names[0], &conf, only_check) < 0 ? 1 : 0;
}
