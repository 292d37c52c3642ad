#ifndef CARPOOL_PROXY_HTTP_CHARS_H
#define CARPOOL_PROXY_HTTP_CHARS_H

#include <stdbool.h>

/* What a byte may be part of. */
#define CHAR_TOKEN 1u  /* tchar, RFC 9110 §5.6.2 */
#define CHAR_VALUE 2u  /* field values: field-vchar, space and tab, RFC 9110 §5.5 */
#define CHAR_TARGET 4u /* request targets: visible ASCII, without the fragment's "#" */
#define CHAR_HOST 8u   /* registered names: letters, digits, "-", "." and "_" */
#define CHAR_USER 16u  /* userinfo, RFC 3986 §3.2.1 */
#define CHAR_HEX 32u

extern const unsigned char char_classes[256];

static inline bool
char_is(char c, unsigned classes)
{
    return (char_classes[(unsigned char)c] & classes) != 0;
}

#endif
