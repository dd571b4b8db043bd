/* Lists of nodes by what ends them: the ephemerals of each session, and all that the
 * reaper may collect (containers and TTL nodes). A node is in one of them at most. */
#include "server/tree/state.h"
#include "util/hash.h"

/* What one call of tree_expired() looks at, at most: about a millisecond. */
enum { EXPIRING_LOOKS_MAX = 10000 };

static struct owner *owner_at(const struct tree *t, uint32_t handle)
{
    return arena_at(&t->arena, handle);
}

static uint64_t session_hash(const struct tree *t, zk_session_id session)
{
    return hash_u64(t->hash.s0, (uint64_t)session);
}

static uint64_t hash_of_handle(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;

    return session_hash(t, owner_at(t, handle)->session);
}

static uint32_t *link_of_handle(const void *owner, uint32_t handle)
{
    const struct tree *t = owner;

    return &owner_at(t, handle)->hash_next;
}

const struct buckets_ops owner_buckets_ops = { .hash = hash_of_handle, .link = link_of_handle };

static uint32_t find_owner(const struct tree *t, zk_session_id session)
{
    uint32_t at = buckets_first(&t->owners.by_session, session_hash(t, session));

    while (at != 0 && owner_at(t, at)->session != session)
        at = owner_at(t, at)->hash_next;
    return at;
}

struct owner *owner_of(const struct tree *t, zk_session_id session)
{
    uint32_t at = find_owner(t, session);

    return at != 0 ? owner_at(t, at) : NULL;
}

static struct owner *new_owner(struct tree *t, zk_session_id session)
{
    uint32_t handle = arena_alloc(&t->arena, sizeof(struct owner));
    struct owner *o = owner_at(t, handle);

    *o = (struct owner){ .session = session, .prev = t->owners.last };
    if (t->owners.last != 0)
        owner_at(t, t->owners.last)->next = handle;
    else
        t->owners.first = handle;
    t->owners.last = handle;
    buckets_insert(&t->owners.by_session, session_hash(t, session), handle, &o->hash_next);
    return o;
}

static void drop_owner(struct tree *t, struct owner *o)
{
    uint32_t handle = find_owner(t, o->session);

    if (o->prev != 0)
        owner_at(t, o->prev)->next = o->next;
    else
        t->owners.first = o->next;
    if (o->next != 0)
        owner_at(t, o->next)->prev = o->prev;
    else
        t->owners.last = o->prev;
    buckets_remove(&t->owners.by_session, session_hash(t, o->session), handle);
    arena_free(&t->arena, handle, sizeof *o);
}

/* ---- Nodes in their lists. */

static void chain_append(struct tree *t, uint32_t *first, uint32_t *last, uint32_t handle)
{
    struct znode_ext *ext = node_own_ext(t, node_of(t, handle));

    ext->list_next = 0;
    ext->list_prev = *last;
    if (*last != 0)
        node_own_ext(t, node_of(t, *last))->list_next = handle;
    else
        *first = handle;
    *last = handle;
}

static void chain_remove(struct tree *t, uint32_t *first, uint32_t *last, uint32_t handle)
{
    struct znode_ext *ext = node_own_ext(t, node_of(t, handle));

    if (ext->list_prev != 0)
        node_own_ext(t, node_of(t, ext->list_prev))->list_next = ext->list_next;
    else
        *first = ext->list_next;
    if (ext->list_next != 0)
        node_own_ext(t, node_of(t, ext->list_next))->list_prev = ext->list_prev;
    else
        *last = ext->list_prev;
}

static void enter_session(struct tree *t, uint32_t handle, zk_session_id session)
{
    struct owner *o = owner_of(t, session);

    if (o == NULL)
        o = new_owner(t, session);
    chain_append(t, &o->first, &o->last, handle);
    o->count++;
    t->ephemerals++;
}

