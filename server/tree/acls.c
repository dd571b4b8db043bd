/* ACL lists, each kept once. Lists are compared as they are encoded: the same ACLs in
 * another order are another list, as in ZK (storage-format 3.5). */
#include <stdlib.h>

#include "server/tree/state.h"

/* world:anyone:31, what TREE_ACL_OPEN stands for. */
static const uint8_t open_list[] = { 0,   0, 0, 31, 0, 0,   0,   5,   'w', 'o', 'r', 'l',
                                     'd', 0, 0, 0,  6, 'a', 'n', 'y', 'o', 'n', 'e' };

static uint64_t hash_of_id(const void *owner, uint32_t id)
{
    const struct tree *t = owner;

    return t->acls.at[id].hash;
}

static uint32_t *link_of_id(const void *owner, uint32_t id)
{
    const struct tree *t = owner;

    return &t->acls.at[id].next;
}

static const struct buckets_ops ops = { .hash = hash_of_id, .link = link_of_id };

int acls_init(struct acls *a, struct tree *t)
{
    a->count = 1;
    return buckets_init(&a->by_content, &ops, t, tree_nodes_max(t));
}

void acls_done(struct acls *a)
{
    for (uint32_t id = 1; id < a->count; id++)
        free(a->at[id].at);
    free(a->at);
    buckets_done(&a->by_content);
    *a = (struct acls){ 0 };
}

static bool is_list(const struct acl *acl, struct jute_vector list)
{
    return acl->at != NULL && acl->len == list.len && acl->count == list.count &&
           memcmp(acl->at, list.at, list.len) == 0;
}

static uint32_t new_id(struct acls *a)
{
    uint32_t id = a->free;

    if (id != 0) {
        a->free = a->at[id].next;
        return id;
    }
    if (a->count >= a->cap) {
        a->cap = a->cap * 2 + 8;
        a->at = zk_xrealloc(a->at, a->cap * sizeof *a->at);
    }
    zk_assert(a->count < INT32_MAX);
    return a->count++;
}

int32_t acls_intern(struct tree *t, struct jute_vector list)
{
    struct acls *a = &t->acls;

    if (list.count < 0)
        return TREE_ACL_OPEN;
    if (list.len == 0)
        list.at = open_list; /* Any address will do for no bytes. */
    if (a->last != 0 && is_list(&a->at[a->last], list))
        return a->last;

    uint64_t hash = name_hash(&t->hash, (uint64_t)list.count, list.at, list.len);
    uint32_t id = buckets_first(&a->by_content, hash);

    while (id != 0 && !is_list(&a->at[id], list))
        id = a->at[id].next;
    if (id == 0) {
        id = new_id(a);
        a->at[id] = (struct acl){
            .at = zk_xmalloc(list.len + 1), .len = list.len, .hash = hash, .count = list.count
        };
        memcpy(a->at[id].at, list.at, list.len);
        a->bytes += list.len;
        buckets_insert(&a->by_content, hash, id, &a->at[id].next);
    }
    a->last = (int32_t)id;
    return (int32_t)id;
}

void acls_retain(struct tree *t, int32_t id)
{
    if (id != TREE_ACL_OPEN)
        t->acls.at[id].refs++;
}

static void free_id(struct tree *t, uint32_t id)
{
    struct acls *a = &t->acls;
    struct acl *acl = &a->at[id];

    buckets_remove(&a->by_content, acl->hash, id);
    free(acl->at);
    a->bytes -= acl->len;
    *acl = (struct acl){ .next = a->free };
    a->free = id;
    if (a->last == (int32_t)id)
        a->last = 0;
}

void acls_release(struct tree *t, int32_t id)
{
    if (id != TREE_ACL_OPEN && --t->acls.at[id].refs == 0)
        free_id(t, (uint32_t)id);
}

void acls_sweep(struct tree *t)
{
    for (uint32_t id = 1; id < t->acls.count; id++)
        if (t->acls.at[id].at != NULL && t->acls.at[id].refs == 0)
            free_id(t, id);
}

struct jute_vector tree_acl(const struct tree *t, int32_t id)
{
    if (id == TREE_ACL_OPEN)
        return (struct jute_vector){ .at = open_list, .len = sizeof open_list, .count = 1 };
    zk_assert(id > 0 && (uint32_t)id < t->acls.count && t->acls.at[id].at != NULL);

    const struct acl *acl = &t->acls.at[id];

    return (struct jute_vector){ .at = acl->at, .len = acl->len, .count = acl->count };
}

void tree_each_acl(const struct tree *t,
                   void (*each)(void *ctx, int32_t id, struct jute_vector acls), void *ctx)
{
    for (uint32_t id = 1; id < t->acls.count; id++)
        if (t->acls.at[id].refs > 0)
            each(ctx, (int32_t)id, tree_acl(t, (int32_t)id));
}
