/* What a server may say to the client library. The first byte chooses the client's settings and
 * whether a proper greeting comes first; then come frames (a length of two bytes, and so many
 * bytes) in answer to one request of each kind. Nothing may crash, leak or spin, and every request
 * must be answered exactly once. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/impl.h"
#include "jute/frame.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS_MAX = 32 };

static unsigned answers[REQUESTS_MAX];
static unsigned asked_count;
static volatile uint8_t sink;

/* Reads everything that is handed out, so that the sanitizers see it. */
static void touch(struct jute_bytes b)
{
    for (int32_t i = 0; i < b.len; i++)
        sink ^= b.at[i];
}

static void on_reply(void *arg, const struct zabc_reply *reply)
{
    struct jute_in walk = jute_walk(reply->strs);
    struct jute_bytes s;
    struct jute_acl acl;
    struct jute_id id;

    (*(unsigned *)arg)++;
    touch(reply->path);
    touch(reply->data);
    for (int32_t i = 0; i < reply->strs.count && jute_next_str(&walk, &s); i++)
        touch(s);
    walk = jute_walk(reply->acl);
    for (int32_t i = 0; i < reply->acl.count && jute_next_acl(&walk, &acl); i++)
        touch(acl.id);
    walk = jute_walk(reply->ids);
    for (int32_t i = 0; i < reply->ids.count && jute_next_id(&walk, &id); i++)
        touch(id.scheme);
    for (size_t i = 0; i < reply->results_count; i++)
        touch(reply->results[i].data);
}

static void on_event(void *arg, const struct zabc_event *event)
{
    (void)arg;
    sink ^= event->path != NULL ? (uint8_t)strlen(event->path) : 0;
}

static const struct zabc_watcher watcher = { .tell = on_event };

static struct zabc_done done(void)
{
    zk_assert(asked_count < REQUESTS_MAX);
    return (struct zabc_done){ .tell = on_reply, .arg = &answers[asked_count++] };
}

static void must(int r)
{
    zk_assert(r == 0);
}

/* One of each kind: their xids are 1, 2, ... */
static void ask(struct zabc *c)
{
    const struct zabc_create create = { .path = "/a", .data = { .len = -1 } };
    struct zabc_create create2 = create;
    struct zabc_multi m;

    create2.wants_stat = true;
    must(zabc_create(c, &create, done()));
    must(zabc_create(c, &create2, done()));
    must(zabc_delete(c, "/a", -1, done()));
    must(zabc_exists(c, "/a", &watcher, done()));
    must(zabc_get_data(c, "/a", &watcher, done()));
    must(zabc_set_data(c, "/a", jute_text("x"), -1, done()));
    must(zabc_get_children(c, "/a", &watcher, false, done()));
    must(zabc_get_children(c, "/a", NULL, true, done()));
    must(zabc_get_all_children_number(c, "/a", done()));
    must(zabc_get_ephemerals(c, "/", done()));
    must(zabc_get_acl(c, "/a", done()));
    must(zabc_set_acl(c, "/a", NULL, -1, done()));
    must(zabc_sync(c, "/a", done()));
    must(zabc_who_am_i(c, done()));
    must(zabc_get_config(c, &watcher, done()));
    must(zabc_add_watch(c, "/a", ZK_ADD_WATCH_PERSISTENT_RECURSIVE, &watcher, done()));
    must(zabc_remove_watches(c, "/a", ZK_WATCHER_ANY, NULL, false, done()));
    zabc_multi_begin(&m, c);
    zabc_multi_create(&m, &create2);
    zabc_multi_set_data(&m, "/a", jute_text("x"), -1);
    must(zabc_multi_submit(&m, done()));
    zabc_multi_begin(&m, c);
    zabc_multi_get_data(&m, "/a");
    zabc_multi_get_children(&m, "/a");
    must(zabc_multi_submit_reads(&m, done()));
    must(zabc_add_auth(c, "digest", jute_text("a:b"), done()));
}

static void take(struct zabc *c, const uint8_t *body, size_t len)
{
    uint8_t *frame = malloc(len + 4);

    zk_assert(frame != NULL);
    (void)jute_store32(frame, (uint32_t)len);
    if (len > 0)
        memcpy(frame + 4, body, len);
    link_take(c, frame, len + 4);
    free(frame);
}

static void greet(struct zabc *c, bool is_read_only)
{
    struct bytes out = { 0 };
    const struct connect_response r = {
        .timeout_ms = 30000,
        .session_id = 1,
        .passwd = { .at = (const uint8_t *)"0123456789abcdef", .len = 16 },
    };

    jute_write_connect_response(&out, &r);
    jute_write_flag(&out, is_read_only);
    take(c, out.at, out.len);
    bytes_done(&out);
}

static void feed(struct zabc *c, const uint8_t *data, size_t size)
{
    while (size >= 2 && c->link.fd >= 0) {
        size_t len = (size_t)data[0] << 8 | data[1];

        data += 2;
        size -= 2;
        if (len > size)
            len = size;
        take(c, data, len);
        data += len;
        size -= len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_base *base = event_base_new();
    struct zabc *c;
    int ends[2];

    if (size < 1 || base == NULL) {
        if (base != NULL)
            event_base_free(base);
        return 0;
    }

    const struct zabc_conf conf = {
        .base = base,
        .servers = (data[0] & 1) != 0 ? "127.0.0.1:1/root" : "127.0.0.1:1",
        .takes_read_only = (data[0] & 2) != 0,
        .session = watcher,
        .seed = 1,
    };

    memset(answers, 0, sizeof answers);
    asked_count = 0;
    must(zabc_new(&c, &conf));
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    zk_assert(link_adopt(c, ends[0]));
    ask(c);
    if ((data[0] & 4) == 0)
        greet(c, (data[0] & 8) != 0);
    /* Twice: the handshake leaves first, then the requests. */
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    (void)event_base_loop(base, EVLOOP_NONBLOCK);
    feed(c, data + 1, size - 1);
    zabc_free(c);
    for (unsigned i = 0; i < asked_count; i++)
        zk_assert(answers[i] == 1);
    (void)close(ends[1]);
    event_base_free(base);
    return 0;
}
