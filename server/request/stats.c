#include "server/request/stats.h"

void stats_reset(struct server_stats *s)
{
    *s = (struct server_stats){
        .last_response_size = -1,
        .min_response_size = -1,
        .max_response_size = -1,
    };
}

void stats_init(struct server_stats *s)
{
    stats_reset(s);
}
