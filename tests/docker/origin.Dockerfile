# The origin of the container's tests: nginx on 80 and 443, known by the name "origin". Each answer
# tells which of nginx's connections it came over.
FROM debian:bookworm-slim
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nginx-light openssl >/dev/null
RUN openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj /CN=origin \
        -addext subjectAltName=DNS:origin -keyout /etc/nginx/origin.key -out /etc/nginx/origin.crt \
    && head -c 1000000 /dev/urandom >/var/www/html/slow
COPY origin.conf /etc/nginx/nginx.conf
CMD ["nginx", "-g", "daemon off;"]
