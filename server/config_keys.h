/* The table of all configuration keys, and the shape of a row. Only config*.c and
 * its tests look in here. */
#ifndef SERVER_CONFIG_KEYS_H
#define SERVER_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Under which names a key is known, and whose value counts. */
enum key_kind {
    KEY_FILE,     /* K, in ZooKeeper from the file only. The command line counts. */
    KEY_PROPERTY, /* K or zookeeper.K. The file counts. */
    KEY_SYSTEM,   /* K, in ZooKeeper with -D only. The command line counts. */
    KEY_OWN,      /* zabd's own. The command line counts. */
};

enum key_status {
    KEY_HONOURED,
    KEY_ENSEMBLE,    /* Honoured in an ensemble; of no meaning to a server of one. */
    KEY_JVM,         /* Has a meaning only to a JVM: accepted with a warning. */
    KEY_IDLE,        /* A detail of a feature not there yet: accepted with a warning. */
    KEY_NEEDLESS,    /* What it tunes needs no tuning here: accepted with a warning. */
    KEY_UNSUPPORTED, /* Switches such a feature on: stops the start unless it says off. */
};

enum key_type {
    KEY_TEXT,
    KEY_INT,            /* Integer.parseInt; what is not one stops the start. */
    KEY_LONG,           /* Long.parseLong. */
    KEY_DECODE_INT,     /* Integer.getInteger: 0x and 0 prefixes; else the default. */
    KEY_DECODE_LONG,    /* Long.getLong. */
    KEY_LENIENT_LONG,   /* Long.parseLong; what is not one leaves the default. */
    KEY_DOUBLE,         /* Double.parseDouble. */
    KEY_LENIENT_DOUBLE, /* The same; what is not one leaves the default. */
    KEY_BOOL_STRICT,    /* true or false; anything else stops the start. */
    KEY_BOOL,           /* True when it reads true; anything else is false. */
    KEY_UNLESS_NO,      /* True unless it reads no. */
    KEY_IF_YES,         /* True only when it reads yes. */
};

/* Where a value goes: which kind of member of struct config. */
enum key_field { FIELD_NONE, FIELD_TEXT, FIELD_INT, FIELD_LONG, FIELD_DOUBLE, FIELD_BOOL };

struct config_key {
    const char *name;    /* Without zookeeper. */
    const char *value;   /* Default, as text; NULL: none. */
    const char *feature; /* KEY_IDLE, KEY_UNSUPPORTED: what it belongs to; KEY_NEEDLESS: why. */
    const char *off;     /* KEY_UNSUPPORTED, text: the value that means off, beside "". */
    enum key_kind kind;
    enum key_status status;
    enum key_type type;
    enum key_field field;
    size_t offset;    /* Of the member. */
    int64_t min, max; /* Of a number; both 0: those of its type. */
    int64_t scale;    /* From the unit of the key to that of the member; 0: 1. */
    bool clamps;      /* Beyond min and max counts as them; else it stops the start. */
    bool is_prefix;   /* Stands for all keys that begin with the name. */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* Finds the row for a name in any of its forms. Returns NULL when nobody reads it. */
const struct config_key *config_key_find(const char *name);

/* Finds the row with exactly this name, which must exist. */
const struct config_key *config_key_get(const char *name);

#endif
