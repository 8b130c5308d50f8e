//! scale · A [M,D] · B [R,D]ᵀ → [M,R] in float32. B is packed into panels of 16 rows so that one load feeds 16 columns of the result.
//! Every result is one sum over d = 0, 1, 2, … whatever tile or thread computed it, never fused: the bits of the plain-SIMD WASM build.

#[cfg(target_arch = "x86_64")]
use crate::level::{level, Level};
use crate::spread::every;

const PANEL: usize = 16;
/// Rows of one tile of plain Rust: 4 × 16 sums stay in registers.
const TILE: usize = 4;
/// A share's rows are whole tiles of every level.
const ROWS: usize = 12;
/// Products in one thread's share, about.
const SHARE: usize = 1 << 22;

/// a [M,D], b [R,D] → out [M,R]; false when a result is not finite.
pub fn gemm(a: &[f32], b: &[f32], scale: f32, d: usize, out: &mut [f32]) -> bool {
    let r = b.len() / d;
    let packed = pack(b, d);
    packed_gemm(a, &packed, scale, r, d, out)
}

/// packed[(p·D + d)·16 + j] = b[16p + j][d], zeros beyond R.
pub(crate) fn pack(b: &[f32], d: usize) -> Vec<f32> {
    let r = b.len() / d;
    let mut packed = vec![0.0; r.div_ceil(PANEL) * PANEL * d];
    for (panel, rows) in packed.chunks_exact_mut(PANEL * d).zip(b.chunks(PANEL * d)) {
        for (j, row) in rows.chunks_exact(d).enumerate() {
            for (to, v) in panel[j..].iter_mut().step_by(PANEL).zip(row) {
                *to = *v;
            }
        }
    }
    packed
}

pub(crate) fn packed_gemm(a: &[f32], packed: &[f32], scale: f32, r: usize, d: usize, out: &mut [f32]) -> bool {
    let m = a.len() / d;
    let work = Work { r, d, scale };
    let rows = (SHARE / (d * r)).max(1).next_multiple_of(ROWS);
    if m <= rows {
        return share(a, packed, work, out);
    }
    every(a.chunks(rows * d).zip(out.chunks_mut(rows * r)), |(a, out)| share(a, packed, work, out))
}

/// What a share is computed with, besides its rows.
#[derive(Clone, Copy)]
struct Work {
    r: usize,
    d: usize,
    scale: f32,
}

fn share(a: &[f32], packed: &[f32], work: Work, out: &mut [f32]) -> bool {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: `level` found these instructions on this processor.
    match level() {
        Level::Avx512 => return unsafe { avx512::gemm_rows(a, packed, work, out) },
        Level::Avx2 => return unsafe { avx2::gemm_rows(a, packed, work, out) },
        Level::Plain => {}
    }
    gemm_rows(a, packed, work, out)
}

#[inline(always)]
fn gemm_rows(a: &[f32], packed: &[f32], work: Work, out: &mut [f32]) -> bool {
    let Work { r, d, scale } = work;
    let m = a.len() / d;
    let mut finite = true;
    for (p, panel) in packed.chunks_exact(PANEL * d).enumerate() {
        let first = p * PANEL;
        let columns = PANEL.min(r - first);
        let mut row = 0;
        while row < m {
            let n = TILE.min(m - row);
            let sums = if n == TILE { tile::<TILE>(&a[row * d..(row + TILE) * d], panel, d) } else { edge(&a[row * d..], panel, d) };
            for (i, sum) in sums.iter().take(n).enumerate() {
                let scaled = sum.map(|s| s * scale);
                finite &= scaled[..columns].iter().fold(0.0f32, |fault, v| fault + v * 0.0) == 0.0;
                let at = (row + i) * r + first;
                out[at..at + columns].copy_from_slice(&scaled[..columns]);
            }
            row += n;
        }
    }
    finite
}

