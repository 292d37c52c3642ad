#ifndef CARPOOL_PROXY_CORES_H
#define CARPOOL_PROXY_CORES_H

/* Cores that this process may keep busy: its affinity, cut by its container's CPU quota. */
unsigned cores_usable(void);

/* The quota of a cgroup's cpu.max ("150000 100000": 2 cores), rounded up; 0: none. Pure. */
unsigned cores_of_quota(const char *cpu_max);

#endif
