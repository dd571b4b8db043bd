#include "jute/kinds.h"

/* One adapter a function: calling them through a cast pointer would be undefined. */
#define DEFINE_ADAPTERS(name, LIST)                                             \
    static void read_##name(struct jute_in *in, union jute_any_record *ret)     \
    {                                                                           \
        jute_read_##name(in, &ret->name);                                       \
    }                                                                           \
                                                                                \
    static size_t size_##name(const union jute_any_record *r)                   \
    {                                                                           \
        return jute_size_##name(&r->name);                                      \
    }                                                                           \
                                                                                \
    static void write_##name(struct bytes *out, const union jute_any_record *r) \
    {                                                                           \
        jute_write_##name(out, &r->name);                                       \
    }                                                                           \
                                                                                \
    static void print_##name(struct bytes *out, const union jute_any_record *r) \
    {                                                                           \
        jute_print_##name(out, &r->name);                                       \
    }

JUTE_RECORDS(DEFINE_ADAPTERS)

#define KIND(name, LIST) { #name, read_##name, size_##name, write_##name, print_##name },

const struct jute_record_kind jute_record_kinds[JUTE_KIND_COUNT] = { JUTE_RECORDS(KIND) };

const struct jute_record_kind *jute_record_kind_find(const char *name)
{
    for (size_t i = 0; i < JUTE_KIND_COUNT; i++)
        if (strcmp(jute_record_kinds[i].name, name) == 0)
            return &jute_record_kinds[i];
    return NULL;
}
