//! Pillow's two-pass bicubic resampler on RGB bytes, exact: 22-bit integer weights, 8 bits between the passes.
//! A weight is split as w = hi·2^11 + lo (0 ≤ lo < 2^11), so that both parts fit int16 and one instruction sums two taps; hi- and lo-sums
//! are joined at the end. Sums wrap mod 2^32 and the true sum fits 31 bits, so the joined value is exact.
//! One image is one thread's work: images are many.

use crate::level::at_level;

const BITS: i32 = 22;
const SPLIT: i32 = 11;
const HALF: i32 = 1 << (BITS - 1);

/// One axis: output i is Σ_j weights[i·taps + j] · source[first[i] + j], j < count[i].
#[derive(Clone, Copy)]
pub struct Axis<'a> {
    pub taps: usize,
    pub first: &'a [i32],
    pub count: &'a [i32],
    pub weights: &'a [i32],
}

/// A resize of a source box to a square of `size`.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub size: usize,
    pub horizontal: Axis<'a>,
    pub vertical: Axis<'a>,
}

impl Axis<'_> {
    /// Whether every tap lies in a source of `length` and within the weights.
    fn fits(&self, size: usize, length: usize) -> bool {
        let sizes = self.first.len() == size && self.count.len() == size && self.weights.len() == size * self.taps;
        sizes
            && self.first.iter().zip(self.count).all(|(&first, &count)| {
                first >= 0 && count >= 1 && count as usize <= self.taps && first as usize + count as usize <= length
            })
    }

    /// First source index that the axis reads, and how many from there on.
    fn reach(&self) -> (usize, usize) {
        let start = self.first.iter().min().map_or(0, |&first| first as usize);
        let end = self.first.iter().zip(self.count).map(|(&first, &count)| (first + count) as usize).max().unwrap_or(start);
        (start, end - start)
    }

    /// [output][pair] → (hi₀, hi₁), (lo₀, lo₁), padded with zero weights to a multiple of `multiple` pairs.
    fn pairs(&self, multiple: usize) -> (usize, Vec<[i16; 4]>) {
        let most = self.count.iter().max().map_or(1, |&count| count as usize);
        let pairs = most.div_ceil(2).next_multiple_of(multiple);
        let mut out = Vec::with_capacity(self.count.len() * pairs);
        for (i, &count) in self.count.iter().enumerate() {
            let weights = &self.weights[i * self.taps..][..count as usize];
            for p in 0..pairs {
                let [w0, w1] = [2 * p, 2 * p + 1].map(|j| weights.get(j).copied().unwrap_or(0));
                let low = (1 << SPLIT) - 1;
                out.push([(w0 >> SPLIT) as i16, (w1 >> SPLIT) as i16, (w0 & low) as i16, (w1 & low) as i16]);
            }
        }
        (pairs, out)
    }
}

/// Resamples data [height,width,3] to out [S,S,3]; false, with nothing done, where the plan does not fit the image.
pub fn resample(data: &[u8], width: usize, height: usize, plan: &Plan, out: &mut [u8]) -> bool {
    let Plan { size, horizontal, vertical } = *plan;
    let fits = size > 0 && data.len() == width * height * 3 && out.len() == size * size * 3;
    if !fits || !horizontal.fits(size, width) || !vertical.fits(size, height) {
        return false;
    }
    let (top, rows) = vertical.reach();
    let (left, reach) = horizontal.reach();
    let (pairs, weights) = horizontal.pairs(2);
    let first: Vec<usize> = horizontal.first.iter().map(|&first| (first as usize - left) * 3).collect();
    let row = size * 3;
    let mut between = vec![0u8; rows * row];
    // padding: a group of four taps reads 16 bytes from its first
    let mut source = vec![0u8; reach * 3 + pairs * 6 + 16];
    for (y, to) in between.chunks_exact_mut(row).enumerate() {
        let at = ((top + y) * width + left) * 3;
        source[..reach * 3].copy_from_slice(&data[at..at + reach * 3]);
        horizontal_row(&source, &first, pairs, &weights, to);
    }
    let mut sums = vec![0i32; row];
    for (y, to) in out.chunks_exact_mut(row).enumerate() {
        let weights = &vertical.weights[y * vertical.taps..][..vertical.count[y] as usize];
        vertical_row(&between[(vertical.first[y] as usize - top) * row..], weights, &mut sums, to);
    }
    true
}

