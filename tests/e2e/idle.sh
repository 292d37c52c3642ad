#!/bin/bash
# Origins that close idle connections without announcing it: carpool learns when, and no request comes
# too late any more. "long": three origins, thousands of requests; otherwise the quickest of them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need nginx curl python3

# For each timeout, in seconds, nginx listens at a port of many addresses, each a host of its own. A
# round of a host is 20 requests at once, each of which holds a connection.
width=20
if [ "${1:-}" = long ]; then
  timeouts=(2 5 15)
  hosts=16
  rounds=10
  least=1000
else
  timeouts=(2)
  hosts=12
  rounds=3
  least=120
fi
first_port=$(free_ports 3)

port_of() {
  case $1 in
    2) echo "$first_port" ;;
    5) echo $((first_port + 1)) ;;
    15) echo $((first_port + 2)) ;;
  esac
}

# Without a second number for keepalive_timeout nothing is announced. An answer that takes its time
# keeps its connection from the next request of the same round: a login that fails is delayed.
server() {
  local i
  echo "server {"
  for i in $(seq 2 $((hosts + 1))); do
    echo "listen 127.0.0.$i:$(port_of "$1");"
  done
  cat <<NGINX
    keepalive_timeout ${1}s;
    auth_delay 150ms;
    error_page 401 =200 @late;
    location / { auth_basic late; auth_basic_user_file /dev/null; }
    location @late { auth_basic off; return 200 late; }
}
NGINX
}

servers() {
  local timeout
  echo "access_log off;"
  for timeout in "${timeouts[@]}"; do
    server "$timeout"
  done
}

origins_start() {
  mkdir "$work/origins"
  servers | nginx_config >"$work/origins/nginx.conf"
  nginx_start "$work/origins"
  wait_until 10 answers_on 127.0.0.2 "$first_port" || give_up "nginx does not start"
}

# --- what carpool knows of the hosts at a port -----------------------------------------------------

# figure PORT NAME: its sum over the hosts; "learned": how many of them have an idle_limit_ms, "least" and
# "most": of these.
figure() {
  curl -sS --noproxy '*' --max-time 10 "$admin/hosts?limit=1000" | python3 -c '
import json, sys
rows = [row for row in json.load(sys.stdin)["hosts"] if row["port"] == int(sys.argv[1])]
limits = [row["idle_limit_ms"] for row in rows if row["idle_limit_ms"]]
special = {"learned": len(limits), "least": min(limits, default=0), "most": max(limits, default=0)}
name = sys.argv[2]
print(special[name] if name in special else sum(row[name] for row in rows))' "$1" "$2"
}

has_learned() {
  local timeout
  for timeout in "${timeouts[@]}"; do
    [ "$(figure "$(port_of "$timeout")" learned)" -eq "$hosts" ] || return
  done
}

# Remembers under $before[NAME] what the figures are now.
declare -A before
note_figures() {
  local timeout name
  for timeout in "${timeouts[@]}"; do
    for name in reused opened found_dead met_dead; do
      before[$timeout.$name]=$(figure "$(port_of "$timeout")" "$name")
    done
  done
}

# since TIMEOUT NAME: how much more it is now.
since() {
  echo $(($(figure "$(port_of "$1")" "$2") - before[$1.$2]))
}

# --- clients -----------------------------------------------------------------------------------------

# one_round HOST TIMEOUT [FOLDER/]: says what is not 200.
one_round() {
  via -Z --parallel-immediate --parallel-max "$width" -o /dev/null -w '%{http_code}\n' \
    "http://127.0.0.$1:$(port_of "$2")/${3:-}[1-$width]" >"$work/codes.$1.$2" 2>&1
  grep -v -x 200 "$work/codes.$1.$2"
  equal "$(grep -c -x 200 "$work/codes.$1.$2")" "$width" >/dev/null
}

# rest MS: nobody asks anything meanwhile, which is what this test is about.
rest() {
  sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
}

# some_rounds HOST TIMEOUT COUNT LEAST MOST: with rests between them of so many thousandths of the timeout.
some_rounds() {
  local i
  for i in $(seq "$3"); do
    one_round "$1" "$2" || return
    [ "$i" -eq "$3" ] || rest $(($2 * ($4 + RANDOM % ($5 - $4 + 1))))
  done
}

