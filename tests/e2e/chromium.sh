#!/bin/bash
# Headless Chromium loads a page with 60 sub-resources through carpool, over http and https.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need chromium curl openssl

# 20 scripts, 20 images, 19 style sheets and one answer to fetch(); what arrived is counted in the
# page, and each request also says who it was for.
page_make() {
  local i page=$origin_root/page.html
  {
    echo '<!doctype html><html><head><title>sixty</title>'
    echo '<link rel="icon" href="data:,"><script>var came = 0;</script>'
    for i in $(seq 19); do
      echo "i$i { color: rgb($i, 0, 0) }" >"$origin_root/$i.css"
      echo "<link rel=stylesheet href=$i.css onload='came++'>"
    done
    for i in $(seq 20); do
      echo "came++;" >"$origin_root/$i.js"
      echo "<script src=$i.js></script>"
    done
    echo '</head><body><p id=result>not yet</p>'
    for i in $(seq 20); do
      echo "<svg xmlns='http://www.w3.org/2000/svg' width='$i' height='1'/>" \
        >"$origin_root/$i.svg"
      echo "<img src=$i.svg onload='came += this.naturalWidth == $i'>"
    done
    echo "sixtieth" >"$origin_root/fetched.txt"
    # the load event waits for this script, and so does --dump-dom
    cat <<'END'
<script>
var request = new XMLHttpRequest();
request.open("GET", "fetched.txt", false);
request.send();
came += request.responseText == "sixtieth\n";
onload = function () { document.getElementById("result").textContent = "came: " + came; };
</script></body></html>
END
  } >"$page"
}

# browse URL [CHROMIUM ARGUMENT…]: the page's DOM after it has loaded is in $work/dom.
browse() {
  local url=$1
  shift
  HOME=$work timeout 90 chromium --headless --no-sandbox --disable-gpu --disable-quic \
    --disable-dev-shm-usage --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --disable-extensions --disable-default-apps \
    --user-data-dir="$work/profile" --proxy-server="$proxy" \
    --proxy-bypass-list='<-loopback>' "$@" --dump-dom "$url" \
    >"$work/dom" 2>"$work/chromium.log" </dev/null
  cat "$work/dom"
  grep -v dbus "$work/chromium.log" | tail -n 20
}

all_sixty() {
  browse "$@"
  grep -q '<p id="result">came: 60</p>' "$work/dom"
}

logged_requests() {
  grep -c "method=$1 target=$2" "$access_log"
}

# Connections that carried them: each has a first use. (One that was dialed while another came back
# may be parked before it, so nginx may have accepted more.)
logged_first_uses() {
  grep "method=GET target=$1" "$access_log" | grep -c ' uses=1 '
}

carrying_connections() {
  cut -d' ' -f2 "$origin_log" | sort -u | wc -l
}

origin_start
page_make || give_up "no page"
# a name server that nobody runs: whatever else a browser looks for stays on this machine
echo "127.0.0.1 origin.test" >"$work/hosts"
carpool_start --set dns.servers=127.0.0.1:9 --set dns.timeout=100ms --set dns.tries=1 \
  --set "dns.hosts_file=$work/hosts"

claim "Chromium loads a page and its 60 sub-resources over http" \
  accepted_by all_sixty "http://origin.test:$origin_port/page.html"
claim "carpool's log has all 61 requests" \
  equal "$(logged_requests GET "http://origin.test:$origin_port/")" 61
wait_until 5 has_lines "$origin_log" 61
claim "nginx saw 61 requests" equal "$(wc -l <"$origin_log")" 61
claim "both know the same number of connections" \
  equal "$(logged_first_uses "http://origin.test:$origin_port/")" "$(carrying_connections)"
note "upstream connections for 61 requests of a browser" "$accepted"
claim "on at most 10 upstream connections" at_most "$accepted" 10
claim "again, over loopback's address" all_sixty "http://127.0.0.1:$origin_port/page.html"

key=$(openssl x509 -in "$origin_ca" -noout -pubkey | openssl pkey -pubin -outform der |
  openssl dgst -sha256 -binary | base64)
claim "and over https, through tunnels" \
  all_sixty "https://origin.test:$((origin_port + 1))/page.html" \
  --ignore-certificate-errors-spki-list="$key"
claim "which carpool's log has" at_least \
  "$(logged_requests CONNECT "origin.test:$((origin_port + 1)) ")" 1
done_testing
