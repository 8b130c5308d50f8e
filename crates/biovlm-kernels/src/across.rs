//! The resampler's pass along rows of RGB bytes, two rows at once: each output is a sum of taps with 22-bit weights, rounded to 8 bits, exact. Weights
//! stand in groups of four taps, the last filled up with zeros. One instruction sums two taps of 16 bits or four of 8, so a weight is cut:
//! w = h·2^11 + l for AVX2, w = a·2^16 + b·2^8 + c (−128 ≤ b, c < 128) where bytes have dot products (AVX-512 VNNI); the parts' sums are joined at
//! the end. Sums wrap mod 2^32 and the true sum fits 31 bits, so the joined value is exact. Weights that no part holds go through plain loops.

use crate::resample::{round, Axis, BITS, HALF};

/// Pixels of a group, and its bytes.
const GROUP: usize = 4;
const GROUP_BYTES: usize = 3 * GROUP;
/// A group is read by 16 bytes.
const READ: usize = 16;
const SPLIT: i32 = 11;

/// An axis made ready: what each output reads of a row and with which weights.
pub(crate) struct Across {
    /// the first source pixel that is read, and how many from there on
    pub left: usize,
    reach: usize,
    /// of each output, its first byte from `left` on
    first: Vec<usize>,
    groups: usize,
    weights: Weights,
}

/// [output][group], each packed for its instructions.
enum Weights {
    Plain(Vec<[i32; 4]>),
    /// h of taps 0 and 1, l of both, h of 2 and 3, l of both
    #[cfg(target_arch = "x86_64")]
    Words(Vec<[i32; 4]>),
    /// a, b and c of four taps each
    #[cfg(target_arch = "x86_64")]
    Bytes(Vec<[i32; 3]>),
}

/// Instructions for a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    #[cfg(target_arch = "x86_64")]
    Words,
    #[cfg(target_arch = "x86_64")]
    Bytes,
}

impl Way {
    /// All that this processor has, the fastest last.
    pub fn all() -> Vec<Way> {
        #[allow(unused_mut)]
        let mut ways = vec![Way::Plain];
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            ways.push(Way::Words);
            if is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx512vnni") {
                ways.push(Way::Bytes);
            }
        }
        ways
    }

    /// The fastest that this processor has.
    pub fn here() -> Way {
        static FOUND: std::sync::OnceLock<Way> = std::sync::OnceLock::new();
        *FOUND.get_or_init(|| Way::all().pop().unwrap_or(Way::Plain))
    }

    fn holds(self, weight: i32) -> bool {
        match self {
            Way::Plain => true,
            #[cfg(target_arch = "x86_64")]
            Way::Words => weight.unsigned_abs() < 1 << (15 + SPLIT),
            #[cfg(target_arch = "x86_64")]
            Way::Bytes => weight.unsigned_abs() < 127 << 16,
        }
    }
}

impl Across {
    /// For an axis whose taps lie in the row, see `Axis::fits`.
    pub fn new(axis: &Axis, way: Way) -> Across {
        let (left, reach) = axis.reach();
        let most = axis.count.iter().max().map_or(1, |&count| count as usize);
        let groups = most.div_ceil(GROUP);
        let mut plain = Vec::with_capacity(axis.count.len() * groups);
        for (i, &count) in axis.count.iter().enumerate() {
            let weights = &axis.weights[i * axis.taps..][..count as usize];
            plain.extend((0..groups).map(|g| [0, 1, 2, 3].map(|j| weights.get(g * GROUP + j).copied().unwrap_or(0))));
        }
        let held = plain.as_flattened().iter().all(|&weight| way.holds(weight));
        let weights = match way {
            #[cfg(target_arch = "x86_64")]
            Way::Words if held => Weights::Words(plain.iter().map(words).collect()),
            #[cfg(target_arch = "x86_64")]
            Way::Bytes if held => Weights::Bytes(plain.iter().map(bytes).collect()),
            _ => Weights::Plain(plain),
        };
        let first = axis.first.iter().map(|&first| (first as usize - left) * 3).collect();
        Across { left, reach, first, groups, weights }
    }

    /// Bytes that are read of a row, from `left` on; those behind its pixels count for nothing.
    pub fn read_bytes(&self) -> usize {
        self.reach * 3 + self.groups * GROUP_BYTES + READ
    }

    /// Bytes of its pixels.
    pub fn pixel_bytes(&self) -> usize {
        self.reach * 3
    }

