#!/bin/bash
# curl logs in with Kerberos (Negotiate), by a ticket of a real KDC, at an Apache httpd that binds
# the login to the connection: through a pool that everybody shares.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl apache2 krb5kdc kdb5_util kadmin.local kinit
modules=/usr/lib/apache2/modules
[ -e "$modules/mod_auth_gssapi.so" ] || give_up "mod_auth_gssapi is missing: script/bootstrap installs it"
curl --version | grep -qw SPNEGO || give_up "this curl was built without Negotiate"
realm=CARPOOL.TEST
host=origin.test
export KRB5_CONFIG=$work/krb5.conf KRB5_KDC_PROFILE=$work/kdc.conf
# Many logins come from one ticket in the same second.
export KRB5RCACHENAME=none:

# --- who gives out the tickets -------------------------------------------------------------------

# kdc_config PORT: nothing is looked up in DNS, and a name is taken as it is written.
kdc_config() {
  cat >"$KRB5_CONFIG" <<CONF
[libdefaults]
default_realm = $realm
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
udp_preference_limit = 1
[realms]
$realm = {
  kdc = 127.0.0.1:$1
}
[domain_realm]
$host = $realm
[logging]
kdc = FILE:$work/kdc.log
CONF
  cat >"$KRB5_KDC_PROFILE" <<CONF
[kdcdefaults]
kdc_listen = 127.0.0.1:$1
kdc_tcp_listen = 127.0.0.1:$1
[realms]
$realm = {
  database_name = $work/principals
  key_stash_file = $work/stash
  acl_file = $work/acl
}
CONF
}

# Two people with passwords, and the service with its key in $work/keytab.
kdc_fill() {
  kdb5_util -r "$realm" -P "$RANDOM$RANDOM" create -s &&
    kadmin.local -q "addprinc -pw secret-of-alice alice" &&
    kadmin.local -q "addprinc -pw secret-of-bob bob" &&
    kadmin.local -q "addprinc -randkey HTTP/$host" &&
    kadmin.local -q "ktadd -k $work/keytab HTTP/$host" && chmod 644 "$work/keytab"
}

kdc_is_up_or_gone() {
  is_gone "$kdc_pid" || answers_on 127.0.0.1 "$1"
}

kdc_start() {
  local port
  logs+=("$work/kdc.log" "$work/kdc.out")
  kdc_config 1
  kdc_fill >"$work/kdc.out" 2>&1 || give_up "the realm cannot be made"
  for _ in 1 2 3 4 5; do
    port=$(free_ports 1)
    kdc_config "$port"
    krb5kdc -n >>"$work/kdc.out" 2>&1 &
    kdc_pid=$!
    children+=("$kdc_pid")
    wait_until 10 kdc_is_up_or_gone "$port" && ! is_gone "$kdc_pid" && return
  done
  give_up "the KDC does not start"
}

# ticket_for NAME: in $work/NAME.ticket.
ticket_for() {
  kinit -c "FILE:$work/$1.ticket" "$1" <<<"secret-of-$1"
}

# --- the origin ----------------------------------------------------------------------------------

# Its log says who asked on which connection, and with what: PORT STATUS USER PATH AUTHORIZATION.
apache_config() {
  cat <<CONF
ServerRoot $work
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authn_core_module $modules/mod_authn_core.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule authz_user_module $modules/mod_authz_user.so
LoadModule auth_gssapi_module $modules/mod_auth_gssapi.so
LoadModule headers_module $modules/mod_headers.so
Listen 127.0.0.1:$1
ServerName $host
$([ "$(id -u)" -ne 0 ] || printf 'User nobody\nGroup nogroup')
PidFile apache.pid
ErrorLog apache.log
LogFormat "%{remote}p %>s %u %U %{Authorization}i" who
CustomLog requests.log who
DocumentRoot files
KeepAliveTimeout 300
MaxKeepAliveRequests 0
Header always set X-Who "expr=%{REMOTE_USER} on %{REMOTE_PORT}"
<Location />
    AuthType GSSAPI
    AuthName "$realm"
    GssapiAllowedMech krb5
    GssapiCredStore keytab:$work/keytab
    GssapiConnectionBound On
    GssapiSignalPersistentAuth On
    Require valid-user
</Location>
<Location /open>
    AuthType None
    Require all granted
</Location>
CONF
}

