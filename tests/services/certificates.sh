#!/usr/bin/env bash
# Certificates for the broker's TLS listener, below the folder given: an authority, the server's, a
# client's (its name is the administrator's, for EXTERNAL), one whose name no user has, one that expired.
set -euo pipefail
tls="${1:?the folder}"
mkdir -p "$tls"
tls="$(cd "$tls" && pwd)"
if [ -f "$tls/complete" ]; then exit 0; fi
cd "$tls"
umask 077

key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null
}

key ca
openssl req -x509 -new -key ca.key -sha256 -days 3650 -subj "/CN=Tiergate test authority" \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out ca.pem

: >index.txt
echo 1000 >serial
cat >ca.cnf <<'CNF'
[ca]
default_ca = here
[here]
database = index.txt
serial = serial
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth
authorityKeyIdentifier = keyid
CNF

# issue FILE NAME KIND FROM TO
issue() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
  openssl ca -batch -notext -config ca.cnf -extensions "$3" -startdate "$4" -enddate "$5" \
    -in "$1.csr" -out "$1.pem" 2>/dev/null
  rm "$1.csr"
}
issue server localhost server 20200101000000Z 20400101000000Z
issue server-expired localhost server 20200101000000Z 20210101000000Z
issue client tiergate client 20200101000000Z 20400101000000Z
issue client-unknown nobody-here client 20200101000000Z 20400101000000Z
issue client-expired tiergate client 20200101000000Z 20210101000000Z
rm -f ./*.old ./10*.pem index.txt* serial*
: >complete
