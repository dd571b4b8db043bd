/* jute/opcodes: numbers that clients rely on, and their names. */
#include "jute/opcodes.h"

#include "tests/unit/test_jute_hex.h"

START_TEST(numbers_have_the_names_of_the_protocol)
{
    ck_assert_str_eq(zk_op_name(1), "create");
    ck_assert_str_eq(zk_op_name(107), "whoAmI");
    ck_assert_str_eq(zk_op_name(-10), "createSession");
    ck_assert_str_eq(zk_op_name(-11), "closeSession");
    ck_assert_str_eq(zk_err_name(0), "Ok");
    ck_assert_str_eq(zk_err_name(-101), "NoNode");
    ck_assert_str_eq(zk_err_name(-127), "ThrottledOp");
}
END_TEST

START_TEST(unassigned_numbers_have_no_name)
{
    const int32_t no_ops[] = { 10, 23, 99, 108, -2, INT32_MAX, INT32_MIN };
    const int no_errs[] = { -9, -10, -11, -104, -107, -109, -116, -117, -126, -128, 1, INT32_MIN };

    for (size_t i = 0; i < sizeof no_ops / sizeof *no_ops; i++)
        ck_assert_str_eq(zk_op_name(no_ops[i]), "unknown");
    for (size_t i = 0; i < sizeof no_errs / sizeof *no_errs; i++)
        ck_assert_str_eq(zk_err_name(no_errs[i]), "unknown");
}
END_TEST

START_TEST(the_permission_bits_make_up_all)
{
    ck_assert_int_eq(ZK_PERM_READ | ZK_PERM_WRITE | ZK_PERM_CREATE | ZK_PERM_DELETE | ZK_PERM_ADMIN,
                     ZK_PERM_ALL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jute opcodes");
    TCase *numbers = tcase_create("numbers");

    tcase_add_test(numbers, numbers_have_the_names_of_the_protocol);
    tcase_add_test(numbers, unassigned_numbers_have_no_name);
    tcase_add_test(numbers, the_permission_bits_make_up_all);
    suite_add_tcase(suite, numbers);
    return test_run(suite);
}
