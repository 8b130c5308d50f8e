//! An image's way through the tower, rows at a time: patches, blocks, the class token's end. What needs other rows is attention alone, so that between
//! two of them any range of rows is one piece of work.

use super::attention::{attend, Parts, Room};
use super::last::{Asked, Keys};
use super::matrix::Matrix;
use super::memory::Lines;
use super::product::{product, Out, Rows};
use super::rows::{gelu_row, most_of, norm_row, round_row, Norm};
use super::sizes::{wide, Sizes};
use super::vectors::gelu_table;
use std::ops::Range;

/// Rows that go through the feed-forward part together: its numbers stay near, its weights are read once for all of them.
const BLOCK: usize = 104;

pub(super) struct Block {
    pub norm1: Norm,
    /// query, key and value in one; in the last block the query alone
    pub qkv: Matrix,
    pub output: Matrix,
    pub norm2: Norm,
    pub fc1: Matrix,
    pub fc2: Matrix,
}

pub(super) struct Layers {
    pub sizes: Sizes,
    /// the class token in its position [wide W]
    pub first: Lines<f32>,
    /// of the patches [T−1][wide W]
    pub positions: Lines<f32>,
    pub patches: Matrix,
    pub blocks: Vec<Block>,
    /// of the last block
    pub keys: Keys,
    pub norm: Norm,
    pub projection: Matrix,
}

/// Where an image's pixels are.
#[derive(Clone, Copy)]
pub(super) enum Pixels<'a> {
    /// bytes [S,S,3] through a table [3,256]
    Rgb(&'a [u8], &'a [f32; 768]),
    /// [3,S,S]
    Planes(&'a [f32]),
}

/// An image on its way. Rows of it are written by who has them as a range; parts are read in one half and written in the other, which may be the
/// same where one piece of work has all rows.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// [T][wide W]
    pub x: *mut f32,
    /// [T][3][wide W]
    pub from: *const f32,
    pub to: *mut f32,
}

// SAFETY: threads that share an image have ranges of their own.
unsafe impl Send for View {}
unsafe impl Sync for View {}

/// What a thread works in; made once for a tower's sizes, used again.
pub(super) struct Workbench {
    bytes: Lines<u8>,
    scales: Lines<f32>,
    line: Lines<f32>,
    normed: Lines<f32>,
    tall: Lines<f32>,
    mixed: Lines<f32>,
    head: Room,
    asked: Asked,
}

impl Workbench {
    pub fn of(sizes: &Sizes) -> Self {
        let rows = sizes.tokens.min(BLOCK);
        let [part, mlp, cut] = [sizes.width, sizes.mlp, sizes.cut()].map(wide);
        let most = part.max(mlp).max(cut);
        Self {
            bytes: Lines::zeros(rows * most.next_multiple_of(64)),
            scales: Lines::zeros(rows),
            line: Lines::zeros(most.max(wide(sizes.embed))),
            normed: Lines::zeros(rows * part),
            tall: Lines::zeros(rows * most),
            mixed: Lines::zeros(sizes.tokens * part),
            head: Room::of(sizes.tokens, sizes.width / sizes.heads),
            asked: Asked::of(sizes.heads, part, sizes.tokens),
        }
    }
}

/// Rows as a product takes them: rounded into `bytes`, or as they are.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn ready<'a>(w: &Matrix, rows: &'a [f32], width: usize, bytes: &'a mut [u8], scales: &'a mut [f32]) -> Rows<'a> {
    if !w.is_rounded() {
        return Rows::Plain { numbers: rows, stride: width };
    }
    let stride = width.next_multiple_of(64);
    for ((row, bytes), scale) in rows.chunks_exact(width).zip(bytes.chunks_exact_mut(stride)).zip(scales.iter_mut()) {
        *scale = round_row(row, most_of(row), bytes);
    }
    Rows::Rounded { bytes, stride, scales }
}

