/* connect(), the clock and the resolver, as far as a test wants them otherwise. */
#include "tests/unit/pool/fakes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/clock.h"

struct fakes fakes;

int __real_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);

int
__wrap_connect(int fd, const struct sockaddr *address, socklen_t size)
{
    int type;
    socklen_t type_size = sizeof(type);

    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size);
    if (fakes.on_connect != NULL && type == SOCK_STREAM)
        fakes.on_connect(fakes.on_connect_arg);
    fakes.connects += type == SOCK_STREAM;
    if (fakes.connect_errno != 0 && type == SOCK_STREAM) {
        errno = fakes.connect_errno;
        return -1;
    }
    return __real_connect(fd, address, size);
}

uint64_t __real_clock_now_us(void);
uint64_t __wrap_clock_now_us(void);

uint64_t
__wrap_clock_now_us(void)
{
    return __real_clock_now_us() + fakes.added_us;
}

enum err __real_resolver_ask(struct resolver *resolver, struct slice host,
                             dns_on_answer *on_answer, void *arg, struct answer **answer,
                             struct dns_ask **ask);
enum err __wrap_resolver_ask(struct resolver *resolver, struct slice host,
                             dns_on_answer *on_answer, void *arg, struct answer **answer,
                             struct dns_ask **ask);
void __real_resolver_cancel(struct dns_ask **ask);
void __wrap_resolver_cancel(struct dns_ask **ask);

enum err
__wrap_resolver_ask(struct resolver *resolver, struct slice host, dns_on_answer *on_answer,
                    void *arg, struct answer **answer, struct dns_ask **ask)
{
    if (!fakes.has_oracle)
        return __real_resolver_ask(resolver, host, on_answer, arg, answer, ask);
    fakes.on_answer = on_answer;
    fakes.arg = arg;
    *ask = (struct dns_ask *)&fakes;
    return ERR_AGAIN;
}

void
__wrap_resolver_cancel(struct dns_ask **ask)
{
    if (!fakes.has_oracle) {
        __real_resolver_cancel(ask);
        return;
    }
    fakes.is_cancelled = true;
    *ask = NULL;
}

void
oracle_says(const char *first, const char *second, bool is_final)
{
    struct answer *answer = calloc(1, sizeof(*answer) + 2 * sizeof(struct address));

    answer->references = 1;
    assert_int_equal(address_parse_ip(slice_of(first), 0, &answer->addresses[answer->count++]),
                     ERR_OK);
    if (second != NULL)
        assert_int_equal(
            address_parse_ip(slice_of(second), 0, &answer->addresses[answer->count++]), ERR_OK);
    fakes.on_answer(fakes.arg, ERR_OK, answer, is_final);
    answer_unref(answer);
}

void
oracle_fails(enum err err)
{
    fakes.on_answer(fakes.arg, err, NULL, true);
}

enum err __real_resolver_look(struct resolver *resolver, struct slice host,
                              struct answer **answer);
enum err __wrap_resolver_look(struct resolver *resolver, struct slice host,
                              struct answer **answer);

enum err
__wrap_resolver_look(struct resolver *resolver, struct slice host, struct answer **answer)
{
    struct answer *made;

    fakes.looks++;
    if (fakes.look_err != ERR_OK)
        return fakes.look_err;
    if (fakes.look_address == NULL)
        return __real_resolver_look(resolver, host, answer);
    made = calloc(1, sizeof(*made) + sizeof(struct address));
    made->references = 1;
    made->count = 1;
    made->until_us = fakes.look_until_us;
    assert_int_equal(address_parse_ip(slice_of(fakes.look_address), 0, &made->addresses[0]),
                     ERR_OK);
    *answer = made;
    return ERR_OK;
}
