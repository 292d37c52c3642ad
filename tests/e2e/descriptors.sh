#!/bin/bash
# No descriptors left: what is worth least is closed, whoever cannot be served is told so at once,
# and nothing hangs. First started under `ulimit -n 256`, then with the limit pulled down on a
# running carpool to what it holds just then.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/abuse_lib.sh
. "$here/abuse_lib.sh"
need curl prlimit ss

origin_start
bad_origin_start
lies_zone >"$work/zone"
dns_start
real=$CARPOOL
cat >"$work/limited" <<END
#!/bin/sh
ulimit -n 256 && exec "$real" "\$@"
END
chmod +x "$work/limited"

in_log() {
  grep -F "$1" "$carpool_log"
}

told_once() {
  equal "$(grep -c "$1" "$carpool_log")" 1
}

# --- started with few ------------------------------------------------------------------------------

# Whichever worker's queue they come to.
serves_both_at_once() {
  serves_at_once && serves_at_once
}

# attacked ATTACK…: meanwhile others are served. First 400 clients go through 100 places, where each
# may rest for a second, or are told that there is none; whoever comes after them waits as long.
attacked() {
  local attacker
  abuse "$@" >"$work/attack" &
  attacker=$!
  children+=("$attacker")
  wait_until 10 eval 'at_least "$(metric clients)" 90' || return
  wait_until 8 serves_both_at_once || return
  wait "$attacker"
  result=$(<"$work/attack")
  echo "$result"
}

all_told() {
  result=$(abuse "$@") || return
  echo "$result"
  equal "$(saw reset)" 0 && at_least $(($(saw 503) + $(saw 504))) 1
}

CARPOOL=$work/limited
carpool_start --set timeout.response=1s --set "dns.servers=$dns_server"
CARPOOL=$real
claim "carpool starts with 256 descriptors" contains "$carpool_ready" ready
claim "and says what that comes to" in_log "limits lowered to the descriptors there are descriptors=256"
claim "once" told_once "limits lowered"
claim "half of them at most are for parked connections" in_log " max_parked=128"
claim "it serves" serves_at_once
descriptors_before=$(own_descriptors)
claim "400 clients that say nothing keep nobody out" attacked idle 400 12
claim "400 clients that ask a silent origin are all told something" \
  all_told once 400 4 "$bad_origin/silent"
claim "then a request is answered within a second" serves_at_once
claim "and nothing is left of it" wait_until 5 is_as_before
kill "$carpool_pid"
wait_until 10 is_gone "$carpool_pid" || give_up "carpool does not end"

# --- all of them taken ------------------------------------------------------------------------------

carpool_start --workers 1 --listen 0.0.0.0:0 --set "dns.servers=$dns_server" \
  --set timeout.client_idle=60s
proxy_port=${proxy##*:}
proxy=http://127.0.0.1:$proxy_port

held1=
held2=
newcomer=()

# The first number that is no open descriptor of carpool's: below it there is none to be had.
first_gap() {
  local number=0
  while [ -e "/proc/$carpool_pid/fd/$number" ]; do number=$((number + 1)); done
  echo "$number"
}

exhaust() {
  prlimit --pid "$carpool_pid" --nofile="$(first_gap):"
}

relax() {
  prlimit --pid "$carpool_pid" --nofile="$(ulimit -Hn):"
}

# connects NAME: a client that stays; ask_on NAME URL prints what it is answered.
connects() {
  local fd
  exec {fd}<>"/dev/tcp/127.0.0.1/$proxy_port" || return
  printf -v "$1" %s "$fd"
}

ask_on() {
  local status line length=0
  printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$2" >&"$1"
  read -r -t 10 -u "$1" _ status _ || return
  while read -r -t 10 -u "$1" line && [ "$line" != $'\r' ]; do
    [[ ${line,,} != content-length:* ]] || length=$(tr -dc 0-9 <<<"$line")
  done
  echo "$status $(head -c "$length" <&"$1")"
}

answered() {
  contains "$(ask_on "$1" "$2")" "$3"
}

nobody_queues() {
  equal "$(ss -Hltn "sport = :$proxy_port" | awk '{ print $2 }')" 0
}

# newcomers COUNT: clients that say nothing and stay until newcomers_leave.
newcomers() {
  local i
  for i in $(seq "$1"); do connects "newcomer[$i]" || return; done
  wait_until 5 nobody_queues
}

newcomers_leave() {
  local fd
  for fd in "${newcomer[@]}"; do exec {fd}>&-; done
}

# The holes that the clients of the crowd left are filled with clients that stay.
parked_and_full() {
  local i
  abuse once 20 1 "$origin/echo/x" || return
  wait_until 5 eval 'equal "$(metric clients)" 0' || return
  parked=$(metric upstream_connections_parked)
  at_least "$parked" 10 || return
  for i in $(seq 30); do connects "held$i" || return; done
  wait_until 5 eval 'at_least "$(metric clients)" 30' || return
  exhaust
}

# Every descriptor below the limit is a client with a request under way by then. The admin's pages
# are out of reach, too, so nothing is measured.
turned_away() {
  local page
  page=$(via -o - -w '%{http_code}' --max-time 5 "$origin/echo/x")
  contains "$page" "no_descriptors" && contains "$page" 503
}

claim "20 connections are parked, then there are no descriptors" parked_and_full
claim "a name is still resolved and reached: a parked connection goes" \
  answered "$held1" "http://new.good.test:$origin_port/echo/dns" "200 /echo/dns"
claim "a new client is served, too" serves_at_once
claim "as many newcomers as were parked are let in" newcomers "$parked"
claim "newcomers leave something parked to those who are here" \
  answered "$held1" "$origin/echo/left" "200 /echo/left"
newcomers_leave
abuse heads 200 8 "$origin/echo/x" >"$work/heads" &
children+=("$!")
claim "when nothing is left that could go, a client is told so" wait_until 6 turned_away
# What is still parked goes for this one, which stays.
printf 'GET %s HTTP/1.1\r\nHost: x\r\n\r\n' "$bad_origin/silent" >&"$held1"
claim "a destination that cannot be looked at is not called carpool itself" wait_until 5 \
  answered "$held2" "http://192.0.2.1:$proxy_port/" "503"
wait "$!"
note "what the crowd saw" "$(<"$work/heads")"
claim "when the crowd has left, a request is answered within a second" serves_at_once
relax
claim "the log told it a few times, not each time" at_most "$(grep -c "turned away why=no_descriptors" "$carpool_log")" 2
done_testing