    /// Two rows from `left` on, each of `read_bytes` at least, to `outputs` · 3 bytes each.
    pub fn rows(&self, from: [&[u8]; 2], to: [&mut [u8]; 2]) {
        let row = self.first.len() * 3;
        let from = from.map(|row| &row[..self.read_bytes()]);
        let to = to.map(|to| &mut to[..row]);
        match &self.weights {
            Weights::Plain(weights) => from.into_iter().zip(to).for_each(|(from, to)| self.plain(from, weights, to)),
            // SAFETY: these weights are made for a `Way` whose instructions were found. Every first is at most reach · 3, so a group's 16 bytes lie
            // within `read_bytes`, which both rows have.
            #[cfg(target_arch = "x86_64")]
            Weights::Words(weights) => unsafe { self.words(from, weights, to) },
            #[cfg(target_arch = "x86_64")]
            Weights::Bytes(weights) => unsafe { self.bytes(from, weights, to) },
        }
    }

    fn plain(&self, from: &[u8], weights: &[[i32; 4]], to: &mut [u8]) {
        for ((pixel, &at), weights) in to.chunks_exact_mut(3).zip(&self.first).zip(weights.chunks_exact(self.groups)) {
            let mut sums = [0i32; 3];
            for (tap, w) in from[at..].chunks_exact(3).zip(weights.as_flattened()) {
                for (sum, &v) in sums.iter_mut().zip(tap) {
                    *sum = sum.wrapping_add(w.wrapping_mul(v as i32));
                }
            }
            pixel.copy_from_slice(&sums.map(round));
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn words(weights: &[i32; 4]) -> [i32; 4] {
    let low = (1 << SPLIT) - 1;
    let two = |[a, b]: [i32; 2]| a & 0xffff | b << 16;
    let [w0, w1, w2, w3] = *weights;
    [two([w0 >> SPLIT, w1 >> SPLIT]), two([w0 & low, w1 & low]), two([w2 >> SPLIT, w3 >> SPLIT]), two([w2 & low, w3 & low])]
}

#[cfg(target_arch = "x86_64")]
fn bytes(weights: &[i32; 4]) -> [i32; 3] {
    let mut out = [[0i8; 4]; 3];
    for (j, &w) in weights.iter().enumerate() {
        let c = w as i8;
        let rest = (w - i32::from(c)) >> 8;
        let b = rest as i8;
        for (part, digit) in out.iter_mut().zip([((rest - i32::from(b)) >> 8) as i8, b, c]) {
            part[j] = digit;
        }
    }
    out.map(|part| i32::from_le_bytes(part.map(|digit| digit as u8)))
}

#[cfg(target_arch = "x86_64")]
mod wide {
    use super::{Across, BITS, GROUP_BYTES, HALF, READ, SPLIT};
    use std::arch::x86_64::*;

    impl Across {
        #[target_feature(enable = "avx2")]
        pub(super) unsafe fn words(&self, from: [&[u8]; 2], weights: &[[i32; 4]], to: [&mut [u8]; 2]) {
            let spread = |two: i8| _mm_setr_epi8(two, -1, two + 3, -1, two + 1, -1, two + 4, -1, two + 2, -1, two + 5, -1, -1, -1, -1, -1);
            let [first_two, last_two] = [0, 6].map(|two| _mm256_broadcastsi128_si256(spread(two)));
            let [upper, lower] = to;
            let pixels = upper.chunks_exact_mut(3).zip(lower.chunks_exact_mut(3));
            for ((pixels, &at), weights) in pixels.zip(&self.first).zip(weights.chunks_exact(self.groups)) {
                let mut high = _mm256_setzero_si256();
                let mut low = high;
                for (g, w) in weights.iter().enumerate() {
                    let taps = both(from, at + g * GROUP_BYTES);
                    let (first, last) = (_mm256_shuffle_epi8(taps, first_two), _mm256_shuffle_epi8(taps, last_two));
                    high = _mm256_add_epi32(high, _mm256_madd_epi16(first, _mm256_set1_epi32(w[0])));
                    low = _mm256_add_epi32(low, _mm256_madd_epi16(first, _mm256_set1_epi32(w[1])));
                    high = _mm256_add_epi32(high, _mm256_madd_epi16(last, _mm256_set1_epi32(w[2])));
                    low = _mm256_add_epi32(low, _mm256_madd_epi16(last, _mm256_set1_epi32(w[3])));
                }
                store(_mm256_add_epi32(_mm256_slli_epi32(high, SPLIT), low), pixels);
            }
        }

        #[target_feature(enable = "avx2,avx512f,avx512vl,avx512vnni")]
        pub(super) unsafe fn bytes(&self, from: [&[u8]; 2], weights: &[[i32; 3]], to: [&mut [u8]; 2]) {
            let spread = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
            let [upper, lower] = to;
            let pixels = upper.chunks_exact_mut(3).zip(lower.chunks_exact_mut(3));
            for ((pixels, &at), weights) in pixels.zip(&self.first).zip(weights.chunks_exact(self.groups)) {
                let mut sums = [_mm256_setzero_si256(); 3];
                for (g, w) in weights.iter().enumerate() {
                    let taps = _mm256_shuffle_epi8(both(from, at + g * GROUP_BYTES), spread);
                    for (sum, &w) in sums.iter_mut().zip(w) {
                        *sum = _mm256_dpbusd_epi32(*sum, taps, _mm256_set1_epi32(w));
                    }
                }
                let [a, b, c] = sums;
                store(_mm256_add_epi32(_mm256_slli_epi32(a, 16), _mm256_add_epi32(_mm256_slli_epi32(b, 8), c)), pixels);
            }
        }
    }

    /// 16 bytes of each row, in a half each.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn both([upper, lower]: [&[u8]; 2], at: usize) -> __m256i {
        debug_assert!(at + READ <= upper.len() && at + READ <= lower.len());
        _mm256_loadu2_m128i(lower.as_ptr().add(at).cast(), upper.as_ptr().add(at).cast())
    }

    /// Sums of the three channels in each half, rounded.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn store(sums: __m256i, (upper, lower): (&mut [u8], &mut [u8])) {
        let whole = _mm256_srai_epi32(_mm256_add_epi32(sums, _mm256_set1_epi32(HALF)), BITS as i32);
        // saturating twice is clamping to a byte
        let words = _mm256_packs_epi32(whole, whole);
        let packed = _mm256_packus_epi16(words, words);
        for (to, half) in [(upper, _mm256_castsi256_si128(packed)), (lower, _mm256_extracti128_si256(packed, 1))] {
            to.copy_from_slice(&_mm_cvtsi128_si32(half).to_le_bytes()[..3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_plain_sums_for_weights_that_it_holds_and_for_those_that_it_does_not() {
        let mut seed = 7u64;
        let mut next = move || {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as i32
        };
        for case in 0..if std::env::var("BIOVLM_SOAK").is_ok_and(|v| v == "1") { 100_000 } else { 500 } {
            let (length, outputs, taps) = (1 + next() as usize % 90, 1 + next() as usize % 40, 1 + next() as usize % 30);
            let first: Vec<i32> = (0..outputs).map(|_| next() % length as i32).collect();
            let count: Vec<i32> = first.iter().map(|&at| (1 + next() % taps as i32).min(length as i32 - at)).collect();
            // within what a planner makes; the ends of what each way holds; anything
            let weight = |next: &mut dyn FnMut() -> i32| match case % 4 {
                0 => next() % (1 << 22) - (1 << 21),
                1 => [1, -1][next() as usize % 2] * ((127 << 16) - 1 - next() % 2),
                2 => [1, -1][next() as usize % 2] * ((1 << 26) - 1 - next() % 2),
                _ => next().wrapping_mul(3),
            };
            let weights: Vec<i32> = (0..outputs * taps).map(|_| weight(&mut next)).collect();
            let axis = Axis { taps, first: &first, count: &count, weights: &weights };
            let run = |way| {
                let across = Across::new(&axis, way);
                let mut rows = [0, 1].map(|_| vec![0u8; across.read_bytes()]);
                let mut noise = 11u32 + case;
                for byte in rows.iter_mut().flatten() {
                    noise = noise.wrapping_mul(1664525).wrapping_add(1013904223);
                    *byte = [(noise >> 24) as u8, 255, 0][noise as usize >> 8 & 1];
                }
                let mut to = [0, 1].map(|_| vec![0u8; outputs * 3]);
                let [upper, lower] = &mut to;
                across.rows([&rows[0], &rows[1]], [upper, lower]);
                to
            };
            let expected = run(Way::Plain);
            for way in Way::all() {
                assert_eq!(run(way), expected, "case {case}, {way:?}");
            }
        }
    }
}
