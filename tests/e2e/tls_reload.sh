#!/bin/bash
# SIGHUP and whom TLS trusts: from then on new files decide, and neither a connection that is parked
# nor a session that could be resumed gets round them; where nothing changed, both stay in use.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/tls_lib.sh"
need curl openssl

# reloaded WORDS: what SIGHUP came to.
reloaded() {
  : >"$carpool_log"
  kill -HUP "$carpool_pid"
  wait_until 10 grep -q "$1" "$carpool_log"
  contains "$(<"$carpool_log")" "$1"
}

read_again="info settings read again"

settings() {
  cat >"$conf" <<END
tls {
    ca_file = "$trusted"
    origins = "$1"
}
END
}

# gives HOST PORT
gives() {
  equal "$(ask "https://$1:$2/page")" "a page"
}

# refuses HOST PORT WORDS
refuses() {
  contains "$(ask "https://$1:$2/page" -w '%{http_code}')" "$3"
}

opened() {
  equal "$(metric upstream_connections_opened_total)" "$1"
}

resumed() {
  equal "$(metric upstream_tls_handshakes_resumed_total)" "$1"
}

authority_make
authority_new stranger
names=DNS:localhost,IP:127.0.0.1,DNS:two.test
certificate good "$names"
certificate unknown "$names" 20200101000000Z 20900101000000Z stranger
certificate me DNS:carpool.test
certificate other DNS:other.test
tls_origin_start good unknown
echo -n "a page" >"$tls_root/page"
good=$tls_port
unknown=$((tls_port + 1))
conf=$work/carpool.conf
trusted=$work/trusted.pem
cp "$tls_ca" "$trusted"
settings ""
printf '127.0.0.1 two.test\n127.0.0.2 two.test\n' >"$work/hosts"
carpool_start --config "$conf" --set "dns.hosts_file=$work/hosts"

claim "an origin is trusted" gives 127.0.0.1 "$good"
claim "… another one is not" refuses 127.0.0.1 "$unknown" "authority that is not trusted"
claim "where nothing changed, SIGHUP" reloaded "$read_again"
claim "… leaves the connection in use" gives 127.0.0.1 "$good"
claim "… which is the only one that an answer came from" opened 1

cp "$tls_dir/stranger.pem" "$trusted"
claim "another authority in the same file is read" reloaded "$read_again"
claim "… and the parked connection is used no more, nor its session" \
  refuses 127.0.0.1 "$good" "authority that is not trusted"
claim "… while the other origin is trusted now" gives 127.0.0.1 "$unknown"

echo "no certificate" >"$trusted"
claim "a file without a certificate" reloaded "error settings stay as they were"
claim "… is named" grep -F "$trusted" "$carpool_log"
claim "… and what was trusted still is" gives 127.0.0.1 "$unknown"

cp "$tls_ca" "$trusted"
claim "the first file is read again" reloaded "$read_again"
claim "… and trusted" gives 127.0.0.1 "$good"
claim "… by a handshake of its own" resumed 0

before=$(metric upstream_connections_opened_total)
settings "verify off host localhost"
claim "a host is no longer checked" reloaded "$read_again"
claim "… of which the log warns again" grep "certificates of these origins are not checked" "$carpool_log"
claim "… so what was refused is fetched" gives localhost "$unknown"
claim "… and the other hosts' connections stay" gives 127.0.0.1 "$good"
claim "… without a new one" opened $((before + 1))

settings ""
claim "the host is checked again" reloaded "$read_again"
claim "… and what was not checked is not used, neither connection nor session" \
  refuses localhost "$unknown" "authority that is not trusted"

settings "certificate $tls_dir/me.pem key $tls_dir/me.key host localhost"
claim "a host gets a certificate to see" reloaded "$read_again"
before=$(metric upstream_connections_opened_total)
claim "… which takes a new connection" gives localhost "$good"
claim "… and no more than that" opened $((before + 1))
cp "$tls_dir/other.key" "$tls_dir/me.key"
claim "a key that is another one's is refused" reloaded "error settings stay as they were"
claim "… and the old one stays in use" gives localhost "$good"
cp "$tls_dir/other.pem" "$tls_dir/me.pem"
claim "where certificate and key have changed both" reloaded "$read_again"
claim "… there is a new connection" gives localhost "$good"
claim "… and only one" opened $((before + 2))

# Files are read when they are needed first, and then they have to be there.
later=$work/later.pem
cp "$tls_ca" "$later"
settings "ca $later host two.test"
claim "a host has an authority of its own" reloaded "$read_again"
mv "$later" "$later.away"
claim "… whose file went away before it was needed" \
  refuses two.test "$good" "TLS to origins is not set up right in this proxy"
claim "… as the log says, once, since no other address would change it" \
  equal "$(grep -c "error TLS to origins cannot be set up why=$later: there is no such thing" \
    "$carpool_log")" 1
mv "$later.away" "$later"
claim "… and came back" gives two.test "$good"
kill -TERM "$carpool_pid"
wait "$carpool_pid"

# Where no file is named, the system's: OpenSSL lets its place be told.
trusted=
settings ""
system=$work/system.pem
cp "$tls_ca" "$system"
SSL_CERT_FILE=$system SSL_CERT_DIR=$work/none carpool_start --config "$conf"
claim "whom the system trusts is trusted" gives 127.0.0.1 "$good"
claim "… and nobody else" refuses 127.0.0.1 "$unknown" "authority that is not trusted"
cp "$tls_dir/stranger.pem" "$system"
claim "when that has changed" reloaded "$read_again"
claim "… it holds" refuses 127.0.0.1 "$good" "authority that is not trusted"
claim "… for all" gives 127.0.0.1 "$unknown"
done_testing
