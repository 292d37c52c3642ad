#ifndef CARPOOL_PROXY_HTTP_DATE_H
#define CARPOOL_PROXY_HTTP_DATE_H

#include <time.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" and its NUL. */
#define DATE_SIZE 30

/* A time as fields say it (RFC 9110 §5.6.7). Pure, any thread. */
void date_write(time_t time, char to[DATE_SIZE]);

#endif
