#!/bin/bash
# SIGHUP: what reloads, what waits for a restart, what a bad file does, and rotated logs.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need curl

has_logged() {
  grep -q -e "$1" "$carpool_log"
}

reloaded() {
  local before
  before=$(grep -c "$1" "$carpool_log")
  kill -HUP "$carpool_pid"
  wait_until 10 more_than "$before" "$1"
}

more_than() {
  [ "$(grep -c "$2" "$carpool_log")" -gt "$1" ]
}

status_of() {
  curl -s --noproxy '*' --proxy "$proxy" -o /dev/null -w '%{http_code}' --max-time 10 "$1"
}

forbidden() {
  equal "$(curl -s --noproxy '*' --max-time 10 -o /dev/null -w '%{http_code}' "$proxy/healthz")" 403
}

status_via() {
  via -o /dev/null -w '%{http_code}' "$1"
}

status_is() {
  [ "$(status_via "$1")" = "$2" ]
}

healthy() {
  "$CARPOOL" health --url "$proxy/healthz"
}

conf=$work/carpool.conf
echo 'access { clients = "loopback" }' >"$conf"
: >"$work/carpool.log"
carpool_start --config "$conf" --set dns.servers=127.0.0.1:1
claim "it serves us" healthy

printf 'access {\n  clients = "192.0.2.1"\n}\nproxy { max_clients = 77 }\nlog { level = debug }' >"$conf"
claim "SIGHUP reads the file again" reloaded ' info settings read again'
claim "new rules hold for new requests" wait_until 10 forbidden

printf 'access {\n  clients = "nobody"\n}\n' >"$conf"
claim "a bad file is refused" reloaded ' error settings stay as they were'
claim "the log says where and why" has_logged \
  "why=\"$conf:2: access.clients: \"nobody\" is not accepted; expected loopback, "
claim "the old settings stay" forbidden

echo 'proxy { listen = "127.0.0.1:1" } admin { listen = off } drain { timeout = 5s }' >"$conf"
claim "a mended file is read" reloaded ' info settings read again'
claim "what is overridden on the command line is not said to have changed" \
  bash -c "! grep -q 'proxy.listen' '$carpool_log'"
claim "it serves us again" wait_until 10 healthy

# --- rules, and lists of hosts

printf '# blocked\none.test\n' >"$work/hosts.list"
echo "access { rules = 'deny host file:$work/hosts.list' }" >"$conf"
claim "rules are read" reloaded ' info settings read again'
claim "a listed host is refused" wait_until 10 status_is http://one.test/ 403
claim "another one is not" equal "$(status_via http://two.test/)" 502
printf '.test\n' >"$work/hosts.list"
claim "the list is read again with the settings" reloaded ' info settings read again'
claim "what is listed now is refused" wait_until 10 status_is http://two.test/ 403
printf 'one.test\ntwo test\n' >"$work/hosts.list"
claim "a bad list is refused" reloaded ' error settings stay as they were'
claim "the log names its line" has_logged "$work/hosts.list:2: \"two test\" is no host"
claim "the old list stays" equal "$(status_via http://three.test/)" 403

echo 'proxy { listen = "127.0.0.1:0" workers = 7 }' >"$conf"
kill -TERM "$carpool_pid"
wait "$carpool_pid"

# --- what only a restart changes

: >"$work/carpool.log"
coproc SECOND { exec env CARPOOL_ADMIN_LISTEN=off "$CARPOOL" --config "$conf" 2>>"$carpool_log"; }
children+=("$SECOND_PID")
carpool_pid=$SECOND_PID
read -r -t 20 line <&"${SECOND[0]}" || give_up "no ready line"
claim "the file's workers run" contains "$line" "admin off workers 7"
echo 'proxy { listen = "127.0.0.1:0" workers = 2 }' >"$conf"
claim "SIGHUP names what waits for a restart" reloaded \
  ' warn setting takes effect after a restart setting=proxy.workers now="7" then="2"'
: >"$carpool_log"
echo 'proxy { listen = "127.0.0.1:0" workers = 7 }' >"$conf"
claim "what is again as it was at start waits for nothing" reloaded ' info settings read again'
claim "and nothing is said about it" bash -c "! grep -q 'after a restart' '$carpool_log'"
printf 'proxy {\n  listen = "203.0.113.5:1"\n}\n' >"$conf"
claim "a public address that nothing guards is refused" reloaded ' error settings stay as they were'
claim "the log says how to allow it" has_logged \
  "why=\"$conf:2: proxy.listen: 203.0.113.5:1 is a public address, .*expected access.clients, access.rules or auth.users_file "
kill -TERM "$carpool_pid"

# --- a public address of our own, in a network of our own

public_one() {
  unshare -rn bash -c '
    ip link set lo up && ip addr add 203.0.113.5/32 dev lo || exit
    printf "access { clients = all }\nproxy { listen = \"203.0.113.5:1\" }" >"$1"
    "$0" --config "$1" --admin off 2>"$2" & pid=$!
    for i in $(seq 200); do "$0" health --config "$1" && break; sleep 0.05; done
    printf "proxy { listen = \"127.0.0.1:1\" }" >"$1"
    kill -HUP $pid
    for i in $(seq 200); do grep "settings" "$2" && break; sleep 0.05; done
    kill $pid; wait $pid' "$CARPOOL" "$conf" "$work/public.log"
}
if unshare -rn true 2>/dev/null; then
  claim "what is open from the start keeps its guard" contains "$(public_one)" \
    'error settings stay as they were why="'"$conf:2: proxy.listen: 203.0.113.5:1 is a public address, "
else
  echo "# skipped: no network of our own can be made here (unshare -rn)"
fi

# --- rotated logs

: >"$conf"
carpool_start --config "$conf"
curl -s --noproxy '*' -o /dev/null "$proxy/healthz"
claim "a request is logged" wait_until 10 has_lines "$access_log" 1
mv "$access_log" "$access_log.1"
claim "SIGHUP reopens the log" reloaded ' info settings read again'
curl -s --noproxy '*' -o /dev/null "$proxy/healthz"
claim "the next request is in a new file" wait_until 10 has_lines "$access_log" 1
mv "$access_log" "$access_log.2"
echo 'pool { nothing = 1 }' >"$conf"
claim "a bad file is refused again" reloaded ' error settings stay as they were'
curl -s --noproxy '*' -o /dev/null "$proxy/healthz"
claim "but the log is reopened all the same" wait_until 10 has_lines "$access_log" 1
done_testing
