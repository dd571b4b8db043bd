#include "server/tree/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "util/check.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_POISON 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISON 1
#endif
#endif

#ifdef ARENA_POISON
#include <sanitizer/asan_interface.h>
#define arena_poison(at, len)   __asan_poison_memory_region(at, len)
#define arena_unpoison(at, len) __asan_unpoison_memory_region(at, len)
#else
#define arena_poison(at, len)   ((void)(at), (void)(len))
#define arena_unpoison(at, len) ((void)(at), (void)(len))
#endif

#define CHUNK_BYTES ((size_t)ARENA_CHUNK_UNITS * ARENA_UNIT)
#define RESERVE_MAX ((uint64_t)1 << 35) /* 2^32 units. */
#define RESERVE_MIN ((size_t)16 << 20)
#define CELL_BYTES  sizeof(void *)
#define COMMIT_MIN  ((size_t)1 << 20)
#define COMMIT_MAX  ((size_t)64 << 20)
#define CHUNK_HEAD  sizeof(struct arena_chunk)

/* 32 GB where the machine has the address space. A limit on it (ulimit -v) is shared
 * with everything else in the process, hence a quarter. */
static size_t reserve_limit(void)
{
    struct rlimit limit;
    uint64_t max = RESERVE_MAX;

    if (max > SIZE_MAX / 4)
        max = SIZE_MAX / 4;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur / 4 < max)
        max = limit.rlim_cur / 4;
    return (size_t)max / CHUNK_BYTES * CHUNK_BYTES;
}

/* Address space without memory: no overcommit setting counts it. */
static void *reserve(size_t size)
{
    void *at = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at != MAP_FAILED ? at : NULL;
}

int arena_init(struct arena *a)
{
    *a = (struct arena){ .chunk_count = 1 };
    list_init(&a->big);
    for (size_t size = reserve_limit(); size >= RESERVE_MIN && a->base == NULL;
         size = size / 2 / CHUNK_BYTES * CHUNK_BYTES) {
        a->base = reserve(size);
        a->reserved = size;
    }
    if (a->base == NULL)
        return -ENOMEM;
    a->chunk_limit = (uint32_t)(a->reserved / CHUNK_BYTES);

    /* The table of chunks is small (0.04 %) and its untouched pages cost nothing. */
    size_t table = a->chunk_limit * CHUNK_HEAD;
    void *at = mmap(NULL, table, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED) {
        (void)munmap(a->base, a->reserved);
        return -ENOMEM;
    }
    a->chunks = at;
    a->committed = 1;
    return 0;
}

void arena_done(struct arena *a)
{
    if (a->base == NULL)
        return;
    list_each_safe(link, &a->big)
    {
        free(link);
    }
    arena_unpoison(a->base, (size_t)a->committed * CHUNK_BYTES);
    (void)munmap(a->base, a->reserved);
    (void)munmap(a->chunks, a->chunk_limit * CHUNK_HEAD);
    *a = (struct arena){ 0 };
}

/* ---- Size classes. */

static unsigned class_of(size_t size)
{
    if (size <= (size_t)ARENA_STEP_UNITS_MAX * ARENA_UNIT)
        return (unsigned)((size - 1) / ARENA_UNIT);
    if (size <= 2048) /* Steps of 128 bytes. */
        return ARENA_STEP_UNITS_MAX + (unsigned)((size - 1024 - 1) / 128);
    return ARENA_STEP_UNITS_MAX + 8 + (unsigned)((size - 2048 - 1) / 256);
}

static size_t class_units(unsigned class_at)
{
    if (class_at < ARENA_STEP_UNITS_MAX)
        return class_at + 1;
    if (class_at < ARENA_STEP_UNITS_MAX + 8)
        return (1024 + (class_at - ARENA_STEP_UNITS_MAX + (size_t)1) * 128) / ARENA_UNIT;
    return (2048 + (class_at - ARENA_STEP_UNITS_MAX - 8 + (size_t)1) * 256) / ARENA_UNIT;
}

/* ---- Chunks. */

static void *chunk_at(const struct arena *a, uint32_t chunk)
{
    return a->base + chunk * CHUNK_BYTES;
}

static void chunk_push(struct arena *a, uint32_t *head, uint32_t chunk)
{
    a->chunks[chunk].prev = 0;
    a->chunks[chunk].next = *head;
    if (*head != 0)
        a->chunks[*head].prev = chunk;
    *head = chunk;
}

static void chunk_unlink(struct arena *a, uint32_t *head, uint32_t chunk)
{
    struct arena_chunk *c = &a->chunks[chunk];

    if (c->prev != 0)
        a->chunks[c->prev].next = c->next;
    else
        *head = c->next;
    if (c->next != 0)
        a->chunks[c->next].prev = c->prev;
}

/* Makes more of the reservation usable: an eighth of what there is, so that large
 * trees do not ask the system often and small ones do not ask for much. */
