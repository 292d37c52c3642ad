#!/bin/bash
# What ends a TLS connection and what does not: answers that are cut off and answers that are whole,
# what comes while nobody asks, and both halves of a wss:// tunnel. The origin is tls_origin, which
# does each of these when it is told to.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/tls_lib.sh"
# shellcheck source=tests/e2e/bulk_lib.sh
. "$here/bulk_lib.sh"
need curl python3

# tls_peer_start VERSION: sets peer (URL).
tls_peer_start() {
  local ready
  [ -x "$TOOLS/tls_origin" ] || give_up "$TOOLS/tls_origin is missing: script/build makes it"
  rm -f "$work/peer.in" "$work/peer.out"
  mkfifo "$work/peer.in" "$work/peer.out"
  "$TOOLS/tls_origin" "$tls_dir/good.pem" "$tls_dir/good.key" "$1" \
    <"$work/peer.in" >"$work/peer.out" &
  children+=("$!")
  exec {orders}>"$work/peer.in" {did}<"$work/peer.out"
  read -r -t 20 -u "$did" ready || give_up "tls_origin said no ready line"
  peer=https://${ready#ready }
}

tls_peer_stop() {
  exec {orders}>&- {did}<&-
}

# told ORDER COUNT: so many connections have done it once this returns.
told() {
  local answer
  echo "$1" >&"$orders"
  read -r -t 10 -u "$did" answer && equal "$answer" "did $2"
}

# says TEXT PATH
says() {
  equal "$(ask "$peer$2")" "$1"
}

parked() {
  equal "$(metric upstream_connections_parked)" "$1"
}

# None is kept, and none is held either.
none_is_left() {
  wait_until 5 eval 'equal "$(metric upstream_connections)" 0'
  equal "$(metric upstream_connections)" 0
}

# --- ends of answers ---------------------------------------------------------------------------------

body="all of it, or is it?"

# cut_off PATH [CURL'S ARGUMENT…]: with HTTP/1.1 the last chunk is missing; with 1.0 all that can be
# told is a reset.
cut_off() {
  local path=$1 got status lines
  shift
  lines=$(wc -l <"$access_log")
  got=$(ask "$peer$path" "$@" 2>"$work/error")
  status=$?
  cat "$work/error"
  echo "$got"
  equal "$([ "$status" -ne 0 ] && echo noticed)" noticed || return
  wait_until 5 has_lines "$access_log" $((lines + 1))
  contains "$(tail -n 1 "$access_log")" reason=origin_cut
}

# --- while parked ----------------------------------------------------------------------------------

# keeps ORDER: done to the parked connection, it serves the next request, too.
keeps() {
  served=$((served + 1))
  told "$1" 1 && says "connection $connection request $served" /
}

keeps_all() {
  local i
  for i in 1 2 3 4 5 6 7 8 9 10; do
    keeps ticket && keeps update || return
  done
}

# loses ORDER: whoever asks at once thereafter is served on another connection.
loses() {
  connection=$((connection + 1))
  told "$1" 1 && says "connection $connection request 1" /
}

# drops ORDER: the parked connection is closed though nobody asks.
drops() {
  told "$1" 1 && none_is_left
}

# --- half a message of TLS ---------------------------------------------------------------------------

# Nobody knows what the other half will be: that connection is given to nobody before it came.
half_a_ticket() {
  connection=$((connection + 1))
  told half 1 && says "connection $connection request 1" /
}

# The other half is waited for before the answer, which an upload that goes on does not change.
waits_for_the_rest() {
  local result=0 client line
  counted=$(metric upstream_sent_bytes_total)
  exec {client}<>"/dev/tcp/127.0.0.1/$proxy_port"
  printf 'POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\n%0500d' \
    "$peer/late" "${peer#https://}" 0 >&"$client"
  wait_until 10 sends || result=1
  rests || result=1
  printf '%0500d' 0 >&"$client"
  rests || result=1
  told rest 1 || result=1
  while read -r -t 10 -u "$client" line && [ "$line" != $'\r' ]; do
    echo "$line"
  done
  read -r -t 10 -N 22 -u "$client" line
  exec {client}>&-
  equal "$line" "connection $connection request 2" && return "$result"
}

sends() {
  [ "$(metric upstream_sent_bytes_total)" -gt "$counted" ]
}

# --- a client that takes nothing -----------------------------------------------------------------------

# A client sends on to an origin that is gone, and takes nothing of the answer: there is nothing to do.
rests_at_a_dead_origin() {
  local result client
  counted=$(metric upstream_received_bytes_total)
  exec {client}<>"/dev/tcp/127.0.0.1/$proxy_port"
  printf 'POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000\r\n\r\nmore' \
    "$peer/pour" "${peer#https://}" >&"$client"
  wait_until 30 stands_still upstream_received_bytes_total && told reset 1 &&
    printf 'and more' >&"$client" && rests
  result=$?
  exec {client}>&-
  return "$result"
}

