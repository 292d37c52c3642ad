/* An end that the socket does not take at once is carried over all the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "tests/fuzz/exchange_rig.h"

int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);

static unsigned refusals; /* of shutdown(), from now on */
static unsigned finished; /* how often it succeeded */

/* What TLS says of a full socket, which a plain one's end does not need to wait for. */
int
__wrap_shutdown(int fd, int how)
{
    if (refusals > 0) {
        refusals--;
        errno = EAGAIN;
        return -1;
    }
    finished++;
    return __real_shutdown(fd, how);
}

static struct rig *
open_tunnel(void)
{
    struct rig *rig = rig_open();

    rig_client_sends(rig, 0, SLICE("CONNECT o:7881 HTTP/1.1\r\nHost: o:7881\r\n\r\n"));
    rig_settle(rig);
    rig_client_sends(rig, 0, SLICE("@ all there is"));
    rig_settle(rig);
    assert_false(rig_origin_saw_end(rig));
    return rig;
}

static void
end_is_carried_over_once_the_socket_takes_it(void **state)
{
    struct rig *rig = open_tunnel();

    (void)state;
    rig_client_ends(rig, 0, true);
    refusals = 3;
    finished = 0;
    rig_settle(rig);
    assert_int_equal(refusals, 0);
    assert_int_equal(finished, 1);
    assert_true(rig_origin_saw_end(rig));
    rig_everybody_leaves(rig);
    rig_close(rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(end_is_carried_over_once_the_socket_takes_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
