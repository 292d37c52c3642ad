/*
 * Waiting in line for bandwidth. The thread of the connection; the allowance is atomic.
 */
#include "proxy/policy/limit_place.h"

size_t
limit_place_room(struct limit_place *place, struct limit_allowance *allowance,
                 const struct limit_rate *rate, uint64_t now_ns, size_t most)
{
    size_t left;

    if (rate->amount == 0)
        return most;
    left = limit_allowance_left(allowance, rate, now_ns, most);
    if (place->portion == 0) {
        if (left >= rate->portion)
            return left;
        place->portion = rate->portion;
        place->due_ns = limit_allowance_charge(allowance, rate, now_ns, rate->portion);
        return 0;
    }
    if (place->due_ns > now_ns)
        return 0;
    return most - left > place->portion ? left + place->portion : most;
}

void
limit_place_leave(struct limit_place *place, struct limit_allowance *allowance,
                  const struct limit_rate *rate)
{
    if (place->portion > 0 && rate->amount > 0)
        limit_allowance_refund(allowance, rate, place->portion);
    *place = (struct limit_place){0};
}

void
limit_place_charge(struct limit_place *place, struct limit_allowance *allowance,
                   const struct limit_rate *rate, uint64_t now_ns, size_t size)
{
    /* In this order, so that a full allowance cannot swallow what is given back. */
    if (rate->amount > 0 && size > 0)
        (void)limit_allowance_charge(allowance, rate, now_ns, size);
    limit_place_leave(place, allowance, rate);
}
