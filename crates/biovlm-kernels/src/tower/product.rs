//! Rows times a frozen matrix: tiles of up to 13 rows × 32 columns whose sums stay in registers (65 tokens are five such tiles, 197 are sixteen), then
//! scale, bias and what is added before anything is stored. A row's result does not depend on the tile it falls into: sums of integers are exact, and
//! sums of float32 run over k = 0, 1, 2, … by fused operations whatever the tile.

use super::matrix::{Form, Matrix, PANEL};
use std::arch::x86_64::*;

/// Rows of a tile: 26 sums, two vectors of weights, one of a row's.
pub(super) const TILE: usize = 13;

/// What a product reads.
#[derive(Clone, Copy)]
pub(super) enum Rows<'a> {
    /// bytes, 128 above what they are, `stride` apart; scales [rows]
    Rounded { bytes: &'a [u8], stride: usize, scales: &'a [f32] },
    /// numbers `stride` apart
    Plain { numbers: &'a [f32], stride: usize },
}

/// Where a product goes: row r from at + r · stride on.
#[derive(Clone, Copy)]
pub(super) struct Out {
    pub at: *mut f32,
    pub stride: usize,
}

/// `rows` rows · W + bias, and `add` (numbers at the same distances as `out`'s) where it is not null → out.
///
/// # Safety
/// The processor has the instructions; `out`, and `add` where it is one, have [rows, W.n] numbers that nobody else uses meanwhile (they may be the same).
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(super) unsafe fn product(w: &Matrix, from: Rows, rows: usize, add: *const f32, out: Out) {
    if rows == 0 {
        return;
    }
    match from {
        Rows::Rounded { bytes, stride, scales } => assert!(bytes.len() >= (rows - 1) * stride + w.k.next_multiple_of(4) && scales.len() >= rows),
        Rows::Plain { numbers, stride } => assert!(numbers.len() >= (rows - 1) * stride + w.k),
    }
    assert_eq!(from_is_rounded(&from), w.is_rounded());
    let tiles = rows.div_ceil(TILE);
    for panel in 0..w.n / PANEL {
        for tile in 0..tiles {
            // as even as they come
            let (first, end) = (tile * rows / tiles, (tile + 1) * rows / tiles);
            let call = Call { w, from, panel, first, add, out };
            // SAFETY: the lengths were asserted; `out` and `add` are the caller's promise.
            unsafe {
                match end - first {
                    13 => call.tile::<13>(),
                    12 => call.tile::<12>(),
                    11 => call.tile::<11>(),
                    10 => call.tile::<10>(),
                    9 => call.tile::<9>(),
                    8 => call.tile::<8>(),
                    7 => call.tile::<7>(),
                    6 => call.tile::<6>(),
                    5 => call.tile::<5>(),
                    4 => call.tile::<4>(),
                    3 => call.tile::<3>(),
                    2 => call.tile::<2>(),
                    _ => call.tile::<1>(),
                }
            }
        }
    }
}

fn from_is_rounded(from: &Rows) -> bool {
    matches!(from, Rows::Rounded { .. })
}

struct Call<'a> {
    w: &'a Matrix,
    from: Rows<'a>,
    panel: usize,
    first: usize,
    add: *const f32,
    out: Out,
}

impl Call<'_> {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn tile<const R: usize>(&self) {
        let column = self.panel * PANEL;
        // SAFETY: as of the caller.
        unsafe {
            let bias = [_mm512_loadu_ps(self.w.bias.as_ptr().add(column)), _mm512_loadu_ps(self.w.bias.as_ptr().add(column + 16))];
            match (&self.w.form, self.from) {
                (Form::Rounded { weights, start, scales }, Rows::Rounded { bytes, stride, scales: of_rows }) => {
                    let quads = self.w.k.div_ceil(4);
                    let weights = weights.as_ptr().add(self.panel * quads * 128);
                    let sums = integers::<R>(bytes.as_ptr().add(self.first * stride), stride, weights, quads, start.as_ptr().add(column));
                    let scales = [_mm512_loadu_ps(scales.as_ptr().add(column)), _mm512_loadu_ps(scales.as_ptr().add(column + 16))];
                    for (r, sums) in sums.iter().enumerate() {
                        let scale = _mm512_set1_ps(*of_rows.as_ptr().add(self.first + r));
                        for h in 0..2 {
                            let y = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[h]), scales[h]);
                            self.store(r, column + 16 * h, _mm512_fmadd_ps(y, scale, bias[h]));
                        }
                    }
                }
                (Form::Plain { weights }, Rows::Plain { numbers, stride }) => {
                    let weights = weights.as_ptr().add(self.panel * self.w.k * PANEL);
                    let sums = floats::<R, 2>(numbers.as_ptr().add(self.first * stride), stride, [weights, weights.add(16)], PANEL, self.w.k);
                    for (r, sums) in sums.iter().enumerate() {
                        for h in 0..2 {
                            self.store(r, column + 16 * h, _mm512_add_ps(sums[h], bias[h]));
                        }
                    }
                }
                _ => unreachable!("rows and weights of one form"),
            }
        }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    unsafe fn store(&self, r: usize, column: usize, y: __m512) {
        let at = (self.first + r) * self.out.stride + column;
        // SAFETY: as of the caller.
        unsafe {
            let y = if self.add.is_null() { y } else { _mm512_add_ps(y, _mm512_loadu_ps(self.add.add(at))) };
            _mm512_storeu_ps(self.out.at.add(at), y);
        }
    }
}

/// start + Σ bytes · weights, exact; 32 columns of R rows.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
unsafe fn integers<const R: usize>(a: *const u8, stride: usize, mut w: *const i8, quads: usize, start: *const i32) -> [[__m512i; 2]; R] {
    // SAFETY: as of the caller: R rows of 4 · quads bytes, 128 · quads weights, 32 starts.
    unsafe {
        let mut sums = [[_mm512_loadu_si512(start.cast()), _mm512_loadu_si512(start.add(16).cast())]; R];
        for q in 0..quads {
            let (w0, w1) = (_mm512_loadu_si512(w.cast()), _mm512_loadu_si512(w.add(64).cast()));
            for (r, sums) in sums.iter_mut().enumerate() {
                let four = _mm512_set1_epi32(a.add(r * stride + 4 * q).cast::<i32>().read_unaligned());
                sums[0] = _mm512_dpbusd_epi32(sums[0], four, w0);
                sums[1] = _mm512_dpbusd_epi32(sums[1], four, w1);
            }
            w = w.add(128);
        }
        sums
    }
}

/// Σ a[r][i] · w[i] over i, each product and sum one operation; H vectors of columns, the i-th at w[h] + i · step.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) unsafe fn floats<const R: usize, const H: usize>(a: *const f32, stride: usize, w: [*const f32; H], step: usize, k: usize) -> [[__m512; H]; R] {
    // SAFETY: as of the caller: R rows of k numbers, k vectors at each of w.
    unsafe {
        let mut sums = [[_mm512_setzero_ps(); H]; R];
        for i in 0..k {
            let w = w.map(|w| _mm512_loadu_ps(w.add(i * step)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let one = _mm512_set1_ps(*a.add(r * stride + i));
                for h in 0..H {
                    sums[h] = _mm512_fmadd_ps(one, w[h], sums[h]);
                }
            }
        }
        sums
    }
}
