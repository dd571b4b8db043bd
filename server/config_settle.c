/* What the configuration speaks of and zoo.cfg doesn't hold: the own id, the members in a
 * dynamic file, and what follows from both. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config_load.h"
#include "server/config_value.h"
#include "server/dynamic.h"
#include "util/check.h"

enum { MYID_TEXT_MAX = 64 };

/* The first line of the file. Returns its length, or a negative errno. */
static ssize_t read_line(const char *path, char text[MYID_TEXT_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, text, MYID_TEXT_MAX - 1);
    int err = errno;
    (void)close(fd);
    if (len < 0)
        return -err;
    text[len] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    return (ssize_t)strlen(text);
}

/* Returns 0, -ENOENT without a word, or -EINVAL with one. */
static int read_sid(struct config_load *l)
{
    struct config *conf = l->conf;
    size_t size = strlen(conf->data_dir) + sizeof "/myid";
    char *path = zk_xmalloc(size), text[MYID_TEXT_MAX];
    int64_t sid;

    (void)snprintf(path, size, "%s/myid", conf->data_dir);
    ssize_t len = read_line(path, text);
    int r = len < 0 ? (int)len : 0;
    if (r == 0 && (!java_parse_long(&sid, text) || sid < 0)) {
        config_say(l, CONFIG_ERROR, NULL, "%.200s: '%.40s' is no server id", path, text);
        r = -EINVAL;
    } else if (r == 0) {
        conf->sid = sid;
    } else if (r != -ENOENT) {
        config_say(l, CONFIG_ERROR, NULL, "%.200s: cannot be read: %s", path, strerror(-r));
        r = -EINVAL;
    }
    free(path);
    return r;
}

/* Members out of the dynamic file and, when a change was under way, of the one beside it. */
static void read_dynamic(struct config_load *l, enum config_use use)
{
    struct zab_config_rules rules = config_rules(l->conf);
    char why[DYNAMIC_WHY_MAX];
    struct config *conf = l->conf;
    int r = dynamic_read(&conf->members, conf->dynamic_path, &rules, why);

    if (r == 0 && conf->path != NULL)
        r = dynamic_read_next(&conf->last_seen, conf->path, &rules, why);
    if (r < 0) {
        config_say(l, CONFIG_ERROR, NULL, "%s", why);
        return;
    }
    if (conf->last_seen != NULL && conf->last_seen->version <= conf->members->version) {
        zab_config_unref(conf->last_seen); /* It was decided, and outlived that. */
        conf->last_seen = NULL;
        if (use == CONFIG_START && dynamic_drop_next(conf->path, why) < 0)
            config_say(l, CONFIG_WARNING, NULL, "%s", why);
    }
}

/* One participant is a server of one, where nothing says that it is an ensemble. */
static bool is_alone(const struct config *conf)
{
    return conf->standalone_enabled && conf->members->voters <= 1 && conf->last_seen == NULL;
}

static void say_no_client_port(struct config_load *l)
{
    if (l->conf->client_port < 0)
        config_say(l, CONFIG_ERROR, NULL, "clientPort is not set: no client could connect");
}

static void settle_alone(struct config_load *l)
{
    struct config *conf = l->conf;
    bool agrees;

    /* There is no myid that would say that the line is about this server: no matter. */
    config_take_client(conf, &conf->members->members[0], &agrees);
    zab_config_unref(conf->members);
    conf->members = NULL;
    say_no_client_port(l);
}

/* What the file says of the client port is not printed with the members: others may not know
 * it. */
static void add_static_client(const struct config *conf, struct zab_member *own)
{
    const char *host = conf->client_address != NULL ? conf->client_address : "0.0.0.0";
    size_t size = strlen(host) + 1;

    own->client_host = memcpy(zk_xmalloc(size), host, size);
    own->client_port = conf->client_port;
    own->client_is_static = true;
}

enum { EXTENDED_SID_MAX = 254 };

static void settle_own(struct config_load *l)
{
    struct config *conf = l->conf;
    struct zab_member *own = NULL;
    bool agrees;

    for (size_t i = 0; i < conf->members->count; i++)
        if (conf->members->members[i].sid == conf->sid)
            own = &conf->members->members[i];
    if (own == NULL) {
        config_say(l, CONFIG_ERROR, NULL,
                   "this server's id (%" PRId64 ", from myid) is not among the members", conf->sid);
        return;
    }
    /* Its sessions' ids, which own ephemerals, would begin as the mark of TTL nodes does
     * (ZOOKEEPER-2901). */
    if (conf->extended_types && conf->sid > EXTENDED_SID_MAX)
        config_say(l, CONFIG_ERROR, NULL,
                   "with extendedTypesEnabled the id of a server is at most %d (myid: %" PRId64 ")",
                   EXTENDED_SID_MAX, conf->sid);
    if (conf->is_observer && own->is_voter)
        config_say(l, CONFIG_WARNING, NULL,
                   "peerType says observer and server.%" PRId64 " participant, which counts",
                   own->sid);
    conf->is_observer = !own->is_voter;
    config_take_client(conf, own, &agrees);
    if (!agrees)
        config_say(l, CONFIG_ERROR, NULL,
                   "server.%" PRId64
                   " names another client port than clientPort and clientPortAddress",
                   own->sid);
    say_no_client_port(l);
    if (own->client_host == NULL && conf->client_port >= 0)
        add_static_client(conf, own);
}

static void settle_ensemble(struct config_load *l, enum config_use use)
{
    int r = read_sid(l);

    if (r == 0)
        settle_own(l);
    else if (r == -ENOENT)
        config_say(l, use == CONFIG_START ? CONFIG_ERROR : CONFIG_WARNING, NULL,
                   "%.200s/myid is missing: an ensemble needs it", l->conf->data_dir);
}

/* The file as it was before servers wrote to it, as ZooKeeper leaves it. */
static void back_up(struct config_load *l)
{
    char why[DYNAMIC_WHY_MAX];

    if (dynamic_back_up(l->conf->path, why) < 0)
        config_say(l, CONFIG_ERROR, NULL, "%s", why);
}

int config_settle(struct config *conf, struct config_report *report, enum config_use use)
{
    struct config_load l = { .conf = conf, .report = report, .path = conf->path };
    size_t errors_before = report->error_count;

    if (conf->dynamic_path != NULL) {
        read_dynamic(&l, use);
        if (report->error_count == errors_before && !is_alone(conf))
            config_check_ensemble(&l, NULL);
    }
    if (report->error_count > errors_before || conf->members == NULL)
        return report->error_count > errors_before ? -EINVAL : 0;
    if (conf->dynamic_path != NULL && is_alone(conf))
        settle_alone(&l);
    else
        settle_ensemble(&l, use);
    if (report->error_count == errors_before && use == CONFIG_START && conf->members != NULL &&
        conf->reconfig_enabled && conf->dynamic_path == NULL)
        back_up(&l);
    return report->error_count > errors_before ? -EINVAL : 0;
}
