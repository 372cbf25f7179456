//! Digests that name their algorithm, RFC 6962 leaves, and order-independent sums of them.

use std::fmt;
use std::str::FromStr;

use ring::digest as ring_digest;
use sm3::Digest as _;

use crate::lanes;

/// A digest algorithm, as a suite brings it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DigestAlg {
    /// SHA-256 (FIPS 180-4).
    #[default]
    Sha256,
    /// SM3 (GB/T 32905), of the national suite.
    Sm3,
}

impl DigestAlg {
    /// Every algorithm of this build.
    pub const ALL: &[Self] = &[Self::Sha256, Self::Sm3];

    /// The written name, as in `sha256:…`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sm3 => "sm3",
        }
    }

    /// The algorithm of this written name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|alg| alg.name() == name)
    }

    /// Digest of the concatenation of `parts`.
    pub fn of(self, parts: &[&[u8]]) -> Digest {
        let mut bytes = [0; 32];
        match self {
            Self::Sha256 => {
                let mut ctx = ring_digest::Context::new(&ring_digest::SHA256);
                parts.iter().for_each(|part| ctx.update(part));
                bytes.copy_from_slice(ctx.finish().as_ref());
            }
            Self::Sm3 => {
                let mut ctx = sm3::Sm3::new();
                parts.iter().for_each(|part| ctx.update(part));
                bytes.copy_from_slice(&ctx.finalize());
            }
        }
        Digest { alg: self, bytes }
    }

    /// Digests of this byte before each of `data`, in its order. Many at once cost less than one by
    /// one where the processor has no instructions for the algorithm.
    pub fn of_each(self, prefix: u8, data: &[&[u8]]) -> Vec<Digest> {
        match self {
            Self::Sm3 if data.len() >= lanes::WORTH => lanes::each(prefix, data)
                .into_iter()
                .map(|bytes| Digest { alg: self, bytes })
                .collect(),
            Self::Sha256 | Self::Sm3 => {
                data.iter().map(|data| self.of(&[&[prefix], data])).collect()
            }
        }
    }
}

/// 32 bytes and the algorithm that made them. Written `sha256:<64 hex digits>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    /// Which algorithm.
    pub alg: DigestAlg,
    /// The value.
    pub bytes: [u8; 32],
}

/// The *record digest*: RFC 6962 leaf hash (a zero byte, then the data) of a fragment's exact
/// bytes. "Digest" without more means this one.
pub fn leaf_hash(alg: DigestAlg, data: &[u8]) -> Digest {
    alg.of(&[&[0], data])
}

/// [`leaf_hash`] of each of several fragments.
pub fn leaf_hashes(alg: DigestAlg, fragments: &[&[u8]]) -> Vec<Digest> {
    alg.of_each(0, fragments)
}

