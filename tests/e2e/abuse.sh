#!/bin/bash
# Each attack by itself, twice: right after it carpool serves as before, holds nothing that it did
# not hold before, and the second round costs no memory that the first had not cost already.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/abuse_lib.sh
. "$here/abuse_lib.sh"
need curl

crowd=${CROWD:-10000}
origin_start
random_file "$origin_root/file" 5000000 || give_up "no test file"
bad_origin_start
lies_zone >"$work/zone"
dns_start

# The times that an attack lives on are short, so that it ends within seconds; nothing else differs
# from the presets.
fresh_carpool() {
  carpool_start --set "dns.servers=$dns_server" --set dns.timeout=200ms --set dns.tries=2 \
    --set timeout.head=1s --set timeout.client_idle=3s --set timeout.body_stall=2s \
    --set timeout.response=1s --set timeout.tunnel_idle=2s
  serves_at_once >/dev/null || give_up "carpool serves nothing"
  descriptors_before=$(own_descriptors)
}

carpool_ends() {
  local status
  kill -TERM "$carpool_pid"
  wait_until 20 is_gone "$carpool_pid" || return
  wait "$carpool_pid"
  status=$?
  equal "$status" 0
}

# attack TEXT SECONDS COMMAND…: on a carpool of its own; SECONDS is what its end may take.
attack() {
  local text=$1 within=$2 first
  shift 2
  fresh_carpool
  claim "$text" "$@"
  claim "… and then a request is answered within a second" serves_at_once
  claim "… and nothing of it is left" wait_until "$within" is_as_before
  first=$(rss_kib)
  claim "… the second time, too" "$@"
  claim "… again a request is answered within a second" serves_at_once
  claim "… again nothing of it is left" wait_until "$within" is_as_before
  claim "… and it took no more memory than the first time ($first KiB)" \
    wait_until 3 memory_is_at_most $((first + rss_allowance_kib))
  claim "… and it ends as if nothing had been" carpool_ends
}

# run COUNTED AT_LEAST ATTACK…: what the attack saw, and at least so often this.
run() {
  local counted=$1 least=$2
  shift 2
  result=$(abuse "$@") || return
  echo "$result"
  at_least "$(saw "$counted")" "$least"
}

# held NAME COUNT ATTACK…: meanwhile carpool holds COUNT clients, serves others, and each of the
# COUNT costs what is told.
held() {
  local name=$1 count=$2 before during attacker served
  shift 2
  before=$(rss_kib)
  abuse "$@" >"$work/held" &
  attacker=$!
  children+=("$attacker")
  wait_until 15 holds_clients "$count" && wait_until 5 memory_rests
  during=$(rss_kib)
  serves_at_once
  served=$?
  wait "$attacker" || return
  result=$(<"$work/held")
  echo "$result"
  at_least "$(saw connected)" "$count" || return
  note "memory per client, $name, KiB" \
    "$(awk -v kib=$((during - before)) -v n="$count" 'BEGIN { printf "%.1f", kib / n }')" >&3
  return "$served"
}

holds_clients() {
  at_least "$(metric clients)" "$1"
}

# Two looks a fifth of a second apart see the same.
memory_rests() {
  local before
  before=$(rss_kib)
  sleep 0.2
  equal "$(rss_kib)" "$before"
}

# each_kind COUNT URL KIND:STATUS…: for every kind as many clients at once ask for its URL, which is what
# URL becomes with the kind in the place of @; each kind gets its status.
each_kind() {
  local count=$1 url=$2 kind status=0 pids=()
  shift 2
  for kind; do
    abuse ask "$count" 2 "${url//@/${kind%:*}}" >"$work/kind.${kind//\//.}" &
    pids+=("$!")
  done
  children+=("${pids[@]}")
  wait "${pids[@]}"
  for kind; do
    result=$(<"$work/kind.${kind//\//.}")
    echo "$kind $result"
    at_least "$(saw "${kind#*:}")" 1 || status=1
  done
  return "$status"
}

exec 3>&1
attack "$crowd clients connect and say nothing" 10 held idle "$crowd" idle "$crowd" 5
attack "1,000 clients send a head of a byte at a time" 5 run 408 1000 heads 1000 3 "$origin/echo/x"
attack "200 clients send a body of a byte at a time" 5 \
  held "slow bodies" 200 bodies 200 2 "$bad_origin/silent"
attack "200 clients send bodies to an origin that takes none" 5 \
  held "bodies nobody takes" 200 uploads 200 2 "$bad_origin/deaf"
attack "100 clients send bodies to an origin that takes a byte at a time" 5 \
  held "bodies slowly taken" 100 uploads 100 2 "$bad_origin/sips"
attack "200 clients take a file of 5 MB a byte at a time" 5 \
  held "slow readers" 200 readers 200 2 "$origin/file"
attack "200 clients ask without end and read nothing" 5 \
  held "deaf pipeliners" 200 deaf 200 2 "$origin/padded/x"
attack "heads of 10,000 fields" 3 run 431 10 fields 10 1 "$origin/echo/x"
attack "a flood of connections that are reset at once" 3 run connected 1000 flood 200 1
attack "a flood of requests that nobody waits for" 3 \
  run connected 1000 leave 200 1 "$origin/echo/x"
attack "500 tunnels in which nothing is said" 5 \
  held tunnels 500 tunnels 500 2 "127.0.0.1:$((origin_port + 1))"
attack "an origin that sends fields without end" 5 \
  run 502 50 ask 50 2 "$bad_origin/fields"
attack "origins that misbehave otherwise" 5 \
  each_kind 20 "$bad_origin@" /head:504 /line:502 /interim:103 '/cut/*:502' /deaf:504 /drip:200 \
  /pour:200 /more:200 /silent:504
attack "name servers that lie" 5 \
  each_kind 20 "http://*.@.test:$origin_port/echo/x" good:200 wrongid:504 wrongname:504 loop:502 cut:502 \
  malformed:502 many:502 slow:200 silent:504 circle:502 ever:200 never:200 servfail:502

fresh_carpool

# A storm of new clients, half a second before SIGTERM and long after it.
storm_during_drain() {
  local storm status
  abuse ask 200 6 "$origin/echo/x" >"$work/storm" &
  storm=$!
  children+=("$storm")
  before=$(metric requests_total)
  wait_until 5 eval 'at_least "$(metric requests_total)" $((before + 1000))' || return
  kill -TERM "$carpool_pid"
  wait_until 5 is_gone "$carpool_pid" || return
  wait "$carpool_pid"
  status=$?
  wait "$storm"
  cat "$work/storm"
  equal "$status" 0
}

claim "a storm of new clients does not hold up the end" storm_during_drain
claim "for which nothing had to be cut" eval '! grep "drain took too long" "$carpool_log"'
done_testing
