#include "server/order/changes.h"

#include <stdlib.h>

#include "util/check.h"
#include "util/hash.h"
#include "util/list.h"

enum { SLOTS_MIN = 256 };

struct pending_node {
    zk_zxid zxid; /* Of the last txn that changed it. */
    struct znode_raw raw;
    uint64_t digest;
    uint8_t *own_acl; /* Elements of its list where acl_id is OWN_ACL. */
    size_t own_acl_len;
    int32_t own_acl_count;
    int32_t acl_id;
    int32_t child_count;
    int32_t data_len;
    uint32_t content_crc;
    bool exists;
    bool counts;
};

struct change {
    struct change *hash_next;
    struct list in_age; /* Oldest zxid first. */
    uint64_t hash;
    struct pending_node n;
    uint32_t path_len;
    uint8_t path[];
};

/* How a change was before one step of a multi. */
struct undo {
    struct change *change;
    struct pending_node before;
    bool is_new; /* It was not there. */
};

struct changes {
    struct tree *tree;
    bool digest_on;
    uint64_t seed;
    uint64_t digest; /* Valid while something is pending; else the tree's. */
    struct change **slots;
    size_t slot_count; /* A power of two. */
    size_t count;
    size_t owned; /* Pending changes with an ephemeral owner. */
    struct list by_age;
    bool marked;
    uint64_t marked_digest;
    struct undo *undos;
    size_t undo_count, undo_cap;
    uint8_t **replaced_acls; /* Since the mark: freed when the multi is kept. */
    size_t replaced_count, replaced_cap;
};

/* The list that nearly every znode has. Not copied for each. */
static const uint8_t open_acl[] = "\0\0\0\x1f\0\0\0\x05world\0\0\0\x06"
                                  "anyone";
enum { OPEN_ACL_LEN = sizeof open_acl - 1 };

struct changes *changes_new(struct tree *tree, bool digest_on, uint64_t hash_seed)
{
    struct changes *c = zk_xcalloc(1, sizeof *c);

    c->tree = tree;
    c->digest_on = digest_on;
    c->seed = hash_seed;
    c->slot_count = SLOTS_MIN;
    c->slots = zk_xcalloc(c->slot_count, sizeof(struct change *));
    list_init(&c->by_age);
    return c;
}

static void own_acl_free(uint8_t *acl)
{
    if (acl != open_acl)
        free(acl);
}

static void change_free(struct change *ch)
{
    own_acl_free(ch->n.own_acl);
    free(ch);
}

struct changes *changes_free(struct changes *c)
{
    if (c == NULL)
        return NULL;
    list_each_safe(it, &c->by_age) change_free(list_entry(it, struct change, in_age));
    free(c->undos);
    free(c->replaced_acls);
    free(c->slots);
    free(c);
    return NULL;
}

static struct jute_bytes normal(struct jute_bytes path)
{
    return path.len == 0 ? jute_text("/") : path;
}

static uint64_t hash_of(const struct changes *c, struct jute_bytes path)
{
    return hash_bytes(c->seed, path.at, (size_t)path.len);
}

static struct change *find(const struct changes *c, struct jute_bytes path, uint64_t hash)
{
    struct change *ch = c->slots[hash & (c->slot_count - 1)];

    while (ch != NULL && (ch->hash != hash || ch->path_len != (uint32_t)path.len ||
                          memcmp(ch->path, path.at, ch->path_len) != 0))
        ch = ch->hash_next;
    return ch;
}

static void view_change(struct changes *c, struct change *ch, struct node_view *ret)
{
    *ret = (struct node_view){
        .change = ch,
        .exists = ch->n.exists,
        .counts = ch->n.counts,
        .child_count = ch->n.child_count,
        .data_len = ch->n.data_len,
        .content_crc = ch->n.content_crc,
        .raw = ch->n.raw,
        .acl_id = ch->n.acl_id,
        .digest = ch->n.digest,
    };
    if (ch->n.acl_id == OWN_ACL)
        ret->acls = (struct jute_vector){ .at = ch->n.own_acl,
                                          .len = ch->n.own_acl_len,
                                          .count = ch->n.own_acl_count };
    else if (ch->n.exists)
        ret->acls = tree_acl(c->tree, ch->n.acl_id);
}

