#!/bin/bash
# curl logs in with NTLM, at an origin that believes whatever comes on a connection once it was
# told who is there: through a pool that everybody shares.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need curl python3

cat >"$work/origin.py" <<'PYTHON'
import base64, http.server, struct, sys

class Origin(http.server.BaseHTTPRequestHandler):
    """One object per connection: what it remembers, the connection remembers."""
    protocol_version = "HTTP/1.1"
    user = None
    has_challenged = False

    def answer(self, status, challenge=None):
        body = ("%s on %d\n" % (self.user or "nobody", self.client_address[1])).encode()
        self.send_response(status)
        if challenge is not None:
            self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/open":
            return self.answer(200)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme == "NTLM":
            return self.handshake(base64.b64decode(token))
        return self.answer(200) if self.user else self.answer(401, "NTLM")

    def handshake(self, message):
        kind, = struct.unpack_from("<I", message, 8)
        if kind == 1:
            self.has_challenged = True
            challenge = b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 32, 0x201) + b"challeng"
            return self.answer(401, "NTLM " + base64.b64encode(challenge).decode())
        if not self.has_challenged:  # a step of a handshake that began elsewhere
            return self.answer(400)
        size, _, at = struct.unpack_from("<HHI", message, 36)
        self.user = message[at:at + size].replace(b"\0", b"").decode()
        self.answer(200)

    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON

mkfifo "$work/port"
python3 "$work/origin.py" >"$work/port" 2>"$work/origin.log" &
children+=($!)
logs+=("$work/origin.log")
read -r -t 20 origin_port <"$work/port" || give_up "the origin said no port"
origin=http://127.0.0.1:$origin_port
carpool_start

# who NAME URL…: what the origin says to this user, over one client connection.
who() {
  local name=$1
  shift
  via --ntlm --user "$name:secret" "$@"
}

# Three answers, all to alice, and all on the connection on which she logged in.
logs_in() {
  local said
  said=$(who alice "$origin/1" "$origin/2" "$origin/3") || return
  echo "$said"
  equal "$(wc -l <<<"$said") $(sort -u <<<"$said" | wc -l)" "3 1" && contains "$said" "alice on "
}

# Nobody is who asks without a login, whatever connections the others left.
nobody_is_somebody() {
  local i
  for i in $(seq 5); do
    contains "$(via "$origin/open")" "nobody on " || return
    equal "$(via -o "$work/body" -w '%{http_code}' "$origin/secret")" 401 || return
  done
}

# Two users and somebody who logs in nowhere, 20 times each and all at once.
all_at_once() {
  local name pids=() pid
  for name in alice bob; do
    for _ in $(seq 20); do
      who "$name" "$origin/1" "$origin/2" || echo failed
    done >"$work/said.$name" &
    pids+=($!)
  done
  for _ in $(seq 60); do
    via "$origin/open" || echo failed
  done >"$work/said.nobody" &
  pids+=($!)
  for pid in "${pids[@]}"; do
    wait "$pid"
  done
  for name in alice bob nobody; do
    equal "$(cut -d' ' -f1 "$work/said.$name" | sort | uniq -c | tr -s ' ')" \
      " $([ "$name" = nobody ] && echo 60 || echo 40) $name" || return
  done
}

none_is_left() {
  wait_until 10 equal_metric upstream_pinned 0 && at_least "$(metric upstream_connections_pinned_total)" 41
}

equal_metric() {
  equal "$(metric "$1")" "$2"
}

claim "curl logs in with NTLM, and stays logged in on its connection" logs_in
claim "nobody else is taken for her" nobody_is_somebody
claim "each is who he is, with 100 clients at once" all_at_once
claim "no connection with a login outlives its client" none_is_left
done_testing
