/*
 * The words for misses. Any thread.
 */
#include "pool/miss.h"

const char *
miss_word(enum miss miss)
{
    static const char *const words[MISS_END] = {
        [MISS_NONE] = "none",
#define MISS(symbol, word, help) [MISS_##symbol] = (word),
#include "pool/misses.def"
#undef MISS
    };

    return words[miss];
}
