//! Batches over threads: by image where there are as many images as threads, else by rows within each block. Neither changes a bit.

use super::layers::{Workbench, Layers, Pixels, View};
use super::memory::Lines;
use super::open::open;
use super::product::TILE;
use super::sizes::{wide, TowerError};
use super::image_tower_level;
use crate::spread::every;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Images that go through each block one after the other, so that its weights are at hand for all of them.
const GROUP: usize = 4;

/// A tower that stands ready; many calls may be in flight at once.
pub struct ImageTower {
    layers: Layers,
    benches: Kept<Workbench>,
    images: Kept<Image>,
}

/// Memory of one image.
struct Image {
    x: Lines<f32>,
    parts: [Lines<f32>; 2],
}

/// What is made once and used again: as many as were in use at the same time.
struct Kept<T>(Mutex<Vec<T>>);

impl<T> Kept<T> {
    fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut one = kept.unwrap_or_else(make);
        let result = work(&mut one);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(one);
        result
    }
}

impl ImageTower {
    /// sizes: imageSize, patchSize, width, layers, heads, mlp, embedDim; weights: float32, row-major, [out, in], in the order class_token, positions,
    /// patches.{weight,bias}, for each block norm1, qkv, output, norm2, fc1, fc2 {weight,bias}, norm.{weight,bias}, projection.weight.
    pub fn open(sizes: &[usize], weights: &[&[f32]]) -> Result<Self, TowerError> {
        if image_tower_level().is_none() {
            return Err(TowerError::unserved());
        }
        Ok(Self { layers: open(sizes, weights)?, benches: Kept(Mutex::default()), images: Kept(Mutex::default()) })
    }

    /// rgb [B,S,S,3] → [B,D], not normalised; pixels are (x/255 − mean)/std, each step rounded to float32.
    pub fn run_rgb(&self, rgb: &[u8], mean: &[f32], std: &[f32]) -> Result<Vec<f32>, TowerError> {
        let ([_, _, _], [_, _, _]) = (mean, std) else {
            let (m, s) = (mean.len(), std.len());
            return Err(TowerError(format!("mean and std — expected 3 numbers each, got {m} and {s}. Pass the model's.")));
        };
        let mut table = [0.0; 768];
        for (i, to) in table.iter_mut().enumerate() {
            *to = ((i % 256) as f32 / 255.0 - mean[i / 256]) / std[i / 256];
        }
        self.run(rgb.len(), |i, each| Pixels::Rgb(&rgb[i * each..][..each], &table))
    }

    /// pixels [B,3,S,S] → [B,D], not normalised. What is not finite gives NaN.
    pub fn run_pixels(&self, pixels: &[f32]) -> Result<Vec<f32>, TowerError> {
        self.run(pixels.len(), |i, each| Pixels::Planes(&pixels[i * each..][..each]))
    }

    fn run<'a>(&self, length: usize, pixels: impl Fn(usize, usize) -> Pixels<'a> + Sync) -> Result<Vec<f32>, TowerError> {
        let sizes = self.layers.sizes;
        let each = sizes.pixels();
        if length == 0 || !length.is_multiple_of(each) {
            let side = sizes.image;
            return Err(TowerError(format!("images — expected B × {side} × {side} × 3 numbers, got {length}. Pass whole images of that size.")));
        }
        let batch = length / each;
        let threads = rayon::current_num_threads();
        let mut out = vec![0.0; batch * sizes.embed];
        let image = |i: usize| pixels(i, each);
        if batch >= threads {
            let group = batch.div_ceil(threads).min(GROUP);
            let parts = out.chunks_mut(group * sizes.embed).enumerate();
            every(parts, |(at, out)| {
                self.group(at * group, &image, out);
                true
            });
        } else {
            for (i, out) in out.chunks_mut(sizes.embed).enumerate() {
                self.by_rows(image(i), threads, out);
            }
        }
        Ok(out)
    }

    fn bench<R>(&self, work: impl FnOnce(&mut Workbench) -> R) -> R {
        self.benches.with(|| Workbench::of(&self.layers.sizes), work)
    }

    fn image<R>(&self, work: impl FnOnce(&mut Image) -> R) -> R {
        let sizes = self.layers.sizes;
        let row = wide(sizes.width);
        let parts = || Lines::zeros(sizes.tokens * 3 * row);
        self.images.with(|| Image { x: Lines::zeros(sizes.tokens * row), parts: [parts(), parts()] }, work)
    }

    /// Whole images from the first on, on this thread.
    fn group<'a>(&self, first: usize, pixels: &(impl Fn(usize) -> Pixels<'a> + Sync), out: &mut [f32]) {
        let count = out.len() / self.layers.sizes.embed;
        self.with_images(count, Vec::new(), &mut |views| {
            self.bench(|bench| {
                let (layers, all) = (&self.layers, 0..self.layers.sizes.tokens);
                // SAFETY: open() found the instructions; each view is an image's memory of these sizes, and this thread's alone.
                unsafe {
                    for (i, view) in views.iter().enumerate() {
                        layers.begin(pixels(first + i), *view, all.clone(), bench);
                    }
                    for i in 0..layers.blocks.len() - 1 {
                        for view in views {
                            layers.block(i, *view, all.clone(), bench);
                        }
                    }
                    for (view, out) in views.iter().zip(out.chunks_mut(layers.sizes.embed)) {
                        layers.end(*view, bench, out);
                    }
                }
            });
        });
    }

    fn with_images(&self, count: usize, mut views: Vec<View>, work: &mut dyn FnMut(&[View])) {
        if views.len() == count {
            return work(&views);
        }
        self.image(|image| {
            let to = image.parts[0].as_mut_ptr();
            views.push(View { x: image.x.as_mut_ptr(), from: to, to });
            self.with_images(count, views, work);
        });
    }

    /// One image, its rows over threads, which meet after each block.
    fn by_rows(&self, pixels: Pixels, threads: usize, out: &mut [f32]) {
        let (layers, tokens) = (&self.layers, self.layers.sizes.tokens);
        let count = tokens.div_ceil(TILE).min(threads);
        let ranges = || (0..count).map(|i| i * tokens / count..(i + 1) * tokens / count);
        let spread = |work: &(dyn Fn(Range<usize>, &mut Workbench) + Sync)| {
            every(ranges(), |rows| {
                self.bench(|bench| work(rows, bench));
                true
            });
        };
        self.image(|image| {
            let x = image.x.as_mut_ptr();
            let halves = [image.parts[0].as_mut_ptr(), image.parts[1].as_mut_ptr()];
            // blocks read one half and write the other
            let view = |block: usize| View { x, from: halves[block % 2], to: halves[(block + 1) % 2] };
            let views: Vec<View> = (0..layers.blocks.len() - 1).map(view).collect();
            let before = View { x, from: halves[1], to: halves[0] };
            // SAFETY: open() found the instructions; the memory is of these sizes, the ranges lie apart, and a half that is read is not written.
            spread(&|rows, bench| unsafe { layers.begin(pixels, before, rows, bench) });
            for (i, view) in views.iter().enumerate() {
                spread(&|rows, bench| unsafe { layers.block(i, *view, rows, bench) });
            }
            let last = View { to: halves[(layers.blocks.len() - 1) % 2], ..before };
            self.bench(|bench| unsafe { layers.end(last, bench, out) });
        });
    }
}
