//! Pillow's two-pass bicubic resampler on RGB bytes, exact: 22-bit integer weights, 8 bits between the passes. The pass along rows is across.rs.
//! One image is one thread's work: images are many.

use crate::across::{Across, Way};
use crate::level::at_level;

pub(crate) const BITS: u32 = 22;
pub(crate) const HALF: i32 = 1 << (BITS - 1);

/// One axis: output i is Σ_j weights[i·taps + j] · source[first[i] + j], j < count[i].
#[derive(Clone, Copy)]
pub struct Axis<'a> {
    pub taps: usize,
    pub first: &'a [i32],
    pub count: &'a [i32],
    pub weights: &'a [i32],
}

/// A resize of a source box to a square of `size`.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    pub size: usize,
    pub horizontal: Axis<'a>,
    pub vertical: Axis<'a>,
}

impl Axis<'_> {
    /// Whether every tap lies in a source of `length` and within the weights.
    pub(crate) fn fits(&self, size: usize, length: usize) -> bool {
        let sizes = self.first.len() == size && self.count.len() == size && self.weights.len() == size * self.taps;
        sizes
            && self.first.iter().zip(self.count).all(|(&first, &count)| {
                first >= 0 && count >= 1 && count as usize <= self.taps && first as usize + count as usize <= length
            })
    }

    /// First source index that the axis reads, and how many from there on.
    pub(crate) fn reach(&self) -> (usize, usize) {
        let start = self.first.iter().min().map_or(0, |&first| first as usize);
        let end = self.first.iter().zip(self.count).map(|(&first, &count)| (first + count) as usize).max().unwrap_or(start);
        (start, end - start)
    }
}

/// Resamples data [height,width,3] to out [S,S,3]; false, with nothing done, where the plan does not fit the image.
pub fn resample(data: &[u8], width: usize, height: usize, plan: &Plan, out: &mut [u8]) -> bool {
    let Plan { size, horizontal, vertical } = *plan;
    let fits = size > 0 && data.len() == width * height * 3 && out.len() == size * size * 3;
    if !fits || !horizontal.fits(size, width) || !vertical.fits(size, height) {
        return false;
    }
    through(data, width, &Across::new(&horizontal, Way::here()), &vertical, &mut Between::default(), out);
    true
}

/// Memory between the passes, for one image after the other. What an image left there is never read by the next.
#[derive(Default)]
pub(crate) struct Between {
    /// rows that the second pass reads, and one more
    rows: Vec<u8>,
    /// two rows of the source with room behind them
    padded: Vec<u8>,
    sums: Vec<i32>,
}

impl Between {
    /// Lets go of what is larger than `most` bytes.
    pub(crate) fn keep(&mut self, most: usize) {
        for memory in [&mut self.rows, &mut self.padded] {
            if memory.capacity() > most {
                *memory = Vec::new();
            }
        }
    }
}

/// Both passes; `across` and `vertical` fit the image, and out [S,S,3] them.
pub(crate) fn through(data: &[u8], width: usize, across: &Across, vertical: &Axis, memory: &mut Between, out: &mut [u8]) {
    let row = out.len() / vertical.first.len();
    let (top, rows) = vertical.reach();
    let (read, pixels) = (across.read_bytes(), across.pixel_bytes());
    let Between { rows: between, padded, sums } = memory;
    between.resize((rows + 1) * row, 0);
    padded.resize(2 * read, 0);
    for y in (0..rows).step_by(2) {
        // an odd last row goes with itself
        let at = [y, (y + 1).min(rows - 1)].map(|y| ((top + y) * width + across.left) * 3);
        let (upper, lower) = between[y * row..].split_at_mut(row);
        if at[1] + read <= data.len() {
            across.rows(at.map(|at| &data[at..]), [upper, lower]);
            continue;
        }
        for (padded, at) in padded.chunks_exact_mut(read).zip(at) {
            padded[..pixels].copy_from_slice(&data[at..at + pixels]);
        }
        let (first, second) = padded.split_at(read);
        across.rows([first, second], [upper, lower]);
    }
    sums.resize(row, 0);
    for (y, to) in out.chunks_exact_mut(row).enumerate() {
        let weights = &vertical.weights[y * vertical.taps..][..vertical.count[y] as usize];
        vertical_row(&between[(vertical.first[y] as usize - top) * row..], weights, sums, to);
    }
}

/// out [3,S·S] = table[c·256 + byte] of bytes [S·S,3].
pub fn through_table(bytes: &[u8], table: &[f32], out: &mut [f32]) {
    let plane = bytes.len() / 3;
    for (c, (out, table)) in out.chunks_exact_mut(plane).zip(table.chunks_exact(256)).enumerate() {
        for (o, pixel) in out.iter_mut().zip(bytes.chunks_exact(3)) {
            *o = table[pixel[c] as usize];
        }
    }
}

#[inline(always)]
pub(crate) fn round(sum: i32) -> u8 {
    (sum.wrapping_add(HALF) >> BITS).clamp(0, 255) as u8
}

at_level! { fn vertical_row(from: &[u8], weights: &[i32], sums: &mut [i32], to: &mut [u8]) -> () = vertical_plain }

#[inline(always)]
fn vertical_plain(from: &[u8], weights: &[i32], sums: &mut [i32], to: &mut [u8]) {
    sums.fill(0);
    for (w, row) in weights.iter().zip(from.chunks_exact(to.len())) {
        for (sum, v) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(w.wrapping_mul(*v as i32));
        }
    }
    for (to, sum) in to.iter_mut().zip(sums.iter()) {
        *to = round(*sum);
    }
}
