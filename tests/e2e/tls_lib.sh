# shellcheck shell=bash disable=SC2034 # what is set here is for those who read this file
# TLS origins for the e2e tests: an authority of the test's own, certificates good and bad, nginx
# that shows them, and curl asking carpool for https:// URLs without a CONNECT.
#
#   . "$(dirname "$0")/lib.sh"; . "$(dirname "$0")/tls_lib.sh"
#   authority_make; certificate good IP:127.0.0.1
#   tls_origin_start good; carpool_start --set "tls.ca_file=$tls_ca"
#   ask "https://127.0.0.1:$tls_port/where"

# --- certificates ------------------------------------------------------------------------------

# Sets tls_dir and tls_ca. `openssl ca` lets a certificate begin and end whenever it should.
authority_make() {
  need openssl
  tls_dir=$work/tls
  tls_ca=$tls_dir/ca.pem
  mkdir -p "$tls_dir"
  : >"$tls_dir/index"
  cat >"$tls_dir/ca.conf" <<END
[ca]
default_ca = here
[here]
database = $tls_dir/index
new_certs_dir = $tls_dir
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
END
  authority_new ca
}

# authority_new NAME
authority_new() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj "/CN=$1 of the test" -addext keyUsage=critical,keyCertSign \
    -keyout "$tls_dir/$1.key" -out "$tls_dir/$1.pem" 2>/dev/null || give_up "no authority $1"
}

# certificate NAME NAMES [FROM [TO [AUTHORITY [EXTENSION]]]]: NAME.pem and NAME.key in $tls_dir;
# NAMES as in DNS:a.test,IP:127.0.0.1; times as YYYYMMDDHHMMSSZ, or empty; AUTHORITY is any NAME.
certificate() {
  local name=$1 names=$2 from=${3:-20200101000000Z} to=${4:-20900101000000Z} by=${5:-ca}
  {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
      -addext "subjectAltName=$names" ${6:+-addext "$6"} -keyout "$tls_dir/$name.key" -out "$tls_dir/$name.csr" &&
      openssl ca -batch -notext -config "$tls_dir/ca.conf" -startdate "$from" -enddate "$to" \
        -cert "$tls_dir/$by.pem" -keyfile "$tls_dir/$by.key" \
        -in "$tls_dir/$name.csr" -out "$tls_dir/$name.pem"
  } >"$tls_dir/$name.log" 2>&1 || give_up "no certificate $name: $(tail -n 3 "$tls_dir/$name.log")"
}

# --- nginx ---------------------------------------------------------------------------------------

# tls_origin_start CERTIFICATE…: the first one on $tls_port of all addresses, the next on the port
# behind it, and so on. Started again, it keeps ports, files and log. Tickets are made with
# $tls_dir/ticket.key, where there is one. Sets tls_pid, tls_port, tls_root, tls_log.
tls_origin_start() {
  tls_root=$tls_dir/files
  tls_log=$tls_dir/requests.log
  mkdir -p "$tls_root"
  tls_port=${tls_port:-$(free_ports $#)}
  tls_origin_servers "$@" | nginx_config >"$tls_dir/nginx.conf"
  nginx_start "$tls_dir"
  tls_pid=$nginx_pid
  wait_until 10 answers_on 127.0.0.1 "$tls_port" || give_up "nginx with TLS does not start"
}

tls_origin_stop() {
  kill -TERM "$tls_pid"
  wait "$tls_pid"
}

tls_origin_servers() {
  local name port=$tls_port
  cat <<END
log_format far '\$server_addr \$connection \$ssl_protocol \$ssl_session_reused \$status';
access_log requests.log far;
client_max_body_size 0;
keepalive_timeout 300;
ssl_protocols ${tls_versions:-TLSv1.2 TLSv1.3};
ssl_session_cache off;
END
  [ ! -e "$tls_dir/ticket.key" ] || echo "ssl_session_ticket_key ticket.key;"
  for name; do
    cat <<END
server {
    listen 0.0.0.0:$port ssl;
    ssl_certificate $name.pem;
    ssl_certificate_key $name.key;
    root files;
    location /at/ { return 200 "\$server_addr\$request_uri"; }
    location /put/ { dav_methods PUT; }
}
END
    port=$((port + 1))
  done
}

# tls_connections REQUESTS: how many connections carried the last so many, by the origin's own log.
tls_connections() {
  tail -n "$1" "$tls_log" | cut -d' ' -f2 | sort -u | wc -l
}

# --- the client ------------------------------------------------------------------------------------

# ask URL [CURL'S ARGUMENT…]: the https:// URL in the request line, as programs do that let the
# proxy speak TLS for them; a connection of its own.
ask() {
  local url=$1 authority
  shift
  authority=${url#https://}
  curl -sS --noproxy '*' --max-time 60 --request-target "$url" -H "Host: ${authority%%/*}" "$@" \
    "$proxy/"
}
