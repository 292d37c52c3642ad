#!/bin/bash
# carpool --explain: what it says is what a running proxy with the same settings does.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need curl nginx openssl

[ -x "$CARPOOL" ] || give_up "$CARPOOL is missing: script/build makes it"

# explained CODE ARGUMENT…: exits so; what it says is in $work/said.
explained() {
  local code=$1 status
  shift
  "$CARPOOL" "$@" >"$work/said" 2>"$work/stderr"
  status=$?
  cat "$work/said" "$work/stderr"
  equal "$status" "$code"
}

says() {
  explained "$1" "${@:3}" && contains "$(<"$work/said")" "$2"
}

refused() {
  explained 2 "${@:2}" && equal "$(<"$work/said")" "" && equal "$(<"$work/stderr")" "carpool: $1"
}

# The example in the documentation: the command behind "$ ", over as many lines as end in a backslash.
example_is_true() {
  local command
  awk '/^```/ { on = 0 } /^\$ carpool --explain/ { on = 1 } on' "$here/../../docs/rules.md" >"$work/example"
  command=$(sed -n '/[^\\]$/ { p; q }; p' "$work/example" | sed 's/^\$ carpool/"$CARPOOL"/')
  [ -n "$command" ] || return
  sed '1,/[^\\]$/d' "$work/example" >"$work/expected"
  eval "$command" >"$work/said" 2>&1
  diff "$work/expected" "$work/said"
}

# --- the words

claim "the example in docs/rules.md is what it prints" example_is_true
claim "who may not come in is told by which rule" explained 1 \
  --explain 'GET http://a.test/' --client 203.0.113.9
claim "and nothing further is asked" equal "$(<"$work/said")" "\
request     GET, host a.test, port 80
client      203.0.113.9 (public) may not use the proxy, by rule 1, access.clients: deny client !loopback,private
outcome     403 client_denied: This client may not use this proxy"
claim "a rule lets clients in" says 0 'may use the proxy, by rule 1, access.rules: allow client 203.0.113.0/24' \
  --explain 'GET http://192.0.2.1/' --client 203.0.113.9 --set 'access.rules=allow client 203.0.113.0/24'
claim "what no address changes is denied before DNS" says 1 \
  'denied at every address, by rule 3, access.connect_ports: ' \
  --explain 'CONNECT a.test:25' --client 10.0.0.1 --set dns.servers=127.0.0.1:1
claim "an IPv6 host keeps no brackets" says 1 'host ::1, port 81' \
  --explain 'GET http://[::1]:81/' --client fd00::1
claim "a disguise is seen through" says 1 '(loopback) denied, by rule 4, always so' \
  --explain 'GET http://[::ffff:127.0.0.1]/' --client 10.0.0.1
claim "its own listener is denied whatever the rules say" says 1 \
  'whatever the rules say: the destination is this proxy itself' \
  --explain 'GET http://127.0.0.1:3129/' --client 127.0.0.1
claim "multicast is, too" says 1 'outcome     403 forbidden' \
  --explain 'GET http://224.0.0.1/' --client 127.0.0.1 --set 'access.rules=allow address all'
claim "one address that is allowed is enough" says 0 'outcome     allowed' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --address 127.0.0.1 --address 192.0.2.1
claim "which is told of each" equal "$(grep -c '^address ' "$work/said")" 2
claim "without one that is allowed the last one's reason holds" says 1 '403 dns_to_loopback' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --address 10.1.1.1 --address 127.0.0.1 \
  --set access.private_destinations=off
claim "a name server that does not answer is told" says 1 'outcome     502 dns_failed' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --set dns.servers=127.0.0.1:1

# --- where it would connect from

source='127.0.0.2 listener 192.0.2.9:3128; any host .b.test; 10.0.0.9 client 10.0.0.0/8'
claim "the source is told, and by which line" says 0 \
  'source      by line 3, tcp.source: 10.0.0.9 client 10.0.0.0/8' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --address 192.0.2.1 --set "tcp.source=$source"
claim "that of another listener, too" says 0 'source      by line 1, tcp.source: 127.0.0.2 listener' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --address 192.0.2.1 --set "tcp.source=$source" \
  --listener 192.0.2.9:3128
claim "or that there is none" says 0 'source      chosen by the kernel' \
  --explain 'GET http://b.test/' --client 10.0.0.1 --address 192.0.2.1 --set "tcp.source=$source"
claim "an address of another family is out of reach" says 1 'outcome     502 source' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --address 2001:db8::1 --set "tcp.source=$source"

# --- how it would speak TLS

origins='verify off host .b.test'
claim "the line of tls.origins that decides is told" says 0 \
  'TLS         by tls.origins: verify off host .b.test' --explain 'GET https://a.b.test/' \
  --client 127.0.0.1 --address 192.0.2.1 --set "tls.origins=$origins"
