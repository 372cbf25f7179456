//! A private key under a passphrase: encrypted PKCS#8 (RFC 5958 and 8018), which stock tools open
//! too (`openssl pkey -in FILE`).

use pkcs8::der::pem::LineEnding;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef, SecretDocument};
use ring::rand::SecureRandom;

use crate::KeyPem;

/// What a PEM of a plain key says it is.
const PLAIN: &str = "PRIVATE KEY";
/// What a PEM of an encrypted key says it is.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// Rounds of PBKDF2 with HMAC-SHA-256 (OWASP 2023).
const ROUNDS: u32 = 600_000;

/// Whether a key is under a passphrase.
pub fn is_sealed(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains(&format!("-----BEGIN {ENCRYPTED}-----"))
}

/// The key under a passphrase; why not, in words without the passphrase.
pub fn seal(key: &KeyPem, passphrase: &str, random: &dyn SecureRandom) -> Result<String, String> {
    let (label, key) = SecretDocument::from_pem(&key.0).map_err(|e| e.to_string())?;
    if label != PLAIN {
        return Err(format!("it holds a `{label}`, not a `{PLAIN}` (PKCS#8)"));
    }
    if passphrase.is_empty() {
        return Err("the passphrase is empty".to_owned());
    }
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    let drawn = random.fill(&mut salt).and_then(|()| random.fill(&mut iv));
    drawn.map_err(|_| "the system gives no randomness".to_owned())?;
    let how = Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv);
    let how = how.map_err(|e| e.to_string())?;
    let key = PrivateKeyInfoRef::try_from(key.as_bytes()).map_err(|e| e.to_string())?;
    let sealed = key.encrypt_with_params(how, passphrase).map_err(|e| e.to_string())?;
    let text = sealed.to_pem(ENCRYPTED, LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(text.to_string())
}

/// The key out of its passphrase.
pub fn unseal(pem: &str, passphrase: &str) -> Result<KeyPem, String> {
    let (_, sealed) = SecretDocument::from_pem(pem).map_err(|e| e.to_string())?;
    let sealed = EncryptedPrivateKeyInfoRef::try_from(sealed.as_bytes());
    let sealed = sealed.map_err(|e| e.to_string())?;
    let key = sealed.decrypt(passphrase);
    let key = key.map_err(|_| "it does not open with this passphrase".to_owned())?;
    let text = key.to_pem(PLAIN, LineEnding::LF).map_err(|e| e.to_string())?;
    Ok(KeyPem(text.to_string()))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::Suite;

    #[test]
    fn a_key_comes_back_with_its_passphrase_and_with_no_other() {
        let random = SystemRandom::new();
        let plain = KeyPem::generate(Suite::Sm2Sm3, &random).unwrap();
        let sealed = seal(&plain, "correct horse", &random).unwrap();
        assert!(is_sealed(sealed.as_bytes()) && !is_sealed(plain.0.as_bytes()));
        assert_eq!(unseal(&sealed, "correct horse").unwrap().0.trim(), plain.0.trim());
        assert!(unseal(&sealed, "wrong horse").unwrap_err().contains("passphrase"));
        assert!(seal(&plain, "", &random).unwrap_err().contains("empty"));
        let other = KeyPem(plain.0.replace("PRIVATE KEY", "EC PRIVATE KEY"));
        assert!(seal(&other, "x", &random).unwrap_err().contains("PKCS#8"));
        assert!(KeyPem(sealed).suite().unwrap_err().to_string().contains("passphrase"));
    }
}
