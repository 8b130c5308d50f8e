//! The image tower of a frozen dual encoder with int8 products, as one piece of native code: a pre-LN ViT with a class token (timm's, GELU exact), of
//! which only the class token's row goes on after the last attention. Each row of activations is rounded by its own largest magnitude, weights by
//! output channel; products of integers are exact, everything else is float32 in a fixed order. So an image's embedding depends on nothing but its
//! pixels: not on the batch, its neighbours, the number of threads or the processor. It needs AVX-512 with VNNI.

#[cfg(target_arch = "x86_64")]
mod attention;
#[cfg(target_arch = "x86_64")]
mod last;
#[cfg(target_arch = "x86_64")]
mod layers;
#[cfg(target_arch = "x86_64")]
mod matrix;
#[cfg(target_arch = "x86_64")]
mod memory;
#[cfg(target_arch = "x86_64")]
mod open;
#[cfg(target_arch = "x86_64")]
mod product;
#[cfg(target_arch = "x86_64")]
mod rows;
#[cfg(target_arch = "x86_64")]
mod run;
mod sizes;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;
#[cfg(target_arch = "x86_64")]
mod vectors;

#[cfg(target_arch = "x86_64")]
pub use run::ImageTower;
pub use sizes::TowerError;

/// "avx512-vnni", or nothing where this processor does not serve the tower.
#[cfg(target_arch = "x86_64")]
pub fn image_tower_level() -> Option<&'static str> {
    let has = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512vnni");
    has.then_some("avx512-vnni")
}

#[cfg(not(target_arch = "x86_64"))]
pub use absent::*;

/// Where no processor serves it.
#[cfg(not(target_arch = "x86_64"))]
mod absent {
    use super::TowerError;

    pub fn image_tower_level() -> Option<&'static str> {
        None
    }

    /// Never opened here.
    pub enum ImageTower {}

    impl ImageTower {
        pub fn open(_: &[usize], _: &[&[f32]]) -> Result<Self, TowerError> {
            Err(TowerError::unserved())
        }
        pub fn run_rgb(&self, _: &[u8], _: &[f32], _: &[f32]) -> Result<Vec<f32>, TowerError> {
            match *self {}
        }
        pub fn run_pixels(&self, _: &[f32]) -> Result<Vec<f32>, TowerError> {
            match *self {}
        }
    }
}
