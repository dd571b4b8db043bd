/* Writes whose txns come without a word about who asked: a learner's, which its leader orders. A
 * txn is the answer to its session's oldest write that waits, if it says the same session and xid
 * (quorum-protocol 4.4).
 *
 * Clients may use an xid again, in a new connection or at another server. So what is left of a
 * connection that is gone still stands in its session's line, and a txn that we had before the
 * write was sent is never taken for its answer. */
#include <stdlib.h>

#include "server/request/route.h"
#include "server/session/session.h"
#include "util/check.h"

static void forget(struct service *s, struct pending *p)
{
    zk_assert(s->expected > 0);
    list_remove(&p->in_writes);
    s->expected--;
    if (p->client == NULL)
        pending_free(s, p);
}

static bool fits(const struct pending *p, const struct applied *a)
{
    if (p->xid != a->xid || (p->op != a->type && a->type != ZK_OP_ERROR))
        return false;
    return a->zxid > p->zxid;
}

static struct pending *find(const struct session *session, const struct applied *a)
{
    list_each(it, &session->writes)
    {
        struct pending *p = list_entry(it, struct pending, in_writes);
        if (fits(p, a))
            return p;
    }
    return NULL;
}

/* Txns come in the order in which their writes went, so those before p got none. That no leader
 * should do; whoever waits for one would wait for ever. */
static void pass_over(struct service *s, struct session *session, const struct pending *p)
{
    while (session->writes.next != &p->in_writes) {
        struct pending *lost = list_entry(session->writes.next, struct pending, in_writes);
        struct client *c = lost->client;

        forget(s, lost);
        if (c != NULL)
            route_doom(c);
    }
}

struct pending *forward_match(struct service *s, const struct applied *a)
{
    if (s->expected == 0)
        return NULL;
    struct session *session = session_find(s->sessions, a->session);
    struct pending *p = session != NULL ? find(session, a) : NULL;
    if (p == NULL)
        return NULL;
    pass_over(s, session, p);
    free(p->request);
    p->request = NULL;
    bool is_waited_for = p->client != NULL;
    forget(s, p);
    sessions_release(s, session);
    return is_waited_for ? p : NULL;
}

void forward_forget_all(struct service *s, struct session *session)
{
    while (!list_is_empty(&session->writes))
        forget(s, list_entry(session->writes.next, struct pending, in_writes));
}

/* There is an end to it: of what is forwarded the ensemble takes no more than so many bytes. */
static void keep_request(struct pending *p, const struct write_request *req)
{
    zk_assert(p->request == NULL);
    if (req->body == NULL)
        return;
    p->request = zk_xmalloc(req->len + 1);
    p->request_len = (uint32_t)req->len;
    memcpy(p->request, req->body, req->len);
}

enum order_verdict forward_submit(struct service *s, struct session *session, struct pending *p,
                                  struct write_request *req, enum zk_err *ret_err)
{
    zk_zxid before = order_last_prepared(s->order);
    zk_zxid zxid;

    req->origin = p != NULL ? pending_name(p) : NULL;
    enum order_verdict v = ensemble_submit(s->ensemble, req, ret_err, &zxid);
    if (v == ORDER_REFUSED)
        return v;
    service_look(s);
    s->stats.proposal_count++;
    if (p == NULL && !s->leads)
        p = pending_ghost(s, req->xid, req->op);
    if (p == NULL)
        return v;
    p->zxid = s->leads ? zxid : before;
    if (!s->leads) {
        keep_request(p, req);
        list_append(&session->writes, &p->in_writes);
        s->expected++;
    }
    return v;
}
