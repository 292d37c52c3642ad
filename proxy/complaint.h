#ifndef CARPOOL_PROXY_COMPLAINT_H
#define CARPOOL_PROXY_COMPLAINT_H

/* One line for people: where, what, and what was expected. No line feed. */
struct complaint {
    char text[1024];
};

/* Control bytes become "?", so that it stays one line. */
void complain(struct complaint *complaint, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
