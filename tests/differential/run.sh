#!/bin/bash
# Odd requests through carpool to nginx, Apache httpd and Node, which must all read the same.
#     tests/differential/run.sh [COUNT [SEED]]      (5000, 1)
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
count=${1:-5000}
seed=${2:-1}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
need node nginx apache2
nginx_modules=/usr/lib/nginx/modules
apache_modules=/usr/lib/apache2/modules
for module in "$nginx_modules/ngx_http_js_module.so" "$apache_modules/mod_perl.so"; do
  [ -e "$module" ] || give_up "$module is missing: script/bootstrap installs it"
done

# One started by root would become somebody else, who has to write the readings.
apache_user() {
  [ "$(id -u)" -ne 0 ] || printf 'User nobody\\nGroup nogroup'
}

# fill FILE PORT
fill() {
  sed -e "s|@PORT@|$2|" -e "s|@HERE@|$here|" -e "s|@WORK@|$work|" -e "s|@USER@|$(apache_user)|" \
    -e "s|@READINGS@|$work/nginx.readings|" \
    -e "s|@APACHE@|$apache_modules|" "$here/$1"
}

start_node() {
  node "$here/origin_node.js" "$1" "$work/node.readings" 2>"$work/node.log" &
}

start_nginx() {
  mkdir -p "$work/nginx"
  fill origin_nginx.conf "$1" | nginx_config "load_module $nginx_modules/ngx_http_js_module.so;" \
    >"$work/nginx/nginx.conf"
  nginx_start "$work/nginx"
}

# When it is told to end, it tells its whole process group.
start_apache() {
  fill origin_apache.conf "$1" >"$work/apache.conf"
  READINGS=$work/apache.readings setsid apache2 -f "$work/apache.conf" -DFOREGROUND \
    2>"$work/apache.out" &
}

is_up_or_gone() {
  is_gone "$pid" || answers_on 127.0.0.1 "$1"
}

# Three neighbouring ports that differ in the last digit only, so that what is cut off in front of
# it is the same for all. Sets origins.
start_origins() {
  local name port pid pids=()
  origins=()
  until port=$(free_ports 3) && [ $((port % 10)) -ne 8 ]; do :; done
  for name in node nginx apache; do
    : >"$work/$name.readings"
    chmod 666 "$work/$name.readings"
    "start_$name" "$port"
    pid=$!
    pids+=("$pid")
    children+=("$pid")
    if ! wait_until 10 is_up_or_gone "$port" || is_gone "$pid"; then
      kill "${pids[@]}" 2>/dev/null
      wait "${pids[@]}"
      return 1
    fi
    origins+=("$name=$port=$work/$name.readings")
    port=$((port + 1))
  done
}

logs+=("$work/node.log" "$work/apache.log" "$work/apache.out")
for _ in 1 2 3 4 5; do
  start_origins && break
done
((${#origins[@]} == 3)) || give_up "the origins do not start"

# Damaged hosts and ports lead nowhere else: no name but localhost is known, and nothing is dialed
# but the origins.
: >"$work/zone"
dns_start
ports=$(printf '%s\n' "${origins[@]}" | cut -d= -f2 | paste -sd,)
carpool_start --workers 1 --set "dns.servers=$dns_server" \
  --set "access.rules=deny address !loopback; deny port !$ports"

drive() {
  node "$here/drive.js" "$proxy_port" "$access_log" "$seed" "$count" "${origins[@]}" >"$work/report"
}

claim "$count odd requests are read alike by Node, nginx and Apache httpd" drive
sed 's/^/# /' "$work/report"
done_testing
