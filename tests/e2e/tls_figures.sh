#!/usr/bin/env bash
# What carpool says of its TLS handshakes agrees with what nginx says of the same ones: version,
# cipher, and which were resumed; TLS 1.2 and 1.3, with tickets and without, and with a group that our
# first hello has no key for.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
need nginx openssl curl python3

each=5 # requests to each origin, every one over a connection of its own
kinds=(12_tickets 12_plain 13_tickets 13_plain 13_retry)

# tls_server KIND PORT
tls_server() {
  local version=TLSv1.${1:1:1} tickets=off cipher='' group=''
  [[ $1 != *_tickets ]] || tickets=on
  [[ $1 != 12_* ]] || cipher="ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;"
  [[ $1 != *_retry ]] || group="ssl_ecdh_curve secp384r1;"
  cat <<EOF
    server {
        listen 127.0.0.1:$2 ssl;
        ssl_protocols $version;
        ssl_session_tickets $tickets;
        ssl_session_cache off;
        $cipher
        $group
        access_log tls.log tls;
        location / { return 200 "$1"; }
    }
EOF
}

# More servers for the usual origin, which read their settings again.
tls_servers_start() {
  local i
  first_port=$(free_ports ${#kinds[@]})
  sed -i '$d' "$origin_dir/nginx.conf" # the end of http
  {
    # shellcheck disable=SC2016 # nginx's variables
    echo 'log_format tls "$server_port $ssl_protocol $ssl_cipher $ssl_session_reused";'
    for i in "${!kinds[@]}"; do
      tls_server "${kinds[i]}" $((first_port + i))
    done
    echo "}"
  } >>"$origin_dir/nginx.conf"
  kill -HUP "$origin_pid"
  wait_until 10 answers_on 127.0.0.1 $((first_port + ${#kinds[@]} - 1)) ||
    give_up "nginx does not take the TLS servers"
}

# fetch PORT WHAT: an https:// URL in absolute form.
fetch() {
  equal "$(via --request-target "https://127.0.0.1:$1/" -H "Host: 127.0.0.1:$1" \
    "http://127.0.0.1:$1/")" "$2"
}

fetch_all() {
  local i n
  for i in "${!kinds[@]}"; do
    for ((n = 0; n < each; n++)); do
      fetch $((first_port + i)) "${kinds[i]}" || return 1
    done
  done
}

# PORT VERSION CIPHER RESUMED of each connection, as the access log has it and as nginx has it.
said_here() {
  sed -n 's|.*target=https://127\.0\.0\.1:\([0-9]*\)/ .* tls=\([^ ]*\) cipher=\([^ ]*\) tls_ms=[0-9]* resumed=\(.\).*|\1 \2 \3 \4|p' \
    "$access_log"
}

said_there() {
  sed -n 's/ r$/ 1/p; s/ \.$/ 0/p' "$origin_dir/tls.log"
}

both_say_the_same() {
  wait_until 10 has_lines "$origin_dir/tls.log" $((each * ${#kinds[@]}))
  wait_until 10 has_lines "$access_log" $((each * ${#kinds[@]}))
  equal "$(said_here)" "$(said_there)"
}

resumed_where_tickets_are_given() {
  equal "$(said_here | awk -v first="$first_port" '{ sum[$1 - first] += $4 }
      END { print sum[0], sum[1], sum[2], sum[3], sum[4] }')" "$((each - 1)) 0 $((each - 1)) 0 0"
}

# FULL RESUMED and their round trips, per host. Expected by protocol: TLS 1.2 takes two, and one where
# it resumes (RFC 5246 §7.3); TLS 1.3 one (RFC 8446 §2), and two behind a HelloRetryRequest (§2.1).
hosts_count_the_same() {
  curl -sS --noproxy '*' --max-time 10 "$admin/hosts" >"$work/hosts" &&
    python3 - "$work/hosts" "$first_port" "$each" <<'EOF'
import json, sys
page, first, each = json.load(open(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
rows = {row["port"] - first: row for row in page["hosts"]}
expected = ((1, each - 1, 2), (each, 0, 2), (1, each - 1, 1), (each, 0, 1), (each, 0, 2))
for at, (full, resumed, trips) in enumerate(expected):
    row = rows[at]
    print(row)
    assert row["tls"] is True and row["handshakes_failed"] == 0
    assert (row["handshakes_full"], row["handshakes_resumed"]) == (full, resumed)
    assert row["handshakes_full_round_trips"] == trips * full
    assert row["handshakes_resumed_round_trips"] == resumed
    for kind, count in (("full", full), ("resumed", resumed)):
        assert row["handshakes_%s_samples" % kind] == count
        for what in ("sent_bytes", "received_bytes", "cpu_us", "median_us"):
            assert bool(row["handshakes_%s_%s" % (kind, what)]) == (count > 0), (kind, what)
    # a certificate is what a resumed handshake does without
    if resumed:
        assert row["handshakes_resumed_received_bytes"] / resumed < row["handshakes_full_received_bytes"]
EOF
}

# The two tables for people: of the origin with tickets and TLS 1.3, and of one without.
report_shows_them() {
  local table
  table=$("$CARPOOL" report --admin "${admin#http://}") || return
  echo "$table"
  grep -qE "^127\.0\.0\.1:$((first_port + 2)) .* 1 +$((each - 1)) +- " <<<"$table" &&
    grep -qE "^127\.0\.0\.1:$((first_port + 3)) .* $each +0 +- " <<<"$table"
}

status_page_shows_them() {
  local page
  page=$(curl -sS --noproxy '*' --max-time 10 "$admin/") || return
  grep "127\.0\.0\.1:" <<<"$page"
  grep -qF ":$((first_port + 2))</td><td>$each</td><td>$each</td><td>0.0 %</td><td>1 + $((each - 1))</td>" <<<"$page" &&
    grep -qF "<td>$((2 + 3 * each)) + $((2 * (each - 1)))</td>" <<<"$page"
}

metrics_count_the_same() {
  equal "$(metric upstream_tls_handshakes_full_total) $(metric upstream_tls_handshakes_resumed_total)" \
    "$((2 + 3 * each)) $((2 * (each - 1)))" &&
    equal "$(metric upstream_tls_handshake_round_trips_total)" $((3 + 5 * each + 2 * (each - 1))) &&
    at_least "$(metric upstream_tls_handshake_sent_bytes_total)" 1000 &&
    at_least "$(metric upstream_tls_handshake_received_bytes_total)" 1000
}

# Of an origin that nobody can trust: counted as failed, and nothing saved.
failures_are_counted() {
  fetch "$first_port" 12_tickets
  [ "$(metric upstream_tls_handshakes_failed_total)" -ge 1 ]
}

reuse_saves_handshakes() {
  fetch $((first_port + 3)) 13_plain && fetch $((first_port + 3)) 13_plain &&
    curl -sS --noproxy '*' --max-time 10 "$admin/hosts" | python3 -c '
import json, sys
total = json.load(sys.stdin)["total"]
print(total)
assert total["saved_handshake_us"] > 0
parts = ("saved_connect_us", "saved_dns_us", "saved_handshake_us")
assert total["saved_us"] == sum(total[part] for part in parts)'
}

# A connection that is parked shows how TLS is spoken on it, a plain one that it is not.
connections_say_how() {
  curl -sS --noproxy '*' --max-time 10 "$admin/connections" >"$work/rows" &&
    python3 - "$work/rows" $((first_port + 3)) "$origin_port" <<'EOF'
import json, sys
rows = {row["port"]: row for row in json.load(open(sys.argv[1]))["connections"]}
print(rows)
over = rows[int(sys.argv[2])]
assert over["tls"] == "TLSv1.3" and over["cipher"].startswith("TLS_"), over
plain = rows[int(sys.argv[3])]
assert plain["tls"] is None and plain["cipher"] is None, plain
EOF
}

table_says_how() {
  local table
  table=$("$CARPOOL" connections --admin "${admin#http://}" --state parked) || return 1
  contains "$table" "TLSv1.3"
}

plain_is_marked() {
  via "$origin/empty" && wait_until 10 grep -q " tls=-" "$access_log"
}

origin_start
tls_servers_start
carpool_start --set "tls.ca_file=$origin_ca" --set pool.max_uses=1
claim "every origin answers" fetch_all
claim "the access log and nginx agree on version, cipher and resumption" both_say_the_same
claim "sessions are resumed where tickets are given, and only there" resumed_where_tickets_are_given
claim "/hosts counts these handshakes and their round trips" hosts_count_the_same
claim "so do the metrics" metrics_count_the_same
claim "carpool report shows how many there were of each kind" report_shows_them
claim "so does the status page" status_page_shows_them

carpool_start --set "tls.ca_file=$origin_ca"
claim "TLS 1.3 is spoken" fetch $((first_port + 3)) 13_plain
claim "reuse saves handshakes" reuse_saves_handshakes
claim "a plain connection's line says so" plain_is_marked
claim "/connections says how TLS is spoken" connections_say_how
claim "carpool connections shows the version" table_says_how

carpool_start
claim "handshakes that fail are counted" failures_are_counted
done_testing
