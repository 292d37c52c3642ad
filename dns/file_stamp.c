/*
 * Noticing that a configuration file changed without a call per lookup. One thread.
 */
#include "dns/file_stamp.h"

#include "base/clock.h"

void
file_stamp_take(struct file_stamp *stamp, const char *path)
{
    struct file_stamp made = {.next_look_us = stamp->next_look_us};
    struct stat now;

    if (stat(path, &now) == 0) {
        made.is_there = true;
        made.device = now.st_dev;
        made.inode = now.st_ino;
        made.size = now.st_size;
        made.modified = now.st_mtim;
    }
    *stamp = made;
}

bool
file_stamp_changed(struct file_stamp *stamp, const char *path, unsigned every_ms)
{
    struct file_stamp old = *stamp;
    uint64_t now_us = clock_now_us();

    if (now_us < stamp->next_look_us)
        return false;
    stamp->next_look_us = now_us + (uint64_t)every_ms * 1000;
    file_stamp_take(stamp, path);
    return stamp->is_there != old.is_there || stamp->device != old.device ||
           stamp->inode != old.inode || stamp->size != old.size ||
           stamp->modified.tv_sec != old.modified.tv_sec ||
           stamp->modified.tv_nsec != old.modified.tv_nsec;
}
