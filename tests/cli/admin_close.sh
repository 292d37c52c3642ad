#!/bin/bash
# What an operator may change through the admin, and who else may not.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need curl nginx openssl

# answers STATUS ARGUMENT…: what curl gets; its body is in $work/body, its head in $work/head.
answers() {
  local status
  status=$(curl -sg --noproxy '*' --max-time 10 -o "$work/body" -D "$work/head" -w '%{http_code}' "${@:2}")
  cat "$work/head" "$work/body"
  equal "$status" "$1"
}

# closed QUERY COUNT [ARGUMENT…]
closed() {
  answers 200 -X POST -H 'X-Requested-With: test' "${@:3}" "$admin/connections/close?$1" &&
    equal "$(<"$work/body")" "{\"closed\":$2}"
}

bad_query() {
  answers 400 -X POST -H 'X-Requested-With: test' "$admin/connections/close$1" &&
    equal "$(metric upstream_connections_parked)" 2
}

head_has() {
  grep -i "^$1" "$work/head"
}

parked_are() {
  equal "$(metric upstream_connections_parked)" "$1"
}

park() {
  local host
  for host; do
    via -f -o /dev/null "http://$host:$origin_port/echo/one" || return
  done
}

says() {
  local said status code=$1 text=$2
  said=$("$CARPOOL" connections --admin "${admin#http://}" "${@:3}" 2>&1)
  status=$?
  equal "$said" "$text" && equal "$status" "$code"
}

id_of() {
  curl -s --noproxy '*' "$admin/connections?host=$1" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["connections"][0]["id"])'
}

is_used() {
  id_of "127.0.0.2&state=tunnel"
}

used_one_stays() {
  local id line
  exec 5<>"/dev/tcp/127.0.0.1/$proxy_port"
  printf 'CONNECT 127.0.0.2:%s HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n' "$origin_port" >&5
  wait_until 5 is_used && id=$(is_used) &&
    answers 409 -X POST -H 'X-Requested-With: x' "$close?id=$id" &&
    equal "$(<"$work/body")" "Connection $id was not parked (its state is tunnel); only parked ones are closed." &&
    read -r -t 5 line <&5 &&
    contains "$line" "200"
}

nowhere_to_be_seen() {
  ! grep -rF "$(<"$work/token")" "$work/carpool.log" "$access_log" "$work/printed" "$work/pages" "$work/cmdline"
}

end() {
  kill -TERM "$carpool_pid"
  wait "$carpool_pid"
}

# --- on loopback, without a token

origin_start 127.0.0.2
carpool_start
close=$admin/connections/close
park 127.0.0.1 127.0.0.2 || give_up "no answers"
parked_are 2 || give_up "nothing is parked"

claim "GET closes nothing" answers 405 "$close?all=true"
claim "it says what would" head_has 'allow: POST'
claim "nor does HEAD" answers 405 -I "$close?all=true"
claim "a form of a browser cannot close" answers 403 -d '' "$close?all=true"
claim "nor can another site that sends the field" answers 403 -X POST -H 'X-Requested-With: x' \
  -H 'Origin: http://evil.example' "$close?all=true"
claim "nor a page without origin" answers 403 -X POST -H 'X-Requested-With: x' -H 'Origin: null' "$close?all=true"
claim "nor one of another port" answers 403 -X POST -H 'X-Requested-With: x' \
  -H 'Origin: http://127.0.0.1:1' "$close?all=true"
claim "nor one under https" answers 403 -X POST -H 'X-Requested-With: x' \
  -H "Origin: https://${admin#http://}" "$close?all=true"
claim "nor what the browser calls cross-site" answers 403 -X POST -H 'X-Requested-With: x' \
  -H 'Sec-Fetch-Site: cross-site' "$close?all=true"
claim "nor same-site, which other ports are" answers 403 -X POST -H 'X-Requested-With: x' \
  -H 'Sec-Fetch-Site: same-site' "$close?all=true"