static void view_znode(struct changes *c, struct jute_bytes path, const struct znode *n,
                       struct node_view *ret)
{
    ret->change = NULL;
    ret->exists = true;
    ret->counts = c->digest_on && digest_counts(path);
    ret->child_count = znode_child_count(c->tree, n);
    ret->data_len = znode_data(c->tree, n).len;
    ret->content_crc = znode_content_crc(n);
    znode_raw(c->tree, n, &ret->raw);
    ret->acl_id = znode_acl(n);
    ret->acls = tree_acl(c->tree, ret->acl_id);
    ret->digest = ret->counts ? digest_of(ret->content_crc, &ret->raw) : 0;
}

bool changes_view(struct changes *c, struct jute_bytes path, struct node_view *ret)
{
    path = normal(path);
    if (path.len < 0) {
        *ret = (struct node_view){ 0 };
        return false;
    }
    if (c->count > 0) {
        struct change *ch = find(c, path, hash_of(c, path));
        if (ch != NULL) {
            view_change(c, ch, ret);
            return ret->exists;
        }
    }
    const struct znode *n = tree_find(c->tree, path);
    if (n == NULL) {
        *ret = (struct node_view){ 0 };
        return false;
    }
    view_znode(c, path, n, ret);
    return true;
}

static void slots_double(struct changes *c)
{
    free(c->slots);
    c->slot_count *= 2;
    c->slots = zk_xcalloc(c->slot_count, sizeof(struct change *));
    list_each(it, &c->by_age)
    {
        struct change *ch = list_entry(it, struct change, in_age);
        struct change **slot = &c->slots[ch->hash & (c->slot_count - 1)];
        ch->hash_next = *slot;
        *slot = ch;
    }
}

static struct change *add(struct changes *c, struct jute_bytes path)
{
    struct change *ch = zk_xmalloc(sizeof *ch + (size_t)path.len);

    *ch = (struct change){ .hash = hash_of(c, path), .path_len = (uint32_t)path.len };
    memcpy(ch->path, path.at, ch->path_len);
    if (c->count >= c->slot_count)
        slots_double(c);
    struct change **slot = &c->slots[ch->hash & (c->slot_count - 1)];
    ch->hash_next = *slot;
    *slot = ch;
    list_init(&ch->in_age);
    c->count++;
    return ch;
}

static bool is_owned(const struct changes *c, const struct change *ch)
{
    return ch->n.exists && ch->n.raw.owner != 0 &&
           znode_kind_of(c->tree, ch->n.raw.owner) == ZNODE_EPHEMERAL;
}

static void drop(struct changes *c, struct change *ch)
{
    struct change **slot = &c->slots[ch->hash & (c->slot_count - 1)];

    while (*slot != ch)
        slot = &(*slot)->hash_next;
    *slot = ch->hash_next;
    list_remove(&ch->in_age);
    c->count--;
    c->owned -= is_owned(c, ch);
    change_free(ch);
}

static void remember(struct changes *c, struct change *ch, bool is_new)
{
    if (c->undo_count == c->undo_cap) {
        c->undo_cap = c->undo_cap * 2 + 16;
        c->undos = zk_xrealloc(c->undos, c->undo_cap * sizeof *c->undos);
    }
    struct undo *u = &c->undos[c->undo_count++];
    u->change = ch;
    u->is_new = is_new;
    u->before = ch->n;
}

static void replace_acl(struct changes *c, uint8_t *old)
{
    if (!c->marked) {
        own_acl_free(old);
        return;
    }
    if (old == NULL)
        return;
    if (c->replaced_count == c->replaced_cap) {
        c->replaced_cap = c->replaced_cap * 2 + 16;
        c->replaced_acls =
            zk_xrealloc(c->replaced_acls, c->replaced_cap * sizeof *c->replaced_acls);
    }
    c->replaced_acls[c->replaced_count++] = old;
}

