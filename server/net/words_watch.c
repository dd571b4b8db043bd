/* Words about watches: wchs, wchc, wchp. Of the data table only, as in ZK. */
#include "jute/utf8.h"
#include "server/net/words_impl.h"

void words_put_wchs(struct net *n, struct bytes *out)
{
    struct watch_totals t;

    watch_totals(n->service->watches, &t);
    bytes_printf(out, "%llu connections watching %llu paths\nTotal watches:%llu\n",
                 (unsigned long long)t.data_watchers, (unsigned long long)t.data_paths,
                 (unsigned long long)t.data_watches);
}

struct listing {
    const struct service *service;
    struct bytes *out;
    size_t end;        /* More is left out. */
    struct bytes path; /* Of the last line, by path. */
    int64_t watcher;   /* Of the last line, by watcher; -1 before. */
};

static bool is_full(const struct listing *l)
{
    return l->out->len >= l->end;
}

static void put_watcher(struct listing *l, uint32_t watcher)
{
    words_put_text(l->out, "0x");
    words_put_hex(l->out, (uint64_t)l->service->clients[watcher]->session_id);
    words_put_text(l->out, "\n");
}

static void put_path(struct listing *l, struct jute_bytes path)
{
    if (path.len == 1 && path.at[0] == 0xff)
        words_put_text(l->out, "null"); /* See watch_key() in server/request. */
    else
        utf8_as_shown(l->out, path.at, path.len > 0 ? (size_t)path.len : 0);
    words_put_text(l->out, "\n");
}

static void on_path(void *ctx, struct jute_bytes path, uint32_t watcher)
{
    struct listing *l = ctx;
    struct jute_bytes last = { .at = l->path.at, .len = (int32_t)l->path.len };

    if (is_full(l))
        return;
    if (l->watcher < 0 || !jute_bytes_equal(last, path)) {
        l->path.len = 0;
        bytes_put(&l->path, path.at, path.len > 0 ? (size_t)path.len : 0);
        put_path(l, path);
    }
    l->watcher = watcher;
    words_put_text(l->out, "\t");
    put_watcher(l, watcher);
}

static void on_watcher(void *ctx, uint32_t watcher, struct jute_bytes path)
{
    struct listing *l = ctx;

    if (is_full(l))
        return;
    if (l->watcher != watcher)
        put_watcher(l, watcher);
    l->watcher = watcher;
    words_put_text(l->out, "\t");
    put_path(l, path);
}

void words_put_watches(struct net *n, struct bytes *out, bool by_path)
{
    struct listing l = {
        .service = n->service, .out = out, .end = out->len + WORDS_TEXT_BYTES_MAX, .watcher = -1
    };

    if (by_path)
        watch_each_by_path(n->service->watches, on_path, &l);
    else
        watch_each_by_watcher(n->service->watches, on_watcher, &l);
    bytes_done(&l.path);
    words_put_text(out, "\n");
}