static void leave_session(struct tree *t, uint32_t handle, zk_session_id session)
{
    struct owner *o = owner_of(t, session);

    zk_assert(o != NULL);
    chain_remove(t, &o->first, &o->last, handle);
    o->count--;
    t->ephemerals--;
    if (o->count == 0)
        drop_owner(t, o);
}

void owner_enter(struct tree *t, uint32_t handle)
{
    const struct znode_ext *ext = node_ext(t, node_of(t, handle));

    if (ext == NULL || ext->owner == 0)
        return;
    if (znode_kind_of(t, ext->owner) == ZNODE_EPHEMERAL)
        enter_session(t, handle, ext->owner);
    else
        chain_append(t, &t->expiring.first, &t->expiring.last, handle);
}

void owner_leave(struct tree *t, uint32_t handle)
{
    const struct znode_ext *ext = node_ext(t, node_of(t, handle));

    if (ext == NULL || ext->owner == 0)
        return;
    if (znode_kind_of(t, ext->owner) == ZNODE_EPHEMERAL) {
        leave_session(t, handle, ext->owner);
        return;
    }
    if (t->expiring.at == handle)
        t->expiring.at = ext->list_next;
    chain_remove(t, &t->expiring.first, &t->expiring.last, handle);
}

/* ---- Reading. */

struct znode *tree_first_ephemeral(const struct tree *t, zk_session_id session)
{
    const struct owner *o = owner_of(t, session);

    return o != NULL ? node_of(t, o->first) : NULL;
}

struct znode *tree_next_ephemeral(const struct tree *t, const struct znode *n)
{
    uint32_t next = node_own_ext(t, n)->list_next;

    return next != 0 ? node_of(t, next) : NULL;
}

uint64_t tree_ephemeral_count(const struct tree *t, zk_session_id session)
{
    const struct owner *o = owner_of(t, session);

    return o != NULL ? o->count : 0;
}

zk_session_id tree_next_owner(const struct tree *t, zk_session_id prev)
{
    const struct owner *o = prev != 0 ? owner_of(t, prev) : NULL;
    uint32_t next = prev == 0 ? t->owners.first : o != NULL ? o->next : 0;

    return next != 0 ? owner_at(t, next)->session : 0;
}

/* Age in ms; a clock that went back makes none. */
static bool is_older(int64_t now_ms, int64_t since_ms, int64_t age_ms)
{
    int64_t age;

    return !__builtin_sub_overflow(now_ms, since_ms, &age) && age > age_ms;
}

static bool is_expired(const struct tree *t, const struct znode *n, int64_t now_ms,
                       int64_t never_used_ms)
{
    const struct znode_ext *ext = node_own_ext(t, n);
    struct znode_raw raw;

    if (ext->child_count > 0)
        return false;
    if (ext->owner == ZNODE_CONTAINER_OWNER && ext->cversion > 0)
        return true;
    znode_raw(t, n, &raw);
    if (ext->owner == ZNODE_CONTAINER_OWNER)
        return never_used_ms != 0 && is_older(now_ms, raw.mtime, never_used_ms);
    return is_older(now_ms, raw.mtime, znode_ttl_ms_of(t, ext->owner));
}

bool tree_expired(struct tree *t, int64_t now_ms, int64_t never_used_ms, size_t max,
                  void (*each)(void *ctx, struct jute_bytes path), void *ctx)
{
    uint32_t at = t->expiring.at != 0 ? t->expiring.at : t->expiring.first;
    size_t found = 0;

    for (size_t looks = 0; at != 0 && found < max && looks < EXPIRING_LOOKS_MAX; looks++) {
        const struct znode *n = node_of(t, at);

        if (is_expired(t, n, now_ms, never_used_ms)) {
            t->path.len = 0;
            znode_path(t, n, &t->path);
            each(ctx, bytes_view(&t->path));
            found++;
        }
        at = node_own_ext(t, n)->list_next;
    }
    t->expiring.at = at;
    return at != 0;
}
