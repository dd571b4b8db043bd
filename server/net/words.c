#include <dirent.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "server/net/words_impl.h"
#include "util/check.h"

enum {
    WORD_BYTES = 4,
    STMK_BYTES = WORD_BYTES + 8,
    /* Java's default: client requests 2, server packets 16, sessions 32, warnings 256. */
    TRACE_MASK_DEFAULT = 306,
};

static const char word_texts[WORD_COUNT][WORD_BYTES + 1] = {
#define WORD_TEXT(name, text) text,
    WORDS(WORD_TEXT)
#undef WORD_TEXT
};

static bool name_is(const char *at, size_t len, const char *name)
{
    return strlen(name) == len && memcmp(at, name, len) == 0;
}

/* Names that are no words are of no effect. */
static void enable(struct words *w, const char *at, size_t len)
{
    if (name_is(at, len, "*"))
        w->enabled = (1u << WORD_COUNT) - 1;
    for (int i = 0; i < WORD_COUNT; i++)
        if (name_is(at, len, i == WORD_TELNET_CLOSE ? "telnet close" : word_texts[i]))
            w->enabled |= 1u << i;
}

/* Once, at the start: with many clients the directory is long. */
static uint64_t count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count >= 3 ? count - 3 : 0; /* Without `.`, `..` and the directory itself. */
}

void words_init(struct words *w, const struct words_conf *conf)
{
    const char *p = conf->whitelist != NULL ? conf->whitelist : "";

    *w = (struct words){ .conf = *conf, .trace_mask = TRACE_MASK_DEFAULT };
    w->fd_base = count_fds();
    list_init(&w->waiting);
    w->enabled = 1u << WORD_SRVR; /* Always: zkServer.sh status asks it. */
    if (conf->readonly_mode)
        w->enabled |= 1u << WORD_ISRO; /* Clients look for a writable server with it. */
    while (*p != '\0') {
        p += strspn(p, " \t,");

        size_t len = strcspn(p, ",");
        size_t text_len = len;

        while (text_len > 0 && (p[text_len - 1] == ' ' || p[text_len - 1] == '\t'))
            text_len--;
        enable(w, p, text_len);
        p += len;
    }
}

bool words_is_enabled(const struct words *w, enum word word)
{
    return (w->enabled >> word & 1) != 0;
}

bool words_is_large(const struct words *w, enum word word)
{
    static const uint32_t large =
        1u << WORD_CONS | 1u << WORD_STAT | 1u << WORD_DUMP | 1u << WORD_WCHC | 1u << WORD_WCHP;

    return words_is_enabled(w, word) && (large >> word & 1) != 0;
}

enum words_look words_look(const struct words *w, const uint8_t *at, size_t len, enum word *ret,
                           int64_t *ret_arg)
{
    size_t have = len < WORD_BYTES ? len : WORD_BYTES;
    enum words_look look = WORDS_NONE;

    for (int i = 0; i < WORD_COUNT && look == WORDS_NONE; i++) {
        if (memcmp(at, word_texts[i], have) != 0)
            continue;
        look = have < WORD_BYTES ? WORDS_MORE : WORDS_WORD;
        *ret = (enum word)i;
    }
    *ret_arg = 0;
    if (look != WORDS_WORD || *ret != WORD_STMK || !words_is_enabled(w, WORD_STMK))
        return look;
    if (len < STMK_BYTES)
        return WORDS_MORE;

    uint64_t arg;

    memcpy(&arg, at + WORD_BYTES, sizeof arg);
    *ret_arg = (int64_t)be64toh(arg);
    return WORDS_WORD;
}

/* ---- Text. */

void words_put_text(struct bytes *out, const char *text)
{
    bytes_put(out, text, strlen(text));
}

void words_put_hex(struct bytes *out, uint64_t v)
{
    char digits[16];
    size_t at = sizeof digits;

    do {
        digits[--at] = "0123456789abcdef"[v & 15];
        v >>= 4;
    } while (v != 0);
    bytes_put(out, digits + at, sizeof digits - at);
}

