# shellcheck shell=bash disable=SC2034 # what is set here is for those who read this file
# Shared by the e2e tests: starts carpool and its real neighbours, tells claims, cleans up.
#
#   . "$(dirname "$0")/lib.sh"
#   origin_start; carpool_start
#   claim "a page comes through" fetched_as_is
#   done_testing
#
# A claim is a command that succeeds; what it prints is its evidence and is shown when it fails.
# Everything lives in $work and ends with the script; processes end by their ids, never by name.

set -uo pipefail
export LC_ALL=C
unset http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CARPOOL=${CARPOOL:-$here/../../build/release/carpool}
TOOLS=${TOOLS:-$(dirname "$CARPOOL")/tests/tools}
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d "${TMPDIR:-/tmp}/carpool-e2e.XXXXXX")
chmod 755 "$work"
claims=0
broken=0
children=()
logs=()

# --- the end -----------------------------------------------------------------------------------

# Whatever still runs ends: asked first, then forced after 5 s.
cleanup() {
  local status=$? pid left=()
  trap - EXIT
  for pid in "${children[@]}"; do
    is_ours "$pid" || continue
    left+=("$pid")
    kill -CONT "$pid"
    kill -TERM "$pid"
  done 2>/dev/null
  for pid in "${left[@]}"; do
    wait_until 5 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
  done
  if [ -n "${KEEP:-}" ]; then
    echo "# kept: $work"
  else
    rm -rf "$work"
  fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# A child that was waited for is none any more, and its id may be another's by now.
is_ours() {
  [ "$(sed -n 's/^PPid:\t//p' "/proc/$1/status" 2>/dev/null)" = $$ ]
}

is_gone() {
  # a child that ended and was not waited for is a zombie: gone, too
  ! kill -0 "$1" 2>/dev/null || [ "$(sed -n 's/^State:\t\(.\).*/\1/p' "/proc/$1/status")" = Z ]
}

# --- claims ------------------------------------------------------------------------------------

# claim TEXT COMMAND…
claim() {
  local text=$1 status
  shift
  claims=$((claims + 1))
  "$@" >"$work/evidence" 2>&1
  status=$?
  if [ "$status" -eq 0 ]; then
    echo "ok - $text"
    return 0
  fi
  echo "not ok - $text (status $status)"
  sed 's/^/#   /' "$work/evidence" | head -n 60
  broken=$((broken + 1))
  return 1
}

# Ends the script: it cannot go on, and that is a failure.
give_up() {
  echo "not ok - $*"
  show_logs
  exit 1
}

# The machine lacks the outside world that this test needs; nothing is said about carpool.
skip_all() {
  echo "skipped - $*"
  exit 77
}

show_logs() {
  local log seen=
  for log in "${logs[@]}"; do
    [[ -s $log && $seen != *"|$log|"* ]] || continue
    seen+="|$log|"
    echo "# --- ${log#"$work"/}"
    tail -n 25 "$log" | sed 's/^/# /'
  done
}

done_testing() {
  if [ "$broken" -gt 0 ]; then
    show_logs
    echo "# $broken of $claims claims do not hold"
    exit 1
  fi
  [ "$claims" -gt 0 ] || give_up "no claim was made"
  echo "# all $claims claims hold"
  exit 0
}

# note NAME VALUE: a measured figure, for people.
note() {
  printf '# measured: %s = %s\n' "$1" "$2"
}

# --- comparing: each prints what it saw ----------------------------------------------------------

equal() {
  printf 'got:      %s\nexpected: %s\n' "$1" "$2"
  [ "$1" = "$2" ]
}

at_most() {
  printf 'got: %s, at most: %s\n' "$1" "$2"
  [ -n "$1" ] && [ "$1" -le "$2" ]
}

at_least() {
  printf 'got: %s, at least: %s\n' "$1" "$2"
  [ -n "$1" ] && [ "$1" -ge "$2" ]
}

contains() {
  printf 'looked for: %s\nin: %s\n' "$2" "$1"
  [[ $1 == *"$2"* ]]
}

hash_of() {
  sha256sum "$1" | cut -d' ' -f1
}

same_file() {
  ls -l "$1" "$2" && equal "$(hash_of "$1")" "$(hash_of "$2")"
}

# --- waiting -------------------------------------------------------------------------------------

# wait_until SECONDS COMMAND…: for a state that nobody announces. Looks 50 times a second.
wait_until() {
  local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "${EPOCHREALTIME/./}" -lt "$deadline" ] || return 1
    sleep 0.02
  done
}

