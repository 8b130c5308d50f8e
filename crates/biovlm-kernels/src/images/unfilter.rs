//! PNG's row filters undone. A pixel needs its left, upper and upper left neighbours, so the pixels of one row follow one another; but row k may be
//! k pixels behind row 0, and so eight rows go side by side where the processor has AVX2. No I/O, no zlib.

const SUB: u8 = 1;
const UP: u8 = 2;
const AVERAGE: u8 = 3;
const PAETH: u8 = 4;

/// raw [height] rows, each a filter's number and width · channels bytes → out [height,width,channels], for 1, 3 or 4 channels of 8 bits; false, with
/// `out` in an unknown state, where a length does not fit or a row has a filter that there is not.
pub fn unfilter(raw: &[u8], width: usize, channels: usize, out: &mut [u8]) -> bool {
    let Some(row) = width.checked_mul(channels).filter(|&row| row > 0) else { return false };
    let fits = out.len().is_multiple_of(row) && raw.len() == out.len() + out.len() / row;
    if !fits || raw.iter().step_by(row + 1).any(|&filter| filter > PAETH) {
        return false;
    }
    match channels {
        1 => rows::<1>(raw, row, out),
        3 => rows::<3>(raw, row, out),
        4 => rows::<4>(raw, row, out),
        _ => return false,
    }
    true
}

fn rows<const C: usize>(raw: &[u8], row: usize, out: &mut [u8]) {
    let mut from = 0;
    #[cfg(target_arch = "x86_64")]
    if crate::level::level() != crate::level::Level::Plain {
        // SAFETY: AVX2 was found.
        from = unsafe { side_by_side::groups::<C>(raw, row, out) };
    }
    for (y, raw) in raw.chunks_exact(row + 1).enumerate().skip(from) {
        let (done, to) = out.split_at_mut(y * row);
        let above = if y == 0 { None } else { Some(&done[(y - 1) * row..]) };
        one_row::<C>(raw[0], &raw[1..], above, &mut to[..row]);
    }
}

/// `above` is none for a picture's first row, which stands under zeros.
fn one_row<const C: usize>(filter: u8, from: &[u8], above: Option<&[u8]>, to: &mut [u8]) {
    let (mut a, mut c) = ([0u8; C], [0u8; C]);
    match (filter, above) {
        (UP, Some(above)) => to.iter_mut().zip(from.iter().zip(above)).for_each(|(to, (x, b))| *to = x.wrapping_add(*b)),
        // Paeth's predictor of (a, 0, 0) is a
        (SUB, _) | (PAETH, None) => {
            for (to, x) in to.chunks_exact_mut(C).zip(from.chunks_exact(C)) {
                for i in 0..C {
                    a[i] = x[i].wrapping_add(a[i]);
                    to[i] = a[i];
                }
            }
        }
        (AVERAGE | PAETH, _) => {
            let zeros = [0; C];
            let above = above.unwrap_or(&[]).chunks_exact(C).chain(std::iter::repeat(&zeros[..]));
            for ((to, x), b) in to.chunks_exact_mut(C).zip(from.chunks_exact(C)).zip(above) {
                for i in 0..C {
                    let predicted = if filter == AVERAGE { ((a[i] as u16 + b[i] as u16) / 2) as u8 } else { paeth(a[i], b[i], c[i]) };
                    a[i] = x[i].wrapping_add(predicted);
                    to[i] = a[i];
                    c[i] = b[i];
                }
            }
        }
        _ => to.copy_from_slice(from),
    }
}

/// The nearest of the three to a + b − c, the earlier where two are as near.
fn paeth(a: u8, b: u8, c: u8) -> u8 {
    let (to_a, to_b) = (b as i16 - c as i16, a as i16 - c as i16);
    let (to_a, to_b, to_c) = (to_a.abs(), to_b.abs(), (to_a + to_b).abs());
    if to_a <= to_b && to_a <= to_c {
        a
    } else if to_b <= to_c {
        b
    } else {
        c
    }
}

