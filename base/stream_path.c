/*
 * What the kernel knows of a connection's path. In a file of its own, since <netinet/tcp.h>
 * ends before the newer fields and cannot stand beside the kernel's own header.
 */
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/stream.h"

bool
stream_measure(const struct stream *stream, struct stream_path *path)
{
    /* The kernel fills as much as it knows: fields were added at the end over the years. */
    struct tcp_info info = {.tcpi_min_rtt = UINT32_MAX};
    socklen_t size = sizeof(info);

    if (getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == -1 ||
        size < offsetof(struct tcp_info, tcpi_pacing_rate))
        return false;
    *path = (struct stream_path){
        .rtt_us = info.tcpi_rtt,
        .rtt_min_us = info.tcpi_min_rtt == UINT32_MAX ? 0 : info.tcpi_min_rtt,
        .cwnd = info.tcpi_snd_cwnd,
        .resent = info.tcpi_total_retrans,
    };
    return true;
}
