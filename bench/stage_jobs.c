#include <errno.h>

#include "bench/stage_impl.h"
#include "util/check.h"

#define PATIENCE_NS 30000000000

static bool is_passing(int err)
{
    return err == ZK_CONNECTION_LOSS || err == ZK_SESSION_EXPIRED || err == ZK_SESSION_MOVED;
}

static void put(struct job **list, struct job *job)
{
    job->next = *list;
    *list = job;
}

static struct job *pop(struct job **list)
{
    struct job *ret = *list;

    *list = ret->next;
    return ret;
}

static void on_answer(void *arg, const struct zabc_reply *reply)
{
    struct job *job = arg;
    struct jobs *all = job->all;

    all->under_way--;
    if (is_passing(reply->err)) {
        put(&all->again, job);
        return;
    }
    all->answered_ns = bench_now_ns();

    int err = all->take(all, job->index, reply);

    if (all->err == ZK_OK)
        all->err = err;
    put(&all->free, job);
}

/* false: no more for now, or for good. */
static bool ask(struct jobs *all, struct job *job)
{
    int r = all->ask(all, job->index, (struct zabc_done){ on_answer, job });

    if (r == 0) {
        all->under_way++;
        return true;
    }
    put(&all->again, job);
    /* Large ones may be too many for the client: then answers make room. */
    if (r != -ENOBUFS || all->under_way == 0)
        all->err = ZK_BAD_ARGUMENTS;
    return false;
}

static void ask_more(struct jobs *all)
{
    while (all->again != NULL) {
        if (!ask(all, pop(&all->again)))
            return;
    }
    while (all->free != NULL && all->next < all->count) {
        struct job *job = pop(&all->free);

        job->index = all->next++;
        if (!ask(all, job))
            return;
    }
}

static void check_time(struct jobs *all)
{
    const struct bench *b = all->stage->bench;

    if (all->err != ZK_OK)
        return;
    if (b->signals > (all->goes_on ? 1U : 0U))
        all->err = ZK_OPERATION_TIMEOUT;
    else if (bench_now_ns() - all->answered_ns > PATIENCE_NS)
        all->err = ZK_CONNECTION_LOSS;
}

int jobs_run(struct jobs *all)
{
    struct stage *st = all->stage;

    all->answered_ns = bench_now_ns();
    for (size_t i = 0; i < STAGE_JOBS; i++) {
        all->jobs[i].all = all;
        put(&all->free, &all->jobs[i]);
    }
    ask_more(all);
    while (all->under_way > 0 ||
           (all->err == ZK_OK && (all->again != NULL || all->next < all->count))) {
        bench_turn(st->bench);
        check_time(all);
        if (all->err != ZK_OK) {
            /* Whoever is freed answers everything that is open. */
            st->client = zabc_free(st->client);
            zk_assert(stage_connect(st));
        } else {
            ask_more(all);
        }
    }
    return all->err;
}
