//! The ciphers of confidential bodies: authenticated, one key for one body.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, AesGcm};
use sm4::Sm4;

/// SM4 in GCM (RFC 8998; GB/T 32907 with GB/T 36624).
type Sm4Gcm = AesGcm<Sm4, U12>;

/// A nonce is drawn for no body: its key is drawn for that body alone and used once.
const NONCE: [u8; 12] = [0; 12];

/// A cipher for bodies. The list is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cipher {
    /// AES with 256 bits in GCM.
    Aes256Gcm,
    /// SM4 in GCM.
    Sm4Gcm,
}

impl Cipher {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Aes256Gcm, Self::Sm4Gcm];

    /// As heads name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
            Self::Sm4Gcm => "sm4-gcm",
        }
    }

    /// The one of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|c| c.name() == name)
    }

    /// Length of its keys, bytes.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes256Gcm => 32,
            Self::Sm4Gcm => 16,
        }
    }

    /// The text under a key that is used for nothing else, bound to `about`; none for a key of
    /// another length.
    pub fn seal(self, key: &[u8], about: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: text, aad: about };
        match self {
            Self::Aes256Gcm => Aes256Gcm::new_from_slice(key).ok()?.encrypt(&NONCE.into(), payload),
            Self::Sm4Gcm => Sm4Gcm::new_from_slice(key).ok()?.encrypt(&NONCE.into(), payload),
        }
        .ok()
    }

    /// The text again; none where one bit of it, of the key or of `about` is another.
    pub fn open(self, key: &[u8], about: &[u8], closed: &[u8]) -> Option<Vec<u8>> {
        let payload = Payload { msg: closed, aad: about };
        match self {
            Self::Aes256Gcm => Aes256Gcm::new_from_slice(key).ok()?.decrypt(&NONCE.into(), payload),
            Self::Sm4Gcm => Sm4Gcm::new_from_slice(key).ok()?.decrypt(&NONCE.into(), payload),
        }
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        text.as_bytes().chunks(2).map(pair).collect()
    }

    /// RFC 8998, A.1.
    #[test]
    fn sm4_gcm_is_that_of_rfc_8998() {
        let cipher = Sm4Gcm::new_from_slice(&hex("0123456789ABCDEFFEDCBA9876543210")).unwrap();
        let nonce: [u8; 12] = hex("00001234567800000000ABCD").try_into().unwrap();
        let text = hex(
            "AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDEEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA",
        );
        let aad = hex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2");
        let closed = cipher.encrypt(&nonce.into(), Payload { msg: &text, aad: &aad }).unwrap();
        let want = hex(
            "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D83DE3541E4C2B58177E065A9BF7B62EC",
        );
        assert_eq!(closed, want);
    }

    /// NIST's GCM test case 16 (AES-256).
    #[test]
    fn aes_gcm_is_that_of_nist() {
        let cipher = Aes256Gcm::new_from_slice(&hex(
            "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        ))
        .unwrap();
        let nonce: [u8; 12] = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let text = hex(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let closed = cipher.encrypt(&nonce.into(), Payload { msg: &text, aad: &aad }).unwrap();
        let want = hex(
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
        );
        assert_eq!(closed, want);
    }

    #[test]
    fn every_bit_is_guarded() {
        for cipher in Cipher::ALL {
            let key = vec![7; cipher.key_len()];
            let closed = cipher.seal(&key, b"about", b"text").unwrap();
            assert_eq!(cipher.open(&key, b"about", &closed).as_deref(), Some(&b"text"[..]));
            assert_eq!(cipher.open(&key, b"other", &closed), None);
            for bit in 0..closed.len() * 8 {
                let mut other = closed.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(cipher.open(&key, b"about", &other), None);
            }
            assert_eq!(cipher.open(&key, b"about", &[]), None);
            assert_eq!(cipher.seal(&key[1..], b"", b""), None);
            assert_eq!(Cipher::by_name(cipher.name()), Some(*cipher));
        }
    }
}
