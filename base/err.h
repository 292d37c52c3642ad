#ifndef CARPOOL_BASE_ERR_H
#define CARPOOL_BASE_ERR_H

/* What a function that can fail returns. Results leave through out-parameters. */
enum err {
#define ERR(symbol, word, text) ERR_##symbol,
#include "base/err.def"
#undef ERR
    ERR_COUNT
};

/* The error as one word for logs and metrics, such as "dns_timeout". Any thread. */
const char *err_word(enum err err);

/* The error as half a sentence for people. Any thread. */
const char *err_text(enum err err);

/* The error that an errno value stands for; ERR_IO for what has no name of its own. */
enum err err_from_errno(int number);

#endif
