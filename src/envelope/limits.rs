//! Limits of what two nodes exchange, each with a name; all are checked before anything is
//! allocated for the thing they bound.

/// Largest package after decompression, bytes.
pub const PACKAGE_BYTES_MAX: usize = 64 << 20;
/// Largest head, bytes.
pub const HEAD_BYTES_MAX: usize = 1 << 20;
/// Largest signature element, bytes.
pub const SIGNATURE_BYTES_MAX: usize = 64 << 10;
/// Most fragments (records, outcomes, control bodies) in one package.
pub const FRAGMENTS_MAX: usize = 20_000;
/// Largest single text in a head or control body, bytes as written.
pub const TEXT_BYTES_MAX: usize = 16 << 10;
/// Largest list text (`Lengths`, `KeepOrphans`) in a head, bytes.
pub const LIST_BYTES_MAX: usize = 256 << 10;
/// Most entries of a repeated element (`Skipped`, `Adapter`, `Recipient`, `Note`, …).
pub const REPEATED_MAX: usize = 1_000;
/// Longest signature value, characters of base64: RSA of 8192 bits.
pub const SIGNATURE_VALUE_MAX: usize = 1_368;
/// Longest user id that SM2 signs with, bytes.
pub const SM2_USER_ID_BYTES_MAX: usize = 64;
/// Most certificates in a signature: the signer's and its intermediates.
pub const CERTIFICATES_MAX: usize = 4;
/// Largest certificate, bytes of DER.
pub const CERTIFICATE_BYTES_MAX: usize = 8 << 10;
/// Verified certificates a [`crate::Trust`] remembers.
pub const TRUST_CACHE_MAX: usize = 8_192;
/// Largest file of revocation lists, bytes.
pub const CRL_BYTES_MAX: usize = 4 << 20;
/// Most certificates one revocation list may name.
pub const CRL_ENTRIES_MAX: usize = 50_000;
