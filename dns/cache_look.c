/*
 * Looking at the cache: what the admin shows of names. Any thread, under the cache's lock.
 */
#include "base/clock.h"
#include "dns/cache_inside.h"

static void
copy_row(const struct cache_entry *entry, struct cache_row *row)
{
    *row = (struct cache_row){
        .err = entry->err,
        .last_err = entry->last_err,
        .answer = entry->is_known ? entry->answer : entry->partial,
        .is_known = entry->is_known,
        .is_asked = entry->runner != NULL,
        .ttl_left_ms =
            entry->is_known ? ((int64_t)entry->fresh_us - (int64_t)clock_now_us()) / 1000 : 0,
        .latency_ms = entry->latency_ms,
    };
    /* A name with a trailing dot has its NUL counted in. */
    slice_copy((struct slice){entry->name, strnlen(entry->name, entry->name_size)}, row->name,
               sizeof(row->name));
    if (row->answer != NULL)
        answer_ref(row->answer);
}

size_t
cache_rows(struct cache *cache, struct cache_row *rows, size_t capacity, size_t *total)
{
    const struct cache_entry *entry;
    size_t count = 0;

    pthread_mutex_lock(&cache->lock);
    *total = cache->names.size;
    TAILQ_FOREACH (entry, &cache->order, link) {
        if (count == capacity)
            break;
        copy_row(entry, &rows[count++]);
    }
    pthread_mutex_unlock(&cache->lock);
    return count;
}
