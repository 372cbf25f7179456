//! SM3 over several messages side by side: each lane of the processor's vectors takes one, and the next
//! one when it is through. Which vectors there are (SSE2, AVX2, AVX-512, NEON) is seen at run time. A message
//! is one byte and its data, as RFC 6962 hashes leaves and nodes.

use fearless_simd::{Level, dispatch, prelude::*};

/// Lanes of the widest vectors.
const LANES_MAX: usize = 16;
/// Bytes of a block.
const BLOCK: usize = 64;
/// From so many messages on the lanes are faster than one after the other.
pub(crate) const WORTH: usize = 3;

const START: [u32; 8] = [
    0x7380_166f,
    0x4914_b2b9,
    0x1724_42d7,
    0xda8a_0600,
    0xa96f_30bc,
    0x1631_38aa,
    0xe38d_ee4d,
    0xb0fb_0e4e,
];

/// The round constants, turned as each round wants them.
const TURNED: [u32; 64] = turned();

const fn turned() -> [u32; 64] {
    let mut out = [0; 64];
    let mut j = 0;
    while j < 64 {
        let t: u32 = if j < 16 { 0x79cc_4519 } else { 0x7a87_9d8a };
        out[j] = t.rotate_left(j as u32 % 32);
        j += 1;
    }
    out
}

/// One value of each lane: a row of the state or of the blocks.
type Row = [u32; LANES_MAX];

/// The digest of `prefix` and each of `data`, in its order.
pub(crate) fn each(prefix: u8, data: &[&[u8]]) -> Vec<[u8; 32]> {
    let mut out = vec![[0; 32]; data.len()];
    dispatch!(Level::new(), simd => run(simd, prefix, data, &mut out));
    out
}

/// A message on its way through a lane.
#[derive(Clone, Copy)]
struct Message<'a> {
    /// Its place among all.
    index: usize,
    data: &'a [u8],
    /// Blocks taken so far, and in all.
    taken: usize,
    blocks: usize,
}

impl<'a> Message<'a> {
    fn new(index: usize, data: &'a [u8]) -> Self {
        // The prefix before it, one byte of padding and the eight of the length behind it.
        Self { index, data, taken: 0, blocks: (data.len() + 10).div_ceil(BLOCK) }
    }

    /// Lays its next block into a column.
    #[inline(always)]
    fn lay(&mut self, prefix: u8, words: &mut [Row; 16], lane: usize) {
        // Data stands one byte behind its place in the message.
        let from = self.taken * BLOCK;
        let whole = (from > 0).then(|| self.data.get(from - 1..from - 1 + BLOCK)).flatten();
        let mut made = [0; BLOCK];
        let block: &[u8; BLOCK] = match whole.and_then(|whole| whole.try_into().ok()) {
            Some(whole) => whole,
            None => {
                self.edge(prefix, &mut made);
                &made
            }
        };
        for (row, word) in words.iter_mut().zip(block.as_chunks::<4>().0) {
            row[lane] = u32::from_be_bytes(*word);
        }
        self.taken += 1;
    }

    /// The first block, and those with padding.
    #[cold]
    #[inline(never)]
    fn edge(&self, prefix: u8, block: &mut [u8; BLOCK]) {
        let from = self.taken * BLOCK;
        let mut at = 0;
        if from == 0 {
            block[0] = prefix;
            at = 1;
        }
        let rest = self.data.get((from + at - 1).min(self.data.len())..).unwrap_or_default();
        let len = rest.len().min(BLOCK - at);
        block[at..at + len].copy_from_slice(&rest[..len]);
        let end = self.data.len() + 1;
        if (from..from + BLOCK).contains(&end) {
            block[end - from] = 0x80;
        }
        if self.taken + 1 == self.blocks {
            block[BLOCK - 8..].copy_from_slice(&(8 * end as u64).to_be_bytes());
        }
    }
}

