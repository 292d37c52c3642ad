#!/bin/bash
# The admin's pages, and who may read them.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need curl nginx openssl

# answer STATUS ARGUMENT…: what curl gets from the admin.
answers() {
  local status=$1
  shift
  equal "$(curl -s --noproxy '*' --max-time 10 -o "$work/body" -w '%{http_code}' "$@")" "$status"
}

body_has() {
  grep -e "$1" "$work/body"
}

# Every sample has its HELP and TYPE, and a number.
metrics_are_well_formed() {
  curl -s --noproxy '*' "$admin/metrics" | awk '
    /^# HELP carpool_[a-z_]+ ./ { help[$3] = 1; next }
    /^# TYPE carpool_[a-z_]+ (counter|gauge)$/ { type[$3] = $4; next }
    /^carpool_[a-z_]+(\{[a-z]+="[^"]*"\})? [0-9]+(\.[0-9]+)?$/ {
      split($1, at, "{")
      if (!(at[1] in help) || !(at[1] in type)) { print "no help or type: " $0; bad = 1 }
      if (seen[$1]++) { print "twice: " $0; bad = 1 }
      if (type[at[1]] == "counter" && at[1] !~ /_total$/) { print "counter: " $0; bad = 1 }
      count++; next }
    { print "odd line: " $0; bad = 1 }
    END { print count " samples"; exit bad || count < 40 }'
}

json_is() {
  curl -s --noproxy '*' "$admin/connections" >"$work/json"
  cat "$work/json"
  python3 - "$work/json" "$origin_port" <<'PYTHON'
import json, sys
answer = json.load(open(sys.argv[1]))
assert set(answer) == {"total", "connections"} and answer["total"] == 1, answer
row, = answer["connections"]
assert set(row) == {"local", "remote", "client", "id", "host", "port", "state", "age_ms", "idle_ms",
                    "uses", "sent_bytes", "received_bytes", "rtt_us", "rtt_min_us", "cwnd", "resent",
                    "tls", "cipher"}, row
assert row["remote"] == "127.0.0.1:" + sys.argv[2], row
assert row["host"] == "127.0.0.1" and row["port"] == int(sys.argv[2]), row
assert row["state"] == "parked" and row["uses"] == 2, row
assert row["client"] is None and row["tls"] is None and row["cipher"] is None, row
assert row["rtt_us"] < 5000000 and row["cwnd"] > 0 and row["resent"] == 0, row
assert row["sent_bytes"] > 0 and row["received_bytes"] > 0, row
PYTHON
}

table_shows_it() {
  "$CARPOOL" connections --admin "${admin#http://}" >"$work/table" && cat "$work/table" &&
    grep -q '^ *ID  STATE ' "$work/table" &&
    grep -q "^ *[0-9]*  parked  127.0.0.1  *$origin_port  127.0.0.1:[0-9]* *127.0.0.1:$origin_port  -  " "$work/table" &&
    grep -qx '1 connection: 1 parked' "$work/table"
}

# lists COUNT [OPTION…]: so many rows remain.
lists() {
  "$CARPOOL" connections --admin "${admin#http://}" "${@:2}" >"$work/table" || return
  cat "$work/table"
  equal "$(sed 1d "$work/table" | grep -c '  parked  ')" "$1"
}

# says STATUS TEXT OPTION…: what carpool connections says, and its exit status.
says() {
  local said status
  said=$("$CARPOOL" connections "${@:3}" 2>&1)
  status=$?
  equal "$said" "$2" && equal "$status" "$1"
}

json_is_passed_on() {
  "$CARPOOL" connections --admin "${admin#http://}" --json --state parked >"$work/json" &&
    cat "$work/json" &&
    python3 -c 'import json, sys; assert json.load(open(sys.argv[1]))["total"] == 1' "$work/json"
}

admin_by_name_is() {
  answers "$1" -H "Host: $2" "$admin/healthz"
}

origin_start
carpool_start --set 'admin.hosts=metrics.internal, carpool'

claim "/healthz says ok" answers 200 "$admin/healthz"
claim "and nothing else" equal "$(cat "$work/body")" ok
claim "/ is a page" answers 200 "$admin/"
claim "it has the numbers" body_has 'opened for requests'
claim "it loads nothing from elsewhere" bash -c "! grep -E 'src=|https?://' '$work/body'"
claim "/metrics is well formed" metrics_are_well_formed
claim "another path is 404" answers 404 "$admin/nowhere"
claim "HEAD is answered without a body" bash -c \
  "curl -sI --noproxy '*' '$admin/metrics' | grep -i '^content-length: [1-9]'"
for method in POST PUT DELETE OPTIONS PATCH; do
  claim "$method is refused" answers 405 -X "$method" "$admin/healthz"
done
claim "a body that no page takes is refused" answers 413 -d "$(head -c 5000 /dev/zero | tr '\0' x)" "$admin/"
claim "a head without end is refused" answers 400 -H "X: $(head -c 60000 /dev/zero | tr '\0' x)" "$admin/"

