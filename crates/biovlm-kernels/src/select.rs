//! Keeps, for each image, the K prompts of lowest entropy (ties by lower index, ascending) and averages their logits.

use crate::gemm::{pack, packed_gemm};
use crate::rows::{entropy, softmax};
use crate::spread::every;

/// Sizes of one routing.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub b: usize,
    pub n: usize,
    pub c: usize,
    pub d: usize,
}

/// Where routing writes: [B,N,C], [B,N], [B,K], [B,C], [B,C].
pub struct Routing<'a> {
    pub logits: &'a mut [f32],
    pub entropy: &'a mut [f32],
    pub kept: &'a mut [i32],
    pub mean: &'a mut [f32],
    pub probabilities: &'a mut [f32],
}

/// Up to so many prompts, comparing all pairs without a branch is faster than sorting.
const COUNTED: usize = 32;

/// kept[rank] = i for the ranks below K; the rank of i is how many are lower, or equal and before it.
fn keep_by_rank(h: &[f32], kept: &mut [i32]) {
    for (i, own) in h.iter().enumerate() {
        let before = h[..i].iter().map(|v| (v <= own) as usize).sum::<usize>();
        let after = h[i + 1..].iter().map(|v| (v < own) as usize).sum::<usize>();
        if let Some(to) = kept.get_mut(before + after) {
            *to = i as i32;
        }
    }
}

/// Images that are selected for in one part.
const IMAGES: usize = 256;

/// kept = the prompts of least entropy, in that order; equal ones in index order. `order` is room to work in.
fn keep(h: &[f32], kept: &mut [i32], order: &mut Vec<i32>) {
    if h.len() <= COUNTED {
        return keep_by_rank(h, kept);
    }
    order.clear();
    order.extend(0..h.len() as i32);
    // stable: equal entropies stay in index order; no entropy is NaN
    let at = |i: &i32| h[*i as usize];
    order.sort_by(|i, j| at(i).partial_cmp(&at(j)).unwrap_or(std::cmp::Ordering::Equal));
    kept.copy_from_slice(&order[..kept.len()]);
}

/// Reads out.logits and fills the rest; false when an input or a mean is not finite.
pub fn select(out: &mut Routing, n: usize, c: usize, k: usize) -> bool {
    if !entropy(out.logits, c, out.entropy) {
        return false;
    }
    let kept = out.kept.chunks_mut(IMAGES * k).zip(out.mean.chunks_mut(IMAGES * c));
    let parts = kept.zip(out.logits.chunks(IMAGES * n * c).zip(out.entropy.chunks(IMAGES * n)));
    every(parts, |((kept, mean), (logits, h))| {
        let mut order = Vec::new();
        let images = kept.chunks_exact_mut(k).zip(mean.chunks_exact_mut(c));
        for ((kept, mean), (logits, h)) in images.zip(logits.chunks_exact(n * c).zip(h.chunks_exact(n))) {
            keep(h, kept, &mut order);
            mean.fill(0.0);
            for i in kept.iter() {
                let row = &logits[*i as usize * c..][..c];
                for (sum, v) in mean.iter_mut().zip(row) {
                    *sum += *v;
                }
            }
            for sum in mean.iter_mut() {
                *sum /= k as f32;
            }
        }
        true
    });
    softmax(out.mean, c, out.probabilities)
}

/// f [B,D], t [N·C,D] → all of out; false when a result is not finite.
pub fn route(f: &[f32], t: &[f32], scale: f32, shape: Shape, k: usize, out: &mut Routing) -> bool {
    let Shape { n, c, d, .. } = shape;
    packed_gemm(f, &pack(t, d), scale, n * c, d, out.logits) && select(out, n, c, k)
}