#[inline(always)]
fn run<S: Simd>(simd: S, prefix: u8, data: &[&[u8]], out: &mut [[u8; 32]]) {
    let lanes = S::u32s::LEN.min(LANES_MAX);
    let mut waiting = data.iter().enumerate().map(|(index, data)| Message::new(index, data));
    let mut open: [Option<Message<'_>>; LANES_MAX] = [None; LANES_MAX];
    let mut state = [[0; LANES_MAX]; 8];
    let mut words = [[0; LANES_MAX]; 16];
    loop {
        let mut any = false;
        for (lane, slot) in open.iter_mut().enumerate().take(lanes) {
            if slot.is_none() {
                *slot = waiting.next();
                state.iter_mut().zip(START).for_each(|(row, start)| row[lane] = start);
            }
            if let Some(message) = slot {
                message.lay(prefix, &mut words, lane);
                any = true;
            }
        }
        if !any {
            return;
        }
        compress(simd, &mut state, &words);
        for (lane, slot) in open.iter_mut().enumerate().take(lanes) {
            if let Some(message) = slot.filter(|m| m.taken == m.blocks) {
                let words = out[message.index].as_chunks_mut::<4>().0;
                words.iter_mut().zip(&state).for_each(|(w, row)| *w = row[lane].to_be_bytes());
                *slot = None;
            }
        }
    }
}

#[inline(always)]
fn turn<S: Simd>(x: S::u32s, by: u32) -> S::u32s {
    (x << by) | (x >> (32 - by))
}

macro_rules! round {
    ($s:ident, $simd:ident, $w:ident, $j:expr, $ff:expr, $gg:expr,
     $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        let a12 = turn::<$s>($a, 12);
        let ss1 = turn::<$s>(a12 + $e + $s::u32s::splat($simd, TURNED[$j]), 7);
        let tt1 = $ff($a, $b, $c) + $d + (ss1 ^ a12) + ($w[$j] ^ $w[$j + 4]);
        let tt2 = $gg($e, $f, $g) + $h + ss1 + $w[$j];
        $b = turn::<$s>($b, 9);
        $f = turn::<$s>($f, 19);
        $d = tt1;
        $h = tt2 ^ turn::<$s>(tt2, 9) ^ turn::<$s>(tt2, 17);
    };
}

macro_rules! rounds {
    ($s:ident, $simd:ident, $w:ident, $range:expr, $ff:expr, $gg:expr,
     $a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident) => {
        for j in $range.step_by(4) {
            round!($s, $simd, $w, j, $ff, $gg, $a $b $c $d $e $f $g $h);
            round!($s, $simd, $w, j + 1, $ff, $gg, $d $a $b $c $h $e $f $g);
            round!($s, $simd, $w, j + 2, $ff, $gg, $c $d $a $b $g $h $e $f);
            round!($s, $simd, $w, j + 3, $ff, $gg, $b $c $d $a $f $g $h $e);
        }
    };
}

/// One block in each lane (GB/T 32905-2016, 5.3).
#[inline(always)]
fn compress<S: Simd>(simd: S, state: &mut [Row; 8], words: &[Row; 16]) {
    let lanes = S::u32s::LEN;
    let zero = S::u32s::splat(simd, 0);
    let mut w = [zero; 68];
    for (w, row) in w.iter_mut().zip(words) {
        *w = S::u32s::from_slice(simd, &row[..lanes]);
    }
    for j in 16..68 {
        let x = w[j - 16] ^ w[j - 9] ^ turn::<S>(w[j - 3], 15);
        let spread = x ^ turn::<S>(x, 15) ^ turn::<S>(x, 23);
        w[j] = spread ^ turn::<S>(w[j - 13], 7) ^ w[j - 6];
    }
    let load = |row: Row| S::u32s::from_slice(simd, &row[..lanes]);
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state.map(load);
    let parity = |x: S::u32s, y: S::u32s, z: S::u32s| x ^ y ^ z;
    let most = |x: S::u32s, y: S::u32s, z: S::u32s| (x & y) | ((x | y) & z);
    let choose = |x: S::u32s, y: S::u32s, z: S::u32s| ((y ^ z) & x) ^ z;
    rounds!(S, simd, w, (0..16), parity, parity, a b c d e f g h);
    rounds!(S, simd, w, (16..64), most, choose, a b c d e f g h);
    for (row, now) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        (load(*row) ^ now).store_slice(&mut row[..lanes]);
    }
}

#[cfg(test)]
mod tests {
    use sm3::{Digest as _, Sm3};

    use super::*;

    /// One message by the library, alone.
    fn alone(prefix: u8, data: &[u8]) -> [u8; 32] {
        Sm3::new().chain_update([prefix]).chain_update(data).finalize().into()
    }

    fn text(len: usize) -> Vec<u8> {
        (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    fn hold(prefix: u8, data: &[&[u8]]) {
        let want: Vec<_> = data.iter().map(|data| alone(prefix, data)).collect();
        // The vectors of this machine, and those that every one of its kind has.
        assert_eq!(each(prefix, data), want, "{} messages", data.len());
        let mut out = vec![[0; 32]; data.len()];
        dispatch!(Level::baseline(), simd => run(simd, prefix, data, &mut out));
        assert_eq!(out, want, "{} messages, the least vectors", data.len());
    }

    #[test]
    fn every_length_side_by_side_is_as_alone() {
        let text = text(700);
        let at = |from: usize, len: usize| &text[from..from + len];
        let rising: Vec<_> = (0..=300).map(|len| at(len, len)).collect();
        let falling: Vec<_> = (0..=300).rev().map(|len| at(300 - len, len)).collect();
        for prefix in [0, 1, 0xff] {
            hold(prefix, &rising);
            hold(prefix, &falling);
        }
        // Long beside short, so that lanes end at many times.
        let mixed: Vec<_> = (0..200).map(|n| at(n, n * 7_919 % 301)).collect();
        hold(0, &mixed);
    }

    #[test]
    fn any_number_of_messages_is_as_alone() {
        let text = text(400);
        for count in 0..=40 {
            let same: Vec<_> = (0..count).map(|n| &text[n..n + 190]).collect();
            hold(0, &same);
            let other: Vec<_> = (0..count).map(|n| &text[n..n + n * 53 % 260]).collect();
            hold(1, &other);
        }
    }
}