claim "a browser's question (CORS) gets no permission" answers 405 -X OPTIONS \
  -H 'Origin: http://evil.example' -H 'Access-Control-Request-Method: POST' "$close?all=true"
claim "none is given in a field either" bash -c "! grep -i '^access-control' '$work/head'"
claim "a strange Host is refused" answers 403 -X POST -H 'X-Requested-With: x' -H 'Host: evil.example' "$close?all=true"
claim "through the proxy nobody closes" equal "$(via -X POST -H 'X-Requested-With: x' \
  -o /dev/null -w '%{http_code}' "$close?all=true")" 403
claim "all are still parked" parked_are 2

for query in '' '?' '?all' '?all=false' '?host=' '?host=a&all=true' '?host=a&host=b' '?hosts=a' '?host=a%2Fb' \
  '?host=user@a' '?host=a:0' '?host=a:99999' '?host=a%20b' '?host=[::1' '?host=0x7f.1' '?host=a%00'; do
  claim "the query \"$query\" chooses nothing" bad_query "$query"
done

for query in '?id=' '?id=0' '?id=x' '?id=1&all=true' '?id=1&host=a' '?id=1&id=2'; do
  claim "the query \"$query\" chooses nothing" bad_query "$query"
done

claim "a host that has none closes none" closed host=nowhere.test 0
claim "an IPv6 host may have brackets" closed 'host=[::1]' 0
claim "or none" closed host=::1 0
claim "another port closes none" closed host=127.0.0.1:1 0
claim "a host's are closed" closed host=127.0.0.1 1
claim "and only these" parked_are 1
claim "a host's port is closed" closed "host=127.0.0.2:$origin_port" 1
claim "the log says what was closed" grep -q \
  " info connections closed by the admin host=127.0.0.2 port=$origin_port count=1" "$carpool_log"
park 127.0.0.1 127.0.0.2
claim "all are closed" closed all=true 2
park 127.0.0.1 127.0.0.2
id=$(id_of 127.0.0.2)
claim "one is closed by its id" closed "id=$id" 1
claim "and only that one" parked_are 1
claim "the log says which" grep -q " info connections closed by the admin id=$id count=1" "$carpool_log"
claim "an id is never used again" answers 404 -X POST -H 'X-Requested-With: x' "$close?id=$id"
claim "that is said" equal "$(<"$work/body")" "There is no connection $id."
park 127.0.0.2
claim "carpool connections closes by id, too" says 0 "closed 1" --close "$(id_of 127.0.0.2)"
claim "what is in use is not closed" used_one_stays
exec 5>&-
claim "all that is left is closed" closed all=true 1
claim "its own page may close" closed all=true 0 -H "Origin: $admin" -H 'Sec-Fetch-Site: same-origin'
park 127.0.0.1 127.0.0.2
claim "a request after that dials" equal "$(via "http://127.0.0.1:$origin_port/echo/one" -o /dev/null -w '%{http_code}')" 200
claim "carpool connections --close closes a host's" says 0 "closed 1" --close 127.0.0.1
claim "and all" says 0 "closed 1" --close all
expected="answered with status 400: Say host=NAME, host=NAME:PORT, id=NUMBER or all=true."
claim "what carpool refuses is told" says 1 "carpool: $close?host=a%3A0: $expected" --close a:0
claim "a host remains one parameter" says 1 "carpool: $close?host=a%26all%3Dtrue: $expected" --close 'a&all=true'
claim "--close and a filter exclude each other" says 2 "carpool: --close chooses by itself; expected it alone" \
  --close all --state parked
end

# --- with a token

(umask 077 && head -c 24 /dev/urandom | base64 >"$work/token")
with_token() {
  answers "$1" -X POST -H "Authorization: $2" "$close?all=true"
}

