#ifndef CARPOOL_POOL_MISS_H
#define CARPOOL_POOL_MISS_H

/*
 * Why a request found no connection to reuse; or, of a connection, why it was lost to others,
 * which is why the next request finds none.
 */
enum miss {
    MISS_NONE,
#define MISS(symbol, word, help) MISS_##symbol,
#include "pool/misses.def"
#undef MISS
    MISS_END
};

/* The word for it, as in /hosts and /metrics. */
const char *miss_word(enum miss miss);

#endif
