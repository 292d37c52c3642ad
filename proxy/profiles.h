#ifndef CARPOOL_PROXY_PROFILES_H
#define CARPOOL_PROXY_PROFILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "pool/tls.h"
#include "proxy/policy/rules.h"

/*
 * How TLS is spoken to which origin: the lines of tls.origins, of which the first one that
 * matches decides, and behind them what holds for all the rest. Immutable once profiles_adopt()
 * was called, so that any thread may ask.
 */
struct profiles;

/* The settings that they are made of. Texts as in the file. */
struct profiles_setup {
    const char
        *ca_file; /* whom to trust where a line names nobody; empty: as the system does */
    const char *origins;
    bool has_users;
};

/*
 * Reads lines "[verify off] [ca FILE] [certificate FILE [key FILE]] [host LIST] …" with the
 * parts of rules, but not address, as it is asked before an address is known. Files that are
 * named must be good. On failure why says in one line which line, what is wrong and what was
 * expected. Main thread.
 */
enum err profiles_new(const struct profiles_setup *setup, struct profiles **profiles, char *why,
                      size_t why_size);
void profiles_free(struct profiles *profiles);

/*
 * Where others were made of the same terms and unchanged files, theirs are taken, so that
 * connections under them stay in use. Before profiles is shared.
 */
void profiles_adopt(struct profiles *profiles, const struct profiles *others);

/* Borrowed. Never NULL. */
struct tls_profile *profiles_find(const struct profiles *profiles,
                                  const struct rules_question *question);

/* For people: the line that decides, as it was written; NULL if none matches. */
const char *profiles_line(const struct profiles *profiles,
                          const struct rules_question *question);

/*
 * The line at an index that takes whoever answers for the host, as it was written; NULL behind
 * the last. For a warning.
 */
const char *profiles_unverified(const struct profiles *profiles, size_t index);

#endif
