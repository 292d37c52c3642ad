#!/bin/bash
# tls_bulk.sh [KIB]: bodies from and to nginx, Apache httpd and openssl s_server over https:// URLs,
# in TLS 1.2 and 1.3, compared by hash; and what carpool does while one side takes nothing.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/tls_lib.sh
. "$here/tls_lib.sh"
# shellcheck source=tests/e2e/bulk_lib.sh
. "$here/bulk_lib.sh"
need curl openssl apache2
kib=${1:-64}
deadline=$((60 + kib / 512))

# --- origins -----------------------------------------------------------------------------------

# httpd_start: gives out files, and takes them below /put/. Sets httpd_pid, httpd_port.
httpd_start() {
  local user=
  [ "$(id -u)" -ne 0 ] || user=$'User www-data\nGroup www-data'
  httpd_port=$(free_ports 1)
  mkdir -p "$tls_dir/locks"
  chmod 777 "$tls_root/put" "$tls_dir/locks"
  cat >"$tls_dir/httpd.conf" <<END
ServerRoot $tls_dir
$(for module in mpm_event authz_core dav dav_fs ssl; do
    echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
  done)
Listen 127.0.0.1:$httpd_port
ServerName origin.test
$user
PidFile httpd.pid
ErrorLog httpd.log
KeepAliveTimeout 300
MaxKeepAliveRequests 0
DocumentRoot $tls_root
DavLockDB $tls_dir/locks/db
SSLEngine on
SSLProtocol -all +$tls_versions
SSLCertificateFile good.pem
SSLCertificateKeyFile good.key
LimitRequestBody 0
<Location /put>
    Dav On
</Location>
END
  logs+=("$tls_dir/httpd.log")
  apache2 -X -f "$tls_dir/httpd.conf" &
  httpd_pid=$!
  children+=("$httpd_pid")
  wait_until 10 answers_on 127.0.0.1 "$httpd_port" || give_up "httpd does not start"
}

# Gives out files, each until the end of its connection. Sets s_server_pid, s_server_port.
s_server_start() {
  s_server_port=$(free_ports 1)
  (cd "$tls_root" && exec openssl s_server -accept "127.0.0.1:$s_server_port" -WWW -quiet \
    -cert ../good.pem -key ../good.key "-tls${tls_versions/TLSv1./1_}") &>"$tls_dir/s_server.log" &
  s_server_pid=$!
  children+=("$s_server_pid")
  logs+=("$tls_dir/s_server.log")
  wait_until 10 answers_on 127.0.0.1 "$s_server_port" || give_up "s_server does not start"
}

# --- bodies --------------------------------------------------------------------------------------

down() {
  equal "$(ask "https://127.0.0.1:$1/bulk" -f --max-time "$deadline" | sha256sum |
    cut -d' ' -f1)" "$expected"
}

# up PORT [CURL'S ARGUMENT…]
up() {
  local port=$1
  shift
  rm -f "$tls_root/put/bulk"
  ask "https://127.0.0.1:$port/put/bulk" -f --max-time "$deadline" -T "$tls_root/bulk" "$@" || return
  equal "$(hash_of "$tls_root/put/bulk")" "$expected"
}

# --- one side rests --------------------------------------------------------------------------------

child_of() {
  grep -o '^[0-9]*' "/proc/$1/task/$1/children"
}

# The client is stopped in the middle, and gets everything in the end.
client_rests() {
  local client result
  counted=$(metric upstream_received_bytes_total)
  # the limit only makes sure that there is a middle
  ask "https://127.0.0.1:$1/long" -f --limit-rate 40m -o "$work/rested" &
  client=$!
  children+=("$client")
  wait_until 5 child_of "$client"
  bounded_while_stopped "$(child_of "$client")" upstream_received_bytes_total
  result=$?
  wait "$client" && same_file "$work/rested" "$tls_root/long" && [ "$result" -eq 0 ]
}

# nginx's worker is stopped in the middle of an upload, and has it whole in the end.
origin_rests() {
  local client server result
  server=$(child_of "$tls_pid")
  counted=$(metric client_received_bytes_total)
  ask "https://127.0.0.1:$1/put/rested" -f --limit-rate 40m -T "$tls_root/long" &
  client=$!
  children+=("$client")
  bounded_while_stopped "$server" client_received_bytes_total
  result=$?
  wait "$client" && same_file "$tls_root/put/rested" "$tls_root/long" && [ "$result" -eq 0 ]
}

# --- the tests ---------------------------------------------------------------------------------------

authority_make
certificate good IP:127.0.0.1
tls_root=$tls_dir/files
mkdir -p "$tls_root/put"
random_file "$tls_root/bulk" $((kib * 1024)) || give_up "no test file"
random_file "$tls_root/long" $((48 * 1048576)) || give_up "no test file"
expected=$(hash_of "$tls_root/bulk")
carpool_start --set "tls.ca_file=$tls_ca"
for tls_versions in TLSv1.2 TLSv1.3; do
  tls_port=
  tls_origin_start good
  httpd_start
  s_server_start
  claim "$kib KiB come down from nginx over $tls_versions" down "$tls_port"
  claim "… go up to it" up "$tls_port"
  claim "… and in chunks" up "$tls_port" -H "Transfer-Encoding: chunked"
  claim "… come down from Apache httpd" down "$httpd_port"
  claim "… go up to it" up "$httpd_port"
  claim "… and in chunks" up "$httpd_port" -H "Transfer-Encoding: chunked"
  claim "… come down from openssl s_server" down "$s_server_port"
  claim "all that in $tls_versions" equal "$(logged tls | sort | uniq -c | tr -s ' ')" " 7 $tls_versions"
  claim "a client that takes nothing is waited for, at rest and in bounded memory" \
    client_rests "$tls_port"
  claim "an origin that takes nothing is waited for, at rest and in bounded memory" \
    origin_rests "$tls_port"
  claim "nothing but good answers came of it" equal \
    "$(logged reason | sort | uniq -c | tr -s ' ')" " 9 done"
  : >"$access_log"
  tls_origin_stop
  kill -TERM "$httpd_pid" "$s_server_pid"
  wait "$httpd_pid" "$s_server_pid"
done
note "peak resident memory, KiB" "$(peak_kib "$carpool_pid")"
claim "resident memory never came above 64 MiB" memory_is_bounded
done_testing
