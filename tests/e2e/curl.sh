#!/bin/bash
# curl through carpool: http with all kinds of bodies, CONNECT, pipelined, and errors.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl

has_ipv6() { grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null; }

if has_ipv6; then
  origin_start '[::1]'
else
  origin_start
fi
random_file "$origin_root/some" 300000 || give_up "no test file"
: >"$origin_root/nothing"
tail -c +1001 "$origin_root/some" | head -c 1000 >"$work/part"
carpool_start
got=$work/got

# fetched URL FILE [CURL ARGUMENT…]: the bytes that come through carpool are those of the file.
fetched() {
  local url=$1 file=$2
  shift 2
  rm -f "$got"
  via -f -o "$got" "$@" "$url" && same_file "$got" "$file"
}

# says EXPECTED CURL ARGUMENT…: the body is the expected text.
says() {
  local expected=$1 body
  shift
  body=$(via "$@") || return
  equal "$body" "$expected"
}

# status EXPECTED CURL ARGUMENT…
status() {
  local expected=$1 code
  shift
  code=$(via -o "$got" -w '%{http_code}' "$@")
  head -c 2000 "$got" 2>/dev/null
  echo
  equal "$code" "$expected"
}

by_environment() {
  http_proxy=$proxy curl -sS --noproxy '' --max-time 60 -f -o "$got" "$origin/some" &&
    same_file "$got" "$origin_root/some"
}

head_has_no_body() {
  local length
  length=$(via -I "$origin/some" | tr -d '\r' | awk 'tolower($1) == "content-length:" { print $2 }')
  equal "$length" 300000
}

# Two transfers of one curl use one connection to the proxy: num_connects of the second is 0.
client_connection_lives_on() {
  local connects
  connects=$(via -o "$got" -o "$got" -w '%{num_connects} ' "$1" "$1")
  equal "$connects" "1 0 "
}

uploaded() {
  local name=$1
  shift
  via -f -o "$got" -T "$origin_root/some" "$@" "$origin/put/$name" &&
    same_file "$origin_root/some" "$origin_root/put/$name"
}

# Four requests in one write, before any answer; the last one ends the connection.
pipelined_in_order() {
  local i last socket answer
  exec {socket}<>"/dev/tcp/127.0.0.1/$proxy_port" || return
  for i in 1 2 3 4; do
    last=keep-alive
    [ "$i" -lt 4 ] || last=close
    printf 'GET %s/echo/%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: %s\r\n\r\n' \
      "$origin" "$i" "$origin_port" "$last"
  done >"$work/requests"
  cat "$work/requests" >&"$socket"
  answer=$(timeout 20 cat <&"$socket" | tr -d '\r')
  exec {socket}<&-
  echo "$answer"
  equal "$(grep -o 'HTTP/1.1 200' <<<"$answer" | wc -l)" 4 &&
    equal "$(grep -o '/echo/[0-9]' <<<"$answer" | tr '\n' ' ')" '/echo/1 /echo/2 /echo/3 /echo/4 '
}

# The bytes right behind the CONNECT head are the far side's, and come to it.
early_bytes_of_a_tunnel() {
  local socket answer
  exec {socket}<>"/dev/tcp/127.0.0.1/$proxy_port" || return
  printf 'CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\nGET /echo/early HTTP/1.0\r\n\r\n' \
    "$origin_port" "$origin_port" >&"$socket"
  answer=$(timeout 20 cat <&"$socket" | tr -d '\r')
  exec {socket}<&-
  echo "$answer"
  equal "$(grep -o 'HTTP/1.[01] 200' <<<"$answer" | wc -l)" 2 && contains "$answer" /echo/early
}

# A port where nobody listens: found free a moment ago and below the ephemeral range.
refused_by_the_origin() {
  status 502 "http://127.0.0.1:$(free_ports 1)/" && contains "$(cat "$got")" 127.0.0.1
}

tunnel_refused_by_the_origin() {
  local port head
  port=$(free_ports 1)
  head=$(via -p -D - -o "$got" "https://127.0.0.1:$port/" 2>&1)
  contains "$head" "HTTP/1.1 502"
}

own_page() {
  says "$1" "$proxy$2" --proxy ''
}

claim "a page comes through as it is" fetched "$origin/some" "$origin_root/some"
claim "the proxy is found through the environment" by_environment
claim "a chunked body comes through" fetched "$origin/chunked/some" "$origin_root/some"
claim "an HTTP/1.0 client gets a chunked body, too" \
  fetched "$origin/chunked/some" "$origin_root/some" --http1.0
claim "an HTTP/1.0 client is served" fetched "$origin/some" "$origin_root/some" --http1.0
claim "an empty file comes through" fetched "$origin/nothing" "$origin_root/nothing"
claim "a part of a file comes through" fetched "$origin/some" "$work/part" -r 1000-1999
claim "the answer to HEAD has its length and no body" head_has_no_body
claim "204 comes through" status 204 "$origin/empty"
claim "404 comes through" status 404 "$origin/no-such-file"
claim "the origin sees the Host of the URL" says "127.0.0.1:$origin_port" "$origin/host"
claim "a client connection serves a second request" client_connection_lives_on "$origin/some"
claim "it does so after a chunked answer" client_connection_lives_on "$origin/chunked/some"
claim "it does so after 404" client_connection_lives_on "$origin/no-such-file"
claim "a form is posted" says /echo/form -d a=b "$origin/echo/form"
claim "an upload with a length arrives" uploaded counted
claim "an upload in chunks arrives" uploaded chunked -H 'Transfer-Encoding: chunked'
claim "an upload that waits for 100 Continue arrives" uploaded expected -H 'Expect: 100-continue'
claim "a file is deleted" status 204 -X DELETE "$origin/put/counted"
claim "pipelined requests are answered in order" pipelined_in_order
claim "https comes through a tunnel, its certificate checked" \
  fetched "$origin_tls/some" "$origin_root/some" --cacert "$origin_ca"
claim "http comes through a tunnel" fetched "$origin/some" "$origin_root/some" --proxytunnel
claim "bytes right behind the CONNECT head arrive" early_bytes_of_a_tunnel
if has_ipv6; then
  claim "an IPv6 literal is reached" says ::1 "http://[::1]:$origin_port/where"
  claim "an IPv6 literal is reached through a tunnel" \
    says ::1 --proxytunnel "http://[::1]:$origin_port/where"
fi
claim "localhost is reached" says "localhost:$origin_port" "http://localhost:$origin_port/host"
claim "an origin that refuses is 502 and is named" refused_by_the_origin
claim "a tunnel to where nobody listens is 502" tunnel_refused_by_the_origin
claim "a proxy that is asked for itself says no" status 403 "$proxy/healthz"
claim "the health page answers" own_page ok /healthz
done_testing
