/*
 * A descriptor for the time when there are none.
 */
#include "base/spare.h"

#include <fcntl.h>
#include <unistd.h>

void
spare_init(struct spare *spare)
{
    spare->fd = -1;
    spare_hold(spare);
}

void
spare_fini(struct spare *spare)
{
    (void)spare_give_up(spare);
}

bool
spare_give_up(struct spare *spare)
{
    if (spare->fd == -1)
        return false;
    close(spare->fd);
    spare->fd = -1;
    return true;
}

void
spare_hold(struct spare *spare)
{
    if (spare->fd == -1)
        spare->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}
