//! What happens to a row at a time: its norm, GELU, and rounding to uint8 about 128 by its own largest magnitude.

use super::matrix::LEAST;
use super::memory::Lines;
use super::vectors::{gelu, lanes, largest_magnitude, magnitude, sum, GeluVectors};
use std::arch::x86_64::*;

/// timm's epsilon of every LayerNorm in the image tower.
const EPS: f32 = 1e-6;

/// A LayerNorm's weight and bias, zeros beyond the width.
pub(super) struct Norm {
    pub width: usize,
    pub weight: Lines<f32>,
    pub bias: Lines<f32>,
}

/// (x − mean)/√(variance + eps)·weight + bias → out, zeros beyond the width (a multiple of 32 long); the largest magnitude.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn norm_row(norm: &Norm, x: &[f32], out: &mut [f32]) -> f32 {
    let n = out.len();
    assert!(x.len() == n && norm.weight.len() == n && norm.bias.len() == n && n.is_multiple_of(16) && norm.width <= n);
    let width = norm.width as f32;
    // SAFETY: every access is of 16 numbers from a multiple of 16 below n, the length of all.
    unsafe {
        let (x, out) = (x.as_ptr(), out.as_mut_ptr());
        let mut total = _mm512_setzero_ps();
        // what is beyond the width is zero
        for i in (0..n).step_by(16) {
            total = _mm512_add_ps(total, _mm512_loadu_ps(x.add(i)));
        }
        let mean = _mm512_set1_ps(sum(total) / width);
        let mut squares = _mm512_setzero_ps();
        for i in (0..n).step_by(16) {
            let d = _mm512_maskz_sub_ps(lanes(i, norm.width), _mm512_loadu_ps(x.add(i)), mean);
            squares = _mm512_fmadd_ps(d, d, squares);
        }
        let inverse = _mm512_set1_ps(1.0 / (sum(squares) / width + EPS).sqrt());
        let mut most = _mm512_setzero_si512();
        for i in (0..n).step_by(16) {
            let d = _mm512_mul_ps(_mm512_sub_ps(_mm512_loadu_ps(x.add(i)), mean), inverse);
            let y = _mm512_fmadd_ps(d, _mm512_loadu_ps(norm.weight.as_ptr().add(i)), _mm512_loadu_ps(norm.bias.as_ptr().add(i)));
            most = magnitude(most, y);
            _mm512_storeu_ps(out.add(i), y);
        }
        largest_magnitude(most)
    }
}

/// GELU of a row in its place; the largest magnitude.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn gelu_row(table: &GeluVectors, row: &mut [f32]) -> f32 {
    let n = row.len();
    assert!(n.is_multiple_of(16));
    let mut most = _mm512_setzero_si512();
    let row = row.as_mut_ptr();
    for i in (0..n).step_by(16) {
        // SAFETY: 16 numbers from a multiple of 16 below n.
        unsafe {
            let y = gelu(table, _mm512_loadu_ps(row.add(i)));
            most = magnitude(most, y);
            _mm512_storeu_ps(row.add(i), y);
        }
    }
    largest_magnitude(most)
}

/// The largest magnitude of a row.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn most_of(row: &[f32]) -> f32 {
    assert!(row.len().is_multiple_of(16));
    let mut most = _mm512_setzero_si512();
    for i in (0..row.len()).step_by(16) {
        // SAFETY: 16 numbers from a multiple of 16 below the length.
        most = magnitude(most, unsafe { _mm512_loadu_ps(row.as_ptr().add(i)) });
    }
    largest_magnitude(most)
}

/// row [n] → out [≥ n], 128 + round(127·x/most), halves to the even; what one step is worth. A row that is not finite is worth NaN, so that all
/// that is made of it is.
#[target_feature(enable = "avx512f,avx512dq")]
pub(super) fn round_row(row: &[f32], most: f32, out: &mut [u8]) -> f32 {
    let n = row.len();
    assert!(n.is_multiple_of(16) && out.len() >= n);
    let zeros = most < LEAST;
    let inverse = _mm512_set1_ps(if zeros { 0.0 } else { 127.0 / most });
    for i in (0..n).step_by(16) {
        // SAFETY: 16 numbers from a multiple of 16 below n, which both have.
        unsafe {
            let scaled = _mm512_mul_ps(_mm512_loadu_ps(row.as_ptr().add(i)), inverse);
            let whole = _mm512_cvt_roundps_epi32::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(scaled);
            let above = _mm512_add_epi32(whole, _mm512_set1_epi32(128));
            _mm_storeu_si128(out.as_mut_ptr().add(i).cast(), _mm512_cvtepi32_epi8(above));
        }
    }
    match most {
        _ if !most.is_finite() => f32::NAN,
        _ if zeros => 0.0,
        _ => most / 127.0,
    }
}
