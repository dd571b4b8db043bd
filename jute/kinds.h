/* The records as data: for tests, fuzzing and tools that choose a record at run
 * time. The server itself calls the readers and writers by name. */
#ifndef JUTE_KINDS_H
#define JUTE_KINDS_H

#include "jute/records.h"

/* Room for any record. */
union jute_any_record {
#define JUTE_KIND_MEMBER(name, LIST) struct name name;
    JUTE_RECORDS(JUTE_KIND_MEMBER)
#undef JUTE_KIND_MEMBER
};

struct jute_record_kind {
    const char *name;
    void (*read)(struct jute_in *in, union jute_any_record *ret);
    size_t (*size)(const union jute_any_record *r);
    void (*write)(struct bytes *out, const union jute_any_record *r);
    void (*print)(struct bytes *out, const union jute_any_record *r);
};

enum {
#define JUTE_KIND_INDEX(name, LIST) JUTE_KIND_##LIST,
    JUTE_RECORDS(JUTE_KIND_INDEX)
#undef JUTE_KIND_INDEX
        JUTE_KIND_COUNT
};

/* In the order of JUTE_RECORDS: index with JUTE_KIND_SET_DATA_REQUEST and so on. */
extern const struct jute_record_kind jute_record_kinds[JUTE_KIND_COUNT];

/* NULL when there is no record of that name. */
const struct jute_record_kind *jute_record_kind_find(const char *name);

#endif
