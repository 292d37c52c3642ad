/*
 * Errors by name. The table is err.def; nothing here keeps state, any thread may call.
 */
#include "base/err.h"

#include <errno.h>
#include <stddef.h>

static const struct {
    const char *word;
    const char *text;
} errors[ERR_COUNT] = {
#define ERR(symbol, word, text) [ERR_##symbol] = {word, text},
#include "base/err.def"
#undef ERR
};

static const struct {
    int number;
    enum err err;
} numbers[] = {
    {EAGAIN, ERR_AGAIN},
    {EINPROGRESS, ERR_AGAIN},
    {ECONNREFUSED, ERR_REFUSED},
    {ECONNRESET, ERR_RESET},
    {ECONNABORTED, ERR_RESET},
    {EPIPE, ERR_RESET},
    {ENETUNREACH, ERR_UNREACHABLE},
    {EHOSTUNREACH, ERR_UNREACHABLE},
    {ENETDOWN, ERR_UNREACHABLE},
    {EHOSTDOWN, ERR_UNREACHABLE},
    {EAFNOSUPPORT, ERR_UNREACHABLE},
    {ETIMEDOUT, ERR_TIMEOUT},
    {ENOMEM, ERR_NO_MEMORY},
    {ENOBUFS, ERR_NO_MEMORY},
    {EMFILE, ERR_NO_DESCRIPTORS},
    {ENFILE, ERR_NO_DESCRIPTORS},
    {EADDRINUSE, ERR_IN_USE},
    {EADDRNOTAVAIL, ERR_NO_ADDRESS},
    {EACCES, ERR_PERMISSION},
    {EPERM, ERR_PERMISSION},
    {ENOENT, ERR_NOT_FOUND},
};

const char *
err_word(enum err err)
{
    return errors[err].word;
}

const char *
err_text(enum err err)
{
    return errors[err].text;
}

enum err
err_from_errno(int number)
{
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].number == number)
            return numbers[i].err;
    return ERR_IO;
}
