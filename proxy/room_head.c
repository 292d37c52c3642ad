/*
 * HEAD: reads one request head from the client and checks everything that can be checked
 * without knowing who asks or what for.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "proxy/exchange.h"
#include "proxy/http/fields.h"

/* Where a slice into the old memory points after that memory was copied. */
static struct slice
moved(struct slice slice, const char *from, const char *to)
{
    return slice.data == NULL ? slice : (struct slice){to + (slice.data - from), slice.size};
}

/*
 * Lets the exchange own its head: fields and bytes in one piece of memory, so that the client's
 * input can be drained and the worker's field array used for the next head.
 */
static void
keep_head(struct exchange *exchange, const char *bytes, const struct head *parsed)
{
    struct head *head = &exchange->head;
    size_t fields_size = parsed->field_count * sizeof(struct field);
    char *memory = xcalloc(1, fields_size + parsed->size);
    char *copy = memory + fields_size;

    memcpy(copy, bytes, parsed->size);
    *head = *parsed;
    head->fields = (struct field *)(void *)memory;
    head->field_capacity = parsed->field_count;
    for (size_t i = 0; i < parsed->field_count; i++) {
        head->fields[i].name = moved(parsed->fields[i].name, bytes, copy);
        head->fields[i].value = moved(parsed->fields[i].value, bytes, copy);
    }
    head->method_text = moved(parsed->method_text, bytes, copy);
    head->target = moved(parsed->target, bytes, copy);
    exchange->head_memory = memory;
}

static bool
is_last_request(const struct exchange *exchange)
{
    unsigned most = exchange->config->http_max_requests;

    return most > 0 && exchange->client->served + 1 >= most;
}

/* What the head says of target, host, framing and the connection's life. */
static enum refusal
understand(struct exchange *exchange)
{
    const struct head *head = &exchange->head;
    enum refusal refusal = REFUSAL_NONE;

    if (target_parse(head, &exchange->target, &refusal) != PARSE_DONE ||
        target_check_host(head, &refusal) != PARSE_DONE ||
        body_of_request(head, &exchange->request_body, &refusal) != PARSE_DONE)
        return refusal;
    exchange->keeps_client = fields_keep_alive(head, true) && !exchange->worker->is_draining &&
                             !is_last_request(exchange);
    return REFUSAL_NONE;
}

/*
 * A head is parsed from its start each time. One that drips in byte by byte would cost the
 * square of its size, so only what may change the answer is looked at: the first bytes, a
 * line's end, a limit passed.
 */
static bool
is_worth_parsing(struct exchange *exchange, struct slice bytes,
                 const struct head_limits *limits)
{
    size_t seen = exchange->head_seen < bytes.size ? exchange->head_seen : 0;

    exchange->head_seen = bytes.size;
    return seen == 0 || memchr(bytes.data + seen, '\n', bytes.size - seen) != NULL ||
           (seen <= limits->line_size && bytes.size > limits->line_size) ||
           bytes.size > limits->head_size;
}

static enum step
wait_for_more(struct exchange *exchange)
{
    const struct client *client = exchange->client;

    if (client->is_gone)
        return exchange_end(exchange, REASON_CLIENT_GONE, FATE_ABORT);
    return client->has_ended ? exchange_fail(exchange, REASON_INCOMPLETE, NULL) : STEP_WAIT;
}

enum step
room_head(struct exchange *exchange)
{
    const struct config *config = exchange->config;
    struct client *client = exchange->client;
    const struct head_limits limits = {config->http_max_line, config->http_max_head};
    struct head parsed = {.fields = exchange->worker->fields,
                          .field_capacity = exchange->worker->field_capacity};
    struct slice bytes = client_input(client, SIZE_MAX);
    enum refusal refusal;

    if (!is_worth_parsing(exchange, bytes, &limits))
        return wait_for_more(exchange);
    switch (head_parse_request(bytes, &limits, &parsed)) {
    case PARSE_MORE:
        return wait_for_more(exchange);
    case PARSE_REFUSE:
        return exchange_fail(exchange, reason_of_refusal(parsed.refusal), NULL);
    case PARSE_DONE:
        break;
    }
    keep_head(exchange, bytes.data, &parsed);
    client_consume(client, parsed.size);
    worker_count(exchange->worker, PROXY_STAT_REQUESTS, 1);
    refusal = understand(exchange);
    if (refusal != REFUSAL_NONE)
        return exchange_fail(exchange, reason_of_refusal(refusal), NULL);
    return exchange_enter(exchange, ROOM_ADMIT);
}

enum step
room_head_late(struct exchange *exchange)
{
    return exchange_fail(exchange, REASON_HEAD_TIMEOUT, NULL);
}
