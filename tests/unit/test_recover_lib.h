/* What the tests of server/state/recover share: a directory, and looking into it. */
#ifndef TESTS_UNIT_TEST_RECOVER_LIB_H
#define TESTS_UNIT_TEST_RECOVER_LIB_H

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "jute/records.h"
#include "server/state/recover.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

#define SAMPLE TEST_DATA_DIR "/samples/data/version-2"

/* Of expected.json. */
#define SAMPLE_ZXID   0x6b
#define SAMPLE_DIGEST UINT64_C(167557384710)
#define SAMPLE_NODES  82

static struct rig_dir dir;
static char why[STORE_WHY_MAX];
static struct state state;
static struct recover_report report;
static struct recover_conf conf;

static inline void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    conf =
        (struct recover_conf){ .tree = { .hash_seed = 1, .extended_types = true, .digest = true },
                               .db_autocreate = true };
    why[0] = '\0';
}

static inline void teardown(void)
{
    state_done(&state);
    rig_dir_done(&dir);
}

static inline void setup_sample(void)
{
    setup();
    rig_dir_copy(&dir, SAMPLE);
}

static inline int look(void)
{
    struct dirs d = rig_dirs(&dir);

    state_done(&state);
    return recover_read_only(&state, &report, &d, &conf, why);
}

static inline int open_it(void)
{
    struct dirs d = rig_dirs(&dir);

    state_done(&state);
    return recover(&state, &report, &d, &conf, why);
}

/* The state that the sample's server had in the end. */
static inline void is_full(void)
{
    struct tree_totals totals;
    int32_t timeout_ms;

    tree_totals(state.tree, &totals);
    ck_assert_int_eq(report.zxid, SAMPLE_ZXID);
    ck_assert_int_eq(tree_zxid(state.tree), SAMPLE_ZXID);
    ck_assert_uint_eq(tree_digest(state.tree), SAMPLE_DIGEST);
    ck_assert_uint_eq(totals.nodes, SAMPLE_NODES);
    ck_assert_uint_eq(report.digest_mismatches, 0);
    ck_assert_uint_eq(session_book_count(state.sessions), 2);
    ck_assert(session_book_get(state.sessions, 0x100000f4c8d0000, &timeout_ms));
    ck_assert_int_eq(timeout_ms, 40000);
    ck_assert(session_book_get(state.sessions, 0x100000f4c8d0003, &timeout_ms));
    ck_assert_int_eq(timeout_ms, 30000);
}

static inline void is_refused(const char *text)
{
    ck_assert_int_eq(look(), -EBADMSG);
    ck_assert_msg(strstr(why, text) != NULL, "\"%s\" is not in: %s", text, why);
    ck_assert_ptr_null(strchr(why, '\n'));
    ck_assert_ptr_null(state.tree);
}

#endif
