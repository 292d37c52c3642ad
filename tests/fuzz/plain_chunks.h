#ifndef CARPOOL_TESTS_FUZZ_PLAIN_CHUNKS_H
#define CARPOOL_TESTS_FUZZ_PLAIN_CHUNKS_H

#include "base/buf.h"
#include "base/slice.h"

/*
 * A second reader of chunked bodies, written another way than proxy/http's: it has all bytes at
 * hand. Appends the data; returns what it used, or 0 where the body is damaged or cut off, or
 * the data does not fit.
 */
size_t plain_chunks_read(struct slice bytes, struct buf *data);

#endif
