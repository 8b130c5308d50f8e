//! x/‖x‖₂ by row. Squares and their sum in float64, so neither 1e30 nor a denormal overflows or vanishes; rounded once to float32.

use crate::level::at_level;
use rayon::prelude::*;

const SHARE: usize = 1 << 15;

/// x [rows,D] → out [rows,D]. The first row whose squared norm is 0, NaN or infinite, if any; what was written then is undefined.
pub fn l2_normalize(x: &[f32], d: usize, out: &mut [f32]) -> Option<usize> {
    let rows = (SHARE / d).max(1);
    let parts = x.par_chunks(rows * d).zip(out.par_chunks_mut(rows * d)).enumerate();
    parts.filter_map(|(i, (x, out))| share(x, d, out).map(|bad| i * rows + bad)).min()
}

at_level! { fn share(x: &[f32], d: usize, out: &mut [f32]) -> Option<usize> = normalize_rows }

/// The order of the sum is that of the WASM build: four partial sums, (0+2) + (1+3), then what is left of the row.
#[inline(always)]
fn normalize_rows(x: &[f32], d: usize, out: &mut [f32]) -> Option<usize> {
    for (r, (x, out)) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)).enumerate() {
        let mut sums = [0.0f64; 4];
        let blocks = x.chunks_exact(4);
        let rest = blocks.remainder();
        for block in blocks {
            for i in 0..4 {
                sums[i] += block[i] as f64 * block[i] as f64;
            }
        }
        let mut squared = (sums[0] + sums[2]) + (sums[1] + sums[3]);
        for v in rest {
            squared += *v as f64 * *v as f64;
        }
        if !(squared > 0.0 && squared < f64::INFINITY) {
            return Some(r);
        }
        let inverse = 1.0 / squared.sqrt();
        for (o, v) in out.iter_mut().zip(x) {
            *o = (*v as f64 * inverse) as f32;
        }
    }
    None
}
