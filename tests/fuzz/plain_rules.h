#ifndef CARPOOL_TESTS_FUZZ_PLAIN_RULES_H
#define CARPOOL_TESTS_FUZZ_PLAIN_RULES_H

#include "base/slice.h"
#include "proxy/policy/rules.h"

/*
 * A second reader of rules, written another way than proxy/policy's: it keeps no more than the
 * texts, takes them apart again for each question, and compares addresses bit by bit and hosts
 * byte by byte. It expects rules that were accepted.
 */
struct plain_rules {
    const struct rules_setup *setup;
    struct slice hosts; /* what stands in every file of hosts */
    struct plain_border *borders;
    unsigned border_count;
};

/* Setup and hosts are borrowed for as long as it lives. */
void plain_rules_init(struct plain_rules *plain, const struct rules_setup *setup,
                      struct slice hosts);
void plain_rules_fini(struct plain_rules *plain);

/*
 * The verdict, and the number of the rule that gives it; of RULES_LATER the first that may, of
 * RULES_USER the first that asks.
 */
enum rules_verdict plain_rules_judge(const struct plain_rules *plain,
                                     const struct rules_question *question, size_t *number);

/* Is the host one of a list's text: names and suffixes, one a line, with comments? */
bool plain_rules_lists(struct slice list, struct slice host);

#endif
