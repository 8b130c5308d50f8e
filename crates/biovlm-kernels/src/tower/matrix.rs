//! A frozen matrix and its bias as products read them: int8 by output channel, or float32 where it has too few weights to be worth rounding.

use super::memory::Lines;
use super::sizes::wide;
use rayon::prelude::*;

/// Columns of a panel: two vectors of 16 sums.
pub(super) const PANEL: usize = 32;
/// A product of fewer weights stays float32, as in the graph's quantisation.
const LEAST_WEIGHTS: usize = 4096;
/// A row whose largest magnitude is less is a row of zeros.
pub(super) const LEAST: f32 = 1e-30;

pub(super) enum Form {
    /// weights [panels][K/4][2][16][4]; `start` [N] is −128 · the column's sum: activations are kept 128 above what they are
    Rounded { weights: Lines<i8>, start: Lines<i32>, scales: Lines<f32> },
    /// weights [panels][K][32]
    Plain { weights: Lines<f32> },
}

/// y [.., N] = x [.., K] · Wᵀ + bias; N is a multiple of 32, padded with zeros.
pub(super) struct Matrix {
    pub k: usize,
    pub n: usize,
    pub bias: Lines<f32>,
    pub form: Form,
}

impl Matrix {
    /// weight [outputs, K] and bias [outputs], or none. `parts` matrices of that shape lie one after the other and each begins at a multiple of 32.
    pub fn of(weight: &[f32], bias: Option<&[f32]>, k: usize, parts: usize) -> Self {
        let outputs = weight.len() / k / parts;
        let each = wide(outputs);
        let n = parts * each;
        let row = |column: usize| {
            let (part, at) = (column / each, column % each);
            (at < outputs).then(|| &weight[(part * outputs + at) * k..][..k])
        };
        let mut padded = Lines::zeros(n);
        if let Some(bias) = bias {
            for (to, from) in padded.chunks_exact_mut(each).zip(bias.chunks_exact(outputs)) {
                to[..outputs].copy_from_slice(from);
            }
        }
        let form = if outputs * k < LEAST_WEIGHTS { plain(n, k, row) } else { rounded(n, k, row) };
        Self { k, n, bias: padded, form }
    }

    pub fn is_rounded(&self) -> bool {
        matches!(self.form, Form::Rounded { .. })
    }
}

fn plain<'a>(n: usize, k: usize, row: impl Fn(usize) -> Option<&'a [f32]> + Sync) -> Form {
    let mut weights = Lines::zeros(n * k);
    for (p, panel) in weights.chunks_exact_mut(PANEL * k).enumerate() {
        for j in 0..PANEL {
            let Some(row) = row(p * PANEL + j) else { continue };
            for (to, w) in panel[j..].iter_mut().step_by(PANEL).zip(row) {
                *to = *w;
            }
        }
    }
    Form::Plain { weights }
}

fn rounded<'a>(n: usize, k: usize, row: impl Fn(usize) -> Option<&'a [f32]> + Sync) -> Form {
    let quads = k.div_ceil(4);
    let (mut weights, mut start, mut scales) = (Lines::zeros(n * quads * 4), Lines::zeros(n), Lines::zeros(n));
    let panels = weights.par_chunks_exact_mut(PANEL * quads * 4).zip(start.par_chunks_exact_mut(PANEL)).zip(scales.par_chunks_exact_mut(PANEL));
    panels.enumerate().for_each(|(p, ((panel, start), scales))| {
        for j in 0..PANEL {
            let Some(row) = row(p * PANEL + j) else { continue };
            let most = row.iter().fold(0.0f32, |most, w| most.max(w.abs()));
            if most < LEAST {
                continue;
            }
            scales[j] = most / 127.0;
            let inverse = 127.0 / most;
            let mut sum = 0;
            for (q, four) in row.chunks(4).enumerate() {
                for (to, w) in panel[q * 128 + j * 4..].iter_mut().zip(four) {
                    let whole = round(w * inverse);
                    *to = whole as i8;
                    sum += whole;
                }
            }
            start[j] = -128 * sum;
        }
    });
    Form::Rounded { weights, start, scales }
}

/// To the nearest whole number, a half to the even one, for |x| < 2^22: added, 1.5·2^23 leaves it in the low bits.
fn round(x: f32) -> i32 {
    const MAGIC: f32 = 12582912.0;
    ((x + MAGIC) - MAGIC) as i32
}
