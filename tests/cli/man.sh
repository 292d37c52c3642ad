#!/bin/bash
# The man pages against the program: all options, commands and settings are there, and no others.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need mandoc

build=$(dirname "$CARPOOL")
carpool_8=$here/../../docs/man/carpool.8
carpool_conf_5=$build/docs/carpool.conf.5
[ -r "$carpool_conf_5" ] || give_up "$carpool_conf_5 is missing: script/build makes it"

# Not whether the pages that these name are installed here.
lint() {
  ! mandoc -T lint -W style "$@" 2>/dev/null | grep -v 'referenced manual not found'
}

# section NAME: its lines of the help, without what is below their margin.
help_of() {
  "$CARPOOL" --help | awk -v name="$1:" '$0 == name { on = 1; next } /^[^ ]/ { on = 0 } on && /^  [^ ]/'
}

# options_are_those_of_help PAGE: each with its value as --help writes it.
options_are_those_of_help() {
  diff <(help_of options | awk -F '  +' '{ print $2 }' |
    sed -E 's/^-(-[a-z-]+) (.*)/.It Fl \1 Ar \2/; s/^-(-[a-z-]+)$/.It Fl \1/' | sort) \
    <(grep '^\.It Fl ' "$1" | sort -u)
}

commands_are_those_of_help() {
  diff <(help_of commands | awk '{ print ".It Cm " $1 }') <(grep '^\.It Cm ' "$1")
}

# The settings of the sample, which are those of the program (arguments.sh): "section.key default".
presets() {
  awk '
    /^[a-z]+ \{$/ { section = $1 }
    /^    # [a-z0-9_]+ = / {
      key = $2
      sub(/^[^=]*= /, "")
      sub(/ +# .*/, "")
      gsub(/"/, "")
      print section "." key, $0 == "" ? "empty" : $0
    }' "$here/../../docs/carpool.conf"
}

# settings_are_those_of_sample PAGE: each with its default, what it may be, and when it takes effect.
settings_are_those_of_sample() {
  diff <(presets) <(awk '
    { gsub(/\\%/, ""); gsub(/\\-/, "-") }
    /^\.It Cm / { name = $3; facts = ""; next }
    /^Default: / && name != "" { facts = " " }
    facts != "" { facts = facts $0 " " }
    facts ~ / (a reload takes it|at start only)\. $/ {
      split(substr(facts, 11), part, "; ")
      print name, part[2] != "" ? part[1] : "is all that is said"
      name = facts = ""
    }' "$1")
}

# misses CHECK PAGE LINE…: the check finds out that a line is not there.
misses() {
  local check=$1 page=$2 line
  shift 2
  for line; do
    grep -qxF "$line" "$page" || { echo "no such line: $line"; return 1; }
    grep -vxF "$line" "$page" >"$work/page"
    ! "$check" "$work/page" || { echo "not missed: $line"; return 1; }
  done
}

# The examples of carpool.conf(5) are files that carpool takes.
examples_are_good() {
  local page=$here/../../docs/man/carpool.conf.5.in number
  for number in 1 2; do
    awk -v number=$number '/^\.Ed/ { on = 0 } on; /^\.Bd/ { on = ++count == number }' "$page" >"$work/example"
    [ -s "$work/example" ] && "$CARPOOL" --check-config --config "$work/example" || return
  done
  [ "$(grep -c '^\.Bd' "$page")" = 2 ]
}

installed() {
  local prefix=$work/root/usr/local file
  DESTDIR=$work/root cmake --install "$build" --prefix /usr/local || return
  for file in bin/carpool share/man/man8/carpool.8 share/man/man5/carpool.conf.5 \
    share/doc/carpool/carpool.conf share/doc/carpool/rules.md; do
    [ -s "$prefix/$file" ] || { echo "no $file"; return 1; }
  done
  same_file "$carpool_conf_5" "$prefix/share/man/man5/carpool.conf.5"
}

claim "mandoc has no word against the pages" lint "$carpool_8" "$carpool_conf_5"
claim "carpool(8) has the options of --help" options_are_those_of_help "$carpool_8"
claim "an option that is missing there is found out" misses options_are_those_of_help "$carpool_8" \
  '.It Fl -close Ar ID|HOST|all' '.It Fl -json'
claim "carpool(8) has the commands of --help" commands_are_those_of_help "$carpool_8"
claim "a command that is missing there is found out" misses commands_are_those_of_help "$carpool_8" \
  '.It Cm report'
claim "carpool.conf(5) has the settings, with their defaults" settings_are_those_of_sample \
  "$carpool_conf_5"
claim "a setting that is missing there is found out" misses settings_are_those_of_sample \
  "$carpool_conf_5" '.It Cm pool.max_per_host' '.It Cm drain.timeout'
claim "its examples are good" examples_are_good
claim "they are installed, with the program and the sample" installed
done_testing