void words_put_mean(struct bytes *out, uint64_t sum, uint64_t count)
{
    if (count == 0) {
        words_put_text(out, "0.0");
        return;
    }

    /* Half up, as Java's formatter does it. */
    uint64_t whole = sum / count;
    uint64_t parts = ((sum % count) * 10000 + count / 2) / count;

    if (parts >= 10000) {
        whole++;
        parts -= 10000;
    }

    char text[8];
    int digits = 4;

    for (int i = 3; i >= 0; i--, parts /= 10)
        text[i] = (char)('0' + parts % 10);
    while (digits > 1 && text[digits - 1] == '0')
        digits--;
    bytes_printf(out, "%llu.%.*s", (unsigned long long)whole, digits, text);
}

void words_put_peer(struct bytes *out, const struct conn *c)
{
    char text[ADDRESS_TEXT_MAX];
    size_t len = address_print(text, &c->address);

    bytes_put(out, "/", 1);
    bytes_put(out, text, len);
}

/* ---- Answering. */

static void put_refusal(enum word word, struct bytes *out)
{
    words_put_text(out, word == WORD_TELNET_CLOSE ? "telnet close" : word_texts[word]);
    words_put_text(out, " is not executed because it is not in the whitelist.\n");
}

static struct word_job *job_new(enum word word)
{
    struct word_job *job = zk_xcalloc(1, sizeof *job);

    job->word = word;
    return job;
}

struct word_job *words_job_free(struct word_job *job)
{
    if (job != NULL)
        job->dump = word_dump_free(job->dump);
    free(job);
    return NULL;
}

/* Whether the word needs a server that serves. */
static bool needs_service(enum word word)
{
    static const uint32_t always = 1u << WORD_RUOK | 1u << WORD_ENVI | 1u << WORD_GTMK |
                                   1u << WORD_STMK | 1u << WORD_TELNET_CLOSE;

    return (always >> word & 1) == 0;
}

static void put_not_serving(enum word word, struct bytes *out)
{
    words_put_text(out, word == WORD_ISRO
                            ? "null"
                            : "This ZooKeeper instance is not currently serving requests\n");
}

static void reset_stats(struct net *n)
{
    const struct words_conf *c = &n->words.conf;

    stats_reset(&n->service->stats);
    tree_forget_use(n->service->state.tree);
    if (c->reset != NULL)
        c->reset(c->ctx);
}

struct word_job *words_begin(struct net *n, enum word word, int64_t arg, struct bytes *out)
{
    struct words *w = &n->words;
    struct words_ensemble e;
    bool is_alone = !words_ensemble_now(n, &e);

    if (!words_is_enabled(w, word)) {
        put_refusal(word, out);
        return NULL;
    }
    if (!is_alone && !e.serves && needs_service(word)) {
        put_not_serving(word, out);
        return NULL;
    }
    switch (word) {
    case WORD_RUOK:
        words_put_text(out, "imok");
        break;
    case WORD_ISRO:
        words_put_text(out, !is_alone && e.is_read_only ? "ro" : "rw");
        break;
    case WORD_STMK:
        w->trace_mask = arg;
        bytes_printf(out, "%lld", (long long)w->trace_mask);
        break;
    case WORD_GTMK:
        bytes_printf(out, "%lld", (long long)w->trace_mask);
        break;
    case WORD_CRST:
        words_reset_connections(n);
        words_put_text(out, "Connection stats reset.\n");
        break;
    case WORD_SRST:
        reset_stats(n);
        words_put_text(out, "Server stats reset.\n");
        break;
    case WORD_SRVR:
        words_put_version(n, out);
        words_put_srvr(n, out);
        break;
    case WORD_CONF:
        words_put_conf(n, out);
        break;
    case WORD_ENVI:
        words_put_envi(n, out);
        break;
    case WORD_DIRS:
        words_put_dirs(n, out);
        break;
    case WORD_HASH:
        words_put_hash(n, out);
        break;
    case WORD_MNTR:
        words_put_mntr(n, out);
        break;
    case WORD_WCHS:
        words_put_wchs(n, out);
        break;
    case WORD_WCHC:
    case WORD_WCHP:
        words_put_watches(n, out, word == WORD_WCHP);
        break;
    case WORD_CONS:
    case WORD_STAT:
    case WORD_DUMP:
        return job_new(word);
    case WORD_TELNET_CLOSE: /* It just closes. */
    case WORD_COUNT:
        break;
    }
    return NULL;
}

bool words_step(struct net *n, struct word_job *job, struct bytes *out)
{
    if (job->word == WORD_DUMP)
        return words_step_dump(n, job, out);
    return words_step_connections(n, job, out);
}
