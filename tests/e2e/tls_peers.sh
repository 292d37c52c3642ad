#!/bin/bash
# https:// URLs at origins that nobody should trust, that are too old, or that want to know who
# asks: each is told on time, in words, and leaves nothing behind.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/tls_lib.sh"
need curl openssl ss

here_names=DNS:localhost,IP:127.0.0.1

# --- origins -----------------------------------------------------------------------------------

# Signed by itself, and otherwise as it should be.
certificate_alone() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj "/CN=$1" -addext "subjectAltName=$here_names" \
    -keyout "$tls_dir/$1.key" -out "$tls_dir/$1.pem" 2>/dev/null || give_up "no certificate $1"
}

# picky_start ARGUMENT…: `openssl s_server`, which gives out files. Sets picky_pid, picky_port.
picky_start() {
  picky_port=$(free_ports 1)
  (cd "$tls_root" && exec openssl s_server -accept "127.0.0.1:$picky_port" \
    -cert ../good.pem -key ../good.key -CAfile ../ca.pem -WWW -quiet "$@") \
    >>"$tls_dir/picky.log" 2>&1 &
  picky_pid=$!
  children+=("$picky_pid")
  logs+=("$tls_dir/picky.log")
  wait_until 10 answers_on 127.0.0.1 "$picky_port" || give_up "s_server $* does not start"
}

picky_stop() {
  kill -TERM "$picky_pid"
  wait "$picky_pid" 2>/dev/null
}

# --- what is asked of them -------------------------------------------------------------------------

at=127.0.0.1
fails=0

# tells PORT REASON ERROR WORDS: 502 within the time that a handshake may take, and said everywhere.
tells() {
  local status head=$work/head body=$work/body lines log
  lines=$(wc -l <"$access_log")
  fails=$((fails + 1))
  rm -f "$head" "$body"
  status=$(ask "https://$at:$1/page" --max-time 5 -D "$head" -o "$body" -w '%{http_code}')
  wait_until 5 has_lines "$access_log" $((lines + 1))
  log=$(tail -n +$((lines + 1)) "$access_log")
  cat "$head" "$body"
  equal "$status" 502 &&
    contains "$(<"$body")" "$4" && contains "$(<"$body")" "($2)" &&
    contains "$(grep -i '^proxy-status:' "$head")" "error=$3" &&
    contains "$log" "reason=$2"
}

gives() {
  equal "$(ask "https://$at:$1/page")" "a page"
}

# Whoever failed was dialed as often as was asked, and no oftener; no client waits.
nothing_is_left() {
  wait_until 5 eval "equal \"\$(metric upstream_connections_parked)\" $1" || return
  wait_until 5 eval "equal \"\$(metric upstream_connections)\" $1" || return
  equal "$(metric upstream_waiting)" 0
}

descriptors() {
  local held=("/proc/$carpool_pid/fd/"*)
  echo "${#held[@]}"
}

