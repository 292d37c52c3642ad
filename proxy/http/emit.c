/*
 * Heads for the next hop, written from what was understood. Pure but for the buffer, whose
 * owner's thread it is.
 *
 * The room for the whole head is reserved once and then filled, so a buffer never holds half
 * a head.
 */
#include "proxy/http/emit.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "proxy/http/date.h"
#include "proxy/http/fields.h"
#include "proxy/http/upgrade.h"

struct writer {
    char *at;
};

static void
put(struct writer *writer, struct slice text)
{
    if (text.size > 0)
        memcpy(writer->at, text.data, text.size);
    writer->at += text.size;
}

static void
put_number(struct writer *writer, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(writer, (struct slice){digits + at, sizeof(digits) - at});
}

static void
put_field(struct writer *writer, struct slice name, struct slice value)
{
    put(writer, name);
    put(writer, SLICE(": "));
    put(writer, value);
    put(writer, SLICE("\r\n"));
}

static size_t
room_of_fields(const struct head *head)
{
    size_t size = 0;

    for (size_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.size + head->fields[i].value.size + 4;
    return size;
}

/* Is the field one that passes through as it came? */
static bool
is_copied(const struct head *head, const struct field *field)
{
    return !slice_equal_nocase(field->name, SLICE("Content-Length")) &&
           !field_is_hop_by_hop(head, field);
}

/*
 * An element that we append to a list field: to the last field line of its name, so that it is
 * the last one in the order of hops, or as a line of its own (RFC 9110 §5.3).
 */
struct entry {
    struct slice name;
    struct slice prefix;
    struct slice text; /* empty: nothing is appended */
    const struct field *last;
};

static struct entry
entry_for(const struct head *head, struct slice name, struct slice prefix, struct slice text)
{
    struct entry entry = {name, prefix, text, NULL};

    if (text.size == 0)
        return entry;
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, name) && is_copied(head, &head->fields[i]))
            entry.last = &head->fields[i];
    return entry;
}

/* "1.1 carpool": the version is the one that the message came in (RFC 9110 §7.6.3). */
static struct entry
via_entry(const struct head *head, struct slice name)
{
    return entry_for(head, SLICE("Via"), head->minor == 0 ? SLICE("1.0 ") : SLICE("1.1 "),
                     name);
}

/* A field as it came, and what is appended to it. */
static void
put_copied(struct writer *writer, const struct field *field, const struct entry *entries,
           size_t count)
{
    put(writer, field->name);
    put(writer, SLICE(": "));
    put(writer, field->value);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].last != field)
            continue;
        put(writer, field->value.size > 0 ? SLICE(", ") : SLICE(""));
        put(writer, entries[i].prefix);
        put(writer, entries[i].text);
    }
    put(writer, SLICE("\r\n"));
}

/* Entries that found no field to be appended to. */
static void
put_new_entries(struct writer *writer, const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];

        if (entry->text.size == 0 || entry->last != NULL)
            continue;
        put(writer, entry->name);
        put(writer, SLICE(": "));
        put(writer, entry->prefix);
        put(writer, entry->text);
        put(writer, SLICE("\r\n"));
    }
}

static void
put_length(struct writer *writer, uint64_t length)
{
    put(writer, SLICE("Content-Length: "));
    put_number(writer, length);
    put(writer, SLICE("\r\n"));
}

static void
put_framing(struct writer *writer, enum body_kind kind, uint64_t length)
{
    if (kind == BODY_LENGTH)
        put_length(writer, length);
    else if (kind == BODY_CHUNKED)
        put(writer, SLICE("Transfer-Encoding: chunked\r\n"));
}

/* RFC 9110 §7.2: from the target, never from the client's own field. */
static void
put_host(struct writer *writer, const struct target *target)
{
    put(writer, target->is_bracketed ? SLICE("Host: [") : SLICE("Host: "));
    put(writer, target->host);
    if (target->is_bracketed)
        put(writer, SLICE("]"));
    if (target->has_port) {
        put(writer, SLICE(":"));
        put_number(writer, target->port);
    }
    put(writer, SLICE("\r\n"));
}