answers_on() {
  (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

has_lines() {
  [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

has_bytes() {
  [ -e "$1" ] && [ "$(stat -c %s "$1")" -ge "$2" ]
}

need() {
  local command
  for command in "$@"; do
    command -v "$command" >/dev/null ||
      give_up "$command is missing: script/bootstrap installs it"
  done
}

# An even port below the range that the kernel hands out by itself, with $1 free ports in a row.
free_ports() {
  local port i
  while :; do
    port=$((20000 + (RANDOM % 6000) * 2))
    for ((i = 0; i < $1; i++)); do
      answers_on 127.0.0.1 $((port + i)) && continue 2
    done
    echo "$port"
    return
  done
}

# --- carpool -------------------------------------------------------------------------------------

# carpool_start [ARGUMENT…]: on free ports, 2 workers, with an access log.
# Sets carpool_pid, proxy_port, proxy (URL), admin (URL), access_log, carpool_log, carpool_ready.
carpool_start() {
  local fifo=$work/ready stdout
  [ -x "$CARPOOL" ] || give_up "$CARPOOL is missing: script/build makes it"
  carpool_log=$work/carpool.log
  access_log=$work/access.log
  logs+=("$carpool_log" "$access_log")
  rm -f "$fifo" "$access_log"
  mkfifo "$fifo"
  "$CARPOOL" run --listen 127.0.0.1:0 --admin 127.0.0.1:0 --workers 2 \
    --set "log.access=$access_log" --set access.dns_to_loopback=on "$@" >"$fifo" 2>>"$carpool_log" &
  carpool_pid=$!
  children+=("$carpool_pid")
  exec {stdout}<"$fifo"
  carpool_ready=
  IFS= read -r -t 20 -u "$stdout" carpool_ready || give_up "carpool said no ready line"
  exec {stdout}<&-
  proxy=$(grep -o 'proxy http://[^ ]*' <<<"$carpool_ready" | cut -d' ' -f2)
  admin=$(grep -o 'admin http://[^ ]*' <<<"$carpool_ready" | cut -d' ' -f2)
  proxy_port=${proxy##*:}
  [ -n "$proxy_port" ] || give_up "no port in the ready line: $carpool_ready"
}

# A counter or gauge of carpool's, summed over its labels: carpool_ is put in front.
metric() {
  curl -sS --noproxy '*' --max-time 10 "$admin/metrics" |
    awk -v name="carpool_$1" '{ split($1, at, "{") } at[1] == name { sum += $2; seen = 1 }
      END { if (!seen) exit 1; printf "%.0f\n", sum }'
}

# The highest resident memory of a process so far, in KiB.
peak_kib() {
  awk '$1 == "VmHWM:" { print $2 }' "/proc/$1/status"
}

# Values of a key in the access log, one per line.
logged() {
  grep -o "\(^\| \)$1=[^ ]*" "$access_log" | sed 's/^ *[^=]*=//'
}

# curl through the proxy: also for loopback, quiet, with a deadline.
via() {
  curl -sS --noproxy '' --proxy "$proxy" --max-time 60 "$@"
}

# --- the scripted name server --------------------------------------------------------------------

# dns_start: with the zone in $work/zone. Sets dns_server (ADDR:PORT) and dns_log.
dns_start() {
  local ready
  [ -x "$TOOLS/dns_server" ] || give_up "$TOOLS/dns_server is missing: script/build makes it"
  dns_log=$work/questions.log
  : >"$dns_log"
  mkfifo "$work/dns.in" "$work/dns.out"
  "$TOOLS/dns_server" --listen 127.0.0.1:0 --zone "$work/zone" --log "$dns_log" \
    <"$work/dns.in" >"$work/dns.out" &
  dns_pid=$!
  children+=("$dns_pid")
  exec {dns_in}>"$work/dns.in" {dns_out}<"$work/dns.out"
  read -r -t 20 -u "$dns_out" ready || give_up "the name server said no ready line"
  dns_server=${ready#ready }
}

# A new zone has been written: answers are from it once this returns.
dns_reread() {
  local word
  kill -HUP "$dns_pid"
  read -r -t 10 -u "$dns_out" word && [ "$word" = reread ]
}

# Questions that the server has had for NAME TYPE.
dns_questions() {
  grep -c "^question $1 $2 " "$dns_log"
}

# --- nginx -----------------------------------------------------------------------------------------

# nginx_config [DIRECTIVE…] <SERVERS: a whole configuration, with what all of ours begin with around the
# servers (and whatever else is for http), and with these directives in front.
nginx_config() {
  cat <<END
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log notice;
$(origin_user)
$*
events { worker_connections 2048; }
http {
client_body_temp_path temp;
proxy_temp_path temp;
fastcgi_temp_path temp;
uwsgi_temp_path temp;
scgi_temp_path temp;
default_type application/octet-stream;
keepalive_requests 1000000;
$(cat)
}
END
}

# Workers of an nginx started by root would become nobody, who may not write here.
origin_user() {
  [ "$(id -u)" -ne 0 ] || echo "user root;"
}

# nginx_start DIRECTORY [COMMAND…]: with DIRECTORY/nginx.conf; COMMAND runs it. Sets nginx_pid. Whether it
# answers is the caller's to wait for.
nginx_start() {
  local directory=$1
  shift
  need nginx
  mkdir -p "$directory/temp"
  logs+=("$directory/error.log")
  "$@" nginx -p "$directory" -e error.log -c nginx.conf &
  nginx_pid=$!
  children+=("$nginx_pid")
}

# --- the usual origin ------------------------------------------------------------------------------

# origin_start [LISTEN…]: plain http on 127.0.0.1 (and on each further ADDR), https, and a status.
# Sets origin_pid, origin_port, origin (URL), origin_tls (URL), origin_ca, origin_root, origin_log.
origin_start() {
  local port
  need openssl
  origin_dir=$work/origin
  origin_root=$origin_dir/files
  origin_log=$origin_dir/requests.log
  origin_ca=$origin_dir/cert.pem
  mkdir -p "$origin_root/put"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=origin.test -addext 'subjectAltName=DNS:origin.test,IP:127.0.0.1' \
    -keyout "$origin_dir/key.pem" -out "$origin_ca" 2>/dev/null || give_up "no certificate"
  for _ in 1 2 3 4 5; do
    port=$(free_ports 3)
    origin_servers "$port" "$@" | nginx_config >"$origin_dir/nginx.conf"
    nginx_start "$origin_dir"
    origin_pid=$nginx_pid
    if wait_until 10 origin_is_up_or_gone "$port" && ! is_gone "$origin_pid"; then
      origin_port=$port
      origin=http://127.0.0.1:$port
      origin_tls=https://127.0.0.1:$((port + 1))
      return
    fi
  done
  give_up "nginx does not start"
}

origin_is_up_or_gone() {
  is_gone "$origin_pid" || answers_on 127.0.0.1 $(($1 + 2))
}

origin_servers() {
  local port=$1 address listens=
  shift
  for address in 127.0.0.1 "$@"; do
    listens+="listen $address:$port; "
  done
  sed -e "s|@LISTENS@|$listens|" -e "s|@TLS@|127.0.0.1:$((port + 1))|" \
    -e "s|@STATUS@|127.0.0.1:$((port + 2))|" \
    -e "s|@PADDING@|$(printf '%1000s' '')|" "$here/origin.conf"
}

# Connections that nginx has accepted so far, this question included.
origin_accepts() {
  curl -sS --noproxy '*' --max-time 10 "http://127.0.0.1:$((origin_port + 2))/" |
    awk '$1 == "server" { getline; print $1 }'
}

# accepted_by COMMAND…: runs it and tells in $accepted how many connections nginx accepted meanwhile.
accepted_by() {
  local before after status
  before=$(origin_accepts)
  "$@"
  status=$?
  after=$(origin_accepts)
  accepted=$((after - before - 1))
  return "$status"
}

# random_file PATH BYTES: cheap bytes that no compression and no repetition helps with.
random_file() {
  openssl enc -aes-128-ctr -nosalt -pass "pass:$1" -pbkdf2 </dev/zero 2>/dev/null |
    head -c "$2" >"$1"
  [ "$(stat -c %s "$1")" -eq "$2" ]
}
