//! softmax(q·kᵀ/√d)·v by head in float32. A head's keys are turned once, 16 tokens a vector, its values laid out row after row; then each tile of up
//! to 13 queries goes through scores, softmax and sum while the scores are at hand. A query's row depends on nothing but itself, keys and values.

use super::memory::Lines;
use super::product::{floats, TILE};
use super::vectors::{exp2, lanes, largest, sum};
use std::arch::x86_64::*;
use std::ops::Range;

/// What a thread keeps for one head.
pub(super) struct Room {
    /// [T/16][d][16], zeros beyond T
    keys: Lines<f32>,
    /// [T][d to a multiple of 16], zeros beyond d
    values: Lines<f32>,
    /// [13][T to a multiple of 16]
    scores: Lines<f32>,
    /// 1/Σ of each row of scores
    inverse: [f32; TILE],
}

impl Room {
    pub fn of(tokens: usize, head: usize) -> Self {
        let padded = tokens.next_multiple_of(16);
        Self {
            keys: Lines::zeros(padded * head),
            values: Lines::zeros(tokens * head.next_multiple_of(16)),
            scores: Lines::zeros(TILE * padded),
            inverse: [0.0; TILE],
        }
    }
}

/// Queries, keys and values of an image: three parts a row, each `width` numbers padded to `part`.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub at: *const f32,
    pub part: usize,
    pub tokens: usize,
    pub heads: usize,
    /// numbers of a head
    pub head: usize,
}

/// Rows `rows` of the image → out [rows, part], of which the heads' numbers are written.
///
/// # Safety
/// The processor has the instructions; `parts` has [T, 3, part] numbers that nobody writes meanwhile.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn attend(parts: Parts, rows: Range<usize>, room: &mut Room, out: &mut [f32]) {
    let Parts { at, part, tokens, heads, head } = parts;
    let stride = 3 * part;
    let padded = tokens.next_multiple_of(16);
    let wide = head.next_multiple_of(16);
    assert!(rows.end <= tokens && heads * head <= part && out.len() >= rows.len() * part);
    assert!(room.keys.len() == padded * head && room.values.len() == tokens * wide && room.scores.len() == TILE * padded);
    // exp(x/√d) = 2^(x · log2(e)/√d)
    let scale = std::f32::consts::LOG2_E / (head as f32).sqrt();
    let tiles = rows.len().div_ceil(TILE);
    for h in 0..heads {
        // SAFETY: head h of each row lies within its part; lengths were asserted.
        unsafe {
            turn(at.add(part + h * head), stride, tokens, head, &mut room.keys);
            lay_out(at.add(2 * part + h * head), stride, tokens, head, &mut room.values);
            for tile in 0..tiles {
                let (first, end) = (tile * rows.len() / tiles, (tile + 1) * rows.len() / tiles);
                let queries = at.add((rows.start + first) * stride + h * head);
                let mixed = out.as_mut_ptr().add(first * part + h * head);
                let work = Tile { queries, stride, tokens, head, scale, mixed, part };
                match end - first {
                    13 => work.run::<13>(room),
                    12 => work.run::<12>(room),
                    11 => work.run::<11>(room),
                    10 => work.run::<10>(room),
                    9 => work.run::<9>(room),
                    8 => work.run::<8>(room),
                    7 => work.run::<7>(room),
                    6 => work.run::<6>(room),
                    5 => work.run::<5>(room),
                    4 => work.run::<4>(room),
                    3 => work.run::<3>(room),
                    2 => work.run::<2>(room),
                    _ => work.run::<1>(room),
                }
            }
        }
    }
}

struct Tile {
    queries: *const f32,
    stride: usize,
    tokens: usize,
    head: usize,
    scale: f32,
    mixed: *mut f32,
    part: usize,
}

