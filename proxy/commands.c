/*
 * What carpool's commands share.
 */
#include "proxy/commands.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
on_alarm(int number)
{
    static const char text[] = "carpool: no answer in time\n";

    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(1);
}

void
command_bound_time(void)
{
    struct sigaction action = {.sa_handler = on_alarm};

    sigaction(SIGALRM, &action, NULL);
    alarm(COMMAND_SECONDS);
}

void
command_url(const struct address *listener, const char *path, char *url)
{
    struct address address = *listener;
    char text[ADDRESS_TEXT_SIZE];

    if (address_kind(&address) == ADDRESS_UNSPECIFIED) {
        if (address.any.sa_family == AF_INET)
            address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        else
            address.v6.sin6_addr = in6addr_loopback;
    }
    snprintf(url, 128, "http://%s%s", address_format(&address, text), path);
}
