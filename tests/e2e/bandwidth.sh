#!/bin/bash
# bandwidth.sh: what one client may have a second holds for all its connections together, on all
# workers, over http and through tunnels, up and down; what it gets is whole, and others do not wait.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl
rate=2097152
size=6291456
others=1048576

origin_start
random_file "$origin_root/large" "$size" || give_up "no test file"
random_file "$origin_root/part" $((size / 4)) || give_up "no test file"
random_file "$origin_root/small" "$others" || give_up "no test file"
carpool_start --set "limit.bandwidth_per_client=$rate" --set limit.burst=10ms

took=

now_ms() {
  echo $((${EPOCHREALTIME/./} / 1000))
}

# $1 bytes have moved since $2 (ms): not faster than the rate, and not at a crawl. Load makes it
# slower, never faster.
kept_to_the_rate() {
  local least=$(($1 * 1000 / rate * 9 / 10))
  took=$(($(now_ms) - $2))
  at_least "$took" "$least" && at_most "$took" $((least * 5))
}

# One client, from its own address.
from() {
  local address=$1
  shift
  via --interface "$address" -f "$@"
}

down() {
  local started
  started=$(now_ms)
  equal "$(from 127.0.0.1 "$@" | sha256sum | cut -d' ' -f1)" "$(hash_of "$origin_root/large")" &&
    kept_to_the_rate "$size" "$started"
}

# Four connections at once, and whoever accepts them.
down_by_four() {
  local started pids=() pid i result=0
  started=$(now_ms)
  for i in 1 2 3 4; do
    from 127.0.0.1 -o "$work/part.$i" "$origin/part" &
    pids+=("$!")
    children+=("$!")
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || result=1
  done
  for i in 1 2 3 4; do
    same_file "$work/part.$i" "$origin_root/part" || result=1
  done
  [ "$result" -eq 0 ] && kept_to_the_rate "$size" "$started"
}

up() {
  local name=$1 url=$2 started
  shift 2
  started=$(now_ms)
  from 127.0.0.1 -T "$origin_root/large" "$@" "$url/put/$name" &&
    kept_to_the_rate "$size" "$started" && same_file "$origin_root/put/$name" "$origin_root/large"
}

# Both begin; who takes a sixth of it, from another address, is done while the other still waits.
others_do_not_wait() {
  local slow result=0
  from 127.0.0.1 -o "$work/slow" "$origin/large" &
  slow=$!
  children+=("$slow")
  wait_until 10 has_bytes "$work/slow" 1 || return
  from 127.0.0.2 -o "$work/other" "$origin/small" || result=1
  is_gone "$slow" && echo "the first one was done before" && result=1
  wait "$slow" || result=1
  same_file "$work/slow" "$origin_root/large" || result=1
  same_file "$work/other" "$origin_root/small" && [ "$result" -eq 0 ]
}

# Time on the processor so far, in ms.
processor_ms() {
  awk -v ticks="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / ticks) }' \
    "/proc/$carpool_pid/stat"
}

# Three seconds of waiting, of which it works a tenth at most: nothing turns in circles.
waits_in_peace() {
  local before
  before=$(processor_ms)
  from 127.0.0.1 -o "$work/slow" "$origin/large" || return
  at_most $(($(processor_ms) - before)) 300
}

page_shows_it() {
  contains "$(curl -sS --noproxy '*' "$admin/")" "bytes that waited for bandwidth"
}

# Whoever has left long enough is not kept in mind, and nothing is open.
nobody_is_left() {
  wait_until 10 is_value limit_accounts 0 && wait_until 10 is_value clients 0
}

is_value() {
  [ "$(metric "$1")" = "$2" ]
}

claim "6 MiB come down over http" down "$origin/large"
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB come down in chunks" down "$origin/chunked/large"
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB come down through a tunnel" down --cacert "$origin_ca" "$origin_tls/large"
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB come down by four connections at once" down_by_four
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB go up over http" up counted "$origin"
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB go up in chunks" up chunked "$origin" -H 'Transfer-Encoding: chunked'
note "ms that it took, with 2 MiB a second" "$took"
claim "6 MiB go up through a tunnel" up tunnelled "$origin_tls" --cacert "$origin_ca"
note "ms that it took, with 2 MiB a second" "$took"
claim "another client does not wait" others_do_not_wait
claim "who waits costs no processor time" waits_in_peace
claim "the status page shows it" page_shows_it
claim "most of it had to wait" at_least "$(metric throttled_bytes_total)" $((size * 6))
claim "nobody is kept in mind for long" nobody_is_left
done_testing
