#!/bin/bash
# TCP Fast Open (tcp.fast_open): a TLS handshake begins in the SYN, a plain request never does. In a
# network of its own, whose kernel takes data in SYNs and counts them.
if [ "${1:-}" != inside ]; then
  unshare -rn true 2>/dev/null && exec unshare -rn "$0" inside
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ "${1:-}" = inside ] || skip_all "no network of our own can be made here (unshare -rn)"
need ip nginx openssl python3

ip link set lo up
echo 3 >/proc/sys/net/ipv4/tcp_fastopen || give_up "the kernel has no TCP Fast Open"

mkdir "$work/origin"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -keyout "$work/origin/key.pem" -out "$work/origin/cert.pem" \
  2>/dev/null || give_up "openssl made no certificate"
nginx_config 'master_process off;' >"$work/origin/nginx.conf" <<END
access_log off;
keepalive_timeout 0;
server { listen 127.0.0.1:8443 ssl fastopen=16; ssl_certificate cert.pem; ssl_certificate_key key.pem; return 200 sealed; }
server { listen 127.0.0.1:8080 fastopen=16; return 200 plain; }
END
nginx_start "$work/origin"

# counted NAME: how often the kernel of this network did so.
counted() {
  awk -v name="$1" '$1 == "TcpExt:" { if (!n) { n = split($0, names) } else { split($0, values) } }
    END { for (i = 2; i <= n; i++) if (names[i] == name) print values[i] }' /proc/net/netstat
}

# get URL…: fetches each through carpool, one connection of ours for each; prints the bodies.
get() {
  python3 - "$proxy_port" "$@" <<'PYTHON'
import socket, sys
for url in sys.argv[2:]:
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20)
    client.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    print(b"".join(iter(lambda: client.recv(65536), b"")).decode().splitlines()[-1])
PYTHON
}

sealed=https://localhost:8443/
plain=http://localhost:8080/

wait_until 10 answers_on 127.0.0.1 8443 || give_up "the origin does not answer"

carpool_start --set tcp.fast_open=on --set tls.ca_file="$work/origin/cert.pem"
claim "four handshakes, one after the other" equal "$(get $sealed $sealed $sealed $sealed | sort | uniq -c | xargs)" "4 sealed"
claim "the first fetched the cookie, three began in the SYN" equal "$(counted TCPFastOpenActive)" 3
claim "plain requests are served" equal "$(get $plain $plain $plain | sort | uniq -c | xargs)" "3 plain"
claim "and none of them was in a SYN" equal "$(counted TCPFastOpenActive)" 3
kill "$nginx_pid"
wait "$nginx_pid"
claim "a refusal that comes late is told as one" equal "$(get $sealed)" "carpool (connect_failed)"
done_testing
