#!/bin/bash
# What is said to arguments and settings: version, help, bad ones, files that print and load.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
need openssl

[ -x "$CARPOOL" ] || give_up "$CARPOOL is missing: script/build makes it"

# ended CODE STDOUT STDERR ARGUMENT…: exits so and says exactly this.
ended() {
  local code=$1 stdout=$2 stderr=$3 status
  shift 3
  "$CARPOOL" "$@" >"$work/stdout" 2>"$work/stderr"
  status=$?
  equal "$(cat "$work/stdout")" "$stdout" && equal "$(cat "$work/stderr")" "$stderr" &&
    equal "$status" "$code"
}

refused() {
  local stderr=$1
  shift
  ended 2 "" "carpool: $stderr" "$@"
}

help_names_all() {
  local text row
  text=$("$CARPOOL" --help) || return
  for row in --config --listen --admin --workers --set --check-config --print-config --explain --client --address --version \
    --help --url --close --host --local --remote --state --json health connections report proxy.listen pool.idle_timeout drain.timeout; do
    contains "$text" "$row" || return
  done
  ! grep -E '.{81}' <<<"$text"
}

printed_config_is_whole() {
  "$CARPOOL" --print-config --set pool.idle_timeout=1500ms --set "log.access=/tmp/it's" \
    --listen 127.0.0.1:1 --listen '[::1]:2' --workers 3 >"$work/printed" &&
    "$CARPOOL" --print-config --config "$work/printed" >"$work/again" &&
    diff <(sed 's/ # .*//' "$work/printed") <(sed 's/ # .*//' "$work/again")
}

# Its comments taken off, the sample sets each setting, and to what it is without a file.
sample_is_complete() {
  sed 's/^    # \([a-z0-9_]* = \)/    \1/' "$here/../../docs/carpool.conf" >"$work/sample"
  "$CARPOOL" --print-config --config "$work/sample" >"$work/printed" || return
  ! grep ' = ' "$work/printed" | grep -v " # $work/sample:" || return
  diff <(sed 's/ # .*//' "$work/printed") <("$CARPOOL" --print-config)
}

claim "--version prints the version" ended 0 "carpool 0.1.0" "" --version
claim "--help names every option and setting, in 80 columns" help_names_all
claim "an unknown option is refused" refused \
  'unknown option "--lisen"; expected one that carpool --help lists' --lisen 127.0.0.1:1
claim "an unknown command is refused" refused \
  'unknown argument "walk"; expected one that carpool --help lists' walk
claim "an option of another command is refused" refused \
  '--url is no option of run; expected one that carpool --help lists for it' run --url http://x/
claim "a missing value is refused" refused '--config: expected FILE' --config
claim "a value too many is refused" refused '--help: expected no value' --help=me
claim "--set without = is refused" refused '--set pool.max_uses: expected SECTION.KEY=VALUE' \
  --set pool.max_uses
claim "--set of an unknown setting is refused" refused \
  '--set pool.size: unknown setting; expected one that carpool --help lists' --set pool.size=1
claim "a bad value of --workers is refused" refused \
  '--workers: proxy.workers: "two" is not accepted; expected a whole number from 0 to 1024' \
  --workers two
claim "a bad --listen is refused by its address" refused \
  '--listen: proxy.listen: "localhost:1" is not accepted; expected addresses as ADDR:PORT or [ADDR]:PORT, separated by commas' \
  --listen 127.0.0.1:0 --listen localhost:1
claim "a bad --admin is refused" refused \
  '--admin: admin.listen: "on" is not accepted; expected off, an address as ADDR:PORT or [ADDR]:PORT, or unix:/PATH' \
  --admin on
claim "a missing file is refused" refused \
  "$work/none: there is no such thing; expected a configuration file that can be read" \
  --config "$work/none"

printf 'pool {\n  idle_timeout = 60\n}\n' >"$work/bad"
bad="$work/bad:2: pool.idle_timeout: \"60\" is not accepted; expected a time from 100ms to 1d, such as 500ms, 30s, 10m or 1h"
claim "a bad file is refused with its line" refused "$bad" --config "$work/bad"
claim "--check-config says the same" refused "$bad" --check-config --config "$work/bad"
claim "health reads the same file, and knows only 0 and 1" ended 1 "" "carpool: $bad" \
  health --config "$work/bad"
claim "so it does where its arguments are wrong" ended 1 "" \
  'carpool: --state is no option of health; expected one that carpool --help lists for it' \
  health --state parked

# --- public addresses

exposed() {
  refused "$1: proxy.listen: $2 is a public address, and nothing says who may use it; expected access.clients, access.rules or auth.users_file to say who, such as access.clients = all" \
    "${@:3}"
}

fine() {
  ended 0 "carpool: configuration: ok" "" --check-config "$@"
}

printf 'proxy {\n  listen = "127.0.0.1:0, 203.0.113.5:3128"\n}\n' >"$work/public"
claim "a public address that nothing guards does not start" exposed "$work/public:2" \
  203.0.113.5:3128 --config "$work/public"
claim "--check-config says so, too" exposed "$work/public:2" 203.0.113.5:3128 \
  --check-config --config "$work/public"
claim "so does one in IPv6" exposed --listen '[2001:db8::5]:0' --listen '[2001:db8::5]:0'
claim "an IPv4 address in IPv6 clothes is what it is" exposed --listen '[::ffff:203.0.113.5]:1' \
  --listen '[::ffff:203.0.113.5]:1'
claim "clients that are those of the preset say nothing" exposed "$work/public:2" \
  203.0.113.5:3128 --config "$work/public" --set 'access.clients=loopback, private'
claim "rules of comments alone say nothing" exposed "$work/public:2" 203.0.113.5:3128 \
  --config "$work/public" --set 'access.rules=# none'
claim "clients of its own allow it" fine --config "$work/public" --set access.clients=all
printf 'alice:%s\n' "$(openssl passwd -6 -salt abcdefgh secret)" >"$work/users"
claim "users allow it" fine --config "$work/public" --set "auth.users_file=$work/users"
claim "a rule allows it" fine --config "$work/public" \
  --set 'access.rules=allow client 198.51.100.0/24'
for address in 0.0.0.0:3128 '[::]:3128' 10.0.0.1:3128 192.168.0.1:0 100.64.0.1:1 '[fd00::1]:1' \
  '[fe80::1]:1' 169.254.0.1:1 127.1.2.3:1; do
  claim "$address is not public" fine --listen "$address"
done

claim "CARPOOL_CONFIG names the file" equal \
  "$(CARPOOL_CONFIG=$work/bad "$CARPOOL" --check-config 2>&1)" "carpool: $bad"
claim "--check-config says ok to a good file" ended 0 "carpool: configuration: ok" "" \
  --check-config --config /dev/null
claim "the command line goes before the environment" contains \
  "$(CARPOOL_POOL_MAX_USES=3 CARPOOL_POOL_MAX_TOTAL=4 "$CARPOOL" --print-config \
    --set pool.max_total=5 | tr -s '\n ' ' ')" \
  'max_uses = 3 # environment CARPOOL_POOL_MAX_USES max_per_host = 256 max_parked_per_host = 256 max_dials_per_host = 32 max_per_client = 0 max_total = 5 # --set'
claim "a printed configuration loads to the same settings" printed_config_is_whole
claim "the sample is accepted" ended 0 "carpool: configuration: ok" "" --check-config \
  --config "$here/../../docs/carpool.conf"
claim "the sample names every setting with its default" sample_is_complete
claim "output that cannot be written is exit 1" bash -c "\"$CARPOOL\" --help >/dev/full; [ \$? = 1 ]"
done_testing
