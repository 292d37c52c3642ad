# What the scripts share; sourced, from the repository's root afterwards.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Debian keeps nginx and others where a user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# The C sources and headers of the tree, also those that are not committed yet.
sources() {
  git ls-files -co --exclude-standard -- '*.c' '*.h' | sort -u | while read -r file; do
    [[ ! -e $file ]] || echo "$file"
  done
}

# tool NAME: prints the command of clang's major version 14, the one that layout and findings are
# pinned to.
tool() {
  local name
  for name in "$1-14" "$1"; do
    if command -v "$name" >/dev/null && [[ $("$name" --version) == *"version 14."* ]]; then
      echo "$name"
      return
    fi
  done
  die "no $1 of version 14; script/bootstrap test installs it"
}

# configure PRESET: so that it can be built; with tests if their library is there.
configure() {
  local tests=OFF
  ! pkg-config --exists cmocka || tests=ON
  if [[ -f build/$1/CMakeCache.txt ]] && grep -qx "CARPOOL_TESTS:BOOL=$tests" "build/$1/CMakeCache.txt"; then
    return # the build itself configures again when a list or a preset has changed
  fi
  cmake --preset "$1" -DCARPOOL_TESTS=$tests
}