/* Our own wish or consent to switch protocols, with the protocols as they came (§7.8). */
static void
put_upgrade(struct writer *writer, const struct head *head)
{
    put(writer, SLICE("Connection: Upgrade\r\n"));
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_equal_nocase(head->fields[i].name, SLICE("Upgrade")))
            put_field(writer, head->fields[i].name, head->fields[i].value);
}

/* RFC 9110 §8.6: a method that means to send a body and has none says so. */
static bool
says_empty(const struct head *head, const struct body *body)
{
    return body->kind == BODY_NONE &&
           (head->method == METHOD_POST || head->method == METHOD_PUT ||
            head->method == METHOD_PATCH) &&
           head_field(head, SLICE("Content-Length")) != NULL;
}

/*
 * Fields that are not for the origin as they came: Host is written from the target, and what
 * HTTP/1.0 says with Expect must be ignored (RFC 9110 §10.1.1).
 */
static bool
is_replaced(const struct head *head, const struct field *field)
{
    return slice_equal_nocase(field->name, SLICE("Host")) ||
           (head->minor == 0 && slice_equal_nocase(field->name, SLICE("Expect")));
}

/* The fields that pass through, and what we add as a hop. */
static void
put_request_fields(struct writer *writer, const struct head *head, const struct emit_hop *hop)
{
    const struct entry entries[] = {
        via_entry(head, hop->name),
        entry_for(head, hop->for_name, SLICE(""), hop->for_entry),
    };
    const size_t count = sizeof(entries) / sizeof(entries[0]);

    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *field = &head->fields[i];

        if (!is_copied(head, field) || is_replaced(head, field))
            continue;
        if (hop->has_hops_left && slice_equal_nocase(field->name, SLICE("Max-Forwards"))) {
            put(writer, SLICE("Max-Forwards: "));
            put_number(writer, hop->hops_left);
            put(writer, SLICE("\r\n"));
        } else {
            put_copied(writer, field, entries, count);
        }
    }
    put_new_entries(writer, entries, count);
}

enum err
emit_request_from(struct buf *out, const struct head *head, const struct target *target,
                  const struct body *body, const struct emit_hop *hop)
{
    size_t room = EMIT_OWN_ROOM + head->method_text.size + target->path.size +
                  target->host.size + room_of_fields(head);
    struct writer writer;
    char *space;
    enum err err = buf_space(out, room, &space);

    assert(hop->name.size <= EMIT_NAME_SIZE_MAX);
    if (err != ERR_OK)
        return err;
    writer.at = space;
    put(&writer, head->method_text);
    put(&writer, SLICE(" "));
    if (target->path.size > 0 && target->path.data[0] == '?')
        put(&writer, SLICE("/"));
    put(&writer, target->path);
    put(&writer, SLICE(" HTTP/1.1\r\n"));
    put_host(&writer, target);
    put_request_fields(&writer, head, hop);
    if (upgrade_is_asked(head, body))
        put_upgrade(&writer, head);
    else if (hop->is_last)
        put(&writer, SLICE("Connection: close\r\n"));
    if (says_empty(head, body))
        put_length(&writer, 0);
    else
        put_framing(&writer, body->kind, body->length);
    put(&writer, SLICE("\r\n"));
    buf_grew(out, (size_t)(writer.at - space));
    return ERR_OK;
}

enum err
emit_request(struct buf *out, const struct head *head, const struct target *target,
             const struct body *body)
{
    const struct emit_hop nothing = {0};

    return emit_request_from(out, head, target, body, &nothing);
}

static void
put_status_line(struct writer *writer, const struct head *head)
{
    put(writer, SLICE("HTTP/1.1 "));
    put_number(writer, head->status);
    put(writer, SLICE(" "));
    put(writer, head->reason);
    put(writer, SLICE("\r\n"));
}

static void
put_response_fields(struct writer *writer, const struct head *head, struct slice name)
{
    const struct entry via = via_entry(head, name);

    assert(name.size <= EMIT_NAME_SIZE_MAX);
    for (size_t i = 0; i < head->field_count; i++)
        if (is_copied(head, &head->fields[i]))
            put_copied(writer, &head->fields[i], &via, 1);
    put_new_entries(writer, &via, 1);
}