impl Tile {
    #[target_feature(enable = "avx512f,avx512dq")]
    unsafe fn run<const R: usize>(&self, room: &mut Room) {
        let padded = self.tokens.next_multiple_of(16);
        let (keys, values, scores) = (room.keys.as_ptr(), room.values.as_ptr(), room.scores.as_mut_ptr());
        let block = 16 * self.head;
        // SAFETY: as of attend: R queries, R rows of scores and of the result, all keys and values.
        unsafe {
            let mut p = 0;
            while p < padded / 16 {
                let from = keys.add(p * block);
                if p + 2 <= padded / 16 {
                    let sums = floats::<R, 2>(self.queries, self.stride, [from, from.add(block)], 16, self.head);
                    put(&sums, scores.add(p * 16), padded);
                    p += 2;
                } else {
                    let sums = floats::<R, 1>(self.queries, self.stride, [from], 16, self.head);
                    put(&sums, scores.add(p * 16), padded);
                    p += 1;
                }
            }
            for r in 0..R {
                room.inverse[r] = weigh(scores.add(r * padded), self.tokens, self.scale);
            }
            let wide = self.head.next_multiple_of(16);
            let mut c = 0;
            while c < wide {
                let from = values.add(c);
                if c + 32 <= wide {
                    let sums = floats::<R, 2>(scores, padded, [from, from.add(16)], wide, self.tokens);
                    self.give(&sums, c, &room.inverse);
                    c += 32;
                } else {
                    let sums = floats::<R, 1>(scores, padded, [from], wide, self.tokens);
                    self.give(&sums, c, &room.inverse);
                    c += 16;
                }
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn give<const R: usize, const H: usize>(&self, sums: &[[__m512; H]; R], column: usize, inverse: &[f32; TILE]) {
        for (r, sums) in sums.iter().enumerate() {
            for (h, sum) in sums.iter().enumerate() {
                let at = column + 16 * h;
                let y = _mm512_mul_ps(*sum, _mm512_set1_ps(inverse[r]));
                // SAFETY: lanes beyond the head are not written.
                unsafe { _mm512_mask_storeu_ps(self.mixed.add(r * self.part + at), lanes(at, self.head), y) };
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn put<const R: usize, const H: usize>(sums: &[[__m512; H]; R], out: *mut f32, stride: usize) {
    for (r, sums) in sums.iter().enumerate() {
        for (h, sum) in sums.iter().enumerate() {
            // SAFETY: as of the caller.
            unsafe { _mm512_storeu_ps(out.add(r * stride + 16 * h), *sum) };
        }
    }
}

/// scores [T] → 2^((score − most) · scale) in their place, zeros beyond T; 1/Σ of them.
///
/// # Safety
/// The processor has the instructions; `row` has T numbers, to a multiple of 16.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) unsafe fn weigh(row: *mut f32, tokens: usize, scale: f32) -> f32 {
    // SAFETY: 16 numbers from a multiple of 16 below T.
    unsafe {
        let lowest = _mm512_set1_ps(f32::NEG_INFINITY);
        let mut most = lowest;
        for i in (0..tokens).step_by(16) {
            most = _mm512_max_ps(most, _mm512_mask_loadu_ps(lowest, lanes(i, tokens), row.add(i)));
        }
        let (most, scale) = (_mm512_set1_ps(largest(most)), _mm512_set1_ps(scale));
        let mut total = _mm512_setzero_ps();
        for i in (0..tokens).step_by(16) {
            let x = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(row.add(i)), most), scale);
            let e = _mm512_maskz_mov_ps(lanes(i, tokens), exp2(x));
            total = _mm512_add_ps(total, e);
            _mm512_storeu_ps(row.add(i), e);
        }
        1.0 / sum(total)
    }
}

/// x [T] rows of d numbers → out [T/16][d][16].
#[target_feature(enable = "avx512f")]
unsafe fn turn(x: *const f32, stride: usize, tokens: usize, head: usize, out: &mut [f32]) {
    for (block, out) in out.chunks_exact_mut(16 * head).enumerate() {
        let first = block * 16;
        for column in (0..head).step_by(16) {
            let mask = lanes(column, head);
            let mut v = [_mm512_setzero_ps(); 16];
            for (i, v) in v.iter_mut().enumerate().take(tokens - first) {
                // SAFETY: token first + i, lanes below the head.
                *v = unsafe { _mm512_maskz_loadu_ps(mask, x.add((first + i) * stride + column)) };
            }
            let turned = transpose(v);
            for (to, v) in out[column * 16..].chunks_exact_mut(16).zip(turned) {
                // SAFETY: 16 numbers.
                unsafe { _mm512_storeu_ps(to.as_mut_ptr(), v) };
            }
        }
    }
}

/// 16 × 16 numbers, rows to columns.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose(v: [__m512; 16]) -> [__m512; 16] {
    let mut a = [_mm512_setzero_ps(); 16];
    for i in 0..8 {
        a[2 * i] = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    let mut b = a;
    for i in 0..4 {
        for j in 0..2 {
            let (x, y) = (_mm512_castps_pd(a[4 * i + j]), _mm512_castps_pd(a[4 * i + 2 + j]));
            b[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
            b[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
        }
    }
    // b[4 i + c] has in its four quarters column 4·quarter + c of rows 4 i … 4 i + 3
    let mut out = a;
    for c in 0..4 {
        let low = _mm512_shuffle_f32x4::<0x88>(b[c], b[4 + c]);
        let high = _mm512_shuffle_f32x4::<0x88>(b[8 + c], b[12 + c]);
        out[c] = _mm512_shuffle_f32x4::<0x88>(low, high);
        out[8 + c] = _mm512_shuffle_f32x4::<0xdd>(low, high);
        let low = _mm512_shuffle_f32x4::<0xdd>(b[c], b[4 + c]);
        let high = _mm512_shuffle_f32x4::<0xdd>(b[8 + c], b[12 + c]);
        out[4 + c] = _mm512_shuffle_f32x4::<0x88>(low, high);
        out[12 + c] = _mm512_shuffle_f32x4::<0xdd>(low, high);
    }
    out
}

/// x [T] rows of d numbers → out [T][d to a multiple of 16].
#[target_feature(enable = "avx512f")]
unsafe fn lay_out(x: *const f32, stride: usize, tokens: usize, head: usize, out: &mut [f32]) {
    let wide = head.next_multiple_of(16);
    for (t, out) in out.chunks_exact_mut(wide).enumerate().take(tokens) {
        for column in (0..wide).step_by(16) {
            // SAFETY: lanes below the head; the row has `wide` numbers.
            unsafe {
                let v = _mm512_maskz_loadu_ps(lanes(column, head), x.add(t * stride + column));
                _mm512_storeu_ps(out.as_mut_ptr().add(column), v);
            }
        }
    }
}
