#!/bin/bash
# SIGTERM under load: what runs finishes, nobody new is let in, and carpool ends with 0.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl

origin_start
random_file "$origin_root/file" 5000000 || give_up "no test file"
carpool_start --set drain.timeout=20s
clients=()

# 20 downloads at 1 MB/s, 10 of them through tunnels: about 5 s each.
downloads_run() {
  local i
  for i in $(seq 10); do
    via -f -o "$work/down.$i" "$origin/slow/file" 2>>"$work/curl.log" &
    clients+=("$!")
    via -f -o "$work/tunnel.$i" --cacert "$origin_ca" "$origin_tls/slow/file" 2>>"$work/curl.log" &
    clients+=("$!")
  done
  children+=("${clients[@]}")
  for i in $(seq 10); do
    wait_until 20 has_bytes "$work/down.$i" 50000 &&
      wait_until 20 has_bytes "$work/tunnel.$i" 50000 || return
  done
}

# A client connection that rests between two requests must not hold the process.
idle_client() {
  exec {idle}<>"/dev/tcp/127.0.0.1/$proxy_port" || return
  printf 'GET %s/echo/idle HTTP/1.1\r\nHost: x\r\n\r\n' "$origin" >&"$idle"
  wait_until 10 grep -q /echo/idle "$origin_log"
}

port_is_closed() {
  ! answers_on 127.0.0.1 "$proxy_port"
}

none_has_ended() {
  local pid
  for pid in "${clients[@]}"; do
    ! is_gone "$pid" || return
  done
}

all_succeed() {
  local pid failed=0
  for pid in "${clients[@]}"; do
    wait "$pid" || {
      echo "curl ended with $?"
      failed=1
    }
  done
  return "$failed"
}

all_whole() {
  local file
  for file in "$work"/down.* "$work"/tunnel.*; do
    same_file "$file" "$origin_root/file" || return
  done
}

ends_with_0() {
  local status
  wait_until 20 is_gone "$carpool_pid" || return
  wait "$carpool_pid"
  status=$?
  equal "$status" 0
}

ends_by_itself() {
  wait "$carpool_pid"
  at_most $? 1
}

claim "20 downloads run" downloads_run
claim "and a client rests between requests" idle_client
kill -TERM "$carpool_pid"
claim "after SIGTERM nobody new is let in" wait_until 5 port_is_closed
claim "while all the downloads still run" none_has_ended
claim "all of them succeed" all_succeed
claim "and are whole" all_whole
claim "then carpool ends with 0" ends_with_0

carpool_start --set drain.timeout=20s
clients=()
downloads_run || give_up "no downloads"
before=${EPOCHREALTIME/./}
kill -TERM "$carpool_pid"
wait_until 5 port_is_closed
kill -TERM "$carpool_pid"
claim "a second SIGTERM ends carpool at once" wait_until 3 is_gone "$carpool_pid"
claim "with a status of its own, not by the signal" ends_by_itself
done_testing
