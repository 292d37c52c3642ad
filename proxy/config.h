#ifndef CARPOOL_PROXY_CONFIG_H
#define CARPOOL_PROXY_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

/*
 * All settings, immutable once loaded. The members are those of settings.def, named section_key
 * (pool_idle_timeout: milliseconds), and what was understood from the texts among them.
 * References are counted atomically: one per holder of an epoch, not one per request.
 */
struct config {
#define CONFIG_COUNT unsigned
#define CONFIG_MSEC unsigned
#define CONFIG_SIZE uint64_t
#define CONFIG_TEXT char *
#define CONFIG_CHOICE unsigned
#define SETTING(section, key, type, preset, least, most, when, help)                           \
    CONFIG_##type section##_##key;
#include "proxy/settings.def"
#undef SETTING

    /* understood from the texts */
    struct address *listeners; /* proxy.listen */
    size_t listener_count;
    bool has_admin;
    struct address admin;                /* admin.listen */
    struct address_range *client_ranges; /* access.clients */
    size_t client_range_count;
    uint16_t *connect_ports; /* access.connect_ports */
    size_t connect_port_count;

    _Atomic unsigned references;
};

void config_ref(struct config *config);
void config_unref(struct config *config);

#endif
