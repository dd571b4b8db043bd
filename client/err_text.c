#include "client/zabclient.h"

/* E(name, text): where the words differ from the code's name. */
#define OTHER_WORDS(E)                                                                          \
    E(OK, "ok")                                                                                 \
    E(NOT_EMPTY, "Directory not empty")                                                         \
    E(SESSION_EXPIRED, "Session expired")                                                       \
    E(INVALID_CALLBACK, "Invalid callback")                                                     \
    E(SESSION_MOVED, "Session moved")                                                           \
    E(NOT_READ_ONLY, "Not a read-only call")                                                    \
    E(EPHEMERAL_ON_LOCAL_SESSION, "Ephemeral node on local session")                            \
    E(NO_WATCHER, "No such watcher")                                                            \
    E(REQUEST_TIMEOUT, "Unknown error REQUESTTIMEOUT")                                          \
    E(RECONFIG_DISABLED, "Reconfig is disabled")                                                \
    E(SESSION_CLOSED_REQUIRE_SASL_AUTH, "Session closed because client failed to authenticate") \
    E(QUOTA_EXCEEDED, "Quota has exceeded")                                                     \
    E(THROTTLED_OP, "Op throttled due to high load")

const char *zabc_err_text(int err)
{
    static const struct {
        int err;
        const char *text;
    } others[] = {
#define OTHER_ENTRY(name, text) { ZK_##name, text },
        OTHER_WORDS(OTHER_ENTRY)
#undef OTHER_ENTRY
    };

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i].err == err)
            return others[i].text;
    }
    return zk_err_name(err);
}
