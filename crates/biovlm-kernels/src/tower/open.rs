//! From the arrays of a state dict to the layers as the kernels read them: checked, rounded, packed.

use super::last::Keys;
use super::layers::{Block, Layers};
use super::matrix::Matrix;
use super::memory::Lines;
use super::rows::Norm;
use super::sizes::{wide, Sizes, TowerError};

/// sizes: imageSize, patchSize, width, layers, heads, mlp, embedDim; weights as `Sizes::weights` has them.
pub(super) fn open(sizes: &[usize], weights: &[&[f32]]) -> Result<Layers, TowerError> {
    let sizes = Sizes::of(sizes)?;
    sizes.check(weights)?;
    let Sizes { width, heads, mlp, tokens, layers, .. } = sizes;
    let part = wide(width);
    // as many as check() found
    let mut weights = weights.iter().copied();
    let mut take = || weights.next().unwrap_or_default();

    let (class, places) = (take(), take());
    let first: Vec<f32> = class.iter().zip(places).map(|(c, p)| c + p).collect();
    let positions = rows_of(&places[width..], width, part);
    let patches = Matrix::of(take(), Some(take()), sizes.cut(), 1);
    debug_assert_eq!(positions.len(), (tokens - 1) * part);
    let mut blocks = Vec::with_capacity(layers);
    let mut keys = None;
    for i in 0..layers {
        let norm1 = norm(take(), take(), part);
        let (weight, bias) = (take(), take());
        let qkv = if i + 1 < layers {
            Matrix::of(weight, Some(bias), width, 3)
        } else {
            let (query, rest) = weight.split_at(width * width);
            let (key, value) = rest.split_at(width * width);
            let bias_of_value = Lines::padded(&bias[2 * width..], part);
            keys = Some(Keys { width, heads, part, key: rows_of(key, width, part), value: rows_of(value, width, part), bias: bias_of_value });
            Matrix::of(query, Some(&bias[..width]), width, 1)
        };
        let output = Matrix::of(take(), Some(take()), width, 1);
        let norm2 = norm(take(), take(), part);
        let fc1 = Matrix::of(take(), Some(take()), width, 1);
        let fc2 = Matrix::of(take(), Some(take()), mlp, 1);
        blocks.push(Block { norm1, qkv, output, norm2, fc1, fc2 });
    }
    let norm = norm(take(), take(), part);
    let projection = Matrix::of(take(), None, width, 1);
    // a tower has at least one layer
    let keys = keys.ok_or_else(|| TowerError("layers — expected at least one, got none. Read them from the model's config.".into()))?;
    Ok(Layers { sizes, first: Lines::padded(&first, part), positions, patches, blocks, keys, norm, projection })
}

fn norm(weight: &[f32], bias: &[f32], part: usize) -> Norm {
    Norm { width: weight.len(), weight: Lines::padded(weight, part), bias: Lines::padded(bias, part) }
}

/// Rows of `width` numbers, each padded with zeros.
fn rows_of(x: &[f32], width: usize, part: usize) -> Lines<f32> {
    let mut made = Lines::zeros(x.len() / width * part);
    for (to, from) in made.chunks_exact_mut(part).zip(x.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    made
}