/// Two registers of four rows, a pixel of each row in four lanes of 16 bits, at step t the pixel t − k of row k. What a row needs of the row above
/// was made one and two steps before, one row up. Rows are copied to memory with room on both sides: what is read and made there is zero on the
/// left, as it has to be, and nobody's on the right.
#[cfg(target_arch = "x86_64")]
mod side_by_side {
    use super::{AVERAGE, PAETH};
    use std::arch::x86_64::*;

    const ROWS: usize = 8;
    /// pixels loaded and stored at once
    const BLOCK: usize = 4;
    /// bytes before a row: ROWS − 1 pixels of at most four
    const BEFORE: usize = 32;
    /// bytes after a row: a step begins at most ROWS + BLOCK − 2 pixels behind its last, and loads 16
    const AFTER: usize = 64;

    /// A register of rows: what it made last, what stood above that, and −1 in the lanes of rows with each filter but Paeth.
    #[derive(Clone, Copy)]
    struct Four {
        made: __m256i,
        upper_left: __m256i,
        masks: [__m256i; 3],
        paeth: __m256i,
    }

    impl Four {
        #[target_feature(enable = "avx2")]
        fn new(filters: &[u8]) -> Four {
            let of = |filter: u8| {
                let mut lanes = [0u64; 4];
                for (lane, &found) in lanes.iter_mut().zip(filters) {
                    *lane = if found == filter { u64::MAX } else { 0 };
                }
                let [a, b, c, d] = lanes.map(|lane| lane as i64);
                _mm256_setr_epi64x(a, b, c, d)
            };
            let zero = _mm256_setzero_si256();
            Four { made: zero, upper_left: zero, masks: [of(super::SUB), of(super::UP), of(AVERAGE)], paeth: of(PAETH) }
        }

        /// The next pixel of each row: x as stored, b above it.
        #[inline]
        #[target_feature(enable = "avx2")]
        fn step<const ALL_PAETH: bool>(&mut self, x: __m256i, b: __m256i) {
            let (a, c) = (self.made, self.upper_left);
            let (to_a, to_b) = (_mm256_sub_epi16(b, c), _mm256_sub_epi16(a, c));
            let to_c = _mm256_abs_epi16(_mm256_add_epi16(to_a, to_b));
            let (to_a, to_b) = (_mm256_abs_epi16(to_a), _mm256_abs_epi16(to_b));
            let least = _mm256_min_epi16(to_c, _mm256_min_epi16(to_a, to_b));
            let nearest = _mm256_blendv_epi8(c, b, _mm256_cmpeq_epi16(least, to_b));
            let mut predicted = _mm256_blendv_epi8(nearest, a, _mm256_cmpeq_epi16(least, to_a));
            if !ALL_PAETH {
                let average = _mm256_srli_epi16(_mm256_add_epi16(a, b), 1);
                let sub_or_up = _mm256_or_si256(_mm256_and_si256(a, self.masks[0]), _mm256_and_si256(b, self.masks[1]));
                let others = _mm256_or_si256(sub_or_up, _mm256_and_si256(average, self.masks[2]));
                predicted = _mm256_or_si256(others, _mm256_and_si256(predicted, self.paeth));
            }
            self.made = _mm256_and_si256(_mm256_add_epi16(x, predicted), _mm256_set1_epi16(0xff));
            self.upper_left = b;
        }
    }

    /// Rows undone: a multiple of ROWS, all whole groups where rows are not shorter than one.
    #[target_feature(enable = "avx2")]
    pub fn groups<const C: usize>(raw: &[u8], row: usize, out: &mut [u8]) -> usize {
        let height = out.len() / row;
        if height < ROWS {
            return 0;
        }
        let stride = BEFORE + row + AFTER;
        let mut stored = vec![0u8; ROWS * stride];
        let mut made = vec![0u8; ROWS * stride];
        let mut above = vec![0u8; row + AFTER];
        for (raw, out) in raw.chunks_exact(ROWS * (row + 1)).zip(out.chunks_exact_mut(ROWS * row)) {
            let mut filters = [0; ROWS];
            for ((filter, raw), stored) in filters.iter_mut().zip(raw.chunks_exact(row + 1)).zip(stored.chunks_exact_mut(stride)) {
                *filter = raw[0];
                stored[BEFORE..BEFORE + row].copy_from_slice(&raw[1..]);
            }
            if filters == [PAETH; ROWS] {
                group::<C, true>(&filters, &stored, &above, stride, &mut made);
            } else {
                group::<C, false>(&filters, &stored, &above, stride, &mut made);
            }
            for (out, made) in out.chunks_exact_mut(row).zip(made.chunks_exact(stride)) {
                out.copy_from_slice(&made[BEFORE..BEFORE + row]);
            }
            above[..row].copy_from_slice(&out[(ROWS - 1) * row..]);
        }
        height / ROWS * ROWS
    }