/// Rows of x, `width` numbers each, through a norm and as a product takes them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn normed<'a>(w: &Matrix, norm: &Norm, x: &[f32], width: usize, room: (&mut [f32], &'a mut [f32], &'a mut [u8], &'a mut [f32])) -> Rows<'a> {
    let (line, plain, bytes, scales) = room;
    if !w.is_rounded() {
        for (x, out) in x.chunks_exact(width).zip(plain.chunks_exact_mut(width)) {
            norm_row(norm, x, out);
        }
        return Rows::Plain { numbers: plain, stride: width };
    }
    let stride = width.next_multiple_of(64);
    let line = &mut line[..width];
    for ((x, bytes), scale) in x.chunks_exact(width).zip(bytes.chunks_exact_mut(stride)).zip(scales.iter_mut()) {
        let most = norm_row(norm, x, line);
        *scale = round_row(line, most, bytes);
    }
    Rows::Rounded { bytes, stride, scales }
}

impl Layers {
    fn part(&self) -> usize {
        wide(self.sizes.width)
    }

    /// Rows of the image: cut, multiplied, in their positions, and what the first block reads of them.
    ///
    /// # Safety
    /// Of all three: the processor has the instructions, the view's memory is of this tower's sizes and its rows are nobody else's.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn begin(&self, pixels: Pixels, view: View, rows: Range<usize>, room: &mut Workbench) {
        let part = self.part();
        let cut = wide(self.sizes.cut());
        for rows in pieces(rows) {
            if rows.start == 0 {
                // SAFETY: row 0 of x.
                unsafe { std::slice::from_raw_parts_mut(view.x, part) }.copy_from_slice(&self.first);
            }
            let patches = rows.start.max(1)..rows.end;
            let n = patches.len();
            let cuts = &mut room.tall[..n * cut];
            for (row, out) in patches.clone().zip(cuts.chunks_exact_mut(cut)) {
                self.cut(pixels, row - 1, &mut out[..self.sizes.cut()]);
                out[self.sizes.cut()..].fill(0.0);
            }
            let from = ready(&self.patches, cuts, cut, &mut room.bytes, &mut room.scales);
            if n > 0 {
                // SAFETY: the rows' own numbers of x, and as many positions.
                unsafe {
                    let at = view.x.add(patches.start * part);
                    let add = self.positions[(patches.start - 1) * part..][..n * part].as_ptr();
                    product(&self.patches, from, n, add, Out { at, stride: part });
                }
            }
            // SAFETY: as of the caller.
            unsafe { self.enter(0, view, rows, room) };
        }
    }

    /// The numbers of one patch [3,P,P].
    fn cut(&self, pixels: Pixels, patch: usize, out: &mut [f32]) {
        let Sizes { image, patch: p, grid, .. } = self.sizes;
        let (top, left) = (patch / grid * p, patch % grid * p);
        for y in 0..p {
            let row = (top + y) * image + left;
            for c in 0..3 {
                let out = &mut out[(c * p + y) * p..][..p];
                match pixels {
                    Pixels::Rgb(bytes, table) => {
                        let table: &[f32; 256] = table[c * 256..][..256].try_into().expect("a channel's 256");
                        for (to, pixel) in out.iter_mut().zip(bytes[3 * row..][..3 * p].chunks_exact(3)) {
                            *to = table[pixel[c] as usize];
                        }
                    }
                    Pixels::Planes(planes) => out.copy_from_slice(&planes[c * image * image + row..][..p]),
                }
            }
        }
    }

    /// What block i reads of rows of x: queries, keys and values, or in the last block the normed rows themselves.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn enter(&self, i: usize, view: View, rows: Range<usize>, room: &mut Workbench) {
        let (part, block) = (self.part(), &self.blocks[i]);
        // SAFETY: the rows' own numbers of x and of the parts.
        unsafe {
            let x = std::slice::from_raw_parts(view.x.add(rows.start * part), rows.len() * part);
            let at = view.to.add(rows.start * 3 * part);
            if i + 1 < self.blocks.len() {
                let from = normed(&block.qkv, &block.norm1, x, part, (&mut room.line, &mut room.normed, &mut room.bytes, &mut room.scales));
                return product(&block.qkv, from, rows.len(), std::ptr::null(), Out { at, stride: 3 * part });
            }
            for (r, x) in x.chunks_exact(part).enumerate() {
                norm_row(&block.norm1, x, std::slice::from_raw_parts_mut(at.add(r * 3 * part), part));
            }
        }
    }

    /// Rows through block i, which is not the last, and what the next reads of them.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn block(&self, i: usize, view: View, rows: Range<usize>, room: &mut Workbench) {
        let part = self.part();
        let Sizes { tokens, heads, width, .. } = self.sizes;
        let parts = Parts { at: view.from, part, tokens, heads, head: width / heads };
        // SAFETY: as of the caller.
        unsafe { attend(parts, rows.clone(), &mut room.head, &mut room.mixed) };
        let first = rows.start;
        for rows in pieces(rows) {
            // SAFETY: as of the caller.
            unsafe {
                self.feed(&self.blocks[i], view.x.add(rows.start * part), rows.start - first, rows.len(), room);
                self.enter(i + 1, view, rows, room);
            }
        }
    }

    /// n rows of x after attention: its output added, then the feed-forward part. Their rows of `mixed` begin at `mixed`.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    unsafe fn feed(&self, block: &Block, x: *mut f32, mixed: usize, n: usize, room: &mut Workbench) {
        let (part, mlp) = (self.part(), wide(self.sizes.mlp));
        let out = Out { at: x, stride: part };
        // SAFETY: n rows of x.
        unsafe {
            let mixed = &room.mixed[mixed * part..][..n * part];
            let from = ready(&block.output, mixed, part, &mut room.bytes, &mut room.scales);
            product(&block.output, from, n, x, out);
            let rows = std::slice::from_raw_parts(x, n * part);
            let from = normed(&block.fc1, &block.norm2, rows, part, (&mut room.line, &mut room.normed, &mut room.bytes, &mut room.scales));
            let tall = &mut room.tall[..n * mlp];
            product(&block.fc1, from, n, std::ptr::null(), Out { at: tall.as_mut_ptr(), stride: mlp });
            let table = gelu_table().load();
            let rounded = block.fc2.is_rounded();
            let stride = mlp.next_multiple_of(64);
            for (r, row) in tall.chunks_exact_mut(mlp).enumerate() {
                let most = gelu_row(&table, row);
                if rounded {
                    room.scales[r] = round_row(row, most, &mut room.bytes[r * stride..][..stride]);
                }
            }
            let from = match rounded {
                true => Rows::Rounded { bytes: &room.bytes, stride, scales: &room.scales },
                false => Rows::Plain { numbers: tall, stride: mlp },
            };
            product(&block.fc2, from, n, x, out);
        }
    }

    /// The class token's row through the last block, the norm and the projection → out [D].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
    pub unsafe fn end(&self, view: View, room: &mut Workbench, out: &mut [f32]) {
        let part = self.part();
        let tokens = self.sizes.tokens;
        let Some(block) = self.blocks.last() else { return };
        // SAFETY: row 0 of x, and all rows of what enter() wrote.
        unsafe {
            let rows = std::slice::from_raw_parts(view.to, (tokens - 1) * 3 * part + part);
            let from = ready(&block.qkv, &rows[..part], part, &mut room.bytes, &mut room.scales);
            product(&block.qkv, from, 1, std::ptr::null(), Out { at: room.line.as_mut_ptr(), stride: part });
            self.keys.attend_once(&room.line[..part], rows, 3 * part, tokens, &mut room.asked, &mut room.mixed[..part]);
            self.feed(block, view.x, 0, 1, room);
            let x = std::slice::from_raw_parts(view.x, part);
            let from = normed(&self.projection, &self.norm, x, part, (&mut room.tall, &mut room.normed, &mut room.bytes, &mut room.scales));
            product(&self.projection, from, 1, std::ptr::null(), Out { at: room.line.as_mut_ptr(), stride: part });
        }
        out.copy_from_slice(&room.line[..out.len()]);
    }
}

/// A range in pieces of at most BLOCK rows, as even as they come.
fn pieces(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let (n, count) = (rows.len(), rows.len().div_ceil(BLOCK));
    (0..count).map(move |i| rows.start + i * n / count..rows.start + (i + 1) * n / count)
}
