#!/bin/bash
# tls_crossing.sh [REQUESTS]: clients that come and go ask a few TLS origins through more workers than
# these may have connections, so each connection serves one worker now and another one next, with
# its TLS state. Then the same without that cap, and while the origins end what is parked.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/tls_lib.sh"
need curl openssl
[ -x "$TOOLS/walk" ] || give_up "$TOOLS/walk is missing: script/build makes it"
requests=${1:-1000}
hosts=4
clients=24

# walk: every request on a client connection of its own, so each may come to any worker.
walk() {
  "$TOOLS/walk" "127.0.0.1:$proxy_port" "$tls_port" "$hosts" "$clients" "$requests" 100 \
    once https chance
}

# How many workers have had clients.
workers_seen() {
  curl -sS --noproxy '*' --max-time 10 "$admin/metrics" |
    grep -c '^carpool_clients_accepted_total{worker="[0-9]*"} [1-9]'
}

handshakes() {
  echo $(($(metric upstream_tls_handshakes_full_total) + $(metric upstream_tls_handshakes_resumed_total)))
}

# Every tenth request is the last one that its connection serves, by the origin's will.
tls_origin_forgets() {
  sed -i 's/keepalive_requests .*/keepalive_requests 10;/' "$tls_dir/nginx.conf"
  kill -HUP "$tls_pid"
  wait_until 10 grep -q "gracefully shutting down" "$tls_dir/error.log"
}

ends_well() {
  kill -TERM "$carpool_pid"
  wait "$carpool_pid"
  equal "$?" 0
}

authority_make
certificate good IP:127.2.0.0,IP:127.2.0.1,IP:127.2.0.2,IP:127.2.0.3
tls_origin_start good
for workers in 2 4; do
  carpool_start --workers "$workers" --set "tls.ca_file=$tls_ca" --set pool.max_per_host=1
  claim "$workers workers: $requests requests of $clients clients at a time are answered" walk
  claim "… by all workers" equal "$(workers_seen)" "$workers"
  claim "… over one connection to each of $hosts hosts, so all workers have had each" \
    equal "$(handshakes)" "$hosts"
  claim "… which ends well" ends_well

  carpool_start --workers "$workers" --set "tls.ca_file=$tls_ca"
  claim "… all is answered as well where each request may have its own connection" walk
  claim "… whose handshakes all succeed" equal "$(metric upstream_tls_handshakes_failed_total)" 0
  claim "… which ends well" ends_well
done

tls_origin_forgets
carpool_start --workers 4 --set "tls.ca_file=$tls_ca"
claim "no request fails either while the origins end connections and sessions resume" walk
claim "… which they did" at_least "$(metric upstream_tls_handshakes_resumed_total)" $((requests / 40))
claim "… which ends well" ends_well
done_testing
