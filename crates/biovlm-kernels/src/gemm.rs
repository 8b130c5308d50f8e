//! scale · A [M,D] · B [R,D]ᵀ → [M,R] in float32. B is packed into panels of 16 rows so that one load feeds 16 columns of the result.
//! Every result is one sum over d = 0, 1, 2, … whatever tile or thread computed it, never fused: the bits of the plain-SIMD WASM build.

use crate::level::at_level;
use rayon::prelude::*;

const PANEL: usize = 16;
/// Rows of one tile: 4 × 16 sums stay in registers.
const TILE: usize = 4;
/// Products in one thread's share, at the least.
const SHARE: usize = 1 << 20;

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
    let rows = (SHARE / (d * r)).max(1).next_multiple_of(TILE);
    if m <= rows {
        return share(a, packed, scale, r, d, out);
    }
    let parts = a.par_chunks(rows * d).zip(out.par_chunks_mut(rows * r));
    parts.map(|(a, out)| share(a, packed, scale, r, d, out)).reduce(|| true, |x, y| x && y)
}

at_level! { fn share(a: &[f32], packed: &[f32], scale: f32, r: usize, d: usize, out: &mut [f32]) -> bool = gemm_rows }

#[inline(always)]
fn gemm_rows(a: &[f32], packed: &[f32], scale: f32, r: usize, d: usize, out: &mut [f32]) -> bool {
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