static void commit_more(struct arena *a)
{
    size_t step = (size_t)a->committed * CHUNK_BYTES / 8;

    if (step < COMMIT_MIN)
        step = COMMIT_MIN;
    if (step > COMMIT_MAX)
        step = COMMIT_MAX;

    uint32_t more = (uint32_t)(step / CHUNK_BYTES);

    if (more > a->chunk_limit - a->committed)
        more = a->chunk_limit - a->committed;

    void *at = chunk_at(a, a->committed);

    if (more == 0 || mprotect(at, more * CHUNK_BYTES, PROT_READ | PROT_WRITE) != 0)
        zk_assert_failed("no memory left for the tree", __FILE__, __LINE__);
    arena_poison(at, more * CHUNK_BYTES);
    a->committed += more;
}

static uint32_t take_chunk(struct arena *a)
{
    uint32_t chunk;

    if (a->stock != 0) {
        chunk = a->stock;
        chunk_unlink(a, &a->stock, chunk);
        a->stock_count--;
        return chunk;
    }
    if (a->spare != 0) {
        chunk = a->spare;
        chunk_unlink(a, &a->spare, chunk);
        return chunk;
    }
    if (a->chunk_count == a->committed)
        commit_more(a);
    return a->chunk_count++;
}

static uint32_t new_chunk(struct arena *a, unsigned class_at)
{
    uint32_t chunk = take_chunk(a);

    a->chunks[chunk] = (struct arena_chunk){
        .blocks = (uint16_t)(ARENA_CHUNK_UNITS / class_units(class_at)),
        .class_at = (uint8_t)class_at,
    };
    chunk_push(a, &a->with_room[class_at], chunk);
    a->live_chunks++;
    return chunk;
}

static void drop_chunk(struct arena *a, uint32_t chunk)
{
    chunk_unlink(a, &a->with_room[a->chunks[chunk].class_at], chunk);
    a->live_chunks--;
    if (a->stock_count < ARENA_STOCK_MAX) {
        chunk_push(a, &a->stock, chunk);
        a->stock_count++;
    } else {
        (void)madvise(chunk_at(a, chunk), CHUNK_BYTES, MADV_DONTNEED);
        chunk_push(a, &a->spare, chunk);
    }
}

/* ---- Blocks. */

static uint32_t alloc_direct(struct arena *a, size_t size)
{
    unsigned class_at = class_of(size);
    uint32_t chunk = a->with_room[class_at];

    if (__builtin_expect(chunk == 0, 0))
        chunk = new_chunk(a, class_at);

    struct arena_chunk *c = &a->chunks[chunk];
    size_t units = class_units(class_at);
    uint32_t handle = c->free;

    if (handle != 0) {
        arena_unpoison(arena_at(a, handle), units * ARENA_UNIT);
        c->free = *(uint32_t *)arena_at(a, handle);
    } else {
        handle = (uint32_t)(chunk * (size_t)ARENA_CHUNK_UNITS + c->carved * units);
        arena_unpoison(arena_at(a, handle), units * ARENA_UNIT);
        c->carved++;
    }
    c->used++;
    if (c->free == 0 && c->carved == c->blocks)
        chunk_unlink(a, &a->with_room[class_at], chunk);
    return handle;
}

static void free_direct(struct arena *a, uint32_t handle)
{
    uint32_t chunk = handle / ARENA_CHUNK_UNITS;
    struct arena_chunk *c = &a->chunks[chunk];
    uint32_t *head = &a->with_room[c->class_at];

    zk_assert(c->used > 0);
    if (c->free == 0 && c->carved == c->blocks)
        chunk_push(a, head, chunk);
    *(uint32_t *)arena_at(a, handle) = c->free;
    arena_poison(arena_at(a, handle), class_units(c->class_at) * ARENA_UNIT);
    c->free = handle;
    c->used--;
    /* The last chunk of a class stays, lest one block that comes and goes churn. */
    if (c->used == 0 && (c->next != 0 || *head != chunk))
        drop_chunk(a, chunk);
}

uint32_t arena_alloc(struct arena *a, size_t size)
{
    zk_assert(size > 0);
    if (__builtin_expect(size <= ARENA_DIRECT_MAX, 1))
        return alloc_direct(a, size);

    uint32_t cell = alloc_direct(a, CELL_BYTES);
    struct list *link = zk_xmalloc(sizeof *link + size);

    list_append(&a->big, link);
    *(void **)arena_at(a, cell) = link + 1;
    a->big_bytes += size;
    return cell;
}

void arena_free(struct arena *a, uint32_t handle, size_t size)
{
    zk_assert(handle != 0);
    if (size > ARENA_DIRECT_MAX) {
        struct list *link = (struct list *)*(void **)arena_at(a, handle) - 1;

        list_remove(link);
        free(link);
        a->big_bytes -= size;
    }
    free_direct(a, handle);
}

size_t arena_memory(const struct arena *a)
{
    return (a->live_chunks + a->stock_count) * CHUNK_BYTES + a->big_bytes +
           a->chunk_count * CHUNK_HEAD;
}
