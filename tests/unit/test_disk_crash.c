/* server/disk: a process that ends at any call of a truncation, of a reset or of the saving of an
 * epoch leaves a directory that starts, with a history that there was: the old one, the new one, or
 * what lies between them. */
#include "tests/unit/test_disk_lib.h"

enum { LAST = 20, CUT = 10, CALLS_MAX = 500 };

/* How a child ends. */
enum { CHILD_DONE = 0, CHILD_FAILED = 1, CHILD_NOT_HIT = 9, CHILD_WRONG = 10 };

static struct rig_dir before; /* What each trial begins with. */
static uint64_t digests[LAST + 1];
static char why[STORE_WHY_MAX];

struct trial {
    void (*run)(struct box *b);
    /* Whether a start may find this. */
    bool (*is_allowed)(zk_zxid zxid, uint64_t digest);
    zk_zxid end; /* Where it comes to when nothing fails. */
};

/* History 1:1 … 1:20 with snapshots now and then, and epochs. */
static void setup(void)
{
    struct disk_conf conf = box_conf(6);
    struct box b = { .saved = 0 };

    fault_reset();
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(log_open("/dev/null"), 0); /* They all say that they failed. */
    rig_dir_init(&b.dir);
    ck_assert_msg(box_start(&b, &conf) == 0, "%s", b.why);
    box_write(&b, EPOCH(1) + 1, LAST);
    disk_save_accepted(&b.disk, 1);
    disk_save_current(&b.disk, 1);
    box_stop(&b);
    before = b.dir;
    for (uint32_t i = 0; i <= LAST; i++)
        digests[i] = digest_at(i);
}

static void teardown(void)
{
    rig_dir_done(&before);
}

/* ---- Trials. */

static void truncate_with_reload(struct box *b)
{
    struct state reload;

    if (disk_truncate(&b->disk, EPOCH(1) + CUT, &reload) != 0)
        _exit(CHILD_WRONG);
    state_done(&b->state);
    b->state = reload;
}

/* Memory has less than the log: as on a learner with open proposals. */
static void truncate_tail(struct box *b)
{
    struct wal_batch *tail = rig_batch(EPOCH(1) + LAST + 1, 5, 50);

    disk_append(&b->disk, tail);
    if (disk_truncate(&b->disk, EPOCH(1) + LAST, NULL) != 0)
        _exit(CHILD_WRONG);
}

static bool is_between(zk_zxid zxid, uint64_t digest)
{
    return zxid >= EPOCH(1) + CUT && zxid <= EPOCH(1) + LAST && digests[zxid - EPOCH(1)] == digest;
}

static bool is_tail(zk_zxid zxid, uint64_t digest)
{
    return zxid >= EPOCH(1) + LAST && zxid <= EPOCH(1) + LAST + 5 &&
           digest_at((uint32_t)(zxid - EPOCH(1))) == digest;
}

static void replace(struct box *b, void (*fill)(struct state *s))
{
    struct state s;

    disk_empty_state(&b->disk, &s);
    fill(&s);
    state_done(&b->state);
    b->state = s;
    disk_save_snapshot(&b->disk);
    box_settle(b);
    if (b->saved != 1)
        _exit(CHILD_WRONG);
}

static void fill_foreign(struct state *s)
{
    apply_range(s, EPOCH(1) + 100, 30);
    apply_range(s, EPOCH(2) + 1, 7);
}

static void take_foreign_state(struct box *b)
{
    replace(b, fill_foreign);
}

static bool is_old_or_foreign(zk_zxid zxid, uint64_t digest)
{
    struct disk_conf conf = box_conf(1000);
    struct state s;
    bool is_same;

    if (zxid == EPOCH(1) + LAST && digest == digests[LAST])
        return true;
    zk_assert(tree_new(&s.tree, &conf.recover.tree) == 0);
    s.sessions = session_book_new(1);
    fill_foreign(&s);
    is_same = zxid == EPOCH(2) + 7 && digest == tree_digest(s.tree);
    state_done(&s);
    return is_same;
}

/* The leader never had what we have behind 1:10. */
static void fill_older(struct state *s)
{
    apply_range(s, EPOCH(1) + 1, CUT);
}

static void take_older_state(struct box *b)
{
    replace(b, fill_older);
}

/* ---- Running them. */

static int wait_for(pid_t child)
{
    int status = 0;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "a child was killed: status %d", status);
    return WEXITSTATUS(status);
}

/* In a child: the call behind `count` good ones fails, and the disk ends the process. */
static int run_child(struct rig_dir *dir, const struct trial *t, enum fault_call call,
                     unsigned count)
{
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child > 0)
        return wait_for(child);

    struct disk_conf conf = box_conf(1000);
    struct box b = { .dir = *dir };

    if (box_start(&b, &conf) != 0)
        _exit(CHILD_WRONG);
    fault_reset();
    fault_after(call, count, EIO, false);
    t->run(&b);

    bool was_hit = fault_count(call) > count;

    fault_reset();
    _exit(was_hit ? CHILD_DONE : CHILD_NOT_HIT);
}

