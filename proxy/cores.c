/*
 * How many threads are worth starting. Any thread.
 */
#include "proxy/cores.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"

/* Inside a container this is the container's own. */
#define QUOTA_FILE "/sys/fs/cgroup/cpu.max"

unsigned
cores_of_quota(const char *cpu_max)
{
    const char *space = strchr(cpu_max, ' ');
    struct slice text = {cpu_max, strcspn(cpu_max, " ")};
    uint64_t quota;
    uint64_t period;

    if (space == NULL || slice_to_number(text, UINT32_MAX, &quota) != ERR_OK)
        return 0; /* "max 100000" */
    text = (struct slice){space + 1, strcspn(space + 1, "\n")};
    if (slice_to_number(text, UINT32_MAX, &period) != ERR_OK || quota == 0 || period == 0)
        return 0;
    return (unsigned)((quota + period - 1) / period);
}

static unsigned
cores_by_affinity(void)
{
    cpu_set_t set;
    long online;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    /* more cores than a cpu_set_t holds */
    online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
}

unsigned
cores_usable(void)
{
    unsigned cores = cores_by_affinity();
    unsigned quota = 0;
    char text[64];
    FILE *file = fopen(QUOTA_FILE, "re");

    if (file != NULL) {
        if (fgets(text, sizeof(text), file) != NULL)
            quota = cores_of_quota(text);
        fclose(file);
    }
    return quota != 0 && quota < cores ? quota : cores;
}