static void take_acl(struct changes *c, struct pending_node *n, const struct node_view *now)
{
    if (now->acl_id == n->acl_id && n->own_acl == now->acls.at)
        return; /* As it was. */
    replace_acl(c, n->own_acl);
    n->own_acl = NULL;
    n->acl_id = now->acl_id;
    if (now->acl_id != OWN_ACL)
        return;
    n->own_acl_len = now->acls.len;
    n->own_acl_count = now->acls.count;
    if (now->acls.len == OPEN_ACL_LEN && memcmp(now->acls.at, open_acl, OPEN_ACL_LEN) == 0) {
        n->own_acl = (uint8_t *)(uintptr_t)open_acl; /* Never written through. */
        return;
    }
    n->own_acl = zk_xmalloc(now->acls.len + 1);
    memcpy(n->own_acl, now->acls.at, now->acls.len);
}

void changes_put(struct changes *c, zk_zxid zxid, struct jute_bytes path,
                 const struct node_view *was, struct node_view *now)
{
    struct change *ch = was->change;

    path = normal(path);
    if (c->count == 0)
        c->digest = tree_digest(c->tree);
    if (ch == NULL) {
        ch = add(c, path);
        if (c->marked)
            remember(c, ch, true);
    } else {
        if (c->marked)
            remember(c, ch, false);
        c->owned -= is_owned(c, ch);
    }
    now->counts = c->digest_on && digest_counts(path);
    now->digest = now->exists && now->counts ? digest_of(now->content_crc, &now->raw) : 0;
    c->digest += now->digest - (was->exists ? was->digest : 0);

    ch->n.zxid = zxid;
    ch->n.exists = now->exists;
    ch->n.counts = now->counts;
    ch->n.raw = now->raw;
    ch->n.digest = now->digest;
    ch->n.child_count = now->child_count;
    ch->n.data_len = now->data_len;
    ch->n.content_crc = now->content_crc;
    if (now->exists)
        take_acl(c, &ch->n, now);
    c->owned += is_owned(c, ch);
    list_remove(&ch->in_age);
    list_append(&c->by_age, &ch->in_age);
}

uint64_t changes_digest(const struct changes *c)
{
    return c->count > 0 ? c->digest : tree_digest(c->tree);
}

void changes_mark(struct changes *c)
{
    zk_assert(!c->marked);
    c->marked = true;
    c->marked_digest = changes_digest(c);
    c->undo_count = 0;
}

void changes_keep(struct changes *c)
{
    zk_assert(c->marked);
    c->marked = false;
    c->undo_count = 0;
    while (c->replaced_count > 0)
        own_acl_free(c->replaced_acls[--c->replaced_count]);
}

void changes_undo(struct changes *c)
{
    zk_assert(c->marked);
    c->marked = false;
    while (c->undo_count > 0) {
        const struct undo *u = &c->undos[--c->undo_count];
        struct change *ch = u->change;

        if (u->is_new) {
            drop(c, ch);
            continue;
        }
        c->owned -= is_owned(c, ch);
        if (ch->n.own_acl != u->before.own_acl)
            own_acl_free(ch->n.own_acl);
        /* Its place among the ages stays: it may be forgotten later than it could. */
        ch->n = u->before;
        c->owned += is_owned(c, ch);
    }
    c->replaced_count = 0; /* They are in use again. */
    c->digest = c->marked_digest;
}

void changes_applied(struct changes *c, zk_zxid zxid)
{
    list_each_safe(it, &c->by_age)
    {
        struct change *ch = list_entry(it, struct change, in_age);
        if (ch->n.zxid > zxid)
            break;
        drop(c, ch);
    }
}

struct change *changes_next_owned(struct changes *c, zk_session_id session, struct change *prev)
{
    if (c->owned == 0)
        return NULL;
    struct list *it = prev == NULL ? c->by_age.next : prev->in_age.next;
    for (; it != &c->by_age; it = it->next) {
        struct change *ch = list_entry(it, struct change, in_age);
        if (ch->n.raw.owner == session && is_owned(c, ch))
            return ch;
    }
    return NULL;
}

struct jute_bytes change_path(const struct change *ch)
{
    return (struct jute_bytes){ .at = ch->path, .len = (int32_t)ch->path_len };
}
