/*
 * The choice among a host's addresses. Belongs to a dial, on its lane's thread.
 */
#include "pool/dial_choice.h"

#include "dns/order.h"
#include "pool/lane.h"

void
choice_take_answer(struct choice *choice, struct answer *answer)
{
    choice_free(choice);
    choice->answer = answer;
    choice_restart(choice);
}

void
choice_restart(struct choice *choice)
{
    choice->standing = STANDING_GOOD;
    choice->next = 0;
}

void
choice_free(struct choice *choice)
{
    if (choice->answer != NULL)
        answer_unref(choice->answer);
    choice->answer = NULL;
}

/* May the address at this position be tried now, that is by the rule and as it stands? */
static bool
may_try(struct choice *choice, const struct dial_request *request, size_t position,
        struct address *address)
{
    enum standing standing;
    enum err err;

    *address = order_pick(choice->answer, position, choice->turn);
    address_set_port(address, request->key->port);
    err = request->rule(request->rule_arg, address, !choice->answer->is_local);
    if (err != ERR_OK) {
        choice->refused_err = err;
        return false;
    }
    standing = holddown_ask(request->lane->pool->holddown, request->key, address, &err);
    if (standing == STANDING_HELD)
        choice->held_err = attempt_reason(choice->held_err, err);
    return standing <= choice->standing;
}

/* That of a shared key goes first unless it is held down: what is opened there can be shared.
 */
static bool
shared_address(struct choice *choice, const struct dial_request *request,
               struct address *address)
{
    enum standing standing = choice->standing;
    struct address shared;
    bool is_found = false;

    if (!pool_key_shared(request->key, &shared))
        return false;
    choice->standing = STANDING_DOUBTFUL;
    for (size_t i = 0; i < choice->answer->count && !is_found; i++) {
        struct address picked = order_pick(choice->answer, i, choice->turn);
        struct address plain = address_unmapped(&picked);

        is_found = address_equal_ip(&plain, &shared) && may_try(choice, request, i, address);
    }
    choice->standing = standing;
    return is_found;
}

/*
 * First the good ones, then the doubtful ones. One that is held down is only for a request that
 * was sent before, on a connection that proved dead: that must not fail where it would not
 * have, had it gone on a new connection at once.
 */
bool
choice_next(struct choice *choice, const struct dial_request *request,
            const struct attempt_list *tried, struct address *address)
{
    enum standing last = request->is_retry ? STANDING_HELD : STANDING_DOUBTFUL;

    if (choice->answer == NULL)
        return false;
    if (TAILQ_EMPTY(tried) && shared_address(choice, request, address))
        return true;
    for (;;) {
        while (choice->next < choice->answer->count) {
            size_t position = choice->next++;
            struct address picked = order_pick(choice->answer, position, choice->turn);

            if (!attempts_had(tried, &picked) && may_try(choice, request, position, address))
                return true;
        }
        if (choice->standing == last)
            return false;
        choice->standing++;
        choice->next = 0;
    }
}
