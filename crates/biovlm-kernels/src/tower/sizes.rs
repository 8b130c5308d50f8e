//! Sizes of an image tower, their limits, and what its weights must be: checked here once, so that the kernels may rely on them.

use std::fmt;

/// Why a tower was not opened or not run: what was expected, what came, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TowerError(pub(super) String);

impl fmt::Display for TowerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TowerError {}

impl TowerError {
    pub(super) fn unserved() -> Self {
        Self("image tower — expected a processor with AVX-512 VNNI, got another. onnxruntime serves it.".into())
    }
}

/// Sizes by name; `tokens` is the class token and the patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub image: usize,
    pub patch: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub mlp: usize,
    pub embed: usize,
    pub grid: usize,
    pub tokens: usize,
}

const NAMES: [&str; 7] = ["imageSize", "patchSize", "width", "layers", "heads", "mlp", "embedDim"];
/// Far above any tower that is known, far below what could overflow a sum or an index.
const MOST: [usize; 7] = [4096, 1024, 8192, 256, 256, 32768, 16384];
/// The scores of a row are kept for a tile of rows: at most so many tokens.
const MOST_TOKENS: usize = 16385;

impl Sizes {
    pub fn of(sizes: &[usize]) -> Result<Self, TowerError> {
        let refuse = |what: String| Err(TowerError(what));
        let &[image, patch, width, layers, heads, mlp, embed] = sizes else {
            return refuse(format!("sizes — expected {}, got {} numbers. Pass all seven.", NAMES.join(", "), sizes.len()));
        };
        for ((name, most), got) in NAMES.iter().zip(MOST).zip(sizes) {
            if *got == 0 || *got > most {
                return refuse(format!("{name} — expected 1 to {most}, got {got}. Towers of other sizes run on onnxruntime."));
            }
        }
        if image % patch != 0 {
            return refuse(format!("imageSize — expected a multiple of patchSize ({patch}), got {image}. Read both from the model's config."));
        }
        if width % heads != 0 {
            return refuse(format!("width — expected a multiple of heads ({heads}), got {width}. Read both from the model's config."));
        }
        let grid = image / patch;
        let tokens = 1 + grid * grid;
        if tokens > MOST_TOKENS {
            return refuse(format!("patches — expected at most {}, got {}. Such towers run on onnxruntime.", MOST_TOKENS - 1, tokens - 1));
        }
        Ok(Self { image, patch, width, layers, heads, mlp, embed, grid, tokens })
    }

    /// Numbers of a patch.
    pub fn cut(&self) -> usize {
        3 * self.patch * self.patch
    }

    /// Numbers of an image.
    pub fn pixels(&self) -> usize {
        3 * self.image * self.image
    }

    /// Name and length of each array of weights, in the order of the flow.
    pub fn weights(&self) -> Vec<(String, usize)> {
        let (w, mut all) = (self.width, Vec::new());
        let mut put = |name: String, length: usize| all.push((name, length));
        put("class_token".into(), w);
        put("positions".into(), self.tokens * w);
        put("patches.weight".into(), w * self.cut());
        put("patches.bias".into(), w);
        for i in 0..self.layers {
            let parts = [("norm1", w, w), ("qkv", 3 * w * w, 3 * w), ("output", w * w, w), ("norm2", w, w), ("fc1", self.mlp * w, self.mlp), ("fc2", w * self.mlp, w)];
            for (name, weight, bias) in parts {
                put(format!("blocks.{i}.{name}.weight"), weight);
                put(format!("blocks.{i}.{name}.bias"), bias);
            }
        }
        put("norm.weight".into(), w);
        put("norm.bias".into(), w);
        put("projection.weight".into(), self.embed * w);
        all
    }

    /// The weights are as many and as long as they must be, and finite.
    pub fn check(&self, weights: &[&[f32]]) -> Result<(), TowerError> {
        let expected = self.weights();
        if weights.len() != expected.len() {
            let (n, got) = (expected.len(), weights.len());
            return Err(TowerError(format!("weights — expected {n} arrays, got {got}. Pass those of imageTowerShapes in its order.")));
        }
        for ((name, length), w) in expected.iter().zip(weights) {
            if w.len() != *length {
                let got = w.len();
                return Err(TowerError(format!("{name} — expected {length} numbers, got {got}. Pass the array of that shape.")));
            }
            if let Some(at) = w.iter().position(|x| !x.is_finite()) {
                return Err(TowerError(format!("{name} — expected finite numbers, got {} at {at}. The weights are damaged.", w[at])));
            }
        }
        Ok(())
    }
}

/// The next multiple of 32: rows of numbers are as wide as whole tiles of columns.
pub(super) fn wide(n: usize) -> usize {
    n.next_multiple_of(32)
}
