//! Changes to an input by a seed: the same everywhere, without instrumentation, in a few microseconds.

/// Texts and numbers that parsers stumble over.
const PIECES: &[&[u8]] = &[
    b"<",
    b">",
    b"&",
    b"\"",
    b"'",
    b"]]>",
    b"<!--",
    b"<!DOCTYPE x [",
    b"<![CDATA[",
    b"&#0;",
    b"&x;",
    b"\0",
    b"\r\n",
    b"\xff",
    b"\xef\xbf\xbe",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"99999999999999999999",
    b"-1",
    b"4294967296",
    b"1e999",
    b"NaN",
    b"../../",
    b"%00",
    b"{",
    b"[",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x80",
    b"\x7f\xff\xff\xff",
    b"PK\x03\x04",
];
/// Longest input that is made, bytes.
const BYTES_MAX: usize = 256 << 10;

/// A splitmix generator.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    /// A place in `bytes`, the end included, more often near its beginning, where headers are.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let near = if self.below(3) == 0 { bytes.len().min(64) } else { bytes.len() };
        self.below(near + 1)
    }

    /// One to four changes.
    pub fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            self.one(bytes, other);
        }
        bytes.truncate(BYTES_MAX);
    }

    fn one(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.place(bytes);
        match self.below(8) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (self.next() % 8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.next() as u8;
                }
            }
            3 => bytes.truncate(at),
            4 => {
                let piece = PIECES[self.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            5 => {
                let piece = PIECES[self.below(PIECES.len())];
                let end = bytes.len().min(at + piece.len());
                bytes.splice(at..end, piece.iter().copied());
            }
            6 => {
                let end = at + self.below(bytes.len() - at + 1);
                let doubled = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, doubled);
            }
            _ => {
                let from = self.below(other.len() + 1);
                let piece = other.get(from..).unwrap_or_default();
                bytes.splice(at.., piece.iter().copied());
            }
        }
    }
}