/// Fewer rows than a tile has, one by one.
#[inline(always)]
fn edge(a: &[f32], panel: &[f32], d: usize) -> [[f32; PANEL]; TILE] {
    let mut sums = [[0.0; PANEL]; TILE];
    for (sum, row) in sums.iter_mut().zip(a.chunks_exact(d)) {
        let [one] = tile::<1>(row, panel, d);
        *sum = one;
    }
    sums
}

#[inline(always)]
fn tile<const ROWS: usize>(a: &[f32], panel: &[f32], d: usize) -> [[f32; PANEL]; ROWS] {
    assert!(a.len() >= ROWS * d && panel.len() >= PANEL * d);
    let mut sums = [[0.0f32; PANEL]; ROWS];
    for i in 0..d {
        // SAFETY: i < d, and the lengths are those asserted above.
        let b: &[f32; PANEL] = unsafe { &*panel.as_ptr().add(i * PANEL).cast() };
        for (r, sum) in sums.iter_mut().enumerate() {
            let x = unsafe { *a.get_unchecked(r * d + i) };
            for j in 0..PANEL {
                sum[j] += x * b[j];
            }
        }
    }
    sums
}

/// The same sums in vectors of 8 numbers: a processor that adds and multiplies 8 at a time twice in a cycle does not always do so with 16.
/// Tiles fill the registers: 32 under AVX-512, 16 under AVX2.
#[cfg(target_arch = "x86_64")]
macro_rules! vectors {
    ($module:ident, $features:literal, pair: $pair:literal, single: $single:literal) => {
        mod $module {
            use super::{Work, PANEL};
            use std::arch::x86_64::*;

            const LANES: usize = 8;

            #[target_feature(enable = $features)]
            pub fn gemm_rows(a: &[f32], packed: &[f32], work: Work, out: &mut [f32]) -> bool {
                let Work { r, d, .. } = work;
                let m = a.len() / d;
                let panels = r.div_ceil(PANEL);
                assert!(a.len() == m * d && out.len() == m * r && packed.len() == panels * PANEL * d);
                let mut fault = _mm256_setzero_ps();
                let mut p = 0;
                while p < panels {
                    let pair = $pair > 0 && p + 2 <= panels;
                    let columns = (r - p * PANEL).min(if pair { 2 * PANEL } else { PANEL });
                    let mut row = 0;
                    while row < m {
                        // SAFETY: rows row..row + n of a and out, and the panels from p on, lie within the lengths asserted.
                        unsafe {
                            let a = a.as_ptr().add(row * d);
                            let b = packed.as_ptr().add(p * PANEL * d);
                            let out = out.as_mut_ptr().add(row * r + p * PANEL);
                            // where a level has no tile of two panels, those arms are never reached
                            #[allow(unreachable_patterns)]
                            let rows = match (pair, m - row) {
                                (true, $pair..) => tile::<$pair, 4>(a, b, out, &work, columns, &mut fault),
                                (true, 2..) => tile::<2, 4>(a, b, out, &work, columns, &mut fault),
                                (true, _) => tile::<1, 4>(a, b, out, &work, columns, &mut fault),
                                (false, $single..) => tile::<$single, 2>(a, b, out, &work, columns, &mut fault),
                                (false, 4..) => tile::<4, 2>(a, b, out, &work, columns, &mut fault),
                                (false, _) => tile::<1, 2>(a, b, out, &work, columns, &mut fault),
                            };
                            row += rows;
                        }
                    }
                    p += if pair { 2 } else { 1 };
                }
                _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(fault, fault)) == 0xff
            }

            /// ROWS rows of a against HALVES half panels → out, times the scale; v·0 is NaN exactly where v is not finite, and NaN stays in
            /// `fault`. Returns ROWS.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn tile<const ROWS: usize, const HALVES: usize>(
                a: *const f32,
                b: *const f32,
                out: *mut f32,
                work: &Work,
                columns: usize,
                fault: &mut __m256,
            ) -> usize {
                let &Work { d, r, scale } = work;
                let mut sums = [[_mm256_setzero_ps(); HALVES]; ROWS];
                for i in 0..d {
                    let mut halves = [_mm256_setzero_ps(); HALVES];
                    for (h, half) in halves.iter_mut().enumerate() {
                        *half = _mm256_loadu_ps(b.add((h / 2 * d + i) * PANEL + h % 2 * LANES));
                    }
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let x = _mm256_set1_ps(*a.add(row * d + i));
                        for (sum, half) in sums.iter_mut().zip(halves) {
                            *sum = _mm256_add_ps(*sum, _mm256_mul_ps(x, half));
                        }
                    }
                }
                let (scale, zero) = (_mm256_set1_ps(scale), _mm256_setzero_ps());
                let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
                for (row, sums) in sums.iter().enumerate() {
                    for (h, sum) in sums.iter().enumerate() {
                        let scaled = _mm256_mul_ps(*sum, scale);
                        *fault = _mm256_add_ps(*fault, _mm256_mul_ps(scaled, zero));
                        let kept = columns.saturating_sub(h * LANES).min(LANES);
                        // within the row even where nothing of this half is kept
                        let to = out.add(row * r + (h * LANES).min(columns));
                        if kept == LANES {
                            _mm256_storeu_ps(to, scaled);
                        } else {
                            _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(kept as i32), lane), scaled);
                        }
                    }
                }
                ROWS
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
vectors!(avx512, "avx2,avx512f,avx512vl", pair: 6, single: 12);
#[cfg(target_arch = "x86_64")]
vectors!(avx2, "avx2", pair: 0, single: 6);

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::level::Level;

    type Rows = fn(&[f32], &[f32], Work, &mut [f32]) -> bool;

    /// The levels that this processor has, besides plain Rust.
    fn levels() -> Vec<(&'static str, Rows)> {
        // SAFETY: a level is called only where `level` found it or a wider one.
        let narrow: Rows = |a, b, w, out| unsafe { avx2::gemm_rows(a, b, w, out) };
        let wide: Rows = |a, b, w, out| unsafe { avx512::gemm_rows(a, b, w, out) };
        match level() {
            Level::Avx512 => vec![("avx2", narrow), ("avx512", wide)],
            Level::Avx2 => vec![("avx2", narrow)],
            Level::Plain => Vec::new(),
        }
    }

    fn numbers(length: usize) -> Vec<f32> {
        let mut state = length as u32;
        let next = || {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            state as f32 / 2f32.powi(31) - 1.0
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn every_level_gives_the_bits_of_plain_rust_and_writes_nothing_else() {
        for m in [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 18, 25] {
            for r in [1, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 110] {
                for d in [1, 3, 64] {
                    let (a, b) = (numbers(m * d), numbers(r * d));
                    let (packed, work) = (pack(&b, d), Work { r, d, scale: 10.0 });
                    let mut expected = vec![0.0; m * r];
                    assert!(gemm_rows(&a, &packed, work, &mut expected));
                    for (name, rows) in levels() {
                        let mut out = vec![7.0; m * r + 8];
                        assert!(rows(&a, &packed, work, &mut out[..m * r]));
                        let bits = |x: &[f32]| x.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                        assert_eq!(bits(&out[..m * r]), bits(&expected), "{name} {m} {r} {d}");
                        assert_eq!(out[m * r..], [7.0; 8], "{name} {m} {r} {d}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_level_refuses_a_result_that_is_not_finite_wherever_it_stands() {
        let (m, r, d) = (13, 33, 5);
        for at in 0..m * d {
            let (mut a, b) = (numbers(m * d), numbers(r * d));
            a[at] = f32::INFINITY;
            for (name, rows) in levels() {
                assert!(!rows(&a, &pack(&b, d), Work { r, d, scale: 1.0 }, &mut vec![0.0; m * r]), "{name} {at}");
            }
        }
    }
}
