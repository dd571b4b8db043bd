/* Fuzz target of bench/compare: two results, between them a 0xff byte (which no JSON holds).
 *
 * Broken laws abort; a read beyond the bytes is AddressSanitizer's to find. The laws:
 *   - what is refused has a reason, of one line without control characters; what is read has none;
 *   - a result compared with itself has the ratio 1, or none;
 *   - table and JSON give the same ratio, and the JSON is one line that can be read. */
#include <stdlib.h>
#include <string.h>

#include "bench/compare.h"
#include "util/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEPARATOR = 0xff };

static json_t *read_one(const uint8_t *at, size_t len)
{
    struct bytes wrong = { 0 };
    char *exact = zk_xmalloc(len > 0 ? len : 1);

    if (len > 0)
        memcpy(exact, at, len);

    json_t *ret = compare_read(&wrong, exact, len);

    zk_assert((ret == NULL) == (wrong.len > 0));
    for (size_t i = 0; i < wrong.len; i++)
        zk_assert(wrong.at[i] >= ' ' && wrong.at[i] != 0x7f);
    free(exact);
    bytes_done(&wrong);
    return ret;
}

/* Returns the ratio. */
static double check_pair(const json_t *a, const json_t *b)
{
    struct bytes table = { 0 };
    struct bytes line = { 0 };
    double ret = compare_text(&table, a, b);
    double of_json = compare_json(&line, a, b);

    zk_assert(ret == of_json);
    zk_assert(table.len > 0 && table.at[table.len - 1] == '\n');
    zk_assert(memchr(line.at, '\n', line.len) == line.at + line.len - 1);

    json_t *read = json_loadb((const char *)line.at, line.len, JSON_REJECT_DUPLICATES, NULL);

    zk_assert(json_is_object(read));
    json_decref(read);
    bytes_done(&table);
    bytes_done(&line);
    return ret;
}

static void check_alone(const json_t *result)
{
    double ratio = check_pair(result, result);

    zk_assert(ratio == 0 || ratio == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *between = size > 0 ? memchr(data, SEPARATOR, size) : NULL;
    size_t first = between != NULL ? (size_t)(between - data) : size;
    json_t *a = read_one(data, first);
    json_t *b = between != NULL ? read_one(between + 1, size - first - 1) : NULL;

    if (a != NULL)
        check_alone(a);
    if (a != NULL && b != NULL)
        (void)check_pair(a, b);
    json_decref(a);
    json_decref(b);
    return 0;
}
