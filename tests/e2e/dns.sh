#!/bin/bash
# Names, through the whole proxy: a scripted name server counts the questions. Two workers, which
# share what they know; and no connection is kept, because a kept one needs no name.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl

origin_start 127.0.0.2 127.0.0.3
cat >"$work/zone" <<'END'
plain.test A 127.0.0.2
both.test A 127.0.0.2
both.test AAAA ::1
ttl.test A 127.0.0.2 ttl=2
alias.test CNAME plain.test
origin.test A 127.0.0.1
crowd.test A 127.0.0.2 delay=300ms
gone.test NXDOMAIN ttl=60
broken.test SERVFAIL
refused.test REFUSED
silent.test SILENT
flaky.test SILENT times=2
flaky.test A 127.0.0.2
big.test A TRUNCATE
big.test A 127.0.0.2
half.test A 127.0.0.2
half.test AAAA SERVFAIL
quiet.test A 127.0.0.2
quiet.test AAAA SILENT
END
echo "127.0.0.3 hosts.test" >"$work/hosts"
dns_start
carpool_start --workers 2 --set "dns.servers=$dns_server" --set "dns.hosts_file=$work/hosts" \
  --set dns.timeout=1s --set dns.tries=2 --set dns.min_ttl=0 --set pool.max_parked_per_host=0

# The address on which the origin was reached under this name.
reached() {
  local where
  where=$(via -f "http://$1:$origin_port/where") || return
  equal "$where" "$2"
}

# fails NAME STATUS: and the page names the host.
fails() {
  local code
  code=$(via -o "$work/page" -w '%{http_code}' "http://$1:$origin_port/")
  cat "$work/page"
  equal "$code" "$2" && contains "$(<"$work/page")" "$1"
}

asked() {
  equal "$(dns_questions "$1" "$2")" "$3"
}

twenty_times() {
  local i
  for i in $(seq 20); do
    reached "$1" "$2" || return
  done
}

# 40 clients at once, while the answer to the first takes its time.
crowd() {
  local codes
  codes=$(via -f --parallel --parallel-immediate --parallel-max 40 -o "$work/crowd.#1" \
    -w '%{http_code}\n' "http://crowd.test:$origin_port/where?[1-40]")
  equal "$(grep -c 200 <<<"$codes")" 40
}

# Old address as long as the TTL holds, then the new one. The question comes again in between.
address_moves() {
  sed -i 's/^ttl.test.*/ttl.test A 127.0.0.3 ttl=60/' "$work/zone"
  dns_reread || return
  equal "$(via "http://ttl.test:$origin_port/where")" 127.0.0.2 || return
  wait_until 10 reached ttl.test 127.0.0.3
}

took_less_ms() {
  local most=$1 before=${EPOCHREALTIME/./} took
  shift
  "$@" || return
  took=$(((${EPOCHREALTIME/./} - before) / 1000))
  at_most "$took" "$most"
}

names_are_shown() {
  curl -s --noproxy '*' "$admin/dns" >"$work/names" || return
  cat "$work/names"
  python3 - "$work/names" <<'PYTHON'
import json, sys
page = json.load(open(sys.argv[1]))
names = {row["name"]: row for row in page["names"]}
assert page["total"] == len(names), page["total"]
assert names["plain.test"]["addresses"] == ["127.0.0.2"], names["plain.test"]
assert names["plain.test"]["state"] == "fresh" and names["plain.test"]["ttl_left_ms"] > 0
assert names["gone.test"]["state"] == "missing", names["gone.test"]
assert names["gone.test"]["last_error"] == "dns_not_found", names["gone.test"]
assert "hosts.test" not in names and not names["plain.test"]["is_asked"]
PYTHON
}

tunnelled() {
  equal "$(via --cacert "$origin_ca" "https://$1:$((origin_port + 1))/echo/x")" /echo/x
}

tunnel_fails() {
  local head
  head=$(via -p -D - -o "$work/page" "https://$1:$((origin_port + 1))/" 2>&1)
  contains "$head" "HTTP/1.1 $2"
}

claim "a name with A and without AAAA is reached" reached plain.test 127.0.0.2
claim "a name in other letters is the same name" reached PLAIN.test 127.0.0.2
claim "20 requests within the TTL are answered" twenty_times plain.test 127.0.0.2
claim "all of them took one question for A" asked plain.test A 1
claim "and one for AAAA" asked plain.test AAAA 1
claim "carpool counts these two questions" equal "$(metric dns_queries_total)" 2
claim "a name is reached over IPv4 where IPv6 is refused" reached both.test 127.0.0.2
claim "a CNAME is followed" reached alias.test 127.0.0.2
claim "40 clients at once are answered" crowd
claim "they share one question" asked crowd.test A 1
claim "a name is reached before its TTL ends" reached ttl.test 127.0.0.2
claim "when the TTL ends, the new address is used" address_moves
claim "that took one more question" asked ttl.test A 2
claim "a name that does not exist is 502 and is named" fails gone.test 502
claim "so it is the second time" fails gone.test 502
claim "which took no second question" asked gone.test A 1
claim "a name server that fails is 502" fails broken.test 502
claim "a name server that refuses is 502" fails refused.test 502
claim "a silent name server is 504" fails silent.test 504
claim "one lost answer is asked for again" reached flaky.test 127.0.0.2
claim "a truncated answer is asked for over TCP" reached big.test 127.0.0.2
claim "a failing AAAA does not hurt" reached half.test 127.0.0.2
claim "a silent AAAA does not make anyone wait" \
  took_less_ms 900 reached quiet.test 127.0.0.2
claim "the hosts file needs no name server" reached hosts.test 127.0.0.3
claim "nothing was asked for it" asked hosts.test A 0
claim "the admin shows what is known of names" names_are_shown
claim "a tunnel finds its name" tunnelled origin.test
claim "a tunnel to a name that does not exist is 502" tunnel_fails gone.test 502
claim "a tunnel behind a silent name server is 504" tunnel_fails silent.test 504
done_testing
