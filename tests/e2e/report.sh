#!/bin/bash
# What reuse did, as /hosts, carpool report and the last line of the log tell it: counted at the far
# end, by the nginx that accepts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl python3

origin_start 127.0.0.2 127.0.0.3 '[::1]'
cat >"$work/zone" <<'END'
one.test A 127.0.0.2 ttl=3600
two.test A 127.0.0.3 ttl=1
END
dns_start
carpool_start --set "dns.servers=$dns_server" --set dns.min_ttl=0

# ask NAME COUNT: one after the other, each over a client connection of its own.
ask() {
  local i
  for i in $(seq "$2"); do
    via -f -o /dev/null "http://$1:$origin_port/echo/$i" || return
  done
}

# Ten at once, which need connections of their own.
ask_at_once() {
  local i pids=() failed=0
  for i in $(seq 10); do
    via -f -o /dev/null "http://$1:$origin_port/echo/$i" &
    pids+=("$!")
  done
  for i in "${pids[@]}"; do
    wait "$i" || failed=1
  done
  return "$failed"
}

tunnel() {
  via -f -o /dev/null --cacert "$origin_ca" "$origin_tls/echo/tunnel"
}

# Requests and connections of an origin's address, by nginx's own log.
origin_saw() {
  awk -v host="$1" '$1 == host { requests++; connections[$2] }
    END { print requests + 0, length(connections) }' "$origin_log"
}

# The file of hosts, the nginx address of each name: do they say the same?
agrees() {
  local one two
  one=$(origin_saw 127.0.0.2)
  two=$(origin_saw 127.0.0.3)
  echo "nginx saw one.test: $one, two.test: $two"
  python3 - "$1" "$one" "$two" <<'PYTHON'
import json, sys
page = json.load(open(sys.argv[1]))
hosts = {row["host"]: row for row in page["hosts"]}
print(json.dumps(page, indent=1))
for name, saw in (("one.test", sys.argv[2]), ("two.test", sys.argv[3])):
    requests, connections = map(int, saw.split())
    row = hosts[name]
    assert row["requests"] == requests, (name, requests)
    # One that was dialed and not needed was never logged: nginx logs requests.
    assert row["opened"] >= connections and row["opened"] <= connections + 10, name
    assert row["reused"] >= requests - row["opened"], name
    assert row["reuse_ratio"] == round(row["reused"] / (row["reused"] + row["opened"]), 6) or \
        abs(row["reuse_ratio"] - row["reused"] / (row["reused"] + row["opened"])) < 1e-5, name
    assert sum(row["misses"].values()) == row["opened"], name
    assert row["misses"]["cold"] >= 1, name
    assert row["connect_median_us"] > 0 and row["connect_samples"] == row["opened"], name
    assert row["saved_connect_us"] > 0, name
    assert row["saved_us"] == row["saved_connect_us"] + row["saved_dns_us"], name
# The first name was known all the time; the second one's answer was good for a second.
assert hosts["one.test"]["lookups_spared"] == 0 and hosts["one.test"]["saved_dns_us"] == 0
two = hosts["two.test"]
assert two["lookups_spared"] >= 1 and two["dns_median_us"] > 0, two
assert two["saved_dns_us"] > 0, two
total = page["total"]
for figure in ("requests", "opened", "reused", "tunnels", "saved_us", "saved_dns_us"):
    rows = sum(row[figure] for row in page["hosts"]) + page["rest"][figure]
    assert total[figure] == rows, (figure, total[figure], rows)
assert total["tunnels"] == 1 and total["requests"] == 31
PYTHON
}

total_of() {
  python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["total"][sys.argv[2]])' \
    "$work/hosts.json" "$1"
}

seconds_are() {
  local seconds
  seconds=$(curl -sS --noproxy '*' "$admin/metrics" | awk -v name="carpool_$1" '$1 == name { print $2 }')
  equal "$seconds" "$(awk -v us="$2" 'BEGIN { printf "%.6f", us / 1000000 }')"
}

reported() {
  "$CARPOOL" report --admin "${admin#http://}" "$@" >"$work/report" && cat "$work/report"
}

has_row() {
  grep -E "^$1 +$2 " "$work/report"
}

ends_well() {
  kill -TERM "$carpool_pid"
  wait "$carpool_pid"
}

says_at_the_end() {
  grep -E " info stopped requests=32 opened=$opened reused=$reused reuse_ratio=0\.[0-9]{4} tunnels=1 connect_median_us=[1-9][0-9]* dns_median_us=[1-9][0-9]* modelled_saved_us=$saved uptime_ms=" "$carpool_log"
}

refused_with() {
  local said status
  said=$("$CARPOOL" report "${@:2}" 2>&1)
  status=$?
  equal "$said" "$1" && equal "$status" 1
}

claim "nothing was asked for: a report without hosts" reported
claim "it says so" has_row 'all \(0\)' 0
claim "ten requests for one host" ask one.test 10
claim "ten at once for another" ask_at_once two.test
# The answer for two.test is good for a second; nothing tells when that is over but the clock.
sleep 1.2
claim "ten more, when the time of its name is up" ask two.test 10
claim "one for an IPv6 address" ask '[::1]' 1
claim "a tunnel is, too" tunnel
wait_until 5 has_lines "$origin_log" 32
claim "carpool report --json is what /hosts answers" reported --json
cp "$work/report" "$work/hosts.json"
claim "its figures are those that nginx counted" agrees "$work/hosts.json"
opened=$(total_of opened)
reused=$(total_of reused)
saved=$(total_of saved_us)
claim "the metrics say the same: opened" equal "$(metric upstream_connections_opened_total)" "$opened"
claim "reused" equal "$(metric upstream_connections_reused_total)" "$reused"
claim "why nothing was reused" equal "$(metric upstream_misses_total)" "$opened"
claim "what was saved of connecting" seconds_are upstream_saved_connect_seconds_total "$(total_of saved_connect_us)"
claim "and of asking name servers" seconds_are upstream_saved_dns_seconds_total "$(total_of saved_dns_us)"
claim "the report is a table" reported
claim "with a row for a host" has_row "one.test:$origin_port" 10
claim "with one for the IPv6 address, in brackets" has_row "\[::1\]:$origin_port" 1
claim "with all of them" has_row 'all \(4\)' 31
claim "with the reasons" grep -E '^Nothing was reused because of: .*cold [1-9]' "$work/report"
claim "which says that savings are modelled" grep 'saved_\* is modelled' "$work/report"
note "report" "$(cat "$work/report")"
claim "SIGTERM ends it" ends_well
claim "and its last line has the same figures" says_at_the_end
claim "without an admin there is no report" refused_with \
  "carpool: the admin address is not known; expected --admin ADDR:PORT" --set admin.listen=off
done_testing
