#include "tests/lib/frames.h"

#include <check.h>
#include <stdlib.h>

static struct bytes frame;

struct bytes *frame_begin(int32_t xid, int32_t op)
{
    struct request_header head = { .xid = xid, .type = op };

    bytes_done(&frame);
    jute_write_request_header(&frame, &head);
    return &frame;
}

bool frame_send(struct rig *r, size_t index)
{
    bool open = rig_frame(r, index, frame.at, frame.len);

    bytes_done(&frame);
    return open;
}

struct jute_vector open_acls(void)
{
    static const uint8_t list[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                  "anyone";

    return (struct jute_vector){ .at = list, .len = sizeof list - 1, .count = 1 };
}

static struct jute_bytes text(const char *s)
{
    return s == NULL ? (struct jute_bytes){ .len = -1 } : jute_text(s);
}

bool send_create(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path,
                 const char *data, int32_t flags)
{
    struct create_request req = {
        .path = text(path), .data = text(data), .acl = open_acls(), .flags = flags
    };

    jute_write_create_request(frame_begin(xid, op), &req);
    return frame_send(r, i);
}

bool send_delete(struct rig *r, size_t i, int32_t xid, const char *path, int32_t version)
{
    struct delete_request req = { .path = text(path), .version = version };

    jute_write_delete_request(frame_begin(xid, ZK_OP_DELETE), &req);
    return frame_send(r, i);
}

bool send_set(struct rig *r, size_t i, int32_t xid, const char *path, const char *data,
              int32_t version)
{
    struct set_data_request req = { .path = text(path), .data = text(data), .version = version };

    jute_write_set_data_request(frame_begin(xid, ZK_OP_SET_DATA), &req);
    return frame_send(r, i);
}

bool send_read(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path, bool watch)
{
    struct get_data_request req = { .path = text(path), .watch = watch };

    jute_write_get_data_request(frame_begin(xid, op), &req);
    return frame_send(r, i);
}

bool send_bare(struct rig *r, size_t i, int32_t xid, int32_t op)
{
    (void)frame_begin(xid, op);
    return frame_send(r, i);
}

bool send_path(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path)
{
    jute_write_str(frame_begin(xid, op), text(path));
    return frame_send(r, i);
}

bool next_reply(struct rig *r, size_t i, struct reply_header *head, struct jute_in *ret)
{
    *ret = rig_next(r, i);
    if (ret->at == NULL)
        return false;
    jute_read_reply_header(ret, head);
    ck_assert(!ret->bad);
    return true;
}

int32_t expect_reply(struct rig *r, size_t i, int32_t xid)
{
    struct reply_header head;
    struct jute_in in;

    ck_assert_msg(next_reply(r, i, &head, &in), "no reply to xid %d", xid);
    ck_assert_int_eq(head.xid, xid);
    return head.err;
}

void expect_event(struct rig *r, size_t i, int32_t type, const char *path)
{
    struct reply_header head;
    struct jute_in in;
    struct watcher_event ev;

    ck_assert_msg(next_reply(r, i, &head, &in), "no event for %s", path);
    ck_assert_int_eq(head.xid, ZK_XID_WATCH);
    jute_read_watcher_event(&in, &ev);
    ck_assert(!in.bad);
    ck_assert_int_eq(ev.type, type);
    ck_assert(jute_is_text(ev.path, path));
}

void expect_nothing(struct rig *r, size_t i)
{
    struct reply_header head;
    struct jute_in in;

    ck_assert(!next_reply(r, i, &head, &in));
}
