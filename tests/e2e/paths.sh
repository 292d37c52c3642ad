#!/bin/bash
# Paths that die without a word: an origin in a network namespace of its own, whose address is
# taken away. Nobody says so; probes and acknowledgements that do not come must tell.
if [ -z "${PATHS_INSIDE:-}" ]; then
  unshare --user --map-root-user --net true 2>/dev/null || {
    echo "skipped - no network namespace to be had"
    exit 77
  }
  export PATHS_INSIDE=1
  exec unshare --user --map-root-user --net "$0" "$@"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl ip nginx nsenter ss unshare

near=10.77.0.1
far=10.77.0.2
near_mac=02:00:00:00:00:01
far_mac=02:00:00:00:00:02
port=8080

# --- the far side --------------------------------------------------------------------------------

ip link set lo up
unshare --net sleep 100 &
far_pid=$!
children+=("$far_pid")
has_own_network() {
  [ "$(readlink "/proc/$far_pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}
wait_until 10 has_own_network || give_up "no second network namespace"
there() {
  nsenter --target "$far_pid" --net "$@"
}
ip link add near address "$near_mac" type veth peer name far address "$far_mac"
ip link set far netns "$far_pid"
ip address add "$near/24" dev near
ip link set near up
there ip link set far up
# Neither side asks who has an address: an answer that does not come would be a word.
ip neighbour replace "$far" lladdr "$far_mac" dev near
there ip neighbour replace "$near" lladdr "$near_mac" dev far

path_opens() {
  there ip address add "$far/24" dev far
}

path_dies() {
  there ip address del "$far/24" dev far
}

path_opens
mkdir -p "$work/origin"
nginx_config 'master_process off;' >"$work/origin/nginx.conf" <<END
access_log off;
keepalive_timeout 100s;
server { listen $far:$port; location / { return 200 "here\n"; } }
END
nginx_start "$work/origin" nsenter --target "$far_pid" --net
wait_until 10 answers_on "$far" "$port" || give_up "nginx does not start"
url=http://$far:$port/

# --- what the sockets say --------------------------------------------------------------------------

# Does the kernel have a timer of this kind for a connection that matches?
has_timer() {
  ss -Htno state established "$2" | grep -F "timer:($1"
}

carpool_start
exec {held}<>"/dev/tcp/127.0.0.1/$proxy_port"
printf 'GET %s HTTP/1.1\r\nHost: %s\r\n\r\n' "$url" "$far:$port" >&"$held"
read -r -t 10 -u "$held" line
claim "a page comes over the path" contains "$line" "200 OK"
claim "the connection to the origin is probed" wait_until 5 has_timer keepalive "dport = :$port"
claim "that of the client, too" wait_until 5 has_timer keepalive "sport = :$proxy_port"
exec {held}>&-
kill -TERM "$carpool_pid"
wait "$carpool_pid"

# --- a tunnel that rests -----------------------------------------------------------------------------

carpool_start --set tcp.keepalive=1s --set tcp.keepalive_interval=1s --set tcp.keepalive_probes=2 \
  --set tcp.user_timeout=1s --set timeout.connect=1s --set pool.holddown=0
exec {tunnel}<>"/dev/tcp/127.0.0.1/$proxy_port"
printf 'CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n' "$far:$port" "$far:$port" >&"$tunnel"
read -r -t 10 -u "$tunnel" line
claim "a tunnel is opened" contains "$line" "200"
read -r -t 10 -u "$tunnel" line # the empty line behind its head
path_dies

ended() {
  local status
  read -r -t 20 -u "$tunnel" _
  status=$?
  echo "status of read: $status; above 128 it waited in vain"
  [ "$status" -ge 1 ] && [ "$status" -le 128 ]
}
claim "a tunnel ends when probes are not answered" ended
exec {tunnel}>&-
path_opens

# --- a request on the way -----------------------------------------------------------------------------

# told WORDS…: how long it takes until a request is answered with a failure, on a parked
# connection whose path is dead. timeout.response is a minute.
fails_soon() {
  local status began=${EPOCHREALTIME/./}
  status=$(via -o /dev/null -w '%{http_code}' "$@" "$url")
  echo "after: $(((${EPOCHREALTIME/./} - began) / 1000)) ms, with $status"
  [[ $status == 50[24] ]] && at_most $(((${EPOCHREALTIME/./} - began) / 1000)) 15000
}

for method in GET POST; do
  claim "the path is back" equal "$(via "$url")" here
  path_dies
  claim "$method on a dead path fails long before timeout.response" fails_soon -X "$method"
  path_opens
done
claim "and all is well when the path is" equal "$(via "$url")" here
done_testing
