//! Softmax, log-softmax and entropy by row of x [rows,C]: 16 rows at a time, one row a lane, so no sum crosses lanes.
//! Each returns false when an input is NaN or infinite; what it wrote then is undefined.

use crate::exponential::{exp, log1p};
use crate::level::at_level;
use crate::spread::every;

const LANES: usize = 16;
/// x − max below this gives exp = 0; clamping keeps d·exp(d) from being −∞·0.
const FLOOR: f32 = -104.0;
/// Numbers in one thread's share, at the least.
const SHARE: usize = 1 << 14;

type Lane = [f32; LANES];

/// out [rows,C] = exp(x − max) / Σ exp(x − max).
pub fn softmax(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    shared(x, c, out, c, softmax_share)
}

/// out [rows,C] = x − max − log Σ exp(x − max).
pub fn log_softmax(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    shared(x, c, out, c, log_softmax_share)
}

/// out [rows] = the entropy of softmax(x), nats.
pub fn entropy(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    shared(x, c, out, 1, entropy_share)
}

type Share = fn(&[f32], usize, &mut [f32]) -> bool;

fn shared(x: &[f32], c: usize, out: &mut [f32], width: usize, work: Share) -> bool {
    let rows = (SHARE / c).max(1).next_multiple_of(LANES);
    if x.len() <= rows * c {
        return work(x, c, out);
    }
    every(x.chunks(rows * c).zip(out.chunks_mut(rows * width)), |(x, out)| work(x, c, out))
}

at_level! { fn softmax_share(x: &[f32], c: usize, out: &mut [f32]) -> bool = softmax_rows }
at_level! { fn log_softmax_share(x: &[f32], c: usize, out: &mut [f32]) -> bool = log_softmax_rows }
at_level! { fn entropy_share(x: &[f32], c: usize, out: &mut [f32]) -> bool = entropy_rows }

/// lanes[i] = the i-th number of each row; rows short of 16 repeat the last. Returns the maxima and whether all is finite.
#[inline(always)]
fn gather(x: &[f32], c: usize, lanes: &mut [Lane]) -> (Lane, bool) {
    let last = x.len() / c - 1;
    for (l, at) in (0..LANES).map(|l| (l, l.min(last) * c)) {
        for (lane, v) in lanes.iter_mut().zip(&x[at..at + c]) {
            lane[l] = *v;
        }
    }
    let mut max = [f32::NEG_INFINITY; LANES];
    let mut fault = [0.0f32; LANES];
    for lane in lanes.iter() {
        for l in 0..LANES {
            // the first of equal values stays: the sign of a zero is part of the bits
            max[l] = if max[l] < lane[l] { lane[l] } else { max[l] };
            fault[l] += lane[l] * 0.0;
        }
    }
    (max, fault.iter().all(|f| *f == 0.0))
}

#[inline(always)]
fn floor(d: f32) -> f32 {
    if d < FLOOR {
        FLOOR
    } else {
        d
    }
}

#[inline(always)]
fn softmax_rows(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    let mut lanes = vec![[0.0; LANES]; c];
    for (x, out) in x.chunks(LANES * c).zip(out.chunks_mut(LANES * c)) {
        let (max, finite) = gather(x, c, &mut lanes);
        if !finite {
            return false;
        }
        let mut sum = [0.0f32; LANES];
        for lane in lanes.iter_mut() {
            for l in 0..LANES {
                let e = exp(floor(lane[l] - max[l]));
                sum[l] += e;
                lane[l] = e;
            }
        }
        let factor = sum.map(|s| 1.0 / s);
        for (l, row) in out.chunks_mut(c).enumerate() {
            for (v, lane) in row.iter_mut().zip(&lanes) {
                *v = lane[l] * factor[l] - 0.0;
            }
        }
    }
    true
}

/// The number of further maxima joins the sum: log1p of it keeps what 1 + rest would round away.
#[inline(always)]
fn with_ties(rest: f32, below: i32, c: usize) -> f32 {
    rest + (c as i32 - 1 - below) as f32
}

#[inline(always)]
fn log_softmax_rows(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    let mut lanes = vec![[0.0; LANES]; c];
    for (x, out) in x.chunks(LANES * c).zip(out.chunks_mut(LANES * c)) {
        let (max, finite) = gather(x, c, &mut lanes);
        if !finite {
            return false;
        }
        let mut rest = [0.0f32; LANES];
        let mut below = [0i32; LANES];
        for lane in lanes.iter_mut() {
            for l in 0..LANES {
                let d = lane[l] - max[l];
                lane[l] = d;
                let e = exp(floor(d));
                below[l] += (d < 0.0) as i32;
                rest[l] += if d < 0.0 { e } else { 0.0 };
            }
        }
        let mut shift = [0.0f32; LANES];
        for l in 0..LANES {
            shift[l] = log1p(with_ties(rest[l], below[l], c));
        }
        for (l, row) in out.chunks_mut(c).enumerate() {
            for (v, lane) in row.iter_mut().zip(&lanes) {
                *v = lane[l] - shift[l];
            }
        }
    }
    true
}

#[inline(always)]
fn entropy_rows(x: &[f32], c: usize, out: &mut [f32]) -> bool {
    let mut lanes = vec![[0.0; LANES]; c];
    for (x, out) in x.chunks(LANES * c).zip(out.chunks_mut(LANES)) {
        let (max, finite) = gather(x, c, &mut lanes);
        if !finite {
            return false;
        }
        let mut rest = [0.0f32; LANES];
        let mut weighted = [0.0f32; LANES];
        let mut below = [0i32; LANES];
        for lane in lanes.iter() {
            for l in 0..LANES {
                let d = floor(lane[l] - max[l]);
                let e = exp(d);
                let e = if d < 0.0 { e } else { 0.0 };
                below[l] += (d < 0.0) as i32;
                rest[l] += e;
                weighted[l] -= d * e;
            }
        }
        let mut h = [0.0f32; LANES];
        for l in 0..LANES {
            let rest = with_ties(rest[l], below[l], c);
            h[l] = log1p(rest) + weighted[l] / (1.0 + rest);
        }
        out.copy_from_slice(&h[..out.len()]);
    }
    true
}
