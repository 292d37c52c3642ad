/*
 * Noticing that a file was changed, without a call per lookup. One thread.
 */
#include "base/file_stamp.h"

#include "base/clock.h"

void
file_stamp_of(struct file_stamp *stamp, const struct stat *file)
{
    stamp->is_there = true;
    stamp->device = file->st_dev;
    stamp->inode = file->st_ino;
    stamp->size = file->st_size;
    stamp->modified = file->st_mtim;
}

void
file_stamp_take(struct file_stamp *stamp, const char *path)
{
    struct file_stamp made = {.next_look_us = stamp->next_look_us};
    struct stat now;

    if (stat(path, &now) == 0)
        file_stamp_of(&made, &now);
    *stamp = made;
}

bool
file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->is_there == b->is_there && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec;
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
    return !file_stamp_equal(stamp, &old);
}
