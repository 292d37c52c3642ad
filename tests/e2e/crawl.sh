#!/bin/bash
# A crawl: each request goes to another host. Few of them may stay connected, and few are remembered,
# so a crawl over many hosts costs no more than one over a few, and a second one nothing at all.
#
#   crawl.sh [HOSTS]
#
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/abuse_lib.sh
. "$here/abuse_lib.sh"
need curl
[ -x "$TOOLS/walk" ] || give_up "$TOOLS/walk is missing: script/build makes it"

hosts=${1:-10000}
total=500
remembered=1024

origin_start 0.0.0.0
carpool_start --set log.access=off --set "pool.max_total=$total" \
  --set "pool.max_hosts=$remembered"
serves_at_once >/dev/null || give_up "carpool serves nothing"
descriptors_before=$(own_descriptors)

# walk HOSTS: 64 clients, each host once.
walk() {
  "$TOOLS/walk" "127.0.0.1:$proxy_port" "$origin_port" "$1" 64 "$1" 120
}

# Of the last hosts the connections are still there, a bucket for each, and no other bucket.
only_the_last_are_known() {
  local parked
  parked=$(metric upstream_connections_parked)
  at_most "$parked" "$total" && at_least "$parked" $((total - 64)) &&
    equal "$(metric upstream_connections)" "$parked" && equal "$(metric upstream_hosts)" "$parked"
}

made_room() {
  at_least "$(metric upstream_connections_closed_total)" $((hosts - total))
}

is_forgotten() {
  equal "$(metric upstream_connections)" 0 && equal "$(metric upstream_hosts)" 0 &&
    at_most "$(metric upstream_hosts_remembered)" "$remembered" && is_as_before
}

forgets() {
  curl -sS --noproxy '*' --max-time 10 -X POST -H 'X-Requested-With: crawl' \
    "$admin/connections/close?all=true" &&
    wait_until 5 is_forgotten
}

# More hosts than may be connected and remembered: from now on nothing has a reason to grow.
claim "a small crawl" walk $((2 * remembered))
claim "… is forgotten when its connections are closed" forgets
before=$(rss_kib)

claim "$hosts hosts are asked once each" walk "$hosts"
claim "… and make room for each other" made_room
claim "… so that only the last are known" wait_until 5 only_the_last_are_known
claim "… until their connections are closed, too" forgets
first=$(rss_kib)
note "resident memory after $((2 * remembered)) hosts, KiB" "$before"
note "resident memory after $hosts more, KiB" "$first"
claim "… and took no more memory than $((2 * remembered)) hosts" \
  wait_until 3 memory_is_at_most $((before + rss_allowance_kib))

claim "they are asked again" walk "$hosts"
claim "… again only the last are known" wait_until 5 only_the_last_are_known
claim "… until their connections are closed" forgets
claim "… and it took no more memory than the first time" \
  wait_until 3 memory_is_at_most $((first + rss_allowance_kib))
note "resident memory after the second time, KiB" "$(rss_kib)"
claim "then carpool serves as before" serves_at_once
done_testing
