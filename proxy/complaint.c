/*
 * What is wrong with what somebody wrote, in one line. Any thread.
 */
#include "proxy/complaint.h"

#include <stdarg.h>
#include <stdio.h>

void
complain(struct complaint *complaint, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(complaint->text, sizeof(complaint->text), format, args);
    va_end(args);
    for (char *c = complaint->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}
