#!/bin/bash
# Start, ready line, ports, health, and the end.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need curl

exits_with() {
  local status
  wait "$1"
  status=$?
  equal "$status" "$2"
}

has_logged() {
  grep -q "$1" "$carpool_log"
}

ready_line_is_exact() {
  echo "$carpool_ready"
  [[ $carpool_ready =~ ^carpool\ 0\.1\.0\ ready:\ proxy\ http://127\.0\.0\.1:[0-9]+\ admin\ http://127\.0\.0\.1:[0-9]+\ workers\ 2$ ]]
}

# A second process on the address must not get half of the clients.
refused_in_use() {
  local said status
  said=$("$CARPOOL" "$@" 2>&1)
  status=$?
  # lines of the log may come before it
  equal "$(grep '^carpool: ' <<<"$said")" \
    "carpool: cannot listen on $in_use: the address is already in use" &&
    equal "$status" 1
}

health_says() {
  local said status code=$1 text=$2
  shift 2
  said=$("$CARPOOL" health "$@" 2>&1)
  status=$?
  equal "$said" "$text" && equal "$status" "$code"
}

# A request whose answer never comes: the origin accepts and is silent.
hang() {
  exec {hanging}<>"/dev/tcp/127.0.0.1/$proxy_port" || return
  printf 'GET http://127.0.0.1:%s/ HTTP/1.1\r\nHost: x\r\n\r\n' "$silent_port" >&"$hanging"
  wait_until 10 requests_are 1
}

requests_are() {
  [ "$(metric requests_total)" -ge "$1" ]
}

admin_drains() {
  equal "$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' "$admin/healthz")" 503
}

# --- one life

carpool_start
claim "the ready line says where it listens" ready_line_is_exact
claim "the proxy port is healthy" health_says 0 "healthy $proxy/healthz" --url "$proxy/healthz"
claim "health asks the first listener by itself" health_says 0 "healthy $proxy/healthz" \
  --listen "${proxy#http://}"
claim "health reaches a wildcard listener over loopback" health_says 0 "healthy $proxy/healthz" \
  --listen "0.0.0.0:$proxy_port"
claim "whoever asks for health does not listen itself" health_says 0 "healthy $proxy/healthz" \
  --url "$proxy/healthz" --listen 203.0.113.5:3128
claim "a status other than 200 is no health" health_says 1 \
  "carpool: $proxy/nowhere: answered with status 404" --url "$proxy/nowhere"
in_use=${proxy#http://}
claim "a port in use is refused by its address" refused_in_use --listen "$in_use" --admin off
claim "so it is when another listener is free" refused_in_use --listen 127.0.0.1:0 \
  --listen "$in_use" --admin off
in_use=${admin#http://}
claim "the admin's port in use is refused, too" refused_in_use --listen 127.0.0.1:0 \
  --admin "$in_use"
kill -TERM "$carpool_pid"
claim "SIGTERM ends it with 0" exits_with "$carpool_pid" 0
claim "its last line tells of its life" has_logged \
  ' info stopped requests=[0-9]* opened=0 reused=0 reuse_ratio=- tunnels=0 connect_median_us=0 dns_median_us=0 modelled_saved_us=0 uptime_ms='
claim "nobody is healthy there now" health_says 1 \
  "carpool: $proxy/healthz: the connection was refused" --url "$proxy/healthz"

carpool_start
kill -INT "$carpool_pid"
claim "SIGINT ends it with 0" exits_with "$carpool_pid" 0

carpool_start --admin off
claim "admin off is said" contains "$carpool_ready" " admin off workers 2"
kill -TERM "$carpool_pid"
claim "it ends with 0 without an admin" exits_with "$carpool_pid" 0

# --- ends with work at hand

coproc SILENT { exec python3 -c '
import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(8)
print(s.getsockname()[1], flush=True)
sys.stdin.read()'; }
children+=("$SILENT_PID")
read -r -t 20 silent_port <&"${SILENT[0]}" || give_up "no silent origin"

carpool_start --set drain.timeout=1h
claim "a request waits" hang
kill -TERM "$carpool_pid"
claim "the admin says that it drains" wait_until 10 admin_drains
claim "the port is closed meanwhile" wait_until 10 eval '! answers_on 127.0.0.1 "$proxy_port"'
kill -TERM "$carpool_pid"
claim "a second SIGTERM ends it at once with 0" exits_with "$carpool_pid" 0
exec {hanging}<&-

carpool_start --set drain.timeout=300ms
claim "a request waits again" hang
kill -TERM "$carpool_pid"
claim "drain.timeout ends what does not end" exits_with "$carpool_pid" 0
claim "the log says so" has_logged ' warn drain took too long workers='
exec {hanging}<&-

# --- machines of another kind

claim "a log that cannot be opened is exit 1" bash -c \
  "\"$CARPOOL\" --listen 127.0.0.1:0 --admin off --set log.access=/nowhere/log 2>&1 |
   grep -qx 'carpool: cannot open the access log /nowhere/log: there is no such thing'"
claim "an address of another machine is exit 1" bash -c \
  "\"$CARPOOL\" --listen 192.0.2.1:0 --admin off --set access.clients=all 2>&1 |
   grep -qx 'carpool: cannot listen on 192.0.2.1:0: the address does not belong to this machine'"

# Its own network: the default ports are free there, and IPv6 can be taken away.
without_ipv6() {
  unshare -rn bash -c '
    ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
    "$0" 2>"$1/alone.log" & pid=$!
    for i in $(seq 200); do grep -q "no IPv6 here" "$1/alone.log" && "$0" health && break; sleep 0.05; done
    kill $pid; wait $pid' "$CARPOOL" "$work"
}
if unshare -rn bash -c 'ip link set lo up && echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6' 2>/dev/null; then
  claim "without IPv6 the defaults still start" contains "$(without_ipv6)" \
    "carpool 0.1.0 ready: proxy http://127.0.0.1:3128 admin http://127.0.0.1:3129 workers"
  claim "the missing address is a note" grep -q \
    ' info no IPv6 here skipped=\[::1\]:3128' "$work/alone.log"
else
  echo "# skipped: no network of our own can be made here (unshare -rn)"
fi
done_testing
