/* What the shelf's tests have in common. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/pool/rig.h"

int
rig_setup(void **state)
{
    struct rig *rig = malloc(sizeof(*rig));

    rig_init(rig);
    *state = rig;
    return 0;
}

int
rig_teardown(void **state)
{
    struct rig *rig = *state;

    assert_true(shelf_is_sound(rig->shelf));
    rig_fini(rig);
    free(rig);
    return 0;
}

struct shelf_counts
counts_of(struct rig *rig)
{
    struct shelf_counts counts;

    assert_true(shelf_is_sound(rig->shelf));
    shelf_count(rig->shelf, &counts);
    return counts;
}

uint64_t
taken_id(struct rig *rig, const char *host)
{
    struct taker taker = {0};
    uint64_t id;

    assert_int_equal(rig_take(rig, &taker, host, SHELF_ANY), SHELF_GOT_STREAM);
    id = taker.got.stream->id;
    rig_close(rig, taker.got.stream);
    return id;
}

void
drop_gift(struct rig *rig, struct taker *taker)
{
    if (taker->waiter.gift.stream != NULL)
        rig_close(rig, taker->waiter.gift.stream);
    else
        shelf_undial(rig->shelf, taker->waiter.gift.slot);
}

void
drop_dial(struct rig *rig, struct taker *taker)
{
    assert_true(shelf_leave(rig->shelf, &taker->waiter));
    shelf_undial(rig->shelf, taker->got.slot);
}
