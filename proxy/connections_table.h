#ifndef CARPOOL_PROXY_CONNECTIONS_TABLE_H
#define CARPOOL_PROXY_CONNECTIONS_TABLE_H

#include <stdio.h>

#include <jansson.h>

#include "base/err.h"

/*
 * The admin's list of connections (what connections_write() made) as a table for people, sorted
 * by host, with a line of totals. ERR_SYNTAX, and nothing is printed, if it is no such list.
 */
enum err connections_table_print(const json_t *list, FILE *to);

#endif
