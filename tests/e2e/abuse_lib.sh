# shellcheck shell=bash disable=SC2034,SC2154 # sets for, and uses from, those that read this file
# Shared by the abuse scripts, behind lib.sh: attackers, a hostile origin, a lying name server, and
# the look at carpool before and after.

[ -x "$TOOLS/abuse" ] || give_up "$TOOLS/abuse is missing: script/build makes it"

# Resident memory after a second round may lie this much above the first one's. What is freed stays
# with malloc(), per thread; how the kernel spreads clients over the threads differs from round to
# round by about the square root of their number, so each thread's share can grow a little.
rss_allowance_kib=2048

# The names that DNS attacks ask for; all lead to the good origin or nowhere.
lies_zone() {
  cat <<'END'
*.good.test A 127.0.0.1
*.wrongid.test WRONG_ID
*.wrongname.test WRONG_NAME
*.loop.test LOOP
*.cut.test CUT
*.malformed.test MALFORMED
*.many.test MANY
*.slow.test A 127.0.0.1 delay=300ms
*.silent.test SILENT
*.circle.test CNAME x.circle.test
*.ever.test A 127.0.0.1 ttl=4294967295
*.never.test A 127.0.0.1 ttl=0
*.servfail.test SERVFAIL
*.loopback.test AAAA ::
END
}

# Sets bad_origin (URL).
bad_origin_start() {
  local ready
  mkfifo "$work/bad.in" "$work/bad.out"
  "$TOOLS/abuse_origin" <"$work/bad.in" >"$work/bad.out" 2>>"$work/abuse.log" &
  children+=("$!")
  logs+=("$work/abuse.log")
  exec {bad_in}>"$work/bad.in" {bad_out}<"$work/bad.out"
  read -r -t 20 -u "$bad_out" ready || give_up "the bad origin said no ready line"
  bad_origin=http://${ready#ready }
}

# abuse ATTACK COUNT SECONDS [URL]: one line of what it saw.
abuse() {
  "$TOOLS/abuse" "$1" "127.0.0.1:$proxy_port" "${@:2}" 2>>"$work/abuse.log"
}

# saw WORD: how many in the line $result of an attack.
saw() {
  sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" <<<"$result" | grep . || echo 0
}

# --- carpool, seen from outside ------------------------------------------------------------------

rss_kib() {
  awk '$1 == "VmRSS:" { print $2 }' "/proc/$carpool_pid/status"
}

memory_is_at_most() {
  at_most "$(rss_kib)" "$1"
}

descriptors() {
  local all=("/proc/$carpool_pid/fd"/*)
  echo "${#all[@]}"
}

# All that lives, as one line: to be compared. Parked connections are open ones, but no living
# thing of a client's: they are told apart.
alive() {
  curl -sS --noproxy '*' --max-time 10 "$admin/metrics" | awk '
    /^carpool_(clients|exchanges|tunnels|upstream_waiting|upstream_tunnels|dns_inflight) / {
      line = line " " substr($1, 9) "=" $2
    }
    /^carpool_upstream_connections / { open = $2 }
    /^carpool_upstream_connections_parked / { parked = $2 }
    END { print line " busy=" open - parked }'
}

nothing_lives() {
  equal "$(alive)" " clients=0 exchanges=0 tunnels=0 upstream_waiting=0 upstream_tunnels=0 dns_inflight=0 busy=0"
}

# Descriptors that neither a parked connection nor our looking at it takes.
own_descriptors() {
  local all parked
  parked=$(metric upstream_connections_parked) || return
  all=$(descriptors)
  echo $((all - parked))
}

is_as_before() {
  nothing_lives && at_most "$(own_descriptors)" "$descriptors_before"
}

# A normal request of a client that comes now is answered within a second: by curl's clock.
serves_at_once() {
  local seconds
  seconds=$(via -f -o "$work/normal" -w '%{time_total}' --max-time 5 "$origin/echo/normal") || return
  equal "$(<"$work/normal")" /echo/normal || return
  at_most "$(awk -v s="$seconds" 'BEGIN { printf "%.0f", s * 1000 }')" 1000
}
