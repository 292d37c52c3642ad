#ifndef CARPOOL_PROXY_REPORT_TABLE_H
#define CARPOOL_PROXY_REPORT_TABLE_H

#include <stdio.h>

#include <jansson.h>

#include "base/err.h"

/* What /hosts answers as a table for people. ERR_SYNTAX if it is not that. */
enum err report_table_print(const json_t *page, FILE *to);

#endif