apache_is_up_or_gone() {
  is_gone "$apache_pid" || answers_on 127.0.0.1 "$1"
}

# When it is told to end, it tells its whole process group.
apache_start() {
  local name
  mkdir "$work/files"
  for name in 1 2 3 secret open; do
    echo "$name" >"$work/files/$name"
  done
  logs+=("$work/apache.log" "$work/apache.out")
  for _ in 1 2 3 4 5; do
    origin_port=$(free_ports 1)
    apache_config "$origin_port" >"$work/apache.conf"
    setsid apache2 -f "$work/apache.conf" -DFOREGROUND 2>"$work/apache.out" &
    apache_pid=$!
    children+=("$apache_pid")
    wait_until 10 apache_is_up_or_gone "$origin_port" && ! is_gone "$apache_pid" && break
  done
  ! is_gone "$apache_pid" || give_up "Apache does not start"
  origin=http://$host:$origin_port
}

# --- those who ask -------------------------------------------------------------------------------

# Prints one line per answer: STATUS URL USER on PORT.
nobody() {
  { via -w '%{stderr}%{http_code} %{url_effective} %header{x-who}\n' "$@" >/dev/null; } 2>&1
}

# as NAME URL…: with the ticket of NAME, over one client connection.
as() {
  KRB5CCNAME=FILE:$work/$1.ticket nobody --negotiate -u : "${@:2}"
}

# How the origin saw a request: PORT STATUS USER PATH, and "login" where it came with credentials.
# It writes that down when its answer is on its way.
seen() {
  sed 's/ -$//; s/ Negotiate .*/ login/' "$work/requests.log"
}

# connections STATE: how many upstream connections are in it, by the table of 4-tuples.
connections() {
  curl -sS --noproxy '*' --max-time 10 "$admin/connections" | grep -o "\"state\":\"$1\"" | wc -l
}

# --- what they find ------------------------------------------------------------------------------

# The ticket is shown once, and only the connection speaks for her after that.
logs_in() {
  local port
  as alice "$origin/1" "$origin/2" "$origin/3" >"$work/alice.said" || return
  wait_until 10 has_lines "$work/requests.log" 3
  port=$(seen | sed -n '1s/ .*//p')
  equal "$(seen)" "$port 200 alice@$realm /1 login
$port 200 alice@$realm /2
$port 200 alice@$realm /3" &&
    equal "$(<"$work/alice.said")" "200 $origin/1 alice@$realm on $port
200 $origin/2 alice@$realm on $port
200 $origin/3 alice@$realm on $port"
}

# curl asks first, and logs in because it is told to: on the connection that told it so.
logs_in_when_told() {
  local port
  : >"$work/requests.log"
  as alice --anyauth "$origin/1" "$origin/2" >"$work/alice.said" || return
  wait_until 10 has_lines "$work/requests.log" 3
  port=$(seen | sed -n '1s/ .*//p')
  equal "$(seen | sed 's/ \(-\|""\) / - /')" "$port 401 - /1
$port 200 alice@$realm /1 login
$port 200 alice@$realm /2"
}

# She logs in and stays connected until $work/go is written to.
alice_stays() {
  rm -f "$work/go"
  : >"$work/requests.log"
  : >"$work/alice.said"
  mkfifo "$work/go"
  as alice "$origin/1" "file://$work/go" "$origin/2" >"$work/alice.said" &
  alice_pid=$!
  children+=("$alice_pid")
  wait_until 20 has_lines "$work/alice.said" 1 || give_up "alice is not answered"
  exec {go}>"$work/go" # opens when curl has come so far
  alice_port=$(sed -n '1s/.* on //p' "$work/alice.said")
}

pinned_are() {
  equal "$(connections pinned) $(metric upstream_pinned)" "$1 $1"
}

is_pinned() {
  cat "$work/alice.said"
  equal "$(sed -n 1p "$work/alice.said")" "200 $origin/1 alice@$realm on $alice_port" &&
    wait_until 10 pinned_are 1
}

