#ifndef CARPOOL_BASE_FILE_STAMP_H
#define CARPOOL_BASE_FILE_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What a file looked like, to notice when somebody changed it. */
struct file_stamp {
    bool is_there;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified;
    uint64_t next_look_us;
};

/* Of a file that was opened. */
void file_stamp_of(struct file_stamp *stamp, const struct stat *file);

/* Looks now. */
void file_stamp_take(struct file_stamp *stamp, const char *path);

/* The same file, unchanged? */
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b);

/*
 * Has the file changed since the last look? Looks at most once in every_ms (one stat(2)), says
 * no in between, and takes the new stamp.
 */
bool file_stamp_changed(struct file_stamp *stamp, const char *path, unsigned every_ms);

#endif
