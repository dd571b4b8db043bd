/* One JSON object a line, written member by member. zabbench links jansson, too: no name here may
 * be one of its names. */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "jute/records.h"
#include "util/bytes.h"

struct json {
    struct bytes text;
    bool needs_comma;
};

void json_begin(struct json *j);
/* Closes the object and ends the line; the text is then whole. */
void json_end(struct json *j);

void json_str(struct json *j, const char *key, const char *value);
/* Ill-formed UTF-8 is repaired; len -1 is null. */
void json_bytes(struct json *j, const char *key, struct jute_bytes value);
void json_int(struct json *j, const char *key, int64_t value);
/* With `digits` behind the point; what is no finite number is null. */
void json_decimal(struct json *j, const char *key, double value, int digits);
void json_flag(struct json *j, const char *key, bool value);
void json_hex(struct json *j, const char *key, int64_t value);
/* Well-formed UTF-8 as KEY, anything else in base64 as KEY_base64. */
void json_data(struct json *j, const char *key, struct jute_bytes value);
void json_stat(struct json *j, const struct zk_stat *stat);

/* Brackets: of an array ('[') or an object ('{'). Inside of an array keys are NULL. */
void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);

/* Appends the standard padded form. */
void base64_write(struct bytes *out, struct jute_bytes data);
/* false: it is none. */
bool base64_read(struct bytes *out, const char *text);

#endif