carpool_start --set "admin.token_file=$work/token" --set log.level=debug
close=$admin/connections/close
claim "without the token nobody closes" answers 401 -X POST -H 'X-Requested-With: x' "$close?all=true"
claim "it says what is missing" head_has 'www-authenticate: Bearer realm="carpool"'
claim "nor with another one" with_token 401 "Bearer $(head -c 24 /dev/urandom | base64)"
claim "nor with its beginning" with_token 401 "Bearer $(head -c 20 "$work/token")"
claim "nor with more" with_token 401 "Bearer $(<"$work/token")x"
claim "nor in another scheme" with_token 401 "Basic $(<"$work/token")"
claim "nor with none" with_token 401 "Bearer "
claim "with it all is fine" with_token 200 "Bearer $(<"$work/token")"
claim "but not for another site" answers 403 -X POST -H "Authorization: Bearer $(<"$work/token")" \
  -H 'Origin: http://evil.example' "$close?all=true"
claim "pages need none" answers 200 "$admin/metrics"
claim "carpool connections --close sends it" says 0 "closed 0" --set "admin.token_file=$work/token" --close all
"$CARPOOL" --print-config --set "admin.token_file=$work/token" >"$work/printed"
curl -s --noproxy '*' "$admin/" "$admin/metrics" "$admin/connections" >"$work/pages"
tr '\0' ' ' <"/proc/$carpool_pid/cmdline" >"$work/cmdline"
claim "it is shown nowhere" nowhere_to_be_seen
end

carpool_start --admin 0.0.0.0:0
admin=http://127.0.0.1:${admin##*:}
close=$admin/connections/close
claim "where others could ask, nothing is closed without a token" answers 403 -X POST \
  -H 'X-Requested-With: x' "$close?all=true"
claim "it says how" grep -q 'set admin.token_file' "$work/body"
end

# --- a unix socket

on_socket() {
  answers "$1" --unix-socket "$work/admin" "${@:2}"
}

is_gone_with_it() {
  end
  [ ! -e "$work/admin" ]
}

starts_not() {
  local said status
  said=$("$CARPOOL" --listen 127.0.0.1:0 --admin "unix:$1" 2>&1)
  status=$?
  # lines of the log may come before it
  equal "$(grep '^carpool: ' <<<"$said")" "carpool: cannot listen on unix:$1: $2" && equal "$status" 1
}

connections_on_socket() {
  equal "$("$CARPOOL" connections --admin "unix:$work/admin" "${@:2}" 2>&1)" "$1"
}

umask 0
carpool_start --admin "unix:$work/admin"
kill -KILL "$carpool_pid"
wait "$carpool_pid" 2>/dev/null
claim "a killed one leaves its socket" test -S "$work/admin"
carpool_start --admin "unix:$work/admin" --set "admin.token_file=$work/token"
umask 022
claim "which the next one removes" contains "$carpool_ready" " admin unix:$work/admin workers"
claim "whatever the umask, it is for one user" equal "$(stat -c %a "$work/admin")" 600
claim "a second one does not take it" starts_not "$work/admin" "the address is already in use"
claim "it has the pages" on_socket 200 http://localhost/metrics
claim "a strange Host is refused there, too" on_socket 403 http://evil.example/metrics
claim "another site changes nothing" on_socket 403 -X POST -H 'Origin: http://evil.example' \
  'http://localhost/connections/close?all=true'
claim "its user needs no token" on_socket 200 -X POST 'http://localhost/connections/close?all=true'
claim "carpool connections asks it" connections_on_socket "closed 0" --close all
claim "and shows its table" contains "$("$CARPOOL" connections --admin "unix:$work/admin" 2>&1)" "ID  STATE"
claim "with carpool it goes" is_gone_with_it
echo precious >"$work/file"
claim "a file is not removed" starts_not "$work/file" "the address is already in use"
claim "it is still there" equal "$(<"$work/file")" precious
claim "a folder that is missing is told" starts_not "$work/none/admin" "there is no such thing"

