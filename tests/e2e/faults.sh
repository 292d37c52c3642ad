#!/bin/bash
# An origin that closes its connections at the worst moments: no idempotent request fails by it,
# and no POST is doubled. tests/tools/faulty.c says what it may do, and what is promised.
#     tests/e2e/faults.sh [REQUESTS [SEED]]     (3000, any)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
requests=${1:-3000}
seed=${2:-$((RANDOM * 30 + RANDOM % 30 + 1))}
[ -x "$TOOLS/faulty" ] || give_up "$TOOLS/faulty is missing: script/build makes it"
echo "# tests/e2e/faults.sh $requests $seed repeats this"

declare -A counted # by faulty, in its words

# faulty REQUESTS CLIENTS
faulty() {
  local counts status pair
  counts=$("$TOOLS/faulty" "127.0.0.1:$proxy_port" "$1" "$2" "$seed" 200)
  status=$?
  echo "$counts"
  for pair in $counts; do
    counted[${pair%%=*}]=${pair#*=}
  done
  return "$status"
}

# Otherwise the claim before this one says nothing.
has_struck() {
  at_least "${counted[faults]}" $((share / 20)) && at_least "$(metric retries_total)" $((share / 50))
}

# Each time that something was sent again, something had gone wrong.
only_then() {
  at_most "$(metric retries_total)" "${counted[faults]}" &&
    at_most "${counted[repeated]}" "$(metric retries_total)"
}

# What is open is parked, and by nobody held or lost.
is_at_rest() {
  equal "$(metric clients) $(metric upstream_connections)" "0 $(metric upstream_connections_parked)"
}

# meets_faults WHERE SETTING: a quarter of the requests, on a carpool of their own.
meets_faults() {
  share=$((requests / 4))
  carpool_start --set "$2"
  claim "$1: no idempotent request fails, and no POST is doubled" faulty "$share" 64
  note "POSTs that met a fault, and were told so" "${counted[posts_failed]} of ${counted[posts]}"
  note "requests sent again" "$(metric retries_total)"
  claim "$1: faults struck often enough" has_struck
  claim "$1: nothing was sent again without one" only_then
  claim "$1: none was taken for words that nobody asked for" equal "$(metric upstream_strays_total)" 0
  claim "$1: nothing is left of it" wait_until 10 is_at_rest
}

meets_faults "with room for all" pool.max_per_host=64
meets_faults "waiting for each other's connections" pool.max_per_host=4
meets_faults "taking them from each other" pool.max_total=6
# All but those that take over from a request that has just been answered.
meets_faults "with fresh connections for POSTs" pool.fresh_for_unsafe=0
claim "of which few met a fault then" at_most "${counted[posts_failed]}" $((counted[posts] / 8))
done_testing
