/* Certificates made on the spot, and a server that shows them. */
#include "tests/unit/base/tls_peer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "base/stream_tls.h"

const struct tls_paper tls_good = {
    .names = "DNS:a.test, IP:127.0.0.1", .starts_s = -60, .ends_s = 3600};

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
};

static void
need(int is_done)
{
    if (!is_done)
        abort(); /* the test cannot be set up */
}

static void
extend(X509 *certificate, int what, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, what, value);

    need(extension != NULL && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static X509 *
certificate_new(const char *common_name, EVP_PKEY *key, const struct tls_paper *paper)
{
    static long serial = 1;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    need(X509_set_version(certificate, X509_VERSION_3) &&
         ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++) &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), paper->starts_s) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), paper->ends_s) != NULL &&
         X509_set_pubkey(certificate, key) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    (const unsigned char *)common_name, -1, -1, 0));
    return certificate;
}

static void
sign(X509 *certificate, const X509_NAME *by, EVP_PKEY *with)
{
    need(X509_set_issuer_name(certificate, by) && X509_sign(certificate, with, EVP_sha256()));
}

static struct authority
authority_new(const char *name)
{
    struct authority authority = {.key = EVP_EC_gen("P-256")};

    authority.certificate = certificate_new(name, authority.key, &tls_good);
    extend(authority.certificate, NID_basic_constraints, "critical,CA:TRUE");
    sign(authority.certificate, X509_get_subject_name(authority.certificate), authority.key);
    return authority;
}

static void
authority_free(struct authority *authority)
{
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

static SSL_CTX *
server_new(const struct tls_paper *paper, const struct authority *authority)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_new("server", key, paper);

    if (paper->names != NULL)
        extend(certificate, NID_subject_alt_name, paper->names);
    if (paper->use != NULL)
        extend(certificate, NID_ext_key_usage, paper->use);
    if (paper->is_self_signed)
        sign(certificate, X509_get_subject_name(certificate), key);
    else
        sign(certificate, X509_get_subject_name(authority->certificate), authority->key);
    need(SSL_CTX_use_certificate(context, certificate) && SSL_CTX_use_PrivateKey(context, key));
    if (paper->only_old_versions) {
        SSL_CTX_set_security_level(context, 0);
        need(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) &&
             SSL_CTX_set_max_proto_version(context, TLS1_1_VERSION));
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}

static SSL_CTX *
client_new(const struct authority *trusted)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    need(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), trusted->certificate) &&
         SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    return context;
}

void
tls_peer_open(struct tls_peer *peer, const struct tls_paper *paper)
{
    struct authority trusted = authority_new("trusted");
    struct authority stranger = authority_new("stranger");
    int fds[2];

    need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    *peer = (struct tls_peer){.ours = {.fd = fds[0]}, .theirs = fds[1]};
    peer->server_context = server_new(paper, paper->is_from_a_stranger ? &stranger : &trusted);
    peer->trusting = client_new(&trusted);
    peer->server = SSL_new(peer->server_context);
    need(peer->server != NULL && SSL_set_fd(peer->server, peer->theirs));
    SSL_set_accept_state(peer->server);
    authority_free(&trusted);
    authority_free(&stranger);
}

void
tls_peer_close(struct tls_peer *peer)
{
    stream_close(&peer->ours);
    SSL_free(peer->server);
    SSL_CTX_free(peer->server_context);
    SSL_CTX_free(peer->trusting);
    if (peer->theirs != -1)
        close(peer->theirs);
}

enum err
tls_peer_shake(struct tls_peer *peer, const char *host)
{
    enum err err = stream_tls_begin(&peer->ours, peer->trusting, host);

    if (err != ERR_OK)
        return err;
    do {
        err = stream_tls_shake(&peer->ours);
        (void)SSL_do_handshake(peer->server); /* how it goes is the client's to say */
    } while (err == ERR_AGAIN);
    return err;
}

struct stream *
tls_peer_greeted(struct tls_peer *peer)
{
    tls_peer_open(peer, &tls_good);
    need(tls_peer_shake(peer, "a.test") == ERR_OK);
    return &peer->ours;
}

void
tls_peer_say(struct tls_peer *peer, const char *text)
{
    need(SSL_write(peer->server, text, (int)strlen(text)) == (int)strlen(text));
}

void
tls_peer_send_ticket(struct tls_peer *peer)
{
    need(SSL_new_session_ticket(peer->server) && SSL_do_handshake(peer->server) == 1);
}

void
tls_peer_change_keys(struct tls_peer *peer, int kind)
{
    need(SSL_key_update(peer->server, kind) && SSL_do_handshake(peer->server) == 1);
}

size_t
tls_peer_take(struct tls_peer *peer, char *to, size_t had, size_t room)
{
    size_t count = 0;

    while (had < room && SSL_read_ex(peer->server, to + had, room - had, &count))
        had += count;
    return had;
}
