#!/bin/bash
# Limits per client, where a client is a network: all IPv6 addresses with limit.ipv6_prefix first
# bits in common. Runs in a network of its own, which has such addresses.
if [ "${1:-}" != inside ]; then
  unshare -rn true 2>/dev/null && exec unshare -rn "$0" inside
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ "${1:-}" = inside ] || skip_all "no network of our own can be made here (unshare -rn)"
need ip curl python3

listener=fd00:9::1
client=fd00:1::1
same_64=fd00:1::2
same_48=fd00:1:0:1::1
other=fd00:2::1
everybody=("$client" "$same_64" "$same_48" "$other")

network_start() {
  local address
  ip link set lo up || return
  for address in "$listener" "${everybody[@]}"; do
    ip addr add "$address/128" dev lo nodad || return
  done
}

# One that needs no other user's rights, which there are none of in here.
origin_start() {
  mkdir "$work/files"
  echo here >"$work/files/x"
  mkfifo "$work/port"
  python3 -u - "$work/files" >"$work/port" 2>"$work/origin.log" <<'PYTHON' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1])
server.serve_forever()
PYTHON
  children+=("$!")
  logs+=("$work/origin.log")
  read -r -t 20 origin_port <"$work/port" || give_up "the origin said no port"
  origin=http://127.0.0.1:$origin_port
}

# from ADDRESS URL…: a client with this address. Prints a status per URL.
from() {
  curl -sS --noproxy '' --proxy "http://[$listener]:$listener_port" --interface "$1" \
    --max-time 60 -o "$work/body" -w '%{stderr}%{http_code}\n' "${@:2}" 2>&1
}

# limited PREFIX LIMIT=VALUE: a carpool with only this limit.
limited() {
  carpool_start --listen "[$listener]:0" --set "limit.ipv6_prefix=$1" --set "limit.$2" \
    --set 'access.rules=allow client fd00::/16 address loopback'
  listener_port=$(grep -o "\[$listener\]:[0-9]*" <<<"$carpool_ready" | head -n 1)
  listener_port=${listener_port##*:}
}

carpool_end() {
  kill "$carpool_pid"
  wait "$carpool_pid"
}

# statuses: of one request of each, one after the other.
statuses() {
  local address all=
  for address in "${everybody[@]}"; do
    all+=" $(from "$address" "$origin/x")"
  done
  echo "${all# }"
}

# The first request uses up what there is, for the client and for whoever counts as the client.
requests_are_shared() {
  equal "$(from "$client" "$origin/x")" 200 && equal "$(statuses)" "$1"
}

# As long as the client is connected.
connections_are_shared() {
  local go pid
  mkfifo "$work/go"
  : >"$work/said"
  from "$client" "$origin/x" "file://$work/go" >"$work/said" &
  pid=$!
  children+=("$pid")
  wait_until 20 has_lines "$work/said" 1 || return
  exec {go}>"$work/go" # opens when curl has come so far
  equal "$(<"$work/said")" 200 && equal "$(statuses)" "$1"
  local status=$?
  exec {go}>&-
  wait "$pid"
  rm "$work/go"
  return "$status"
}

fits_again() {
  equal "$(from "$same_64" "$origin/x")" 200
}

network_start || give_up "the network cannot be made"
origin_start
#    prefix  the client itself, one of its /64, one of its /48, another one
while read -r prefix expected; do
  limited "$prefix" requests_per_client=1/h
  claim "with /$prefix requests count for $prefix bits" requests_are_shared "$expected"
  carpool_end
  limited "$prefix" connections_per_client=1
  claim "with /$prefix connections count for $prefix bits" connections_are_shared "$expected"
  claim "and for no longer than they last" wait_until 10 fits_again
  carpool_end
done <<TABLE
128 429 200 200 200
64 429 429 200 200
48 429 429 429 200
TABLE
done_testing
