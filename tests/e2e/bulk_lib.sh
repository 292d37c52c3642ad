# shellcheck shell=bash disable=SC2034,SC2154 # set there and here for those who read this file
# For the e2e tests that move large bodies: what carpool's memory does when one side rests.
#
#   . "$here/bulk_lib.sh"
#   counted=$(metric client_received_bytes_total)
#   bounded_while_stopped "$pid" client_received_bytes_total

most_kib=65536
counted=0

memory_is_bounded() {
  at_most "$(peak_kib "$carpool_pid")" "$most_kib"
}

# Does this counter stand still above the first MB? Read twice, 0.3 s apart.
stands_still() {
  local before
  before=$(metric "$1") || return
  [ "$before" -gt $((counted + 1000000)) ] || return
  sleep 0.3
  [ "$(metric "$1")" = "$before" ]
}

# While process $1 is stopped, everything that can be buffered on the way fills up, and carpool
# stops reading, and rests as well; $2 counts what it reads.
bounded_while_stopped() {
  local result=0
  wait_until 20 reads_flow "$2" || return
  kill -STOP "$1"
  wait_until 30 stands_still "$2" || result=1
  rests || result=1
  memory_is_bounded || result=1
  kill -CONT "$1"
  return "$result"
}

reads_flow() {
  [ "$(metric "$1")" -gt $((counted + 100000)) ]
}

# CPU time that carpool has used, in ticks (usually 10 ms).
cpu_ticks() {
  sed 's/.*) //' "/proc/$carpool_pid/stat" | awk '{ print $12 + $13 }'
}

# A second during which carpool has nothing to do, and uses less than a tenth of it.
rests() {
  local before
  before=$(cpu_ticks)
  sleep 1
  at_most $(($(cpu_ticks) - before)) $(($(getconf CLK_TCK) / 10))
}
