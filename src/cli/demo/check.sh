#!/bin/sh
# Verifies the signature of an envelope or receipt with sed and OpenSSL 3 alone, where xmlsec1 does not
# know the suite (SM2 with SM3, Ed25519). Usage: sh check.sh envelope.xml
# 仅用 sed 和 OpenSSL 3 验证报文或回执的签名（xmlsec1 不支持国密与 Ed25519 时使用）。
set -eu
file=$1
ca=$(dirname "$0")/ca.pem
t=$(mktemp -d)
trap 'rm -rf "$t"' EXIT
whole() { sed -z "s/.*\\($1\\).*/\\1/" "$file"; }
value() { sed -z "s/.*$1\\([^<]*\\)<.*/\\1/" "$file" | base64 -d; }
whole '<Head xmlns=.*<\/Head>' >"$t/head"
whole '<SignedInfo .*<\/SignedInfo>' >"$t/info"
value '<DigestValue>' >"$t/digest"
value '<SignatureValue>' >"$t/value"
value '<X509Data><X509Certificate>' >"$t/signer.der"
openssl x509 -inform DER -in "$t/signer.der" -out "$t/signer.pem"
openssl x509 -in "$t/signer.pem" -noout -pubkey >"$t/signer.pub"
case $(cat "$t/info") in
*1.2.156.10197.1.501*)
    id=distid:1234567812345678
    hash=sm3 how="-digest sm3 -pkeyopt $id" chain="-vfyopt $id"
    ;;
*eddsa-ed25519*) hash=sha256 how='' chain='' ;;
*)
    echo "$file: for this suite use xmlsec1" >&2
    exit 2
    ;;
esac
openssl dgst -"$hash" -binary "$t/head" | cmp - "$t/digest"
# shellcheck disable=SC2086
openssl verify $chain -CAfile "$ca" "$t/signer.pem"
# shellcheck disable=SC2086
openssl pkeyutl -verify -rawin $how -pubin -inkey "$t/signer.pub" -in "$t/info" -sigfile "$t/value"
