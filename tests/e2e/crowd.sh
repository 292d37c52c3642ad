#!/bin/bash
# 1,000 clients at once, all connected before the first one asks: each gets its own answer.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
clients=${1:-1000}
[ -x "$TOOLS/crowd" ] || give_up "$TOOLS/crowd is missing: script/build makes it"

origin_start
carpool_start --set pool.max_per_host=64

crowd() {
  local result
  result=$("$TOOLS/crowd" "127.0.0.1:$proxy_port" "$origin/echo" "$clients" "$1" 60) || {
    echo "$result"
    return 1
  }
  echo "$result"
  [[ $result == "answered=$((clients * $1)) failed=0 "* ]]
}

# nginx reads its configuration again: its old worker closes what rests, and ends.
crowd_after_mass_close() {
  kill -HUP "$origin_pid"
  wait_until 10 grep -q 'worker process .* exited with code 0' "$origin_dir/error.log" && crowd 1
}

# All of them ask and hang up.
abandoned() {
  "$TOOLS/crowd" "127.0.0.1:$proxy_port" "$origin/echo" "$clients" 1 60 leave
}

no_clients() {
  [ "$(metric clients)" -eq 0 ]
}

next_is_served() {
  via -f -o "$work/body" "$origin/echo/after" && equal "$(<"$work/body")" /echo/after
}

claim "$clients clients at once are answered, each with what it asked for" accepted_by crowd 1
note "upstream connections for $clients clients at once" "$accepted"
claim "over no more connections than pool.max_per_host allows, which is 64" at_most "$accepted" 64
claim "so they are when they come again, on the same connections to carpool" accepted_by crowd 5
claim "the origin closes them all, and all come again" accepted_by crowd_after_mass_close
note "upstream connections for $clients clients after that" "$accepted"
claim "over no more connections than before" at_most "$accepted" 64
claim "which are new ones" at_least "$accepted" 1
claim "as many ask and hang up" abandoned
claim "the next client is served" next_is_served
claim "carpool holds none of their connections" wait_until 10 no_clients
note "peak resident memory, KiB" "$(peak_kib "$carpool_pid")"
done_testing
