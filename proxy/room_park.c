/*
 * PARK: both messages are complete. The upstream connection goes back to the pool, if nothing
 * at all speaks against it.
 */
#include "proxy/exchange.h"

enum step
room_park(struct exchange *exchange)
{
    bool is_clean = exchange->is_parkable && exchange->request_body.is_done &&
                    buf_size(&exchange->to_origin) == 0 && !exchange->has_lost_origin;

    watch_shut(&exchange->watch);
    if (is_clean)
        lease_park(&exchange->lease, &exchange->terms);
    else
        lease_discard(&exchange->lease);
    return exchange_end(exchange, REASON_DONE, exchange->keeps_client ? FATE_KEEP : FATE_CLOSE);
}