claim "a strange Host is refused (DNS rebinding)" admin_by_name_is 403 evil.example
claim "so is one with a port" admin_by_name_is 403 evil.example:3129
claim "so is one that begins well" admin_by_name_is 403 127.0.0.1.evil.example
claim "so is one that is much like localhost" admin_by_name_is 403 localhost.
claim "so is one that ends well" admin_by_name_is 403 evil-metrics.internal
claim "so is an address in disguise" admin_by_name_is 403 0x7f000001
claim "so is an empty one" admin_by_name_is 403 ''
claim "so is a strange name in an absolute target" answers 403 --request-target http://evil.example/healthz \
  "$admin/healthz"
claim "a request without Host comes from no browser" answers 200 --http1.0 -H 'Host:' "$admin/healthz"
claim "an IPv4 address is fine" admin_by_name_is 200 192.0.2.1
claim "the second name of admin.hosts is fine" admin_by_name_is 200 carpool
claim "localhost is fine" admin_by_name_is 200 localhost:3129
claim "an IPv6 address is fine" admin_by_name_is 200 '[::1]:3129'
claim "a name of admin.hosts is fine" admin_by_name_is 200 METRICS.internal:3129
claim "nobody is led to the admin through the proxy" equal \
  "$(via -o /dev/null -w '%{http_code}' "$admin/")" 403
claim "nor by a tunnel" equal \
  "$(via -p -o /dev/null -w '%{http_connect}' "$admin/" 2>/dev/null)" 403
claim "the proxy port has no admin pages" equal \
  "$(curl -s --noproxy '*' -o /dev/null -w '%{http_code}' "$proxy/metrics")" 404
claim "nor does it close connections" equal \
  "$(curl -s --noproxy '*' -X POST -o /dev/null -w '%{http_code}' "$proxy/connections/close?all=true")" 404

via -o /dev/null "$origin/echo/one" && via -o /dev/null "$origin/echo/two" || give_up "no answers"
claim "/connections shows the parked connection" wait_until 5 json_is
claim "carpool connections shows it as a table" table_shows_it
for filter in "--host=127.0.0.1" "--host=127.*:$origin_port" "--host=*" --state=parked "--local=127.0.0.1:*" \
  "--remote=*:$origin_port" "--remote=127.0.0.1:$origin_port" "--host=*.0.1 --state=parked --remote=127.0.0.1"; do
  # shellcheck disable=SC2086 # several options
  claim "$filter chooses it" lists 1 $filter
done
for filter in --host=localhost "--host=*:1" --state=leased "--local=*:1" --remote=127.0.0.2 "--client=*" \
  "--host=127.0.0.1 --state=waiting"; do
  # shellcheck disable=SC2086 # several options
  claim "$filter does not" lists 0 $filter
done
claim "--json passes the list on" json_is_passed_on
for query in 'host=a%2Fb' state=idle client=me 'local=1.2.3' 'remote=x*' 'id=0' 'hosts=a' 'id=1&id=1'; do
  claim "the query $query is refused" answers 400 "$admin/connections?$query"
  claim "by its name" body_has "^${query%%=*}: "
done
claim "half a query is refused" answers 400 "$admin/connections?host"
claim "an empty one asks for all" answers 200 "$admin/connections?"
claim "a list that cannot be written is no success" bash -c \
  "'$CARPOOL' connections --admin '${admin#http://}' >/dev/full; [ \$? -eq 1 ]"
claim "what the admin refuses is told" says 1 \
  "carpool: $admin/connections?state=idle: answered with status 400: state: \"idle\" is not accepted; expected dialing, leased, parked, pinned, tunnel or waiting" \
  --admin "${admin#http://}" --state idle
claim "an admin that is not there is told" says 1 \
  "carpool: http://127.0.0.1:1/connections: the connection was refused" --admin 127.0.0.1:1
claim "the reuse is counted" equal "$(metric upstream_connections_reused_total)" 1
claim "one is parked" equal "$(metric upstream_connections_parked)" 1
via -o /dev/null http://127.0.0.1:1/
claim "errors are counted by reason" bash -c \
  "curl -s --noproxy '*' '$admin/metrics' | grep -x 'carpool_errors_total{reason=\"connect_failed\"} 1'"
kill -TERM "$carpool_pid"
wait "$carpool_pid"

# --- out of descriptors

cannot_accept() {
  grep -q 'warn admin cannot accept err=no_descriptors' "$carpool_log"
}

admin_answers() {
  curl -sf --noproxy '*' --max-time 2 "$admin/healthz"
}

takes_all_descriptors() {
  local i fd
  for i in $(seq 100); do
    exec {fd}<>"/dev/tcp/127.0.0.1/${admin##*:}" || return
    held+=("$fd")
  done
  wait_until 10 cannot_accept
}

held=()
CARPOOL_UNDER_LIMIT=$CARPOOL
CARPOOL=$work/limited
printf '#!/bin/bash\nulimit -n 80; exec "%s" "$@"\n' "$CARPOOL_UNDER_LIMIT" >"$CARPOOL"
chmod +x "$CARPOOL"
carpool_start
claim "connections to the admin can use up all descriptors" takes_all_descriptors
for fd in "${held[@]}"; do
  exec {fd}>&-
done
claim "it answers again when they are gone" wait_until 10 admin_answers
claim "it did not spin meanwhile" at_most "$(grep -c 'admin cannot accept' "$carpool_log")" 60
done_testing
