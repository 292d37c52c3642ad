#ifndef CARPOOL_TESTS_TOOL_H
#define CARPOOL_TESTS_TOOL_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* What the programs that tests start have in common. One thread each. */

/* How often slow peers do a little: ten times a second. */
#define TOOL_TICK_MS 100

/* Monotonic. */
uint64_t tool_now_ms(void);

/* IPV4:PORT, or the end of the program; port 0 only where any will do. */
struct sockaddr_in tool_address(const char *text, bool may_be_any);

/*
 * Listens there, non-blocking; or the end of the program. The address is completed by the port
 * that the kernel chose.
 */
int tool_listen(struct sockaddr_in *address, int backlog);

/* Tells the test where: "ready IPV4:PORT". */
void tool_say_ready(const struct sockaddr_in *address);

/* A positive number, or the end of the program. */
unsigned tool_number(const char *text);

/* As many descriptors as the system allows; too few of them for count is the program's end. */
void tool_raise_descriptors(unsigned count);

/* Closes with RST: neither side keeps a port in TIME_WAIT for it. */
void tool_reset(int fd);

#endif