    #[target_feature(enable = "avx2")]
    fn group<const C: usize, const ALL_PAETH: bool>(filters: &[u8; ROWS], stored: &[u8], above: &[u8], stride: usize, made: &mut [u8]) {
        let width = (stride - BEFORE - AFTER) / C;
        let (mut upper, mut lower) = (Four::new(&filters[..4]), Four::new(&filters[4..]));
        for t in (0..width + ROWS - 1).step_by(BLOCK) {
            // the pixel t − k of row k
            let at = |k: usize| k * stride + BEFORE + t * C - k * C;
            let first = _mm256_cvtepu8_epi16(load::<C>(above, t * C));
            let first = [
                first,
                _mm256_permute4x64_epi64(first, 1),
                _mm256_permute4x64_epi64(first, 2),
                _mm256_permute4x64_epi64(first, 3),
            ];
            let x_upper = turned([0, 1, 2, 3].map(|k| load::<C>(stored, at(k))));
            let x_lower = turned([4, 5, 6, 7].map(|k| load::<C>(stored, at(k))));
            let mut done = [[_mm_setzero_si128(); BLOCK]; 2];
            for s in 0..BLOCK {
                let from_upper = _mm256_permute4x64_epi64(upper.made, 0b10_01_00_11);
                let from_lower = _mm256_permute4x64_epi64(lower.made, 0b10_01_00_11);
                upper.step::<ALL_PAETH>(_mm256_cvtepu8_epi16(x_upper[s]), _mm256_blend_epi32(from_upper, first[s], 0b11));
                lower.step::<ALL_PAETH>(_mm256_cvtepu8_epi16(x_lower[s]), _mm256_blend_epi32(from_lower, from_upper, 0b11));
                done[0][s] = bytes(upper.made);
                done[1][s] = bytes(lower.made);
            }
            for (half, done) in done.into_iter().enumerate() {
                for (k, row) in turned(done).into_iter().enumerate() {
                    store::<C>(made, at(half * 4 + k), row);
                }
            }
        }
    }

    /// Lanes, each below 256, as bytes.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn bytes(lanes: __m256i) -> __m128i {
        _mm_packus_epi16(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1))
    }

    /// [4][4] words, rows as columns.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn turned([a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
        let (ab, cd) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
        [
            _mm_unpacklo_epi64(ab, cd),
            _mm_unpackhi_epi64(ab, cd),
            _mm_unpacklo_epi64(ab_high, cd_high),
            _mm_unpackhi_epi64(ab_high, cd_high),
        ]
    }

    /// Four pixels, each in a word of its own.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn load<const C: usize>(from: &[u8], at: usize) -> __m128i {
        let from = &from[at..at + 16];
        // SAFETY: 16 bytes are there.
        let pixels = unsafe { _mm_loadu_si128(from.as_ptr().cast()) };
        match C {
            1 => _mm_shuffle_epi8(pixels, _mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1)),
            3 => _mm_shuffle_epi8(pixels, _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1)),
            _ => pixels,
        }
    }

    /// Four pixels and, where they are fewer than 16 bytes, zeros, over which the next four go.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn store<const C: usize>(to: &mut [u8], at: usize, words: __m128i) {
        let pixels = match C {
            1 => _mm_shuffle_epi8(words, _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)),
            3 => _mm_shuffle_epi8(words, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1)),
            _ => words,
        };
        let to = &mut to[at..at + 16];
        // SAFETY: room for 16 bytes.
        unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), pixels) };
    }
}
