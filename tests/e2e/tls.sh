#!/bin/bash
# https:// URLs fetched over pooled TLS: handshakes are counted at the far end, by the nginx that
# shakes hands.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/tls_lib.sh"
need curl

hosts=20
addresses=()
for i in $(seq 0 $((hosts - 1))); do
  addresses+=("IP:127.2.0.$i")
done

# walk REQUESTS: one after the other, each on a client connection of its own, from host to host.
walk() {
  "$TOOLS/walk" "127.0.0.1:$proxy_port" "$tls_port" "$hosts" 1 "$1" 100 once https
}

# How the newest connection of each host began: r (resumed) or . (full), as nginx says.
beginnings() {
  tail -n "$hosts" "$tls_log" | cut -d' ' -f4 | sort | uniq -c | tr -s ' '
}

ticket_key() {
  openssl rand 80 >"$tls_dir/ticket.key"
}

# once_round LINES: one request for each host, with as many new connections; LINES of log then.
once_round() {
  local before
  before=$(metric upstream_connections_opened_total)
  walk "$hosts" || return
  wait_until 5 has_lines "$tls_log" "$1" || return
  equal "$(tls_connections "$hosts")" "$hosts" &&
    equal $(($(metric upstream_connections_opened_total) - before)) "$hosts"
}

authority_make
certificate good "$(IFS=,; echo "${addresses[*]}")"
ticket_key
for tls_versions in TLSv1.3 TLSv1.2; do
  tls_port=
  : >"$tls_dir/requests.log"
  tls_origin_start good
  carpool_start --set "tls.ca_file=$tls_ca"

  claim "$tls_versions: 2,000 requests of as many clients to $hosts origins are answered" walk 2000
  wait_until 5 has_lines "$tls_log" 2000
  claim "… with exactly $hosts handshakes, which the origins count" \
    equal "$(tls_connections 2000)" "$hosts"
  claim "… as does carpool" equal "$(metric upstream_connections_opened_total)" "$hosts"
  claim "… all of them in $tls_versions" \
    equal "$(cut -d' ' -f3 "$tls_log" | sort -u)" "$tls_versions"
  claim "… by both workers" at_least \
    "$(curl -sS --noproxy '*' "$admin/metrics" |
      grep -c '^carpool_clients_accepted_total{worker="[0-9]*"} [1-9]')" 2

  tls_origin_stop
  tls_origin_start good
  claim "… the origins restart with the same ticket keys: no request fails" once_round 2020
  claim "… and all sessions are resumed" equal "$(beginnings)" " $hosts r"

  tls_origin_stop
  ticket_key
  tls_origin_start good
  claim "… they restart with other keys: no request fails" once_round 2040
  claim "… and all handshakes are full ones" equal "$(beginnings)" " $hosts ."

  claim "… nothing but answers came of it" equal "$(logged status | sort -u)" 200
  tls_origin_stop
  kill -TERM "$carpool_pid"
  wait "$carpool_pid"
  claim "… carpool ends well" equal "$?" 0
done
done_testing
