#!/bin/bash
# npm installs a package through carpool: its configured registry, by CONNECT where that is https.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need npm node
package=is-odd # small, with one dependency

# by_npm PROXY ARGUMENT…: cache, prefix and log are our own, the registry is the user's.
by_npm() {
  local way=$1
  shift
  (cd "$work/project" && npm_config_cache=$work/npm npm_config_prefix=$work/prefix \
    npm_config_proxy=$way npm_config_https_proxy=$way npm_config_noproxy='' \
    npm_config_fund=false npm_config_audit=false npm_config_update_notifier=false \
    npm_config_ignore_scripts=true npm_config_fetch_retries=1 timeout 120 npm "$@")
}

installed() {
  rm -rf "$work/project" "$work/npm"
  mkdir -p "$work/project"
  echo '{"name": "e2e", "version": "1.0.0", "private": true}' >"$work/project/package.json"
  by_npm "$1" install "$package"
}

works() {
  equal "$(cd "$work/project" && node -p "require('$package')(3)")" true
}

connects() {
  cat "$access_log"
  grep -q method=CONNECT "$access_log"
}

registry=$(npm config get registry 2>/dev/null)
carpool_start
if ! installed "$proxy" >"$work/first" 2>&1; then
  installed "" >"$work/direct" 2>&1 ||
    skip_all "this machine's npm registry does not answer without carpool either"
fi
claim "a package is installed through carpool" installed "$proxy"
claim "it works" works
claim "carpool served npm" at_least "$(metric requests_total)" 1
if [[ $registry == https://* ]]; then
  claim "it came through tunnels" connects
  note "npm: tunnels" "$(metric upstream_tunnels_opened_total)"
fi
done_testing
