#ifndef CARPOOL_BASE_KEEPALIVE_H
#define CARPOOL_BASE_KEEPALIVE_H

/* When the kernel asks whether the far side of a silent connection still lives. */
struct keepalive {
    unsigned idle_ms; /* after so long without a byte; 0: never */
    unsigned interval_ms;
    unsigned probes; /* so many without an answer end the connection */
};

/*
 * Sets it on a socket of TCP. The kernel counts in seconds, so times are rounded up. A refusal
 * leaves a connection that lives on without: nothing that a caller could do better.
 */
void keepalive_set(int fd, const struct keepalive *keepalive);

#endif
