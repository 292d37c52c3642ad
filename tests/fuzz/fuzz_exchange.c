/*
 * Whole exchanges: the input is what clients and origins do, carpool between them is the real
 * one, a worker whose loop is turned step by step, with real sockets on loopback.
 *
 * An input is a row of records, each ended by "~": its first byte says who acts, the rest what
 * is sent. a, b, c: a client (connecting first); o: the origin's connection that was used last;
 * p: the oldest other one; the same in upper case ends that side, or only its sending where the
 * record goes on; s: the pool's janitor. In what is sent "@" becomes the sender's mark: a byte
 * above 0x7f for each client connection, and in an answer the mark of the request before it. So
 * a byte that reaches somebody else shows.
 *
 * At the end everybody leaves, and what is parked must serve an ordinary request.
 */
#include "tests/fuzz/exchange_rig.h"
#include "tests/fuzz/fuzz.h"

/* One record after another, and what follows from it. */
static void
play(struct rig *rig, struct slice script)
{
    for (unsigned records = 0; script.size > 0 && records < 64; records++) {
        struct slice record = fuzz_cut_at(&script, '~');
        struct slice actor = fuzz_cut(&record, 1);

        if (actor.size == 0)
            continue;
        switch (actor.data[0]) {
        case 'a':
        case 'b':
        case 'c':
            rig_client_sends(rig, (unsigned)(actor.data[0] - 'a'), record);
            break;
        case 'A':
        case 'B':
        case 'C':
            rig_client_ends(rig, (unsigned)(actor.data[0] - 'A'), record.size > 0);
            break;
        case 'o':
        case 'p':
            rig_origin_sends(rig, actor.data[0] == 'p', record);
            break;
        case 'O':
        case 'P':
            rig_origin_ends(rig, actor.data[0] == 'P', record.size > 0);
            break;
        case 's':
            rig_sweep(rig);
            break;
        default:
            break;
        }
        rig_settle(rig);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rig *rig = rig_open();

    play(rig, (struct slice){(const char *)data, size});
    rig_everybody_leaves(rig);
    rig_ordinary_request(rig);
    rig_close(rig);
    return 0;
}
