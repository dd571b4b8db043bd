/* For the tests of jute/records: vectors to fill records with. */
#ifndef TEST_JUTE_SAMPLES_H
#define TEST_JUTE_SAMPLES_H

#include "jute/opcodes.h"
#include "jute/records.h"
#include "tests/unit/test_jute_hex.h"

static struct bytes sample_strs, sample_acls, sample_ids, sample_txns;

#define SAMPLE_strs jute_vector_of(&sample_strs, 2)
#define SAMPLE_acls jute_vector_of(&sample_acls, 2)
#define SAMPLE_ids  jute_vector_of(&sample_ids, 1)
#define SAMPLE_txns jute_vector_of(&sample_txns, 1)

static inline void make_samples(void)
{
    jute_write_str(&sample_strs, jute_text("/a"));
    jute_write_str(&sample_strs, jute_text("/b"));
    jute_write_acl(&sample_acls, (struct jute_acl){ 31, jute_text("world"), jute_text("anyone") });
    jute_write_acl(&sample_acls,
                   (struct jute_acl){ 1, jute_text("digest"), jute_text("bob:AAA=") });
    jute_write_id(&sample_ids, (struct jute_id){ jute_text("ip"), jute_text("127.0.0.1") });
    jute_write_txn(&sample_txns, (struct jute_txn){ ZK_OP_DELETE, jute_text("1234") });
}

static inline void drop_samples(void)
{
    bytes_done(&sample_strs);
    bytes_done(&sample_acls);
    bytes_done(&sample_ids);
    bytes_done(&sample_txns);
}

#endif
