#ifndef CARPOOL_PROXY_POLICY_SOURCES_H
#define CARPOOL_PROXY_POLICY_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/err.h"
#include "proxy/policy/rules.h"

/*
 * From which of this machine's addresses connections come: the lines of tcp.source, of which
 * the first one that matches decides. Immutable, so that any thread may ask.
 */
struct sources;
struct source;

/*
 * Reads lines "ADDR[,ADDR]|any [listener LIST] [client LIST] …" with the parts of rules, but
 * not address, as it is asked before an address is known. On failure why says in one line which
 * line, what is wrong and what was expected. Main thread.
 */
enum err sources_new(const char *text, bool has_users, struct sources **sources, char *why,
                     size_t why_size);
void sources_free(struct sources *sources);

/* NULL where no line matches, or one with "any": the kernel chooses. */
const struct source *sources_find(const struct sources *sources,
                                  const struct rules_question *question);

/* The line at an index, in order; NULL behind the last. */
const struct source *sources_at(const struct sources *sources, size_t index);

/* Its address of a family; NULL: that family is not used. */
const struct address *source_address(const struct source *source, sa_family_t family);

/* As it was written, and its place, from 1. */
const char *source_text(const struct source *source);
size_t source_number(const struct source *source);

#endif
