/* server/store/dirs: opening, locking, purging, small files. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/store/dirs.h"
#include "tests/lib/fault.h"
#include "tests/lib/store_rig.h"

static struct rig_dir dir;
static char data[RIG_PATH_MAX], logs[RIG_PATH_MAX];
static char why[STORE_WHY_MAX];

static void setup(void)
{
    fault_reset();
    rig_dir_init(&dir);
    (void)snprintf(data, sizeof data, "%.400s/data", dir.top);
    (void)snprintf(logs, sizeof logs, "%.400s/logs/deep", dir.top);
    why[0] = '\0';
}

static void teardown(void)
{
    rig_dir_done(&dir);
}

static int open_dirs(struct dirs *d, const char *log_dir, bool autocreate)
{
    struct dirs_conf conf = { .data_dir = data, .data_log_dir = log_dir, .autocreate = autocreate };

    return dirs_open(d, &conf, why);
}

static bool exists(const char *a, const char *b)
{
    char path[2 * RIG_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", a, b);
    return access(path, F_OK) == 0;
}

static void touch(const char *a, const char *b)
{
    char path[2 * RIG_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", a, b);

    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

static void make(const char *a, const char *b)
{
    char path[2 * RIG_PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", a, b);
    ck_assert(mkdir(path, 0700) == 0);
}

START_TEST(what_is_missing_is_made)
{
    struct dirs d;
    struct stat st;

    ck_assert_msg(open_dirs(&d, logs, true) == 0, "%s", why);
    ck_assert(exists(data, "version-2") && exists(logs, "version-2"));
    ck_assert_int_eq(stat(d.snap_dir, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(d.snap_dir[0], '/');
    dirs_done(&d);
    ck_assert_msg(open_dirs(&d, logs, false) == 0, "%s", why);
    dirs_done(&d);
}
END_TEST

START_TEST(relative_names_become_absolute)
{
    struct dirs d;
    struct dirs_conf conf = { .data_dir = "d", .data_log_dir = "./l", .autocreate = true };

    ck_assert_int_eq(chdir(dir.top), 0);
    ck_assert_msg(dirs_open(&d, &conf, why) == 0, "%s", why);
    ck_assert(strncmp(d.snap_dir, dir.top, strlen(dir.top)) == 0);
    ck_assert(exists(dir.top, "d/version-2") && exists(dir.top, "l/version-2"));
    dirs_done(&d);
}
END_TEST

START_TEST(without_autocreate_nothing_is_made)
{
    struct dirs d;

    ck_assert_int_eq(open_dirs(&d, data, false), -ENOENT);
    ck_assert_ptr_nonnull(strstr(why, "data/version-2"));
    ck_assert(!exists(dir.top, "data"));
}
END_TEST

START_TEST(directories_that_are_mixed_up_are_refused)
{
    struct dirs d;

    ck_assert_int_eq(open_dirs(&d, logs, true), 0);
    dirs_done(&d);
    touch(logs, "version-2/snapshot.5");
    ck_assert_int_eq(open_dirs(&d, logs, true), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "snapshot.5"));
    (void)snprintf(why, sizeof why, "%s/version-2/snapshot.5", logs);
    (void)unlink(why);
    touch(data, "version-2/log.5");
    ck_assert_int_eq(open_dirs(&d, logs, true), -EINVAL);
    ck_assert_ptr_nonnull(strstr(why, "log.5"));
    ck_assert_msg(open_dirs(&d, data, true) == 0, "%s", why); /* One directory may have both. */
    dirs_done(&d);
}
END_TEST

START_TEST(nothing_is_written_before_every_check_passed)
{
    struct dirs d;

    make(dir.top, "data");
    make(data, "version-2");
    touch(data, "version-2/log.5");
    ck_assert_int_eq(open_dirs(&d, logs, true), -EINVAL);
    ck_assert(!exists(dir.top, "logs"));
    ck_assert(!exists(data, "version-2/zabd.lock"));
}
END_TEST