impl Digest {
    /// A digest from stored bytes; none where there are not 32.
    pub fn from_slice(alg: DigestAlg, bytes: &[u8]) -> Option<Self> {
        Some(Self { alg, bytes: bytes.try_into().ok()? })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.alg.name())?;
        for b in self.bytes {
            write!(f, "{b:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let (name, hex) = text.split_once(':').ok_or(NotADigest)?;
        let alg = DigestAlg::by_name(name).ok_or(NotADigest)?;
        let hex = hex.as_bytes();
        if hex.len() != 64 {
            return Err(NotADigest);
        }
        let mut bytes = [0; 32];
        for (i, pair) in hex.chunks_exact(2).enumerate() {
            bytes[i] = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Ok(Self { alg, bytes })
    }
}

fn nibble(c: u8) -> Result<u8, NotADigest> {
    match c {
        b'0'..=b'9' => Ok(c - b'0'),
        b'a'..=b'f' => Ok(c - b'a' + 10),
        _ => Err(NotADigest),
    }
}

/// The text is not `algorithm:<64 lower-case hex digits>` of a known algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: expected algorithm:<64 lower-case hex digits>, such as sha256:…")]
pub struct NotADigest;

/// Order-independent sum of digests: the first 16 bytes as four big-endian 32-bit limbs, each
/// added modulo 2³². Written as 32 hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct HashSum(pub [u32; 4]);

impl HashSum {
    /// Adds one digest.
    pub fn add(&mut self, digest: &Digest) {
        for (limb, bytes) in self.0.iter_mut().zip(digest.bytes.chunks_exact(4)) {
            *limb = limb.wrapping_add(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
    }

    /// Takes one digest out again.
    pub fn remove(&mut self, digest: &Digest) {
        for (limb, bytes) in self.0.iter_mut().zip(digest.bytes.chunks_exact(4)) {
            *limb = limb.wrapping_sub(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = a.wrapping_add(b);
        }
    }

    /// What is left when another sum is taken out.
    #[must_use]
    pub fn without(mut self, other: &Self) -> Self {
        for (a, b) in self.0.iter_mut().zip(other.0) {
            *a = a.wrapping_sub(b);
        }
        self
    }

    /// 16 bytes, big-endian limbs.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut out = [0; 16];
        for (chunk, limb) in out.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&limb.to_be_bytes());
        }
        out
    }

    /// From 16 bytes; none for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 16] = bytes.try_into().ok()?;
        let mut sum = Self::default();
        for (limb, b) in sum.0.iter_mut().zip(bytes.chunks_exact(4)) {
            *limb = u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
        }
        Some(sum)
    }
}

impl fmt::Display for HashSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for limb in self.0 {
            write!(f, "{limb:08x}")?;
        }
        Ok(())
    }
}

impl FromStr for HashSum {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        if text.len() != 32 {
            return Err(NotADigest);
        }
        let mut bytes = [0; 16];
        for (i, pair) in text.as_bytes().chunks_exact(2).enumerate() {
            bytes[i] = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Self::from_slice(&bytes).ok_or(NotADigest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_domain_separated() {
        // RFC 6962 §2.1: the hash of an empty leaf list entry is SHA-256(0x00).
        let empty = leaf_hash(DigestAlg::Sha256, b"");
        assert_eq!(
            empty.to_string(),
            "sha256:6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(empty.to_string().parse(), Ok(empty));
    }

    #[test]
    fn sm3_is_that_of_the_standard() {
        // GB/T 32905-2016, appendix A: "abc", and "abcd" sixteen times.
        let known = [
            (&b"abc"[..], "sm3:66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            (
                &b"abcd".repeat(16),
                "sm3:debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
            ),
        ];
        for (text, digest) in known {
            assert_eq!(DigestAlg::Sm3.of(&[text]).to_string(), digest);
            let (one, two) = text.split_at(1);
            assert_eq!(
                DigestAlg::Sm3.of(&[one, b"", two]).to_string().parse(),
                Ok(DigestAlg::Sm3.of(&[text]))
            );
        }
        assert_ne!(DigestAlg::Sm3.of(&[b"x"]), DigestAlg::Sha256.of(&[b"x"]));
    }

    #[test]
    fn many_at_once_are_as_one_by_one() {
        let fragments: [&[u8]; 5] = [b"", b"a", &[7; 63], &[8; 64], &[9; 1_300]];
        for alg in DigestAlg::ALL {
            for n in 0..=fragments.len() {
                let one_by_one: Vec<_> =
                    fragments[..n].iter().map(|f| leaf_hash(*alg, f)).collect();
                assert_eq!(leaf_hashes(*alg, &fragments[..n]), one_by_one);
            }
        }
    }

    #[test]
    fn a_sum_forgets_order_and_takes_back() {
        let a = leaf_hash(DigestAlg::Sha256, b"a");
        let b = leaf_hash(DigestAlg::Sha256, b"b");
        let (mut ab, mut ba) = (HashSum::default(), HashSum::default());
        ab.add(&a);
        ab.add(&b);
        ba.add(&b);
        ba.add(&a);
        assert_eq!(ab, ba);
        assert_eq!(ab.to_string().parse(), Ok(ab));
        ab.remove(&a);
        ab.remove(&b);
        assert_eq!(ab, HashSum::default());
    }
}
