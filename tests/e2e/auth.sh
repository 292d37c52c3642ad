#!/bin/bash
# Users and passwords with real clients and the tools that write such files; a changed file; and
# that no output anywhere shows a password.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl git openssl htpasswd

# Words that are nowhere else: found in an output, they have leaked.
secret=sesame-opens-4711
other=hidden-word-0815
wrong='wrong-guess-2342'
users=$work/users

htpasswd -B -b -C 10 -c "$users" alice "$secret" 2>/dev/null || give_up "htpasswd makes no file"
printf 'bob:%s\n' "$(openssl passwd -6 "$other")" >>"$users"

origin_start
echo page >"$origin_root/page"
git -c init.defaultBranch=main init -q "$work/repository"
git -C "$work/repository" -c user.name=a -c user.email=a@b.test commit -q --allow-empty -m first
git clone -q --bare "$work/repository" "$origin_root/repository.git" &&
  git -C "$origin_root/repository.git" update-server-info || give_up "no repository"
carpool_start --set "auth.users_file=$users" --set log.level=debug

# status EXPECTED CURL ARGUMENT…
status() {
  local expected=$1 code
  shift
  code=$(via -o "$work/got" -D "$work/head" -w '%{http_code}' "$@" 2>>"$work/curl.err")
  cat "$work/head" "$work/got" >>"$work/answers"
  equal "$code" "$expected"
}

# The first transfer of a tunnel tells how CONNECT was answered.
connect_status() {
  local expected=$1 code
  shift
  code=$(via -o /dev/null -w '%{http_connect}' --cacert "$origin_ca" "$@" "$origin_tls/page" 2>/dev/null)
  equal "$code" "$expected"
}

# curl asks without credentials first, and again on the same connection.
challenge_is_taken_up() {
  local connects
  connects=$(via -o /dev/null -w '%{http_code} %{num_connects}' --proxy-anyauth -U "alice:$secret" \
    "$origin/page")
  equal "$connects" "200 1"
}

tunnel_challenge_is_taken_up() {
  local code
  code=$(via -o /dev/null -w '%{http_connect} %{http_code}' --proxy-anyauth -U "alice:$secret" \
    --cacert "$origin_ca" "$origin_tls/page")
  equal "$code" "200 200"
}

cloned_as() {
  rm -rf "$work/clone"
  git -c http.proxy="http://$1@${proxy#http://}" clone -q "$origin/repository.git" "$work/clone" &&
    [ "$(git -C "$work/clone" log --format=%s)" = first ]
}

has_logged() {
  grep -q -e "$1" "$carpool_log"
}

claim "nobody is let in without a user" status 407 "$origin/page"
claim "a user of htpasswd -B is" status 200 -U "alice:$secret" "$origin/page"
claim "a user of openssl passwd -6 is" status 200 -U "bob:$other" "$origin/page"
claim "the wrong password is refused" status 407 -U "alice:$wrong" "$origin/page"
claim "so is the password of another one" status 407 -U "alice:$other" "$origin/page"
claim "so is a user whom nobody knows" status 407 -U "mallory:$secret" "$origin/page"
claim "a URL of the proxy may hold the user" status 200 --proxy "http://alice:$secret@${proxy#http://}" \
  "$origin/page"
claim "curl takes up the challenge on the same connection" challenge_is_taken_up
claim "a tunnel needs a user" connect_status 407
claim "a tunnel is opened for one" connect_status 200 -U "alice:$secret"
claim "curl takes up the challenge to CONNECT" tunnel_challenge_is_taken_up
claim "git clones with a user in the proxy's URL" cloned_as "alice:$secret"
claim "and does not with a wrong one" bash -c "! GIT_TERMINAL_PROMPT=0 git -c http.proxy='http://alice:$wrong@${proxy#http://}' \
  clone -q '$origin/repository.git' '$work/none' </dev/null"
claim "the health page needs none" equal "$(curl -s --noproxy '*' "$proxy/healthz")" ok

# --- nothing shows a password

curl -s --noproxy '*' "$admin/" "$admin/metrics" "$admin/connections" "$admin/healthz" >"$work/pages"
"$CARPOOL" --print-config --set "auth.users_file=$users" >"$work/config"
"$CARPOOL" --explain "GET $origin/page" --client 127.0.0.1 --user alice \
  --set "auth.users_file=$users" >"$work/explained"
via -X TRACE -H 'Max-Forwards: 0' -U "alice:$secret" "$origin/page" >"$work/trace"

shown_nowhere() {
  local word form file found=0
  for word in "$secret" "$other" "$wrong"; do
    for form in "$word" "$(printf 'alice:%s' "$word" | base64)" "$(printf 'bob:%s' "$word" | base64)"; do
      for file in "$carpool_log" "$access_log" "$work/answers" "$work/pages" "$work/config" \
        "$work/explained" "$work/trace" "$origin_log" "$origin_dir/error.log"; do
        [ -s "$file" ] || [ "$file" = "$origin_dir/error.log" ] || {
          echo "$file is empty"
          found=1
        }
        ! grep -F -e "$form" "$file" || found=1
      done
    done
  done
  return "$found"
}

claim "no log, page, answer or echo, and no origin shows a password" shown_nowhere
claim "no output shows a hash" bash -c "! grep -F -e '\$2y\$' -e '\$6\$' '$carpool_log' '$work/pages' '$work/config'"
claim "the access log names users who were right" \
  bash -c "grep -q ' user=alice .* status=200 ' '$access_log' && grep -q ' user=bob ' '$access_log'"
claim "and nobody else" bash -c "! grep -q ' user=mallory' '$access_log'"
claim "--explain says that a user is needed" bash -c \
  "! '$CARPOOL' --explain 'GET $origin/page' --client 127.0.0.1 --set 'auth.users_file=$users' >'$work/none' &&
   grep -q 'a user has to be named, by rule 2, auth.users_file: deny user !known' '$work/none' &&
   grep -q '^outcome  *407 login_needed' '$work/none'"

# --- a changed file

printf 'carol:plain\n' >>"$users"
claim "a broken file is told of" wait_until 20 has_logged \
  "warn users stay as they were why=\"$users:3: the password of carol is plain text"
claim "and the old users stay" status 200 -U "alice:$secret" "$origin/page"
htpasswd -D "$users" carol 2>/dev/null
htpasswd -D "$users" bob 2>/dev/null
claim "a mended file is read" wait_until 20 has_logged "info users read again file=\"$users\" users=1"
claim "who was taken out is out" status 407 -U "bob:$other" "$origin/page"
claim "who stays is in" status 200 -U "alice:$secret" "$origin/page"
claim "a file with an MD5 hash is refused at start" bash -c \
  "htpasswd -m -b -c '$work/weak' alice x 2>/dev/null
   ! '$CARPOOL' --print-config --set 'auth.users_file=$work/weak' 2>'$work/why' >/dev/null &&
   grep -q 'auth.users_file: $work/weak:1: the password of alice is MD5' '$work/why'"
done_testing