/* What the client is told of its connection (RFC 9112 §9.6); a body until the close ends it. */
static void
put_connection(struct writer *writer, const struct emit_framing *framing)
{
    if (!framing->keeps_alive || framing->kind == BODY_UNTIL_CLOSE)
        put(writer, SLICE("Connection: close\r\n"));
    else if (framing->is_old_client)
        put(writer, SLICE("Connection: keep-alive\r\n"));
}

/*
 * 426 must say to what (RFC 9110 §7.8), and what passes Upgrade on can say it as its own word.
 * In other answers the field is a mere offer to the next hop, which we take or leave.
 */
static void
put_demand(struct writer *writer, const struct head *head)
{
    if (head->status == 426 && head_field(head, SLICE("Upgrade")) != NULL)
        put_upgrade(writer, head);
}

/* When the answer came, where that is all that is known of its age. */
static void
put_date(struct writer *writer, const struct head *head, time_t received)
{
    const struct field *said = head_field(head, SLICE("Date"));
    char date[DATE_SIZE];

    if (received == 0 || (said != NULL && is_copied(head, said)))
        return;
    date_write(received, date);
    put_field(writer, SLICE("Date"), (struct slice){date, DATE_SIZE - 1});
}

/*
 * A client may use Negotiate through a proxy only if that says that it never lets others use
 * the connection (RFC 4559 §6). It speaks for this hop alone.
 */
static void
put_proxy_support(struct writer *writer, const struct emit_framing *framing)
{
    if (framing->is_pinned)
        put(writer, SLICE("Proxy-Support: Session-Based-Authentication\r\n"
                          "Connection: Proxy-Support\r\n"));
}

/* The origin's length of a body that does not follow; never with 204 (RFC 9110 §8.6). */
static const struct field *
length_to_copy(const struct head *head, const struct emit_framing *framing)
{
    if (framing->kind != BODY_NONE || !framing->copies_length || head->status == 204)
        return NULL;
    return head_field(head, SLICE("Content-Length"));
}

enum err
emit_response(struct buf *out, const struct head *head, const struct emit_framing *framing)
{
    const struct field *length = length_to_copy(head, framing);
    uint64_t copied = 0;
    struct writer writer;
    char *space;
    enum err err;

    assert(framing->kind != BODY_CHUNKED || !framing->is_old_client);
    if (length != NULL) {
        err = slice_to_number(length->value, UINT64_MAX, &copied);
        if (err != ERR_OK)
            return err;
    }
    err = buf_space(out, EMIT_OWN_ROOM + head->reason.size + room_of_fields(head), &space);
    if (err != ERR_OK)
        return err;
    writer.at = space;
    put_status_line(&writer, head);
    put_response_fields(&writer, head, framing->name);
    put_date(&writer, head, framing->received);
    put_demand(&writer, head);
    if (length != NULL)
        put_length(&writer, copied);
    put_framing(&writer, framing->kind, framing->length);
    put_proxy_support(&writer, framing);
    put_connection(&writer, framing);
    put(&writer, SLICE("\r\n"));
    buf_grew(out, (size_t)(writer.at - space));
    return ERR_OK;
}

enum err
emit_interim(struct buf *out, const struct head *head, struct slice name)
{
    struct writer writer;
    char *space;
    enum err err =
        buf_space(out, EMIT_OWN_ROOM + head->reason.size + room_of_fields(head), &space);

    if (err != ERR_OK)
        return err;
    writer.at = space;
    put_status_line(&writer, head);
    put_response_fields(&writer, head, name);
    if (head->status == 101)
        put_upgrade(&writer, head);
    put(&writer, SLICE("\r\n"));
    buf_grew(out, (size_t)(writer.at - space));
    return ERR_OK;
}

size_t
emit_chunk_head(uint64_t size, char to[EMIT_CHUNK_HEAD_SIZE])
{
    int written = snprintf(to, EMIT_CHUNK_HEAD_SIZE, "%" PRIx64 "\r\n", size);

    assert(written > 0 && written < EMIT_CHUNK_HEAD_SIZE);
    return (size_t)written;
}
