/*
 * PARK: both messages are complete. The upstream connection goes back to the pool, if nothing
 * at all speaks against it, and the client may go on.
 */
#include "proxy/exchange.h"

void
exchange_give_back(struct exchange *exchange)
{
    bool is_clean = exchange->is_parkable && exchange->request_body.is_done &&
                    buf_size(&exchange->to_origin) == 0 && !exchange->has_lost_origin;

    watch_shut(&exchange->watch);
    if (is_clean && exchange->is_pinned && exchange->keeps_client)
        pin_keep(exchange);
    else if (is_clean)
        lease_park(&exchange->lease, &exchange->terms);
    else
        exchange_drop_origin(exchange);
}

enum step
room_park(struct exchange *exchange)
{
    if (exchange->lease != NULL)
        exchange_give_back(exchange);
    return exchange_end(exchange, REASON_DONE, exchange->keeps_client ? FATE_KEEP : FATE_CLOSE);
}
