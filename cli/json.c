#include "cli/json.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "jute/utf8.h"

static void put(struct json *j, const char *text)
{
    bytes_put(&j->text, text, strlen(text));
}

static void put_quoted(struct bytes *out, const uint8_t *at, size_t len)
{
    bytes_printf(out, "\"");
    for (size_t i = 0; i < len; i++) {
        if (at[i] == '"' || at[i] == '\\')
            bytes_printf(out, "\\%c", at[i]);
        else if (at[i] < 0x20 || at[i] == 0x7f)
            bytes_printf(out, "\\u%04x", at[i]);
        else
            bytes_put(out, &at[i], 1);
    }
    bytes_printf(out, "\"");
}

static void begin_value(struct json *j, const char *key)
{
    if (j->needs_comma)
        put(j, ",");
    j->needs_comma = true;
    if (key == NULL)
        return;
    put_quoted(&j->text, (const uint8_t *)key, strlen(key));
    put(j, ":");
}

void json_begin(struct json *j)
{
    j->text.len = 0;
    j->needs_comma = false;
    put(j, "{");
}

void json_end(struct json *j)
{
    put(j, "}\n");
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin_value(j, key);
    bytes_put(&j->text, &bracket, 1);
    j->needs_comma = false;
}

void json_close(struct json *j, char bracket)
{
    put(j, bracket == '[' ? "]" : "}");
    j->needs_comma = true;
}

void json_bytes(struct json *j, const char *key, struct jute_bytes value)
{
    struct bytes text = { 0 };

    begin_value(j, key);
    if (value.len < 0) {
        put(j, "null");
        return;
    }
    if (value.len > 0)
        utf8_repair(&text, value.at, (size_t)value.len);
    put_quoted(&j->text, text.at, text.len);
    bytes_done(&text);
}

void json_str(struct json *j, const char *key, const char *value)
{
    json_bytes(j, key, value != NULL ? jute_text(value) : (struct jute_bytes){ .len = -1 });
}

void json_int(struct json *j, const char *key, int64_t value)
{
    begin_value(j, key);
    bytes_printf(&j->text, "%" PRId64, value);
}

void json_decimal(struct json *j, const char *key, double value, int digits)
{
    begin_value(j, key);
    if (isfinite(value))
        bytes_printf(&j->text, "%.*f", digits, value);
    else
        put(j, "null");
}

void json_flag(struct json *j, const char *key, bool value)
{
    begin_value(j, key);
    put(j, value ? "true" : "false");
}

void json_hex(struct json *j, const char *key, int64_t value)
{
    begin_value(j, key);
    bytes_printf(&j->text, "\"0x%" PRIx64 "\"", (uint64_t)value);
}

void json_data(struct json *j, const char *key, struct jute_bytes value)
{
    if (value.len <= 0 || utf8_is_valid(value.at, (size_t)value.len)) {
        json_bytes(j, key, value);
        return;
    }

    struct bytes name = { 0 };
    struct bytes text = { 0 };

    bytes_printf(&name, "%s_base64%c", key, '\0');
    base64_write(&text, value);
    json_bytes(j, (const char *)name.at, (struct jute_bytes){ text.at, (int32_t)text.len });
    bytes_done(&name);
    bytes_done(&text);
}

void json_stat(struct json *j, const struct zk_stat *stat)
{
    json_open(j, "stat", '{');
    json_hex(j, "cZxid", stat->czxid);
    json_int(j, "ctime", stat->ctime_ms);
    json_hex(j, "mZxid", stat->mzxid);
    json_int(j, "mtime", stat->mtime_ms);
    json_hex(j, "pZxid", stat->pzxid);
    json_int(j, "cversion", stat->cversion);
    json_int(j, "dataVersion", stat->version);
    json_int(j, "aclVersion", stat->aversion);
    json_hex(j, "ephemeralOwner", stat->ephemeral_owner);
    json_int(j, "dataLength", stat->data_length);
    json_int(j, "numChildren", stat->num_children);
    json_close(j, '{');
}

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_write(struct bytes *out, struct jute_bytes data)
{
    for (int32_t i = 0; i < data.len; i += 3) {
        int32_t left = data.len - i;
        uint32_t v = (uint32_t)data.at[i] << 16 | (left > 1 ? (uint32_t)data.at[i + 1] << 8 : 0) |
                     (left > 2 ? data.at[i + 2] : 0);
        char four[] = { digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63],
                        digits[v & 63] };

        if (left < 3)
            four[3] = '=';
        if (left < 2)
            four[2] = '=';
        bytes_put(out, four, sizeof four);
    }
}

/* Padding may be missing, as Java's decoder allows. */
bool base64_read(struct bytes *out, const char *text)
{
    size_t len = strlen(text);
    uint32_t v = 0;
    unsigned bits = 0;
    size_t padding = 0;

    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    if ((padding > 0 && len % 4 != 0) || (len - padding) % 4 == 1)
        return false;
    for (size_t i = 0; i < len - padding; i++) {
        const char *digit = memchr(digits, text[i], sizeof digits - 1);

        if (digit == NULL)
            return false;
        v = v << 6 | (uint32_t)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            uint8_t byte = (uint8_t)(v >> (bits -= 8));

            bytes_put(out, &byte, 1);
        }
    }
    return true;
}