# --- tunnels ---------------------------------------------------------------------------------------

# An https:// URL with Upgrade: 64 KiB and back again, in pieces, and then the end of each half.
tunnel_echoes() {
  timeout 30 python3 - "$proxy_port" "$peer/echo" <<'END'
import os, socket, sys
port, url = int(sys.argv[1]), sys.argv[2]
client = socket.create_connection(("127.0.0.1", port), 10)
client.sendall(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
                % (url, url.split("/")[2])).encode())
seen = b""
while b"\r\n\r\n" not in seen:
    more = client.recv(4096)
    assert more, seen
    seen += more
head, seen = seen.split(b"\r\n\r\n", 1)
assert head.startswith(b"HTTP/1.1 101 "), head
sent = os.urandom(65536)
for at in range(0, len(sent), 1000):
    piece = sent[at:at + 1000]
    client.sendall(piece)
    while len(seen) < at + len(piece):
        more = client.recv(65536)
        assert more, len(seen)
        seen += more
assert seen == sent
client.shutdown(socket.SHUT_WR)
assert client.recv(1) == b"", "more than was sent"
print("all came back")
END
}

# The client's end cannot be said in the midst of a message: it is, behind the other half.
half_close_waits_for_the_rest() {
  local result=0 client line
  exec {client}<>"/dev/tcp/127.0.0.1/$proxy_port"
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n' \
    "$peer/echo" "${peer#https://}" >&"$client"
  while read -r -t 10 -u "$client" line && [ "$line" != $'\r' ]; do
    echo "$line"
  done
  told half 1 || result=1
  python3 -c 'import socket; socket.socket(fileno=3).shutdown(socket.SHUT_WR)' 3<&"$client"
  rests || result=1
  told rest 1 || result=1
  read -r -t 10 -N 1 -u "$client" line
  equal "$?" 1 || result=1 # the end; more than 128 when nothing comes
  exec {client}>&-
  return "$result"
}

tunnel_is_logged() {
  wait_until 5 grep -q "target=$peer/echo .*status=101 reason=tunnel_done" "$access_log"
  grep "target=$peer/echo " "$access_log"
  grep -q "target=$peer/echo .*status=101 reason=tunnel_done" "$access_log"
}

# --- the tests ---------------------------------------------------------------------------------------

authority_make
certificate good IP:127.0.0.1
carpool_start --set "tls.ca_file=$tls_ca"
strays=0
for version in 1.3 1.2; do
  tls_peer_start "$version"
  claim "TLS $version: an answer that ends with close_notify is whole" says "$body" /whole
  claim "… also for an old client" equal "$(ask "$peer/whole" --http1.0)" "$body"
  claim "… one that ends without it is cut off" cut_off /cut
  claim "… as an old client sees, too" cut_off /cut --http1.0
  claim "… and so is one that close_notify ends before its length" cut_off /short
  claim "nothing of these is kept" none_is_left

  connection=6
  served=1
  claim "a connection is kept" says "connection 6 request 1" /
  if [ "$version" = 1.3 ]; then
    claim "… and serves on when a ticket has come meanwhile" keeps ticket
    claim "… and when keys have changed" keeps update
    claim "… ten times each" keeps_all
    claim "… and is still the only one" parked 1
    claim "one that is in the middle of a ticket serves nobody" half_a_ticket
    claim "… and in the middle of an exchange the rest of it is waited for" waits_for_the_rest
    connection=$((connection + 1))
    claim "… which the next one knows nothing of" says "connection $connection request 1" /
  fi
  claim "a close_notify without a FIN ends it" loses notify
  claim "… and a FIN without a close_notify" loses cut
  claim "… which is found even if nobody asks" drops notify
  connection=$((connection + 1))
  claim "another one is kept" says "connection $connection request 1" /
  claim "an answer that nobody asked for ends it, and reaches nobody" loses noise
  strays=$((strays + 1))
  claim "… which is counted" equal "$(metric upstream_strays_total)" "$strays"

  claim "an Upgrade for an https:// URL is a tunnel both ways" tunnel_echoes
  claim "… and ends well" tunnel_is_logged
  claim "who sends on to an origin that is gone, and takes nothing, costs nothing" \
    rests_at_a_dead_origin
  if [ "$version" = 1.3 ]; then
    claim "a half-close in the middle of a ticket is carried over behind it" \
      half_close_waits_for_the_rest
  fi
  tls_peer_stop
  claim "no connection is left when the origin is gone" none_is_left
done
kill -TERM "$carpool_pid"
wait "$carpool_pid"
claim "carpool ends well" equal "$?" 0
done_testing
