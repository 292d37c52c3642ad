/*
 * Nothing listens to the whole world by accident. Any thread.
 */
#include "proxy/config.h"

/* Has the operator said who may use the proxy, instead of leaving it to what is preset? */
static bool
says_who(const struct config *config)
{
    const struct setting *clients = setting_at(SETTING_access_clients);
    const struct rule *first = rules_at(config->rules, 0);

    return config->users != NULL || rule_origin(first) == RULE_GIVEN ||
           !slice_equal(slice_of(config->access_clients), slice_of(clients->preset));
}

/*
 * Every address that is listened on comes here, whatever it is for. guard: what would say who
 * may use it; NULL: something does.
 */
static enum err
check_address(const struct config *bound, enum setting_index given, const char *guard,
              const struct address *address, struct complaint *complaint)
{
    const char *given_at = bound->given_at[given];
    const struct setting *setting = setting_at(given);
    char text[ADDRESS_TEXT_SIZE];

    if (guard == NULL || address_kind(address) != ADDRESS_PUBLIC)
        return ERR_OK;
    complain(complaint,
             "%s: %s.%s: %s is a public address, and nothing says who may use it; expected %s",
             given_at != NULL ? given_at : "preset", setting->section, setting->key,
             address_format(address, text), guard);
    return ERR_SYNTAX;
}

enum err
config_check_exposure(const struct config *config, const struct config *bound,
                      struct complaint *complaint)
{
    const char *guard =
        says_who(config) ? NULL
                         : "access.clients, access.rules or auth.users_file to say who, such "
                           "as access.clients = all";
    enum err err = ERR_OK;

    for (size_t i = 0; i < bound->listener_count && err == ERR_OK; i++)
        err =
            check_address(bound, SETTING_proxy_listen, guard, &bound->listeners[i], complaint);
    /* Rules are about the proxy; the admin has its token. */
    guard = config->admin_token != NULL ? NULL : "admin.token_file, which is asked for then";
    if (err == ERR_OK && bound->has_admin)
        err = check_address(bound, SETTING_admin_listen, guard, &bound->admin, complaint);
    return err;
}
