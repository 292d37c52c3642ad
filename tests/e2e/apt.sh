#!/bin/bash
# apt-get through carpool with the machine's own package sources, in directories of its own: the
# machine's lists, cache and packages are not touched.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need apt-get apt-config
apt=$work/apt

# The machine's apt settings without what they run after an update, and with our directories.
# They are read last, so they win.
apt_settings() {
  mkdir -p "$apt/parts" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/log" || return
  cp /etc/apt/apt.conf.d/* "$apt/parts/" 2>/dev/null
  cat >"$apt/parts/zz-carpool-e2e" <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
Dir::Log "$apt/log";
APT::Sandbox::User "root";
Acquire::Retries "2";
Acquire::Languages "none";
END
  cat >"$apt/apt.conf" <<END
Dir::Etc::parts "$apt/parts";
END
}

# by_apt PROXY ARGUMENT…: PROXY is a URL, or DIRECT.
by_apt() {
  local way=$1
  shift
  APT_CONFIG=$apt/apt.conf timeout 240 apt-get -q -o "Acquire::http::Proxy=$way" \
    -o "Acquire::https::Proxy=$way" "$@"
}

# "W: Failed to fetch" leaves apt-get with 0: the words count, too.
updated() {
  local said status
  said=$(by_apt "$1" update 2>&1)
  status=$?
  echo "$said"
  [ "$status" -eq 0 ] && ! grep -q '^[WE]: ' <<<"$said"
}

# Lists that came, without the directories and the lock.
lists() {
  find "$apt/lists" -maxdepth 1 -type f ! -name lock | wc -l
}

downloaded() {
  (cd "$apt" && by_apt "$proxy" download "${packages[@]}") || return
  local package
  for package in "${packages[@]}"; do
    dpkg-deb --info "$(echo "$apt/$package"_*.deb)" || return
  done
}

apt_settings || give_up "no directories for apt"
carpool_start
if ! updated "$proxy" >"$work/update" 2>&1; then
  updated DIRECT >"$work/direct" 2>&1 ||
    skip_all "this machine's package sources do not answer without carpool either"
fi
claim "apt-get update works through carpool" updated "$proxy"
claim "the lists have come" at_least "$(lists)" 2

# small ones that every Debian has
packages=(hello bc ed sl rename tree time pv)
rm -rf "$apt/lists"/*_Packages* "$apt/lists"/*InRelease
claim "once more, from the start" updated "$proxy"
claim "packages are downloaded through carpool" downloaded

requests=$(metric requests_total)
opened=$(metric upstream_connections_opened_total)
reused=$(metric upstream_connections_reused_total)
tunnels=$(metric upstream_tunnels_opened_total)
note "apt: requests / upstream connections opened / reused / tunnels" \
  "$requests / $opened / $reused / $tunnels"
# sources over https come through tunnels, which cannot be shared
if grep -rqs '\bhttp://' /etc/apt/sources.list /etc/apt/sources.list.d/; then
  claim "that was many requests" at_least $((opened + reused)) 12
  claim "on few connections" at_most "$opened" $(((opened + reused) / 3))
fi
done_testing
