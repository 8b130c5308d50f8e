//! What the tower's kernels share in vectors of 16: sums and maxima across lanes in a fixed order, exp2, GELU. Only operations that IEEE 754 or the
//! instruction set define to the bit: no approximate reciprocal, nothing of libm.

use std::arch::x86_64::*;
use std::sync::OnceLock;

/// The sum of 16 lanes: halves, quarters, pairs, one.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn sum(v: __m512) -> f32 {
    let v = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_shuffle_ps::<1>(v, v)))
}

/// The largest of 16 lanes; what it gives with a NaN among them is not defined.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn largest(v: __m512) -> f32 {
    let v = _mm256_max_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps::<1>(v));
    let v = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_max_ss(v, _mm_shuffle_ps::<1>(v, v)))
}

/// The largest magnitude so far, as bits: a NaN is above infinity, infinity above all that is finite.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn magnitude(most: __m512i, v: __m512) -> __m512i {
    _mm512_max_epu32(most, _mm512_castps_si512(_mm512_abs_ps(v)))
}

/// The largest of 16 magnitudes.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn largest_magnitude(most: __m512i) -> f32 {
    f32::from_bits(_mm512_reduce_max_epu32(most))
}

/// The lanes below n of the vector that begins at `at`.
#[inline]
pub(super) fn lanes(at: usize, n: usize) -> __mmask16 {
    match n.saturating_sub(at) {
        left @ 0..16 => (1u16 << left) - 1,
        _ => u16::MAX,
    }
}

/// 2^x for x ≤ 0, relative error below 2e-7; 0 far below. NaN stays NaN.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn exp2(x: __m512) -> __m512 {
    // the second operand where one is NaN
    let x = _mm512_max_ps(_mm512_set1_ps(-200.0), x);
    let n = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(x);
    let f = _mm512_sub_ps(x, n);
    let mut p = _mm512_set1_ps(1.535_336_2e-4);
    for c in [1.339_887_4e-3, 9.618_437e-3, 5.550_332_4e-2, 2.402_264_8e-1, std::f32::consts::LN_2, 1.0] {
        p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(c));
    }
    _mm512_scalef_ps(p, n)
}

/// erf(x/√2)/2 for x ≥ 0 in 32 cubics, one about each multiple of STEP: off by less than 2.5e-7, exactly one half from 30.5 steps on.
pub(super) struct Gelu {
    coefficients: [[f32; 32]; 4],
}

const STEP: f64 = 0.178;
/// Added, it leaves the nearest integer in the low bits.
const MAGIC: f32 = 12582912.0;

/// The table, made at first use.
pub(super) fn gelu_table() -> &'static Gelu {
    static TABLE: OnceLock<Gelu> = OnceLock::new();
    TABLE.get_or_init(make)
}

/// erf(x/√2)/2 = φ(0)·Σ (−1)^n x^(2n+1) / (2^n n! (2n+1)), of x up to 6.
fn half_erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x * 0.398_942_280_401_432_7, 0.0);
    for n in 0..200 {
        sum += term / (2 * n + 1) as f64;
        term *= -x * x / (2 * (n + 1)) as f64;
    }
    sum
}

/// Each cubic goes through the function at the four Chebyshev nodes of its interval, in units of STEP about its middle.
fn make() -> Gelu {
    // cos(π/8) and cos(3π/8), halved: the interval is one step wide
    const NODES: [f64; 4] = [-0.461_939_766_255_643_4, -0.191_341_716_182_544_9, 0.191_341_716_182_544_9, 0.461_939_766_255_643_4];
    let mut coefficients = [[0.0f32; 32]; 4];
    for i in 0..31 {
        let mut divided = NODES.map(|node| half_erf((i as f64 + node) * STEP));
        for order in 1..4 {
            for at in (order..4).rev() {
                divided[at] = (divided[at] - divided[at - 1]) / (NODES[at] - NODES[at - order]);
            }
        }
        // Newton's form to powers
        let mut powers = [divided[3], 0.0, 0.0, 0.0];
        for at in (0..3).rev() {
            for p in (1..4).rev() {
                powers[p] = powers[p - 1] - NODES[at] * powers[p];
            }
            powers[0] = divided[at] - NODES[at] * powers[0];
        }
        for (row, p) in coefficients.iter_mut().zip(powers) {
            row[i] = p as f32;
        }
    }
    // odd about zero
    coefficients[0][0] = 0.0;
    coefficients[2][0] = 0.0;
    coefficients[0][31] = 0.5;
    Gelu { coefficients }
}

/// The table in registers.
pub(super) struct GeluVectors([[__m512; 2]; 4]);

impl Gelu {
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub fn load(&self) -> GeluVectors {
        // SAFETY: each row has 32 numbers.
        GeluVectors(self.coefficients.each_ref().map(|row| unsafe { [_mm512_loadu_ps(row.as_ptr()), _mm512_loadu_ps(row.as_ptr().add(16))] }))
    }
}

/// x·Φ(x), the exact GELU, off by less than 2.5e-7·|x|.
#[target_feature(enable = "avx512f,avx512dq")]
#[inline]
pub(super) fn gelu(table: &GeluVectors, x: __m512) -> __m512 {
    let size = _mm512_abs_ps(x);
    // the second operand where one is NaN
    let steps = _mm512_min_ps(_mm512_set1_ps(31.0), _mm512_mul_ps(size, _mm512_set1_ps((1.0 / STEP) as f32)));
    let index = _mm512_add_ps(steps, _mm512_set1_ps(MAGIC));
    let f = _mm512_sub_ps(steps, _mm512_sub_ps(index, _mm512_set1_ps(MAGIC)));
    // the low five bits choose
    let of = |power: usize| _mm512_permutex2var_ps(table.0[power][0], _mm512_castps_si512(index), table.0[power][1]);
    let p = _mm512_fmadd_ps(of(3), f, of(2));
    let p = _mm512_fmadd_ps(p, f, of(1));
    let p = _mm512_fmadd_ps(p, f, of(0));
    _mm512_fmadd_ps(size, p, _mm512_mul_ps(x, _mm512_set1_ps(0.5)))
}