# everywhere COMMAND…: for each host and timeout at once, which it is given behind its first word.
everywhere() {
  local timeout host pid pids=() status=0
  for timeout in "${timeouts[@]}"; do
    for host in $(seq 2 $((hosts + 1))); do
      "$1" "$host" "$timeout" "${@:2}" &
      pids+=("$!")
    done
  done
  for pid in "${pids[@]}"; do
    wait "$pid" || status=1
  done
  return "$status"
}

# Three rounds, with rests of six tenths of the timeout: in time, and be it on a busy machine. Whoever
# asks in the last two finds what the first one left.
sooner() {
  local i
  one_round "$1" "$2" || return
  for i in 1 2; do
    rest $(($2 * 600))
    one_round "$1" "$2" again/ || return
  done
}

# The hosts have closed whatever was opened. On a busy machine a round may need fewer than its width.
all_ended() {
  local timeout port
  for timeout in "${timeouts[@]}"; do
    port=$(port_of "$timeout")
    [ "$(figure "$port" ended_idle)" -eq "$(figure "$port" opened)" ] || return
  done
}

# Two times an origin must be seen to close what is parked.
learned_all() {
  everywhere one_round && wait_until $((timeouts[-1] + 5)) all_ended &&
    everywhere one_round && wait_until $((timeouts[-1] + 5)) has_learned
}

# --- claims ------------------------------------------------------------------------------------------

limits_are_shortly_before() {
  at_least "$(figure "$(port_of "$1")" least)" $(($1 * 750)) &&
    at_most "$(figure "$(port_of "$1")" most)" $(($1 * 1000 - 100))
}

dead_since() {
  echo $(($(since "$1" found_dead) + $(since "$1" met_dead)))
}

# few_came_too_late TIMEOUT LEAST: of at least so many requests that found a connection on the shelf.
few_came_too_late() {
  local tried
  tried=$(($(since "$1" reused) + $(since "$1" found_dead)))
  at_least "$tried" "$2" && at_most $(($(dead_since "$1") * 1000 + 1)) "$tried"
}

too_many_came_too_late() {
  at_least $(($(dead_since 2) * 1000)) $(($(since 2 reused) + $(since 2 found_dead)))
}

# again TIMEOUT [WORDS]: how many requests there were that find what an earlier one left, by the access log.
again() {
  grep -c "target=http://[^ ]*:$(port_of "$1")/again/.*${2:-}" "$access_log"
}

all_are_logged() {
  local timeout
  for timeout in "${timeouts[@]}"; do
    [ "$(again "$timeout")" -eq $((2 * hosts * width)) ] || return
  done
}

most_were_reused() {
  at_least $(($(again "$1" " reused=1 ") * 100)) $(($(again "$1") * 95))
}

carpool_stop() {
  kill -TERM "$carpool_pid" && wait "$carpool_pid"
}

origins_start
carpool_start

claim "when origins close what is idle is learned" learned_all
for timeout in "${timeouts[@]}"; do
  note "learned of origins that close after $timeout s, ms" "$(figure "$(port_of "$timeout")" least)"
  claim "connections are retired shortly before their $timeout s" limits_are_shortly_before "$timeout"
done

note_figures
claim "requests come at any time around the origins' own" everywhere some_rounds "$rounds" 300 1150
for timeout in "${timeouts[@]}"; do
  note "from the shelf, and dead, at $timeout s" "$(since "$timeout" reused), $(dead_since "$timeout")"
  claim "fewer than 1 in 1,000 meet a dead connection, at $timeout s" \
    few_came_too_late "$timeout" "$least"
done

claim "requests come while their connections are good" everywhere sooner
claim "… each of which is logged" wait_until 5 all_are_logged
for timeout in "${timeouts[@]}"; do
  note "of $(again "$timeout") that could be, reused, at $timeout s" "$(again "$timeout" " reused=1 ")"
  claim "almost all of them go over connections that are there, at $timeout s" most_were_reused "$timeout"
done

# The clients' part in this is such that it can fail.
if [ "${1:-}" = long ]; then
  claim "carpool ends" carpool_stop
  carpool_start --set pool.learn_idle_timeout=off
  timeouts=(2)
  note_figures
  claim "the same without learning is answered, too" everywhere some_rounds "$rounds" 300 1150
  note "without learning: from the shelf, and dead, at 2 s" "$(since 2 reused), $(dead_since 2)"
  claim "but many requests meet a dead connection" too_many_came_too_late
fi
done_testing
