/*
 * The classes of all bytes, so that the parsers look each byte up once. Any thread.
 */
#include "proxy/http/chars.h"

enum {
    SEEN = CHAR_VALUE | CHAR_TARGET,       /* every visible byte but "#" */
    NAME = SEEN | CHAR_TOKEN,              /* only names of fields and methods */
    SUB = SEEN | CHAR_USER,                /* sub-delims that no token holds */
    MARK = NAME | CHAR_USER,               /* marks in tokens and userinfo */
    LETTER = NAME | CHAR_HOST | CHAR_USER, /* also "-", "." and "_" */
    HEX = LETTER | CHAR_HEX,
};

const unsigned char char_classes[256] = {
    ['\t'] = CHAR_VALUE,
    [' '] = CHAR_VALUE,
    ['!'] = MARK,
    ['"'] = SEEN,
    ['#'] = CHAR_VALUE | CHAR_TOKEN,
    ['$' ... '\''] = MARK, /* $ % & ' */
    ['(' ... ')'] = SUB,
    ['*' ... '+'] = MARK,
    [','] = SUB,
    ['-' ... '.'] = LETTER,
    ['/'] = SEEN,
    ['0' ... '9'] = HEX,
    [':' ... ';'] = SUB,
    ['<'] = SEEN,
    ['='] = SUB,
    ['>' ... '@'] = SEEN, /* > ? @ */
    ['A' ... 'F'] = HEX,
    ['G' ... 'Z'] = LETTER,
    ['[' ... ']'] = SEEN, /* [ \ ] */
    ['^'] = NAME,
    ['_'] = LETTER,
    ['`'] = NAME,
    ['a' ... 'f'] = HEX,
    ['g' ... 'z'] = LETTER,
    ['{'] = SEEN,
    ['|'] = NAME,
    ['}'] = SEEN,
    ['~'] = MARK,
    [0x80 ... 0xff] = CHAR_VALUE, /* obs-text */
};
