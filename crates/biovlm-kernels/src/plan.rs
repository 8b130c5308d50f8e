//! Where each output pixel reads and with which weights: packages/core/src/resample-plan.ts in Rust, operation by operation, so that the
//! integers are the same. Source: Pillow 9.4 src/libImaging/Resample.c.

use crate::across::{Across, Way};
use crate::resample::{through, Axis, Between};
use std::cell::RefCell;

const BITS: i32 = 22;
const A: f64 = -0.5;
const SUPPORT: f64 = 2.0;

struct AxisPlan {
    taps: usize,
    first: Vec<i32>,
    count: Vec<i32>,
    weights: Vec<i32>,
}

impl AxisPlan {
    fn view(&self) -> Axis<'_> {
        Axis { taps: self.taps, first: &self.first, count: &self.count, weights: &self.weights }
    }
}

/// How one size of image becomes one size of window.
struct Window {
    sides: [usize; 3],
    across: Across,
    vertical: AxisPlan,
}

thread_local! {
    // the images of a set are often of one size
    static LAST: RefCell<(Option<Window>, Between)> = RefCell::default();
}

/// Memory for rows beyond this is not kept for the next image, nor are weights of a longer side.
const MOST_KEPT: usize = 1 << 22;
const MOST_KEPT_SIDE: usize = 1 << 14;

/// The widest window that is made: beyond it a size is a mistake.
const MOST: usize = 4096;

/// Resize(S, bicubic) of data [height,width,3] on the shortest side, long = ⌊S·long/short⌋, then CenterCrop(S) → bytes [S,S,3], Pillow's.
/// None where a side or S is 0, S is beyond 4096, or `data` has another length.
pub fn resize_crop(data: &[u8], width: usize, height: usize, size: usize) -> Option<Vec<u8>> {
    let length = width.checked_mul(height)?.checked_mul(3)?;
    if size == 0 || size > MOST || length == 0 || data.len() != length {
        return None;
    }
    let mut out = vec![0u8; size * size * 3];
    LAST.with_borrow_mut(|(last, between)| {
        let window = match last.take() {
            Some(window) if window.sides == [width, height, size] => window,
            _ => {
                let [horizontal, vertical] = centre_crop(width, height, size);
                Window { sides: [width, height, size], across: Across::new(&horizontal.view(), Way::here()), vertical }
            }
        };
        through(data, width, &window.across, &window.vertical.view(), between, &mut out);
        between.keep(MOST_KEPT);
        *last = (width.max(height) <= MOST_KEPT_SIDE).then_some(window);
    });
    Some(out)
}

/// Horizontal, vertical.
fn centre_crop(width: usize, height: usize, size: usize) -> [AxisPlan; 2] {
    let short = width.min(height);
    [width, height].map(|side| {
        let resized = if side == short { size } else { size * side / short };
        axis(side, resized, half_even(resized - size), size)
    })
}

/// Outputs from..from+size of a resize of `length` pixels to `resized`.
fn axis(length: usize, resized: usize, from: usize, size: usize) -> AxisPlan {
    let scale = length as f64 / resized as f64;
    let filter_scale = scale.max(1.0);
    let support = SUPPORT * filter_scale;
    let taps = support.ceil() as usize * 2 + 1;
    let copy = length == resized;
    let mut plan = AxisPlan { taps, first: vec![0; size], count: vec![0; size], weights: vec![0; size * taps] };
    let mut exact = vec![0f64; taps];
    for i in 0..size {
        let weights = &mut plan.weights[i * taps..][..taps];
        if copy {
            plan.first[i] = (i + from) as i32;
            plan.count[i] = 1;
            weights[0] = 1 << BITS;
            continue;
        }
        let centre = ((i + from) as f64 + 0.5) * scale;
        // a conversion cuts off towards zero, and below zero gives zero
        let low = (centre - support + 0.5) as usize;
        let count = ((centre + support + 0.5) as usize).min(length) - low;
        let mut sum = 0.0;
        for (j, w) in exact[..count].iter_mut().enumerate() {
            *w = bicubic(((j + low) as f64 - centre + 0.5) * (1.0 / filter_scale));
            sum += *w;
        }
        plan.first[i] = low as i32;
        plan.count[i] = count as i32;
        for (to, w) in weights.iter_mut().zip(&exact[..count]) {
            *to = fixed_point(w / sum);
        }
    }
    plan
}

fn bicubic(x: f64) -> f64 {
    let d = x.abs();
    if d < 1.0 {
        ((A + 2.0) * d - (A + 3.0)) * d * d + 1.0
    } else if d < 2.0 {
        (((d - 5.0) * d + 8.0) * d - 4.0) * A
    } else {
        0.0
    }
}

/// Rounds half away from zero.
fn fixed_point(w: f64) -> i32 {
    let scaled = w * f64::from(1 << BITS);
    (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// n / 2, halves to the even neighbour.
fn half_even(n: usize) -> usize {
    let floor = n / 2;
    floor + (n % 2) * (floor % 2)
}
