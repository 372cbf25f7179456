//! A signing key in a backup, under a passphrase: encrypted PKCS#8 (RFC 5958 and 8018), which stock tools open
//! too (`openssl pkey -in FILE`).

use exchange::config::Secret;
use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use ring::rand::{SecureRandom, SystemRandom};

/// What a PEM of a plain key says it is.
const PLAIN: &str = "PRIVATE KEY";
/// What a PEM of an encrypted key says it is.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of PBKDF2 with HMAC-SHA-256 (OWASP 2023).
const ROUNDS: u32 = 600_000;

/// What a passphrase is after the line's end that editors leave behind it.
fn passphrase(secret: &Secret) -> &str {
    secret.expose().trim_end_matches(['\r', '\n'])
}

/// Whether a key is under a passphrase.
pub(crate) fn is_sealed(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains(&format!("-----BEGIN {ENCRYPTED}-----"))
}

/// The key under a passphrase.
pub(crate) fn seal(pem: &str, secret: &Secret) -> Result<String, String> {
    let (label, key) = SecretDocument::from_pem(pem).map_err(|e| e.to_string())?;
    if label != PLAIN {
        return Err(format!("it holds a `{label}`, not a `{PLAIN}` (PKCS#8)"));
    }
    if passphrase(secret).is_empty() {
        return Err("the passphrase is empty".to_owned());
    }
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    let random = SystemRandom::new();
    let drawn = random.fill(&mut salt).and_then(|()| random.fill(&mut iv));
    drawn.map_err(|_| "the system gives no randomness".to_owned())?;
    let how = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv);
    let how = how.map_err(|e| e.to_string())?;
    let key = PrivateKeyInfoRef::try_from(key.as_bytes()).map_err(|e| e.to_string())?;
    let sealed = key.encrypt_with_params(how, passphrase(secret)).map_err(|e| e.to_string())?;
    let text = sealed.to_pem(ENCRYPTED, LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(text.to_string())
}

/// The key out of its passphrase.
pub(crate) fn open(pem: &str, secret: &Secret) -> Result<String, String> {
    let (_, sealed) = SecretDocument::from_pem(pem).map_err(|e| e.to_string())?;
    let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes());
    let sealed = sealed.map_err(|e| e.to_string())?;
    let key = sealed.decrypt(passphrase(secret));
    let key = key.map_err(|_| "it does not open with this passphrase".to_owned())?;
    let text = key.to_pem(PLAIN, LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_with_no_other() {
        let plain = envelope::KeyPem::generate(&SystemRandom::new()).unwrap().0;
        let secret = |text: &str| Secret::new(text.to_owned());
        let sealed = seal(&plain, &secret("correct horse\n")).unwrap();
        assert!(is_sealed(sealed.as_bytes()) && !is_sealed(plain.as_bytes()));
        assert_eq!(open(&sealed, &secret("correct horse")).unwrap().trim(), plain.trim());
        assert!(open(&sealed, &secret("wrong horse")).unwrap_err().contains("passphrase"));
        assert!(seal(&plain, &secret("\n")).unwrap_err().contains("empty"));
        let other = plain.replace("PRIVATE KEY", "EC PRIVATE KEY");
        assert!(seal(&other, &secret("x")).unwrap_err().contains("PKCS#8"));
    }
}
