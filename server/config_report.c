#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "server/config.h"
#include "server/config_keys.h"
#include "server/config_load.h"
#include "util/check.h"

enum { TEXT_MAX_BYTES = 512 };

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;

    return memcpy(zk_xmalloc(size), text, size);
}

void config_say(struct config_load *l, enum config_severity severity,
                const struct config_given *given, const char *format, ...)
{
    struct config_report *report = l->report;
    char text[TEXT_MAX_BYTES];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';

    bool in_file = l->path != NULL && (given == NULL || !given->on_command_line);
    report->notes = zk_xrealloc(report->notes, (report->count + 1) * sizeof *report->notes);
    report->notes[report->count++] = (struct config_note){
        .severity = severity,
        .file = copy(in_file ? l->path : ""),
        .line = in_file && given != NULL ? given->line : 0,
        .text = copy(text),
    };
    if (severity == CONFIG_ERROR)
        report->error_count++;
}

void config_report_done(struct config_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->notes[i].file);
        free(report->notes[i].text);
    }
    free(report->notes);
    *report = (struct config_report){ 0 };
}

void config_report_print(const struct config_report *report, FILE *out)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct config_note *note = &report->notes[i];
        const char *severity = note->severity == CONFIG_ERROR ? "error" : "warning";

        if (note->line > 0)
            (void)fprintf(out, "%s:%d: %s: %s\n", note->file, note->line, severity, note->text);
        else
            (void)fprintf(out, "%s: %s: %s\n", note->file[0] != '\0' ? note->file : "command line",
                          severity, note->text);
    }
}

static const char *status_text(const struct config_key *key)
{
    switch (key->status) {
    case KEY_HONOURED:
        return "honoured";
    case KEY_ENSEMBLE:
        return "honoured in an ensemble";
    case KEY_JVM:
        return "accepted with a warning: of the JVM";
    case KEY_IDLE:
        return "accepted with a warning: no effect without";
    case KEY_NEEDLESS:
        return "accepted with a warning, as it is not needed:";
    case KEY_UNSUPPORTED:
        return "not yet supported, stops the start unless off:";
    }
    zk_assert(false);
}

static const char *kind_text(enum key_kind kind)
{
    switch (kind) {
    case KEY_FILE:
        return "file";
    case KEY_PROPERTY:
        return "property";
    case KEY_SYSTEM:
        return "plain property";
    case KEY_OWN:
        return "zabd";
    }
    zk_assert(false);
}

void config_print_keys(FILE *out)
{
    (void)fprintf(out, "key\tkind\tdefault\tstatus\n");
    for (size_t i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        const char *value = key->value == NULL ? "-" : key->value;

        (void)fprintf(out, "%s%s\t%s\t%s\t%s%s%s\n", key->name, key->is_prefix ? "*" : "",
                      kind_text(key->kind), value[0] == '\0' ? "\"\"" : value, status_text(key),
                      key->feature != NULL ? " " : "", key->feature != NULL ? key->feature : "");
    }
}
