#!/bin/bash
# Upstream connections are shared by everyone: counted at the far end, by the nginx that accepts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl

hosts=()
for i in $(seq 2 21); do
  hosts+=("127.0.0.$i")
done
origin_start "${hosts[@]}"
carpool_start

# 200 curls, one after the other, each with a client connection of its own.
two_hundred_clients() {
  local i
  for i in $(seq 200); do
    via -f -o "$work/body" "$origin/echo/$i" && equal "$(<"$work/body")" "/echo/$i" || return
  done
}

# 100 curls, each asks all 20 origins in turn: every request is for another host than the last.
round_the_hosts() {
  local i
  for i in $(seq 100); do
    via -f -o "$work/where.#1" "http://127.0.0.[2-21]:$origin_port/where" || return
  done
  for i in "${hosts[@]}"; do
    equal "$(<"$work/where.${i##*.}")" "$i" || return
  done
}

# Connections that carried requests, by nginx's own log, for one of its addresses.
used_on() {
  awk -v host="$1" '$1 == host { print $2 }' "$origin_log" | sort -u | wc -l
}

one_each() {
  local host
  for host in "${hosts[@]}"; do
    echo "$host"
    equal "$(used_on "$host")" 1 || return
  done
}

requests_on() {
  awk '$1 ~ /^127\.0\.0\.([2-9]|1[0-9]|2[01])$/' "$origin_log" | wc -l
}

workers_that_served() {
  curl -sS --noproxy '*' --max-time 10 "$admin/metrics" |
    grep -c '^carpool_clients_accepted_total{worker="[0-9]*"} [1-9]'
}

claim "200 requests of 200 client connections are answered" accepted_by two_hundred_clients
note "upstream connections for 200 sequential requests" "$accepted"
claim "they open at most 2 upstream connections" at_most "$accepted" 2
claim "they open at least one" at_least "$accepted" 1
claim "carpool counts the same" equal "$(metric upstream_connections_opened_total)" "$accepted"
claim "both workers took part" at_least "$(workers_that_served)" 2
claim "carpool counts the other checkouts as reused" \
  equal "$(metric upstream_connections_reused_total)" $((200 - accepted))

claim "2,000 requests to 20 origins are answered" accepted_by round_the_hosts
note "upstream connections for 2,000 requests to 20 origins" "$accepted"
claim "they open exactly 20 upstream connections" equal "$accepted" 20
wait_until 5 has_lines "$origin_log" 2200
claim "nginx saw 2,000 requests" equal "$(requests_on)" 2000
claim "each origin has one connection" one_each
done_testing
