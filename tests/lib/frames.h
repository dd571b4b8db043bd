/* Request frames for tests: each call fills one reused buffer. */
#ifndef TESTS_LIB_FRAMES_H
#define TESTS_LIB_FRAMES_H

#include "jute/opcodes.h"
#include "jute/records.h"
#include "tests/lib/rig.h"

/* Starts a frame with its header; append the record to it, then frame_send(). */
struct bytes *frame_begin(int32_t xid, int32_t op);
bool frame_send(struct rig *r, size_t index);

/* world:anyone:31 as a vector<ACL>. */
struct jute_vector open_acls(void);

bool send_create(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path,
                 const char *data, int32_t flags);
bool send_delete(struct rig *r, size_t i, int32_t xid, const char *path, int32_t version);
bool send_set(struct rig *r, size_t i, int32_t xid, const char *path, const char *data,
              int32_t version);
/* exists, getData, getChildren, getChildren2. */
bool send_read(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path, bool watch);
bool send_bare(struct rig *r, size_t i, int32_t xid, int32_t op);
bool send_path(struct rig *r, size_t i, int32_t xid, int32_t op, const char *path);

/* Reads the next frame's header; false when there is no frame. *ret is the rest. */
bool next_reply(struct rig *r, size_t i, struct reply_header *head, struct jute_in *ret);
/* The next frame must be the reply to xid; returns its err. */
int32_t expect_reply(struct rig *r, size_t i, int32_t xid);
void expect_event(struct rig *r, size_t i, int32_t type, const char *path);
void expect_nothing(struct rig *r, size_t i);

#endif
