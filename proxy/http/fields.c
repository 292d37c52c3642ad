/*
 * What Connection and its relatives mean (RFC 9110 §7.6.1, RFC 9112 §9). Pure, any thread.
 */
#include "proxy/http/fields.h"

#include <limits.h>

/* For the next hop whether Connection names them or not. */
static bool
is_fixed_hop_by_hop(struct slice name)
{
    static const struct slice names[] = {
        {"Connection", 10},
        {"Keep-Alive", 10},
        {"Proxy-Connection", 16},
        {"TE", 2},
        {"Transfer-Encoding", 17},
        {"Upgrade", 7},
        {"Trailer", 7},
        {"Proxy-Authorization", 19},
        {"Proxy-Authenticate", 18},
        {"Proxy-Authentication-Info", 25},
        {"Proxy-Support", 13}, /* RFC 4559 §6 */
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(name, names[i]))
            return true;
    return false;
}

/*
 * Where a message goes and how far, where it ends and by whom it came is not for Connection to
 * take away.
 */
static bool
is_protected(struct slice name)
{
    return slice_equal_nocase(name, SLICE("Host")) ||
           slice_equal_nocase(name, SLICE("Content-Length")) ||
           slice_equal_nocase(name, SLICE("Max-Forwards")) ||
           slice_equal_nocase(name, SLICE("Via"));
}

bool
field_is_hop_by_hop(const struct head *head, const struct field *field)
{
    if (is_fixed_hop_by_hop(field->name))
        return true;
    return head_has_token(head, SLICE("Connection"), field->name) && !is_protected(field->name);
}

bool
fields_keep_alive(const struct head *head, bool is_request)
{
    struct slice name = SLICE("Connection");

    if (is_request && head_field(head, name) == NULL)
        name = SLICE("Proxy-Connection");
    else if (!is_request && head_field(head, name) == NULL)
        return head->minor > 0;
    if (head_has_token(head, name, SLICE("close")))
        return false;
    return head->minor > 0 || head_has_token(head, name, SLICE("keep-alive"));
}

/* "name=number"; a number that means nothing to us is as good as none. */
static bool
read_parameter(struct slice element, struct slice name, bool has_value, unsigned *value)
{
    struct slice text;
    uint64_t number;

    if (element.size <= name.size ||
        !slice_equal_nocase((struct slice){element.data, name.size}, name))
        return has_value;
    text = slice_trim((struct slice){element.data + name.size, element.size - name.size});
    if (text.size == 0 || text.data[0] != '=')
        return has_value;
    text = slice_trim((struct slice){text.data + 1, text.size - 1});
    if (slice_to_number(text, UINT_MAX, &number) != ERR_OK)
        return has_value;
    if (!has_value || number < *value)
        *value = (unsigned)number; /* said twice, the shorter one is the safe one */
    return true;
}

struct keep_alive
fields_parse_keep_alive(const struct head *head)
{
    struct keep_alive said = {0};

    for (size_t i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;
        struct slice element;

        if (!slice_equal_nocase(head->fields[i].name, SLICE("Keep-Alive")))
            continue;
        while (slice_next_element(&rest, &element)) {
            said.has_timeout =
                read_parameter(element, SLICE("timeout"), said.has_timeout, &said.timeout_s);
            said.has_max = read_parameter(element, SLICE("max"), said.has_max, &said.max);
        }
    }
    return said;
}

/* "1.1 name" or "HTTP/1.1 name (comment)": is it this name? */
static bool
is_received_by(struct slice element, struct slice name)
{
    struct slice rest;
    size_t at = 0;

    while (at < element.size && element.data[at] != ' ' && element.data[at] != '\t')
        at++;
    rest = slice_trim((struct slice){element.data + at, element.size - at});
    return rest.size >= name.size &&
           slice_equal_nocase((struct slice){rest.data, name.size}, name) &&
           (rest.size == name.size || rest.data[name.size] == ' ' ||
            rest.data[name.size] == '\t' || rest.data[name.size] == '(');
}

bool
fields_came_by(const struct head *head, struct slice name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;
        struct slice element;

        if (!slice_equal_nocase(head->fields[i].name, SLICE("Via")))
            continue;
        while (slice_next_element(&rest, &element))
            if (is_received_by(element, name))
                return true;
    }
    return false;
}

enum parse
fields_max_forwards(const struct head *head, bool *has, uint32_t *hops)
{
    const struct field *field = head_field(head, SLICE("Max-Forwards"));
    uint64_t number = 0;
    enum err err;

    *has = field != NULL;
    if (field == NULL)
        return PARSE_DONE;
    if (head_count(head, SLICE("Max-Forwards")) > 1)
        return PARSE_REFUSE;
    err = slice_to_number(field->value, UINT32_MAX, &number);
    if (err != ERR_OK && err != ERR_RANGE)
        return PARSE_REFUSE;
    *hops = err == ERR_OK ? (uint32_t)number : UINT32_MAX;
    return PARSE_DONE;
}

/* "Negotiate", "NTLM TlRMTVN…": the scheme is the first word of an element. */
static enum connection_auth
connection_auth_of(struct slice element)
{
    static const struct slice schemes[] = {
        {"NTLM", 4}, {"Negotiate", 9}, {"Nego2", 5}, {"Kerberos", 8}};
    size_t size = 0;

    while (size < element.size && element.data[size] != ' ' && element.data[size] != '\t')
        size++;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (slice_equal_nocase((struct slice){element.data, size}, schemes[i]))
            return size < element.size ? CONNECTION_AUTH_TOKEN : CONNECTION_AUTH_SCHEME;
    return CONNECTION_AUTH_NONE;
}

enum connection_auth
fields_connection_auth(const struct head *head, struct slice name)
{
    enum connection_auth most = CONNECTION_AUTH_NONE;

    for (size_t i = 0; i < head->field_count; i++) {
        struct slice rest = head->fields[i].value;
        struct slice element;

        if (!slice_equal_nocase(head->fields[i].name, name))
            continue;
        while (slice_next_element(&rest, &element)) {
            enum connection_auth auth = connection_auth_of(element);

            if (auth > most)
                most = auth;
        }
    }
    return most;
}