/* The server starts again, and what failed is done again. */
static void do_again(struct rig_dir *dir, const struct trial *t)
{
    struct disk_conf conf = box_conf(1000);
    struct box b = { .dir = *dir };
    zk_zxid zxid = 0;
    uint64_t digest = 0;

    ck_assert_msg(box_start(&b, &conf) == 0, "%s", b.why);
    if (t->run == truncate_tail && b.report.zxid > t->end) { /* Now memory has it. */
        struct state reload;

        ck_assert_int_eq(disk_truncate(&b.disk, t->end, &reload), 0);
        state_done(&b.state);
        b.state = reload;
    }
    t->run(&b);
    box_write(&b, EPOCH(7) + 1, 2);
    digest = tree_digest(b.state.tree);
    box_stop(&b);
    *dir = b.dir;

    uint64_t got = 0;

    ck_assert_msg(box_look(dir, &zxid, &got, why) == 0, "%s", why);
    ck_assert_int_eq(zxid, EPOCH(7) + 2);
    ck_assert_uint_eq(got, digest);
}

static int try_one(const struct trial *t, enum fault_call call, unsigned count)
{
    struct rig_dir dir;
    zk_zxid zxid = 0;
    uint64_t digest = 0;
    int how;

    rig_dir_init(&dir);
    rig_dir_copy(&dir, before.dir);
    how = run_child(&dir, t, call, count);
    ck_assert_msg(how == CHILD_DONE || how == CHILD_FAILED || how == CHILD_NOT_HIT,
                  "call %d after %u: child ended with %d", (int)call, count, how);
    ck_assert_msg(box_look(&dir, &zxid, &digest, why) == 0, "call %d after %u: %s", (int)call,
                  count, why);
    ck_assert_msg(t->is_allowed(zxid, digest), "call %d after %u: 0x%" PRIx64, (int)call, count,
                  (uint64_t)zxid);
    if (how != CHILD_FAILED)
        ck_assert_int_eq(zxid, t->end);
    do_again(&dir, t);
    rig_dir_done(&dir);
    return how;
}

static void try_all(const struct trial *t, enum fault_call call)
{
    unsigned count = 0;

    while (try_one(t, call, count) != CHILD_NOT_HIT) {
        count++;
        ck_assert_uint_lt(count, CALLS_MAX);
    }
}

START_TEST(a_truncation_that_ends_anywhere_leaves_a_prefix)
{
    struct trial t = { truncate_with_reload, is_between, EPOCH(1) + CUT };

    try_all(&t, (enum fault_call)_i);
}
END_TEST

START_TEST(a_cut_tail_that_ends_anywhere_leaves_a_prefix)
{
    struct trial t = { truncate_tail, is_tail, EPOCH(1) + LAST };

    try_all(&t, (enum fault_call)_i);
}
END_TEST

START_TEST(a_reset_that_ends_anywhere_leaves_the_old_or_the_new)
{
    struct trial t = { take_foreign_state, is_old_or_foreign, EPOCH(2) + 7 };

    try_all(&t, (enum fault_call)_i);
}
END_TEST

START_TEST(a_reset_to_an_older_state_leaves_a_prefix)
{
    struct trial t = { take_older_state, is_between, EPOCH(1) + CUT };

    try_all(&t, (enum fault_call)_i);
}
END_TEST

/* ---- Epochs. */

static void save_epochs(struct box *b)
{
    disk_save_accepted(&b->disk, 2);
    disk_save_current(&b->disk, 2);
}

START_TEST(an_epoch_is_the_old_or_the_new)
{
    struct trial t = { .run = save_epochs };
    int how = CHILD_FAILED;

    for (unsigned count = 0; how != CHILD_NOT_HIT; count++) {
        struct disk_conf conf = box_conf(1000);
        struct box b = { .saved = 0 };
        int64_t accepted = 0;
        int64_t current = 0;

        rig_dir_init(&b.dir);
        rig_dir_copy(&b.dir, before.dir);
        how = run_child(&b.dir, &t, (enum fault_call)_i, count);
        ck_assert(how == CHILD_FAILED || how == CHILD_NOT_HIT);
        ck_assert_int_eq(box_start(&b, &conf), 0);
        ck_assert_int_eq(disk_load_epochs(&b.disk, b.report.zxid, &accepted, &current, b.why), 0);
        ck_assert((accepted == 1 && current == 1) || (accepted == 2 && current >= 1));
        if (how == CHILD_NOT_HIT)
            ck_assert(accepted == 2 && current == 2);
        box_stop(&b);
        rig_dir_done(&b.dir);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("disk_crash");
    TCase *c = tcase_create("disk_crash");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, a_truncation_that_ends_anywhere_leaves_a_prefix, 0, FAULT_CALLS);
    tcase_add_loop_test(c, a_cut_tail_that_ends_anywhere_leaves_a_prefix, 0, FAULT_CALLS);
    tcase_add_loop_test(c, a_reset_that_ends_anywhere_leaves_the_old_or_the_new, 0, FAULT_CALLS);
    tcase_add_loop_test(c, a_reset_to_an_older_state_leaves_a_prefix, 0, FAULT_CALLS);
    tcase_add_loop_test(c, an_epoch_is_the_old_or_the_new, 0, FAULT_CALLS);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