# --- the file

refused() {
  local said status
  said=$("$CARPOOL" --check-config --set "admin.token_file=$work/$1" 2>&1)
  status=$?
  equal "$said" "carpool: --set: admin.token_file: $work/$1: $2; expected a secret in a file of mode 0600" &&
    equal "$status" 2
}

odd='it is not one line of 16 to 512 visible characters'
(
  umask 077
  echo short >"$work/short"
  printf 'two lines are not\na token of one\n' >"$work/lines"
  head -c 600 /dev/zero | tr '\0' x >"$work/long"
  printf 'a zero byte is in it\0' >"$work/zero"
  : >"$work/empty"
  mkfifo "$work/fifo"
)
cp "$work/token" "$work/open" && chmod 644 "$work/open"
claim "a file for all to read is refused" refused open "everybody may read or write it"
claim "one that is missing is refused" refused missing "there is no such thing"
claim "a pipe is refused" refused fifo "this is no plain file"
for file in short lines long zero empty; do
  claim "a file that is $file is refused" refused "$file" "$odd"
done

# --- public addresses, in a network of our own

public_admin() {
  unshare -rn bash -c '
    ip link set lo up && ip addr add 203.0.113.5/32 dev lo &&
      ip addr add 2001:db8::5/128 dev lo nodad || exit
    start() {
      "$0" --listen 127.0.0.1:1 "$@" & pid=$!
      for i in $(seq 200); do "$0" health --listen 127.0.0.1:1 && break; sleep 0.05; done
    }
    ask() {
      curl -sg --noproxy "*" -o /dev/null -w "$1 %{http_code}\n" "${@:3}" "http://$2:2/metrics"
    }
    exec 2>"$2"
    start --admin 203.0.113.5:2 --set "admin.token_file=$1"
    ask bare 203.0.113.5
    ask token 203.0.113.5 -H "Authorization: Bearer $(cat "$1")"
    kill $pid; wait $pid
    while read -r wildcard public loopback source; do
      start --admin "$wildcard:2" --set "admin.token_file=$1"
      ask "$wildcard bare" "$public"
      ask "$wildcard token" "$public" -H "Authorization: Bearer $(cat "$1")"
      ask "$wildcard from outside" "$loopback" --interface "$source"
      ask "$wildcard loopback" "$loopback"
      kill $pid; wait $pid
    done <<<"0.0.0.0 203.0.113.5 127.0.0.1 203.0.113.5
[::] [2001:db8::5] [::1] 2001:db8::5"
    start --admin 0.0.0.0:2
    ask "no token" 203.0.113.5
    kill $pid; wait $pid' "$CARPOOL" "$work/token" "$work/public.log" >"$work/public"
}
claim "an admin on a public address needs a token" equal \
  "$("$CARPOOL" --check-config --admin 203.0.113.5:1 2>&1)" \
  "carpool: --admin: admin.listen: 203.0.113.5:1 is a public address, and nothing says who may use it; expected admin.token_file, which is asked for then"
if unshare -rn true 2>/dev/null; then
  public_admin
  claim "which it then asks for" grep -qx 'bare 401' "$work/public"
  claim "and takes" grep -qx 'token 200' "$work/public"
  for wildcard in 0.0.0.0 '[::]'; do
    claim "$wildcard asks for it there, too" grep -qxF "$wildcard bare 401" "$work/public"
    claim "$wildcard takes it there" grep -qxF "$wildcard token 200" "$work/public"
    claim "$wildcard asks clients with a public address" grep -qxF "$wildcard from outside 401" "$work/public"
    claim "$wildcard asks nobody on loopback" grep -qxF "$wildcard loopback 200" "$work/public"
  done
  claim "without a token a public address sees nothing" grep -qx 'no token 403' "$work/public"
else
  echo "# skipped: no network of our own can be made here (unshare -rn)"
fi
done_testing
