#!/bin/bash
# bulk.sh [MIB]: large bodies up and down, http and through a tunnel, compared by hash, and what
# carpool's memory does meanwhile; also while one side does not take what the other one sends.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/bulk_lib.sh
. "$here/bulk_lib.sh"
need curl
mib=${1:-64}
bytes=$((mib * 1048576))
deadline=$((60 + mib))

origin_start
random_file "$origin_root/bulk" "$bytes" || give_up "no test file"
expected=$(hash_of "$origin_root/bulk")
carpool_start
note "resident memory after the start, KiB" "$(peak_kib "$carpool_pid")"

down() {
  equal "$(via --max-time "$deadline" -f "$@" | sha256sum | cut -d' ' -f1)" "$expected"
}

up() {
  local name=$1 url=$2 result
  shift 2
  via --max-time "$deadline" -f -T "$origin_root/bulk" "$@" "$url/put/$name" || return
  equal "$(hash_of "$origin_root/put/$name")" "$expected"
  result=$?
  rm -f "$origin_root/put/$name"
  return "$result"
}

# The client is stopped in the middle, like a suspended laptop; it gets everything in the end.
client_pauses() {
  local client result
  counted=$(metric upstream_received_bytes_total)
  # the limit only makes sure that there is a middle
  curl -sS --noproxy '' --proxy "$proxy" --max-time "$deadline" --limit-rate 40m \
    -f -o "$work/paused" "$origin/bulk" &
  client=$!
  children+=("$client")
  bounded_while_stopped "$client" upstream_received_bytes_total
  result=$?
  wait "$client" && equal "$(hash_of "$work/paused")" "$expected" && [ "$result" -eq 0 ]
  result=$?
  rm -f "$work/paused"
  return "$result"
}

# nginx's worker is stopped in the middle of an upload, and has it whole in the end.
origin_pauses() {
  local client server result
  server=$(cut -d' ' -f1 "/proc/$origin_pid/task/$origin_pid/children")
  counted=$(metric client_received_bytes_total)
  curl -sS --noproxy '' --proxy "$proxy" --max-time "$deadline" --limit-rate 40m \
    -f -T "$origin_root/bulk" "$origin/put/paused" &
  client=$!
  children+=("$client")
  bounded_while_stopped "$server" client_received_bytes_total
  result=$?
  wait "$client" && equal "$(hash_of "$origin_root/put/paused")" "$expected" &&
    [ "$result" -eq 0 ]
  result=$?
  rm -f "$origin_root/put/paused"
  return "$result"
}

claim "$mib MiB come down over http" down "$origin/bulk"
note "peak resident memory after it, KiB" "$(peak_kib "$carpool_pid")"
claim "$mib MiB come down in chunks" down "$origin/chunked/bulk"
claim "$mib MiB go up over http" up counted "$origin"
claim "$mib MiB go up in chunks" up chunked "$origin" -H 'Transfer-Encoding: chunked'
claim "$mib MiB come down through a tunnel" down --cacert "$origin_ca" "$origin_tls/bulk"
claim "$mib MiB go up through a tunnel" up tunnelled "$origin_tls" --cacert "$origin_ca"
claim "a client that stops taking is waited for, in bounded memory" client_pauses
claim "an origin that stops taking is waited for, in bounded memory" origin_pauses
claim "resident memory never came above 64 MiB" memory_is_bounded
note "peak resident memory at the end, KiB" "$(peak_kib "$carpool_pid")"
done_testing
