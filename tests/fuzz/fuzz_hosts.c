/*
 * A hosts file in any bytes, and each word of it as a name. Names are read one way however they
 * are written; every address found stands in the file.
 */
#include <ctype.h>
#include <stdlib.h>

#include "dns/hosts.h"
#include "dns/name.h"
#include "dns/order.h"
#include "tests/fuzz/fuzz.h"

static void
check_name(const struct name *name)
{
    struct name again;
    unsigned dots = 0;

    CHECK(name->size > 0 && name->size < NAME_SIZE && strlen(name->text) == name->size);
    for (size_t i = 0; i < name->size; i++) {
        unsigned char c = (unsigned char)name->text[i];

        CHECK(islower(c) || isdigit(c) || c == '-' || c == '_' || c == '.');
        dots += c == '.';
    }
    CHECK(dots == name->dots);
    CHECK(name->text[0] != '.' && name->text[name->size - 1] != '.');
    CHECK(strstr(name->text, "..") == NULL);
    CHECK(name_read((struct slice){name->text, name->size}, &again) == ERR_OK);
    CHECK(strcmp(again.text, name->text) == 0 && again.dots == name->dots);
}

static void
check_answer(const struct answer *answer, enum dns_family family)
{
    CHECK(answer->count > 0 && answer->count <= 2 * FAMILY_MOST);
    for (size_t i = 0; i < answer->count; i++) {
        const struct address *address = &answer->addresses[i];
        bool is_v4 = address->any.sa_family == AF_INET;

        CHECK(is_v4 || address->any.sa_family == AF_INET6);
        CHECK(family == DNS_ANY || (family == DNS_IPV4) == is_v4);
        CHECK(address_port(address) == 0);
        for (size_t j = 0; j < i; j++)
            CHECK(!address_equal(address, &answer->addresses[j]));
    }
}

static size_t
find(struct hosts *hosts, const struct name *name, enum dns_family family)
{
    struct answer *answer = hosts_find(hosts, (struct slice){name->text, name->size}, family);
    size_t count = answer != NULL ? answer->count : 0;

    if (answer != NULL) {
        check_answer(answer, family);
        answer_unref(answer);
    }
    return count;
}

static void
check_word(struct hosts *hosts, struct slice word)
{
    struct name name;

    if (name_read(word, &name) != ERR_OK)
        return;
    check_name(&name);
    CHECK(find(hosts, &name, DNS_ANY) ==
          find(hosts, &name, DNS_IPV4) + find(hosts, &name, DNS_IPV6));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};
    struct hosts hosts;
    char *copy = fuzz_copy(rest);

    hosts_init(&hosts, fuzz_file(0, rest));
    rest.data = copy;
    while (rest.size > 0) {
        struct slice line = fuzz_cut_at(&rest, '\n');

        while (line.size > 0)
            check_word(&hosts, fuzz_cut_at(&line, ' '));
    }
    hosts_fini(&hosts);
    free(copy);
    return 0;
}
