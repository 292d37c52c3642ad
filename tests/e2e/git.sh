#!/bin/bash
# git through carpool: a clone over http, which is many small requests, and one through a tunnel.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need git curl

# nothing of the user's own settings
export HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=e2e GIT_AUTHOR_EMAIL=e2e@origin.test
export GIT_COMMITTER_NAME=e2e GIT_COMMITTER_EMAIL=e2e@origin.test
origin_start
carpool_start

# 30 commits in loose objects, 90 of them: the dumb protocol fetches each by itself.
repository() {
  local source=$work/source i
  git init -q -b main "$source" || return
  for i in $(seq 30); do
    echo "line $i" >>"$source/file"
    git -C "$source" add file && git -C "$source" commit -q -m "commit $i" || return
  done
  git clone -q --bare "$source" "$origin_root/repo.git" &&
    git -C "$origin_root/repo.git" update-server-info
}

cloned() {
  local into=$1 url=$2
  GIT_SSL_CAINFO=$origin_ca git -c http.proxy="$proxy" clone -q "$url/repo.git" "$into" &&
    git -C "$into" fsck --full &&
    equal "$(git -C "$into" rev-parse HEAD)" "$(git -C "$work/source" rev-parse HEAD)"
}

repository || give_up "no repository to clone"
claim "a repository is cloned over http" accepted_by cloned "$work/http" "$origin"
note "requests of the clone" "$(grep -c repo.git "$origin_log")"
note "upstream connections of the clone" "$accepted"
claim "it made at least 30 requests" at_least "$(grep -c repo.git "$origin_log")" 30
claim "on at most 6 upstream connections" at_most "$accepted" 6
claim "a repository is cloned through a tunnel" \
  cloned "$work/https" "$origin_tls"
done_testing
