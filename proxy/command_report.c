/*
 * carpool report: the admin's /hosts as a table.
 */
#include <stdio.h>

#include "proxy/admin_ask.h"
#include "proxy/commands.h"
#include "proxy/report_table.h"

static int
print_report(const json_t *answer, const char *url)
{
    if (report_table_print(answer, stdout) == ERR_OK)
        return 0;
    fprintf(stderr, "carpool: %s: the answer is not a report of hosts\n", url);
    return 1;
}

int
command_report(const struct config *config, bool as_json)
{
    char url[ADMIN_URL_SIZE];

    if (!admin_url(config, "/hosts", url))
        return 1;
    command_bound_time();
    return admin_show(config, "GET", url, as_json ? NULL : print_report);
}
