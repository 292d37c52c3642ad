#!/bin/bash
# All attacks at once, for twenty minutes (or as many as the argument says). Meanwhile a normal
# request every second gets its answer, and afterwards carpool is what it was before.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/abuse_lib.sh
. "$here/abuse_lib.sh"
need curl
minutes=${1:-20}
# What one who is no attacker may have to wait while all cores are busy with attackers. The second
# that is promised holds for what comes after them.
patience_ms=5000
# In twenty minutes the heap is in more disorder than after one: pages that still hold something
# small stay. A leak in what happens thousands of times a minute would be far more than this.
rss_allowance_kib=8192

origin_start 127.0.0.2
random_file "$origin_root/file" 5000000 || give_up "no test file"
bad_origin_start
lies_zone >"$work/zone"
dns_start
# What is kept for a while is kept for so short a while, and so few names are remembered, that the
# first minute fills all there is room for.
carpool_start --set "dns.servers=$dns_server" --set dns.timeout=500ms --set dns.tries=2 \
  --set timeout.head=5s --set timeout.client_idle=20s --set timeout.body_stall=5s \
  --set timeout.response=5s --set timeout.tunnel_idle=20s --set log.access=off \
  --set pool.idle_timeout=5s --set dns.cache_size=200
serves_at_once >/dev/null || give_up "carpool serves nothing"
descriptors_before=$(own_descriptors)

# attackers SECONDS: all at once, so long each. They leave one core's time to the others.
attackers() {
  local seconds=$1 path kind pids=()
  abuse idle 5000 "$seconds" & pids+=("$!")
  abuse heads 500 "$seconds" "$origin/echo/x" & pids+=("$!")
  abuse bodies 50 "$seconds" "$bad_origin/silent" & pids+=("$!")
  abuse uploads 20 "$seconds" "$bad_origin/deaf" & pids+=("$!")
  abuse uploads 20 "$seconds" "$bad_origin/sips" & pids+=("$!")
  abuse readers 50 "$seconds" "$origin/file" & pids+=("$!")
  abuse deaf 50 "$seconds" "$origin/padded/x" & pids+=("$!")
  abuse fields 2 "$seconds" "$origin/echo/x" & pids+=("$!")
  abuse flood 10 "$seconds" & pids+=("$!")
  abuse leave 10 "$seconds" "$origin/echo/x" & pids+=("$!")
  abuse tunnels 200 "$seconds" "127.0.0.1:$((origin_port + 1))" & pids+=("$!")
  for path in fields head line interim 'cut/*' deaf drip more silent; do
    abuse ask 3 "$seconds" "$bad_origin/$path" & pids+=("$!")
  done
  for kind in good wrongid wrongname loop cut malformed many slow silent circle ever never; do
    abuse ask 2 "$seconds" "http://*.$kind.test:$origin_port/echo/x" & pids+=("$!")
  done
  children+=("${pids[@]}")
  under_attack "${pids[@]}"
}

# One normal request a second until all attackers have ended; each to a host of its own, where
# attackers have not taken every connection that one host may have.
under_attack() {
  local ms worst=0 asked=0
  while is_any_left "$@"; do
    ms=$(via -f -o "$work/normal" -w '%{time_total}' --max-time 30 \
      "http://127.0.0.2:$origin_port/echo/normal") || return
    ms=$(awk -v s="$ms" 'BEGIN { printf "%.0f", s * 1000 }')
    equal "$(<"$work/normal")" /echo/normal >/dev/null || return
    [ "$ms" -le "$worst" ] || worst=$ms
    asked=$((asked + 1))
    sleep 1
  done
  wait "$@"
  note "slowest of $asked requests under attack, ms" "$worst" >&3
  at_least "$asked" 1 && at_most "$worst" "$patience_ms"
}

is_any_left() {
  local pid
  for pid; do
    ! is_gone "$pid" && return
  done
  return 1
}

all_is_as_before() {
  is_as_before && equal "$(metric upstream_connections_parked)" 0
}

exec 3>&1
claim "the first minute: others are served" attackers 60
claim "then a request is answered within a second" serves_at_once
claim "and nothing of it is left, nor parked" wait_until 30 all_is_as_before
first=$(rss_kib)
note "resident memory after the first minute, KiB" "$first"
claim "$minutes more minutes: others are served" attackers $((minutes * 60))
claim "then a request is answered within a second" serves_at_once
claim "and nothing of it is left, nor parked" wait_until 30 all_is_as_before
note "requests of all kinds" "$(metric requests_total)"
note "resident memory at the end, KiB" "$(rss_kib)"
claim "which took no more memory than the first minute" \
  wait_until 5 memory_is_at_most $((first + rss_allowance_kib))
done_testing