/// out [3,S·S] = table[c·256 + byte] of bytes [S·S,3].
pub fn through_table(bytes: &[u8], table: &[f32], out: &mut [f32]) {
    let plane = bytes.len() / 3;
    for (c, (out, table)) in out.chunks_exact_mut(plane).zip(table.chunks_exact(256)).enumerate() {
        for (o, pixel) in out.iter_mut().zip(bytes.chunks_exact(3)) {
            *o = table[pixel[c] as usize];
        }
    }
}

#[inline(always)]
fn round(sum: i32) -> u8 {
    (sum.wrapping_add(HALF) >> BITS).clamp(0, 255) as u8
}

at_level! { fn vertical_row(from: &[u8], weights: &[i32], sums: &mut [i32], to: &mut [u8]) -> () = vertical_plain }

#[inline(always)]
fn vertical_plain(from: &[u8], weights: &[i32], sums: &mut [i32], to: &mut [u8]) {
    sums.fill(0);
    for (w, row) in weights.iter().zip(from.chunks_exact(to.len())) {
        for (sum, v) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(w.wrapping_mul(*v as i32));
        }
    }
    for (to, sum) in to.iter_mut().zip(sums.iter()) {
        *to = round(*sum);
    }
}

fn horizontal_row(source: &[u8], first: &[usize], pairs: usize, weights: &[[i16; 4]], to: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if crate::level::level() != crate::level::Level::Plain {
        // SAFETY: AVX2 was found; every first + 6·pairs + 16 lies within source, which `resample` padded.
        unsafe { horizontal_avx2(source, first, pairs, weights, to) };
        return;
    }
    for ((pixel, &at), weights) in to.chunks_exact_mut(3).zip(first).zip(weights.chunks_exact(pairs)) {
        let mut sums = [0i32; 3];
        for (taps, w) in source[at..].chunks_exact(6).zip(weights) {
            for c in 0..3 {
                let (a, b) = (taps[c] as i32, taps[c + 3] as i32);
                let high = a * w[0] as i32 + b * w[1] as i32;
                sums[c] = sums[c].wrapping_add(high << SPLIT).wrapping_add(a * w[2] as i32 + b * w[3] as i32);
            }
        }
        for c in 0..3 {
            pixel[c] = round(sums[c]);
        }
    }
}

/// Two pairs of taps at once, one in each half of a register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn horizontal_avx2(source: &[u8], first: &[usize], pairs: usize, weights: &[[i16; 4]], to: &mut [u8]) {
    use std::arch::x86_64::*;
    let spread = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    for ((pixel, &at), weights) in to.chunks_exact_mut(3).zip(first).zip(weights.chunks_exact(pairs)) {
        let mut high = _mm256_setzero_si256();
        let mut low = high;
        for (g, two) in weights.chunks_exact(2).enumerate() {
            debug_assert!(at + g * 12 + 16 <= source.len());
            let bytes = _mm_loadu_si128(source.as_ptr().add(at + g * 12).cast());
            let taps = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
            // each half of w: (hi₀ hi₁ lo₀ lo₁) of its pair, as two 32-bit words
            let w = _mm256_castsi128_si256(_mm_loadu_si128(two.as_ptr().cast()));
            let w = _mm256_permute4x64_epi64(w, 0b01_01_00_00);
            high = _mm256_add_epi32(high, _mm256_madd_epi16(taps, _mm256_shuffle_epi32(w, 0b00_00_00_00)));
            low = _mm256_add_epi32(low, _mm256_madd_epi16(taps, _mm256_shuffle_epi32(w, 0b01_01_01_01)));
        }
        let sum = _mm256_add_epi32(_mm256_slli_epi32(high, SPLIT), low);
        let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        let mut lanes = [0i32; 4];
        _mm_storeu_si128(lanes.as_mut_ptr().cast(), sum);
        for c in 0..3 {
            pixel[c] = round(lanes[c]);
        }
    }
}