START_TEST(files_instead_of_directories_are_refused)
{
    struct dirs d;

    touch(dir.top, "data");
    ck_assert_int_lt(open_dirs(&d, data, true), 0);
    ck_assert_ptr_nonnull(strstr(why, "data"));
    (void)unlink(data);
    make(dir.top, "data");
    touch(data, "version-2");
    ck_assert_int_eq(open_dirs(&d, data, true), -ENOTDIR);
    ck_assert_ptr_nonnull(strstr(why, "version-2: is not a directory"));
}
END_TEST

START_TEST(directories_that_may_not_be_written_are_refused)
{
    struct dirs d;

    if (geteuid() == 0) /* Root may do anything: become somebody. */
        ck_assert(chown(dir.top, 65534, 65534) == 0 && seteuid(65534) == 0);
    make(dir.top, "data");
    make(data, "version-2");
    ck_assert_int_eq(chmod(data, 0500), 0);
    ck_assert_msg(open_dirs(&d, data, true) == 0, "%s", why); /* version-2 is there already. */
    dirs_done(&d);
    (void)snprintf(why, sizeof why, "%s/version-2", data);
    ck_assert_int_eq(chmod(why, 0500), 0);
    ck_assert_int_eq(open_dirs(&d, data, true), -EACCES);
    ck_assert_ptr_nonnull(strstr(why, "version-2: cannot be read and written"));
    ck_assert(!exists(data, "version-2/zabd.lock"));
    ck_assert_int_eq(open_dirs(&d, logs, true), -EACCES);
    ck_assert(!exists(dir.top, "logs"));
    (void)snprintf(why, sizeof why, "%s/version-2", data);
    ck_assert_int_eq(rmdir(why), -1);
    ck_assert_int_eq(chmod(data, 0700), 0);
    ck_assert_int_eq(rmdir(why), 0);
    ck_assert_int_eq(chmod(data, 0500), 0);
    ck_assert_int_eq(open_dirs(&d, data, true), -EACCES); /* It cannot be made. */
    ck_assert_int_eq(chmod(data, 0700), 0);
    if (getuid() == 0) /* LeakSanitizer wants to look into its own process. */
        ck_assert(seteuid(0) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
}
END_TEST

/* Runs in a child, since a process does not lock itself out. */
static int open_in_child(const char *log_dir)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct dirs d;
        int r = open_dirs(&d, log_dir, true);
        char want[32];

        (void)snprintf(want, sizeof want, "process %ld", (long)getppid());
        _exit(r == -EAGAIN && strstr(why, want) != NULL ? 1 : r == 0 ? 0 : 2);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

START_TEST(a_second_process_is_kept_out_and_told_by_whom)
{
    struct dirs d;
    char other[RIG_PATH_MAX];

    ck_assert_int_eq(open_dirs(&d, logs, true), 0);
    ck_assert_int_eq(open_in_child(logs), 1);
    (void)snprintf(other, sizeof other, "%s", data);
    (void)snprintf(data, sizeof data, "%.400s/third", dir.top);
    ck_assert_int_eq(open_in_child(logs), 1); /* Shares the log directory only. */
    memcpy(data, other, sizeof data);
    dirs_done(&d);
    ck_assert(!exists(data, "version-2/zabd.lock"));
    ck_assert_int_eq(open_in_child(logs), 0);
    /* The child ended without tidying up: its lock is gone, its file is not. */
    ck_assert(exists(data, "version-2/zabd.lock"));
    ck_assert_msg(open_dirs(&d, logs, true) == 0, "%s", why);
    ck_assert_int_eq(open_in_child(logs), 1);
    dirs_done(&d);
    ck_assert(exists(data, "version-2/zabd.lock")); /* Not made by us. */
}
END_TEST

START_TEST(temporary_snapshots_go_when_asked)
{
    struct dirs d;

    ck_assert_int_eq(open_dirs(&d, data, true), 0);
    touch(d.snap_dir, ".tmp-snapshot.5");
    touch(d.snap_dir, "snapshot.5.tmp");
    dirs_remove_temps(&d);
    ck_assert(!exists(d.snap_dir, ".tmp-snapshot.5") && exists(d.snap_dir, "snapshot.5.tmp"));
    dirs_done(&d);
}
END_TEST

/* ---- Purge. */

static struct dirs sample(void)
{
    struct bytes b;

    rig_dir_copy(&dir, TEST_DATA_DIR "/samples/data/version-2");
    rig_dir_copy(&dir, TEST_DATA_DIR "/samples/compressed/gz/version-2");
    rig_read(&dir, "snapshot.0", &b);
    rig_write(&dir, "zabd.index.1", b.at, 10);
    rig_write(&dir, "zabd.index.36", b.at, 10);
    bytes_done(&b);
    return rig_dirs(&dir);
}

START_TEST(purge_keeps_three_snapshots_and_the_logs_behind_them)
{
    struct dirs d = sample();
    struct bytes b;

    ck_assert_msg(dirs_purge(&d, 1, NULL, why) == 1, "%s", why); /* At least three are kept. */
    ck_assert(!rig_exists(&dir, "snapshot.0") && rig_exists(&dir, "snapshot.34"));
    ck_assert(rig_exists(&dir, "log.1") && rig_exists(&dir, "zabd.index.1"));
    ck_assert_int_eq(dirs_purge(&d, 3, NULL, why), 0);

    rig_read(&dir, "snapshot.6b.gz", &b);
    rig_write(&dir, "snapshot.6c.gz", b.at, b.len);
    bytes_done(&b);
    ck_assert_int_eq(dirs_purge(&d, 3, NULL, why), 2);
    ck_assert(!rig_exists(&dir, "snapshot.34") && !rig_exists(&dir, "log.1"));
    ck_assert(!rig_exists(&dir, "zabd.index.1") && rig_exists(&dir, "zabd.index.36"));
    ck_assert(rig_exists(&dir, "log.36") && rig_exists(&dir, "log.65"));
    ck_assert(rig_exists(&dir, "snapshot.63"));
}
END_TEST

START_TEST(purge_does_not_count_snapshots_that_are_damaged)
{
    struct dirs d = sample();

    rig_flip(&dir, "snapshot.63", 5000, 1); /* Passes the cheap test. */
    ck_assert_msg(dirs_purge(&d, 3, NULL, why) == 0, "%s", why);
    ck_assert(rig_exists(&dir, "snapshot.0") && rig_exists(&dir, "log.1"));
}
END_TEST

START_TEST(a_purge_that_is_cancelled_removes_nothing)
{
    struct dirs d = sample();
    const int cancel = 1;

    ck_assert_int_eq(dirs_purge(&d, 3, &cancel, why), -ECANCELED);
    ck_assert(rig_exists(&dir, "snapshot.0"));
}
END_TEST

START_TEST(purge_leaves_what_it_does_not_know)
{
    struct dirs d = sample();

    rig_write(&dir, "log.old", "x", 1);
    rig_write(&dir, "snapshot.keepme", "x", 1);
    rig_write(&dir, "currentEpoch", "1", 1);
    ck_assert_int_eq(dirs_purge(&d, 3, NULL, why), 1);
    ck_assert(rig_exists(&dir, "log.old") && rig_exists(&dir, "snapshot.keepme"));
    ck_assert(rig_exists(&dir, "currentEpoch"));
}
END_TEST

START_TEST(purge_without_a_good_snapshot_does_nothing)
{
    struct dirs d = sample();

    rig_remove(&dir, "snapshot.0");
    rig_remove(&dir, "snapshot.34");
    rig_remove(&dir, "snapshot.6b.gz");
    rig_flip(&dir, "snapshot.63", 5000, 1);
    ck_assert_int_eq(dirs_purge(&d, 3, NULL, why), 0);
    ck_assert(rig_exists(&dir, "log.1"));
}
END_TEST

/* ---- Small files. */

START_TEST(epochs_are_written_whole_and_read_back)
{
    static const int64_t values[] = { 0, 1, 7, 4294967295, INT64_MAX, -1 };
    struct bytes b;
    int64_t got = 0;

    ck_assert_int_eq(epoch_read(dir.dir, "currentEpoch", &got), -ENOENT);
    ck_assert_int_eq(epoch_write(dir.dir, "currentEpoch", values[_i]), 0);
    ck_assert_int_eq(epoch_read(dir.dir, "currentEpoch", &got), 0);
    ck_assert_int_eq(got, values[_i]);
    ck_assert(!rig_exists(&dir, "currentEpoch.tmp"));
    rig_read(&dir, "currentEpoch", &b);
    ck_assert_int_ne(b.at[b.len - 1], '\n'); /* As ZooKeeper writes it. */
    bytes_done(&b);
}
END_TEST

START_TEST(epochs_with_a_line_end_are_read_and_others_refused)
{
    int64_t got = 0;

    rig_write(&dir, "e", "12\n", 3);
    ck_assert_int_eq(epoch_read(dir.dir, "e", &got), 0);
    ck_assert_int_eq(got, 12);
    rig_write(&dir, "e", "", 0);
    ck_assert_int_eq(epoch_read(dir.dir, "e", &got), -EBADMSG);
    rig_write(&dir, "e", "1x", 2);
    ck_assert_int_eq(epoch_read(dir.dir, "e", &got), -EBADMSG);
    rig_write(&dir, "e", "99999999999999999999", 20);
    ck_assert_int_eq(epoch_read(dir.dir, "e", &got), -EBADMSG);
}
END_TEST

START_TEST(a_failed_epoch_write_leaves_the_old_value)
{
    static const enum fault_call calls[] = { FAULT_PWRITE, FAULT_FSYNC, FAULT_RENAME };
    int64_t got = 0;

    ck_assert_int_eq(epoch_write(dir.dir, "acceptedEpoch", 5), 0);
    fault_reset();
    fault_after(calls[_i], 0, EIO, false);
    ck_assert_int_eq(epoch_write(dir.dir, "acceptedEpoch", 6), -EIO);
    ck_assert_int_eq(epoch_read(dir.dir, "acceptedEpoch", &got), 0);
    ck_assert_int_eq(got, 5);
    ck_assert_int_eq(epoch_write(dir.dir, "acceptedEpoch", 6), 0);
    ck_assert_int_eq(epoch_read(dir.dir, "acceptedEpoch", &got), 0);
    ck_assert_int_eq(got, 6);
    ck_assert_uint_eq(fault_count(FAULT_FSYNC), _i == 0 ? 2 : 3); /* File and directory. */
}
END_TEST

START_TEST(sizes_are_summed_through_all_levels)
{
    rig_write(&dir, "a", "12345", 5);
    make(dir.dir, "sub");
    rig_write(&dir, "sub/b", "123", 3);
    ck_assert_uint_eq(dirs_size(dir.dir), 8);
    ck_assert_uint_eq(dirs_size(dir.top), 8);
    ck_assert_uint_eq(dirs_size("/nonexistent"), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("dirs");
    TCase *c = tcase_create("dirs");
    SRunner *runner = srunner_create(s);

    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, what_is_missing_is_made);
    tcase_add_test(c, relative_names_become_absolute);
    tcase_add_test(c, without_autocreate_nothing_is_made);
    tcase_add_test(c, directories_that_are_mixed_up_are_refused);
    tcase_add_test(c, nothing_is_written_before_every_check_passed);
    tcase_add_test(c, files_instead_of_directories_are_refused);
    tcase_add_test(c, directories_that_may_not_be_written_are_refused);
    tcase_add_test(c, a_second_process_is_kept_out_and_told_by_whom);
    tcase_add_test(c, temporary_snapshots_go_when_asked);
    tcase_add_test(c, purge_keeps_three_snapshots_and_the_logs_behind_them);
    tcase_add_test(c, purge_does_not_count_snapshots_that_are_damaged);
    tcase_add_test(c, a_purge_that_is_cancelled_removes_nothing);
    tcase_add_test(c, purge_leaves_what_it_does_not_know);
    tcase_add_test(c, purge_without_a_good_snapshot_does_nothing);
    tcase_add_loop_test(c, epochs_are_written_whole_and_read_back, 0, 6);
    tcase_add_test(c, epochs_with_a_line_end_are_read_and_others_refused);
    tcase_add_loop_test(c, a_failed_epoch_write_leaves_the_old_value, 0, 3);
    tcase_add_test(c, sizes_are_summed_through_all_levels);
    suite_add_tcase(s, c);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
