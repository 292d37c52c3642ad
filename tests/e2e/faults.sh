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
  at_least "${counted[faults]}" $((requests / 20)) &&
    at_least "$(metric retries_total)" $((requests / 50))
}

# Each time that something was sent again, something had gone wrong.
only_then() {
  at_most "$(metric retries_total)" "${counted[faults]}" &&
    at_most "${counted[repeated]}" "$(metric retries_total)"
}

no_clients() {
  equal "$(metric clients)" 0
}

# Half of them with room for all, half where they wait for each other, and so do those sent again.
for cap in 64 4; do
  carpool_start --set "pool.max_per_host=$cap"
  claim "with $cap connections per host no idempotent request fails, and no POST is doubled" \
    faulty $((requests / 2)) 64
  note "POSTs that met a fault, and were told so" "${counted[posts_failed]} of ${counted[posts]}"
  note "requests sent again" "$(metric retries_total)"
  claim "faults struck often enough" has_struck
  claim "nothing was sent again without one" only_then
  claim "none of them was taken for words that nobody asked for" equal "$(metric upstream_strays_total)" 0
  claim "no client is left" wait_until 10 no_clients
done
done_testing
