/* What goes wrong, and when: drawn from the seed. */
#ifndef TESTS_SIM_FAULTS_H
#define TESTS_SIM_FAULTS_H

#include "tests/sim/sim.h"

/* What a server, a disk or the network can do to us. Bits of sim_conf.faults. */
enum fault {
    FAULT_KILL,
    FAULT_KILL_LEADER,
    FAULT_KILL_ALL,
    FAULT_POWER,
    FAULT_POWER_ALL,
    FAULT_ISOLATE,     /* One from all others. */
    FAULT_SPLIT,       /* Two groups. */
    FAULT_CUT_ONE_WAY, /* From one to another. */
    FAULT_DEAF,        /* One hears nobody. */
    FAULT_MUTE,        /* One is heard by nobody. */
    FAULT_STOP,        /* SIGSTOP. */
    FAULT_STOP_LEADER,
    FAULT_SLOW_DISK,
    FAULT_FSYNC,     /* One fails. */
    FAULT_STEP_DOWN, /* A planned stop. */
    FAULT_SLOW_LINK,
    FAULT_LOST_TAIL, /* What the leader logs last reaches nobody: it dies unheard. */
    FAULT_BREAK,     /* A connection between two servers ends. */
    FAULT_COUNT
};

/* From now on things go wrong, until the storm is over. */
void faults_begin(struct sim *s);
/* Nothing goes wrong any more, and everybody comes back. */
void faults_end(struct sim *s);

#endif