claim "or that there is none" says 0 'TLS         as for all whom no line of tls.origins names' \
  --explain 'GET https://a.test/' --client 127.0.0.1 --address 192.0.2.1 --set "tls.origins=$origins"
claim "where TLS is not spoken nothing is said of it" says 0 'outcome     allowed' \
  --explain 'CONNECT a.b.test:443' --client 127.0.0.1 --address 192.0.2.1 --set "tls.origins=$origins"
claim "as here" equal "$(grep -c ^TLS "$work/said")" 0

# --- what is no request

claim "a listener has a port" refused \
  '--listener: "here" is no address with a port; expected one such as 192.0.2.1:3128' \
  --explain 'GET http://a.test/' --client 10.0.0.1 --listener here

form='expected "GET http://host/path" or "CONNECT host:port"'
claim "an https URL is not for clients elsewhere" says 1 \
  'denied at every address, by rule 2, access.https_requests: ' \
  --explain 'GET https://a/' --client 10.0.0.1
claim "a rule may open https" says 0 'rule 1, access.rules: allow scheme https' \
  --explain 'GET https://a/' --client 10.0.0.1 --address 10.0.0.9 --set access.rules='allow scheme https'
claim "a path alone is refused" refused "--explain: \"GET /\": this names no other host; $form" \
  --explain 'GET /' --client 10.0.0.1
claim "a URL alone is refused" explained 2 --explain http://a/ --client 10.0.0.1
claim "a number in disguise is refused" explained 2 --explain 'GET http://0x7f.1/' --client 10.0.0.1
claim "CONNECT without a port is refused" explained 2 --explain 'CONNECT a' --client 10.0.0.1
claim "a client is needed" refused "--explain: whose request is it? expected --client ADDR, too" \
  --explain 'GET http://a/'
claim "a client is an address" refused \
  '--client: "me" is no address; expected one such as 192.168.1.20 or fd00::1' \
  --explain 'GET http://a/' --client me
printf 'alice:%s\n' "$(openssl passwd -6 secret)" >"$work/users"
claim "a user needs a file of users" refused "--user: nobody can log in; expected auth.users_file" \
  --explain 'GET http://a/' --client 10.0.0.1 --user alice
claim "a user is one of that file" refused \
  "--user: \"bob\" is not in $work/users; expected the name of a user there" \
  --explain 'GET http://a/' --client 10.0.0.1 --set "auth.users_file=$work/users" --user bob
claim "and may then be asked about" says 0 'outcome     allowed' --explain 'GET http://192.0.2.1/' \
  --client 10.0.0.1 --set "auth.users_file=$work/users" --user alice
claim "an address has no address of its own" refused \
  '--address: 10.0.0.2 is an address itself; expected a name in the URL' \
  --explain 'GET http://10.0.0.2/' --client 10.0.0.1 --address 10.0.0.3
claim "--client alone is refused" refused \
  "--client, --listener, --user and --address belong to --explain; expected that, too" --client 10.0.0.1
claim "output that cannot be written is exit 1" bash -c \
  "\"$CARPOOL\" --explain 'GET http://192.0.2.1/' --client ::1 >/dev/full; [ \$? = 1 ]"

# --- the same as the proxy

# agree NAME: curl's status and --explain's outcome for this host of the origin's.
agree() {
  local url=http://$1:$origin_port/where status=200
  got=$(via -o /dev/null -w '%{http_code}' "$url")
  "$CARPOOL" --config "$conf" --set "dns.servers=$dns_server" --set "dns.hosts_file=$work/hosts" \
    --explain "GET $url" --client 127.0.0.1 >"$work/said"
  cat "$work/said"
  grep -q '^outcome *allowed$' "$work/said" || status=$(sed -n 's/^outcome *\([0-9]*\).*/\1/p' "$work/said")
  equal "$got" "$status" && equal "$got" "$2"
}

origin_start 127.0.0.2
conf=$work/carpool.conf
cat >"$work/zone" <<END
open.test A 127.0.0.2
blocked.test A 127.0.0.1
both.test A 127.0.0.1
both.test A 127.0.0.2
gone.test NXDOMAIN
END
printf '127.0.0.2 hosts.test\n' >"$work/hosts"
printf 'access {\n  rules = "deny address 127.0.0.1; deny host shut.test"\n  dns_to_loopback = on\n}\n' >"$conf"
dns_start
carpool_start --config "$conf" --set "dns.servers=$dns_server" --set "dns.hosts_file=$work/hosts"
claim "an open host is open" agree open.test 200
claim "a blocked address is blocked" agree blocked.test 403
claim "one of two addresses is enough" agree both.test 200
claim "an entry of the hosts file is found" agree hosts.test 200
claim "a literal is judged, too" agree 127.0.0.1 403
claim "a host without address is no success" agree gone.test 502
before=$(dns_questions shut.test A)
claim "a blocked name is blocked" agree shut.test 403
claim "and nobody was asked about it" equal "$(dns_questions shut.test A)" "$before"
done_testing
