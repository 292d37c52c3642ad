#!/bin/bash
# One pool for all workers: 64 clients who ask 20 hosts by chance find a connection as often with
# eight workers as with one, whether they keep their own connections or not. Counted by carpool and
# by the nginx that accepts; no figure depends on how fast anything is.
#
#   reuse_workers.sh [REQUESTS [WORKERS…]]
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl
[ -x "$TOOLS/walk" ] || give_up "$TOOLS/walk is missing: script/build makes it"

requests=${1:-40000}
workers=("${@:2}")
[ ${#workers[@]} -gt 0 ] || workers=(1 4)
warm=20000

origin_start 0.0.0.0

# walk REQUESTS [once]: by 64 clients, to 20 hosts.
walk() {
  "$TOOLS/walk" "127.0.0.1:$proxy_port" "$origin_port" 20 64 "$1" 120 chance "${@:2}"
}

# counted COMMAND…: $opened and $reused by carpool, $accepted by nginx.
counted() {
  local opened_before reused_before status
  opened_before=$(metric upstream_connections_opened_total)
  reused_before=$(metric upstream_connections_reused_total)
  accepted_by "$@"
  status=$?
  opened=$(($(metric upstream_connections_opened_total) - opened_before))
  reused=$(($(metric upstream_connections_reused_total) - reused_before))
  return "$status"
}

# There is no last moment of a warm-up: once in a long while more clients than ever before meet at
# one host. It is over when that happens four times less often than the measured requests may see.
warm_up() {
  local round
  for round in $(seq 40); do
    counted walk "$warm" "$@" || return
    echo "round $round: $opened opened"
    [ "$opened" -gt $((warm / 4000)) ] || return 0
  done
  return 1
}

# Reused of the $requests, in thousandths of a percent: whichever of both sides counted fewer.
ratio() {
  local missed=$((requests - reused))
  [ "$missed" -ge "$accepted" ] || missed=$accepted
  echo $(((requests - missed) * 100000 / requests))
}

percent() {
  awk -v ratio="$1" 'BEGIN { printf "%.3f %%", ratio / 1000 }'
}

# A dial that was overtaken by a connection that came back is opened now and used later, or never.
adds_up() {
  echo "of $requests: opened $opened, reused $reused, accepted $accepted"
  equal "$opened" "$accepted" || return
  at_most "$reused" "$requests" || return
  at_least $(($(metric upstream_connections_opened_total) + $(metric upstream_connections_reused_total))) \
    "$(metric requests_total)"
}

# kind NAME [once]
kind() {
  local name=$1 count least=100000 most=0
  shift
  for count in "${workers[@]}"; do
    carpool_start --set "proxy.workers=$count" --set log.access=off
    claim "$name, $count workers: the warm-up comes to an end" warm_up "$@"
    claim "… then $requests requests are answered" counted walk "$requests" "$@"
    claim "… of which carpool and the origin count the same connections" adds_up
    note "reused by $name with $count workers" "$(percent "$(ratio)")"
    claim "… and at least 99.9 % found a connection" at_least "$(ratio)" 99900
    [ "$(ratio)" -ge "$least" ] || least=$(ratio)
    [ "$(ratio)" -le "$most" ] || most=$(ratio)
    kill -TERM "$carpool_pid"
    wait_until 20 is_gone "$carpool_pid" || give_up "carpool does not end"
  done
  claim "$name: less than 0.1 points between any numbers of workers" \
    at_most $((most - least)) 99
}

kind "64 clients that keep their connections"
kind "64 clients with a connection per request" once
done_testing
