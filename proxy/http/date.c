/*
 * Dates as fields say them (RFC 9110 §5.6.7). Pure, any thread. Not with strftime(), whose
 * names of days and months are those of the locale.
 */
#include "proxy/http/date.h"

#include <stdio.h>
#include <string.h>

void
date_write(time_t time, char to[DATE_SIZE])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char text[96]; /* for whatever years there may be in a time_t */
    struct tm utc;

    gmtime_r(&time, &utc);
    snprintf(text, sizeof(text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + 3 * utc.tm_wday, utc.tm_mday, months + 3 * utc.tm_mon, utc.tm_year + 1900,
             utc.tm_hour, utc.tm_min, utc.tm_sec);
    memcpy(to, text, DATE_SIZE - 1);
    to[DATE_SIZE - 1] = '\0';
}