# Those who asked carpool have ended, and it has noticed.
nobody_asks() {
  [ -z "$(ss -Htn state established state close-wait \
    "( sport = :$proxy_port or sport = :${admin##*:} )")" ]
}

descriptors_are_back() {
  wait_until 5 eval 'equal "$(descriptors)" "$descriptors_before"'
  equal "$(descriptors)" "$descriptors_before"
}

dialed_as_often_as_asked() {
  equal "$(metric upstream_dials_total)" $((fails + 1)) &&
    equal "$(metric upstream_tls_handshakes_failed_total)" "$1"
}

# --- the tests ---------------------------------------------------------------------------------------

authority_make
authority_new stranger
certificate good "$here_names"
certificate expired "$here_names" 20200101000000Z 20210101000000Z
certificate early "$here_names" 20890101000000Z 20900101000000Z
certificate other DNS:other.test,IP:127.0.0.99
certificate unknown "$here_names" 20200101000000Z 20900101000000Z stranger
certificate client "$here_names" "" "" ca extendedKeyUsage=clientAuth
certificate between "DNS:between.test" "" "" ca basicConstraints=critical,CA:TRUE
certificate below "$here_names" "" "" between
certificate above "$here_names" "" "" good
cat "$tls_dir/good.pem" >>"$tls_dir/above.pem"
certificate me DNS:carpool.test
certificate_alone alone
tls_origin_start good expired early alone other unknown client below above
echo -n "a page" >"$tls_root/page"
carpool_start --set "tls.ca_file=$tls_ca"

claim "an origin that all is well with is trusted" gives "$tls_port"
claim "… and its connection is kept" nothing_is_left 1
wait_until 5 nobody_asks || give_up "somebody still asks carpool"
descriptors_before=$(descriptors)

kin=tls_certificate_error
claim "an expired certificate is 502 and called by name" \
  tells $((tls_port + 1)) tls_certificate "$kin" "its certificate has expired"
claim "… so is one that is not valid yet" \
  tells $((tls_port + 2)) tls_certificate "$kin" "its certificate is not valid yet"
claim "… and one that is signed by itself" \
  tells $((tls_port + 3)) tls_certificate "$kin" "signed by nobody but itself"
claim "… and one for another host" \
  tells $((tls_port + 4)) tls_certificate "$kin" "its certificate is for another host"
claim "… and one from an unknown authority" \
  tells $((tls_port + 5)) tls_certificate "$kin" "from an authority that is not trusted here"
claim "… and one that is not for servers" \
  tells $((tls_port + 6)) tls_certificate "$kin" "its certificate is not made for a server"
claim "… and one that comes without the certificate between it and its authority" \
  tells $((tls_port + 7)) tls_certificate "$kin" "or without those in between"
claim "… and one that was signed by who is no authority" \
  tells $((tls_port + 8)) tls_certificate "$kin" "signed by one that may not sign it"
claim "none of these origins has seen a request" equal "$(wc -l <"$tls_log")" 1

for version in 1 1_1; do
  picky_start "-tls$version" -cipher DEFAULT@SECLEVEL=0
  claim "an origin that speaks only TLS ${version/_/.} is 502" \
    tells "$picky_port" tls_failed tls_protocol_error "it speaks neither TLS 1.2 nor TLS 1.3"
  picky_stop
done
picky_start -alpn h2
claim "an origin that speaks only HTTP/2 is 502" \
  tells "$picky_port" tls_refused tls_alert_received "it refused the TLS handshake"
picky_stop
claim "each was tried once" dialed_as_often_as_asked 11

# In TLS 1.2 the alert is part of the handshake, in 1.3 it comes behind it (RFC 8446 §4.4.2.4).
failed=11
for version in 1_2 1_3; do
  picky_start "-tls$version" -Verify 1 -verify_return_error
  claim "an origin that demands a certificate over TLS ${version/_/.} is 502" \
    tells "$picky_port" tls_refused tls_alert_received "it refused the TLS handshake"
  [ "$version" != 1_2 ] || failed=$((failed + 1))
  claim "… it was asked once" dialed_as_often_as_asked "$failed"
  picky_stop
done
claim "nothing of all that is kept" nothing_is_left 1
claim "… and all descriptors are back" descriptors_are_back
claim "… and the one that is well still serves on the connection it had" gives "$tls_port"
claim "… without a new one" equal "$(metric upstream_connections_opened_total)" 2
kill -TERM "$carpool_pid"
wait "$carpool_pid"
claim "carpool ends well" equal "$?" 0

# --- exceptions, one host each ------------------------------------------------------------------------

origins() {
  cat <<END
certificate $tls_dir/me.pem key $tls_dir/me.key host localhost port $picky_port
verify off host localhost port $((tls_port + 1))
ca $tls_dir/stranger.pem host localhost port $((tls_port + 5))
ca $tls_dir/between.pem host localhost port $((tls_port + 7))
END
}

at=localhost
for version in 1_2 1_3; do
  picky_start "-tls$version" -Verify 1 -verify_return_error
  carpool_start --set "tls.ca_file=$tls_ca" --set "tls.origins=$(origins)"
  claim "who shows the certificate that is demanded over TLS ${version/_/.} is served" \
    gives "$picky_port"
  kill -TERM "$carpool_pid"
  wait "$carpool_pid"
  picky_stop
done

: >"$carpool_log"
carpool_start --set "tls.ca_file=$tls_ca" --set "tls.origins=$(origins)"
claim "where nothing is verified, an expired certificate will do" gives $((tls_port + 1))
claim "… which the log warns of" grep -E 'warn.*verif' "$carpool_log"
claim "… for that host only" \
  tells $((tls_port + 2)) tls_certificate "$kin" "its certificate is not valid yet"
claim "who has an authority of its own is trusted by it" gives $((tls_port + 5))
claim "… which may be one whose own authority is not trusted" gives $((tls_port + 7))
claim "… and other hosts are not" \
  tells $((tls_port + 3)) tls_certificate "$kin" "signed by nobody but itself"
claim "… while the usual authority holds for all others" gives "$tls_port"
claim "what is trusted is kept, each on its own" nothing_is_left 4

# --- what was good once ---------------------------------------------------------------------------------

served_and_resumed() {
  local before
  before=$(metric upstream_tls_handshakes_resumed_total)
  gives "$picky_port" &&
    equal "$(metric upstream_tls_handshakes_resumed_total)" $((before + 1))
}

at=127.0.0.1
last=$(($(date +%s) + 8))
certificate soon "$here_names" "" "$(date -u -d "@$last" +%Y%m%d%H%M%SZ)"
picky_start -cert ../soon.pem -key ../soon.key
claim "an origin whose certificate expires soon is served" gives "$picky_port"
claim "… and resumed" served_and_resumed
wait_until 20 eval '[ "$(date +%s)" -gt "$last" ]'
claim "once it has expired, the session that it began is not resumed" \
  tells "$picky_port" tls_certificate "$kin" "its certificate has expired"
picky_stop
done_testing
