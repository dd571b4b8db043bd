#include "server/state/dump_stream.h"

#include <limits.h>
#include <stdlib.h>

#include "jute/codec.h"
#include "server/state/dump_nodes.h"
#include "server/state/load_stream.h"
#include "util/check.h"

struct dump_stream {
    zk_zxid zxid;
    struct bytes head; /* Sessions and ACLs; [head_at, …) is not out yet. */
    size_t head_at;
    struct dump_nodes nodes;
    bool is_over;
};

struct dump_stream *dump_stream_begin(struct state *s)
{
    struct dump_stream *d = zk_xcalloc(1, sizeof *d);

    d->zxid = tree_zxid(s->tree);
    dump_put_head(&d->head, s);
    dump_nodes_begin(&d->nodes, s->tree);
    return d;
}

static void put_head(struct dump_stream *d, size_t bytes, struct bytes *out)
{
    size_t left = d->head.len - d->head_at;
    size_t count = left < bytes ? left : bytes;

    bytes_put(out, d->head.at + d->head_at, count);
    d->head_at += count;
    if (count == left) {
        bytes_done(&d->head);
        d->head_at = 0;
    }
}

int dump_stream_step(struct dump_stream *d, struct state *s, size_t bytes, struct bytes *out)
{
    size_t begin = out->len;
    int r = d->is_over ? 1 : dump_nodes_resume(&d->nodes);

    (void)s;
    if (r != 0)
        return r;
    if (d->head.len > 0)
        put_head(d, bytes, out);
    while (out->len - begin < bytes) {
        if (dump_nodes_put(&d->nodes, out, bytes - (out->len - begin), INT_MAX))
            continue;
        dump_nodes_end(&d->nodes);
        jute_write_str(out, jute_text("/"));
        jute_write_str(out, jute_text(STREAM_SIGNATURE));
        d->is_over = true;
        return 1;
    }
    return 0;
}

zk_zxid dump_stream_zxid(const struct dump_stream *d)
{
    return d->zxid;
}

struct dump_stream *dump_stream_free(struct dump_stream *d, struct state *s)
{
    (void)s;
    if (d == NULL)
        return NULL;
    dump_nodes_end(&d->nodes);
    bytes_done(&d->head);
    free(d);
    return NULL;
}