# Neither where nothing is asked of anybody nor where a login is.
nobody_is_alice() {
  local i line
  for i in $(seq 20); do
    line=$(nobody "$origin/open" "$origin/secret") || return
    echo "$line"
    [[ $line == "200 $origin/open on "*"401 $origin/secret on "* ]] || return
    ! grep -q " on $alice_port\$" <<<"$line" || return
  done
}

bob_is_bob() {
  as bob "$origin/1" "$origin/2" >"$work/bob.said" || return
  cat "$work/bob.said"
  equal "$(cut -d' ' -f1,3 "$work/bob.said" | sort | uniq -c | tr -s ' ')" " 2 200 bob@$realm" &&
    ! grep -q " on $alice_port\$" "$work/bob.said"
}

alice_goes_on() {
  exec {go}>&-
  wait "$alice_pid"
  cat "$work/alice.said"
}

logged_in_once() {
  equal "$(seen | grep "^$alice_port ")" "$alice_port 200 alice@$realm /1 login
$alice_port 200 alice@$realm /2"
}

# By the connection: the origin sees no ticket again.
is_still_logged_in() {
  alice_goes_on
  equal "$(tail -n 1 "$work/alice.said")" "200 $origin/2 alice@$realm on $alice_port" &&
    { wait_until 10 logged_in_once || logged_in_once; }
}

is_closed() {
  ! ss -Htn state established "sport = :$origin_port and dport = :$1" | grep .
}

# As it does in a graceful restart, while the client sees nothing of it.
origin_closes() {
  kill -USR1 "$apache_pid"
  wait_until 10 pinned_are 0 && kill -0 "$alice_pid"
}

# Without her login it is another connection's first request, which is told to log in.
logs_in_again() {
  local port
  alice_goes_on
  port=$(sed -n '$s/.* on //p' "$work/alice.said")
  equal "$(tail -n 1 "$work/alice.said")" "200 $origin/2 alice@$realm on $port" || return
  wait_until 10 has_lines "$work/requests.log" 3
  equal "$(seen | sed 's/ "" / - /')" "$alice_port 200 alice@$realm /1 login
$port 401 - /2
$port 200 alice@$realm /2 login"
}

# Two users and somebody without a ticket, 20 times each and all at once.
all_at_once() {
  local name pids=() pid
  for name in alice bob; do
    for _ in $(seq 20); do
      as "$name" "$origin/1" "$origin/2" || echo failed
    done >"$work/$name.said" &
    pids+=($!)
  done
  for _ in $(seq 20); do
    nobody "$origin/open" "$origin/secret" || echo failed
  done >"$work/nobody.said" &
  pids+=($!)
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
  for name in alice bob; do
    equal "$(cut -d' ' -f1,3 "$work/$name.said" | sort | uniq -c | tr -s ' ')" \
      " 40 200 $name@$realm" || return
  done
  equal "$(sed 's/ [^ ]*$//' "$work/nobody.said" | sort | uniq -c | tr -s ' ')" \
    " 20 200 $origin/open on
 20 401 $origin/secret on"
}

kdc_start
for name in alice bob; do
  ticket_for "$name" >>"$work/kdc.out" 2>&1 || give_up "no ticket for $name"
done
apache_start
printf '127.0.0.1 %s\n' "$host" >"$work/hosts"
carpool_start --set "dns.hosts_file=$work/hosts"

claim "curl logs in with its ticket once, and its connection speaks for it" logs_in
claim "nothing of it is left when the client has gone" wait_until 10 pinned_are 0
claim "it logs in where it is told to, on the connection that told it so" logs_in_when_told
alice_stays
claim "a connection with a login is pinned" is_pinned
claim "nobody else gets it, nor what is shown to her" nobody_is_alice
claim "somebody else who logs in meanwhile has one of his own" bob_is_bob
claim "hers is hers between two requests" is_still_logged_in
claim "the pin ends with her connection" wait_until 10 pinned_are 0
claim "so does the connection itself" wait_until 10 is_closed "$alice_port"
alice_stays
claim "an origin may close a connection with a login" origin_closes
claim "the next request logs in again" logs_in_again
claim "each is who they are, with 60 clients at once" all_at_once
claim "no connection with a login outlives its client" wait_until 10 pinned_are 0
done_testing
