#!/bin/sh
# Writes secrets.env, signing.pem and a local authority's tls.crt and tls.key into the current folder, and overwrites none.
# Addresses and passwords of the stores are the site's: put them in afterwards. Keep signing.pem's only copy in a safe.
set -eu
umask 077

word() { openssl rand -hex 24; }

if [ ! -e secrets.env ]; then
    cat >secrets.env <<END
admin_token=$(word)
cluster_secret=$(word)
database_url=postgresql://hub:CHANGE@postgres.example:5432/hub
migrate_database_url=postgresql://hub_owner:CHANGE@postgres.example:5432/hub
redis_url=rediss://:CHANGE@redis.example:6379/0
archive_access_key=CHANGE
archive_secret_key=CHANGE
END
fi
[ -e signing.pem ] || openssl genpkey -algorithm ed25519 -out signing.pem
if [ ! -e tls.crt ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -subj "/CN=${1:-hub.county.example}" \
        -addext "subjectAltName=DNS:${1:-hub.county.example}" -keyout tls.key -out tls.crt 2>/dev/null
fi
