//! Keys of identities: where they may lie, and what belongs together.

use super::tests::{alone, county_over_amqp};
use super::*;

#[test]
fn a_pair_of_certificates_stands_with_its_signing_key() {
    let pair = "certificate = \"county.pem\"\nencryption = { certificate = \"enc.pem\", key = \"file:enc.key\", passphrase = \"env:MQ\" }";
    let text = county_over_amqp("broker = \"city\"");
    assert!(text.contains("certificate = \"county.pem\""), "{text}");
    let nodes = alone(&text.replacen("certificate = \"county.pem\"", pair, 1)).unwrap();
    let key = &nodes[0].identities[0].keys[0];
    let found = key.encryption.as_ref().unwrap();
    assert_eq!(found.certificate, std::path::Path::new("a/enc.pem"));
    assert_eq!(found.passphrase, Some(SecretRef::Env("MQ".into())));
    let names: Vec<String> = nodes[0].identities[0].named_keys().map(|k| k.name).collect();
    assert_eq!(names, ["county", "county.encryption"]);

    let literal = pair.replace("file:enc.key", "-----BEGIN PRIVATE KEY-----");
    let found = alone(&text.replacen("certificate = \"county.pem\"", &literal, 1)).unwrap_err();
    assert_eq!((found.len(), found[0].code), (1, "config.secret_literal"), "{found:?}");
    let halved = pair.replace("key = \"file:enc.key\", ", "");
    let found = alone(&text.replacen("certificate = \"county.pem\"", &halved, 1)).unwrap_err();
    assert_eq!((found.len(), found[0].code), (1, "config.missing_key"), "{found:?}");
}
