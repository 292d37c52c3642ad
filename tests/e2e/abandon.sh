#!/bin/bash
# Clients that hang up in the middle, and an origin that closes what is parked: nobody else is
# hurt, and everything that they held is given back.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl
[ -x "$TOOLS/crowd" ] || give_up "$TOOLS/crowd is missing: script/build makes it"

origin_start
random_file "$origin_root/file" 50000000 || give_up "no test file"
carpool_start

# hung_up CURL ARGUMENT…: 40 clients that leave after 10 to 90 ms; then carpool knows of none.
hung_up() {
  local i pids=()
  for i in $(seq 40); do
    via --max-time "0.0$((1 + i % 9))" -o "$work/part.$i" "$@" 2>>"$work/curl.log" &
    pids+=("$!")
  done
  children+=("${pids[@]}")
  wait "${pids[@]}"
  wait_until 10 nobody_left || {
    echo "clients: $(metric clients), tunnels: $(metric tunnels)"
    return 1
  }
}

nobody_left() {
  [ "$(metric clients)" -eq 0 ] && [ "$(metric tunnels)" -eq 0 ]
}

# 20 client connections, so that a worker that is stuck is met.
others_are_served() {
  local i body
  for i in $(seq 20); do
    body=$(via -f --max-time 10 "$origin/echo/$i") || return
    equal "$body" "/echo/$i" || return
  done
}

# crowd runs while nginx renews its worker three times, which closes every idle connection.
crowd_meets_restarts() {
  local crowd seen
  "$TOOLS/crowd" "127.0.0.1:$proxy_port" "$origin/echo" 100 100 60 &
  crowd=$!
  children+=("$crowd")
  for _ in 1 2 3; do
    seen=$(wc -l <"$origin_log")
    wait_until 20 has_lines "$origin_log" $((seen + 500)) || break
    kill -HUP "$origin_pid"
  done
  wait "$crowd"
}

# Descriptors, without those of connections that are parked.
descriptors() {
  echo $(($(find "/proc/$carpool_pid/fd" -type l | wc -l) -
    $(metric upstream_connections)))
}

few_more_descriptors() {
  at_most "$(descriptors)" $((at_start + 2))
}

ends() {
  kill -TERM "$carpool_pid"
  wait_until 10 is_gone "$carpool_pid" && wait "$carpool_pid"
}

at_start=$(descriptors)
claim "40 clients leave in the middle of a download" hung_up "$origin/file"
claim "others are served" others_are_served
claim "40 clients leave in the middle of an upload" \
  hung_up -T "$origin_root/file" "$origin/put/part"
claim "others are served after it" others_are_served
claim "40 clients leave in the middle of an upload in chunks" \
  hung_up -H 'Transfer-Encoding: chunked' -T "$origin_root/file" "$origin/put/part"
claim "others are served after that" others_are_served
claim "40 clients leave in the middle of a tunnel's life" \
  hung_up --cacert "$origin_ca" "$origin_tls/file"
claim "others are served after tunnels, too" others_are_served
claim "40 clients leave while they send through a tunnel" \
  hung_up --cacert "$origin_ca" -T "$origin_root/file" "$origin_tls/put/part"
claim "others are served in the end" others_are_served
claim "an origin that closes idle connections under load makes no request fail" \
  crowd_meets_restarts
claim "no descriptor is left behind" wait_until 10 few_more_descriptors
claim "carpool ends when it is told to" ends
done_testing
