/* What the service costs a request, without sockets and disk: nanoseconds per getData,
 * setData, create, getChildren, and per watch notification. Not a test. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/rig.h"

enum { KEYS = 1000, ROUNDS = 20000, DEPTH = 16 };

static struct bytes frame;

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static const uint8_t acl[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                             "anyone";
static const uint8_t value[100];

static void build(int32_t op, const char *path, int32_t flags)
{
    struct request_header head = { .xid = 1, .type = op };
    struct jute_vector acls = { .at = acl, .len = sizeof acl - 1, .count = 1 };
    struct create_request create = { .path = jute_text(path),
                                     .data = { .at = value, .len = sizeof value },
                                     .acl = acls,
                                     .flags = flags };
    struct set_data_request set = { .path = create.path, .data = create.data, .version = -1 };
    struct get_data_request get = { .path = create.path };

    frame.len = 0;
    jute_write_request_header(&frame, &head);
    if (op == ZK_OP_CREATE)
        jute_write_create_request(&frame, &create);
    else if (op == ZK_OP_SET_DATA)
        jute_write_set_data_request(&frame, &set);
    else
        jute_write_get_data_request(&frame, &get);
}

static void run(struct rig *r, const char *name, int32_t op, const char *format, int32_t flags)
{
    char path[64];
    uint64_t spent = 0;
    uint64_t count = 0;

    for (int round = 0; round < ROUNDS; round++) {
        uint64_t t = now_ns();
        for (int i = 0; i < DEPTH; i++) {
            (void)snprintf(path, sizeof path, format, (round * 37 + i * 11) % KEYS);
            build(op, path, flags);
            (void)rig_frame(r, 0, frame.at, frame.len);
        }
        rig_turn(r);
        rig_drain(r, 0);
        spent += now_ns() - t;
        count += DEPTH;
    }
    printf("%-10s %7.0f ns\n", name, (double)spent / (double)count);
}

int main(void)
{
    struct rig *r = calloc(1, sizeof *r);
    char path[64];

    rig_init(r, NULL);
    rig_connect(r, 0, 40000);
    build(ZK_OP_CREATE, "/bench", 0);
    (void)rig_frame(r, 0, frame.at, frame.len);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(path, sizeof path, "/bench/k%08d", i);
        build(ZK_OP_CREATE, path, 0);
        (void)rig_frame(r, 0, frame.at, frame.len);
        rig_turn(r);
        rig_drain(r, 0);
    }
    run(r, "get", ZK_OP_GET_DATA, "/bench/k%08d", 0);
    run(r, "exists", ZK_OP_EXISTS, "/bench/k%08d", 0);
    run(r, "set", ZK_OP_SET_DATA, "/bench/k%08d", 0);
    run(r, "create", ZK_OP_CREATE, "/bench/k%08d/c-", 2);
    rig_done(r);
    free(r);
    return 0;
}
