//! The int8 image tower to Node: opened on a thread of Node's pool, run on threads of its own. It computes nothing.

use super::kernels;
use napi::bindgen_prelude::*;
use napi_derive::napi;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;

/// Which instructions serve the tower; none where this processor does not.
#[napi(catch_unwind)]
pub fn image_tower_level() -> Option<&'static str> {
    kernels::image_tower_level()
}

/// What `work` gives or refuses; a panic is an error, never the end of the process.
fn guarded<T>(work: impl FnOnce() -> std::result::Result<T, kernels::TowerError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|error| Error::new(Status::InvalidArg, error.to_string())),
        Err(_) => Err(Error::new(Status::GenericFailure, "image tower — expected to end, but it stopped. Run it on onnxruntime (BIOVLM_NATIVE=off).")),
    }
}

/// A tower to be opened.
pub struct Opening {
    sizes: Vec<u32>,
    threads: usize,
    weights: Vec<Float32Array>,
}

impl Task for Opening {
    type Output = (kernels::ImageTower, rayon::ThreadPool);
    type JsValue = ImageTower;

    fn compute(&mut self) -> Result<Self::Output> {
        let sizes: Vec<usize> = self.sizes.iter().map(|size| *size as usize).collect();
        let weights: Vec<&[f32]> = self.weights.iter().map(|w| w.as_ref()).collect();
        let tower = guarded(|| kernels::ImageTower::open(&sizes, &weights))?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(self.threads).build();
        let pool = pool.map_err(|error| {
            let threads = self.threads;
            Error::new(Status::GenericFailure, format!("image tower — expected {threads} threads to start, got: {error}. Ask for fewer."))
        })?;
        Ok((tower, pool))
    }

    fn resolve(&mut self, _: Env, (tower, pool): Self::Output) -> Result<Self::JsValue> {
        Ok(ImageTower { tower: Arc::new(tower), pool })
    }
}

/// sizes: imageSize, patchSize, width, layers, heads, mlp, embedDim; weights in the order of imageTowerShapes, which must not change until then;
/// threads of its own, which end with it.
#[napi(catch_unwind)]
pub fn open_image_tower(sizes: Vec<u32>, weights: Vec<Float32Array>, threads: u32) -> AsyncTask<Opening> {
    AsyncTask::new(Opening { sizes, weights, threads: threads.max(1) as usize })
}

/// An image tower that stands ready; many calls may be in flight at once.
#[napi]
pub struct ImageTower {
    tower: Arc<kernels::ImageTower>,
    pool: rayon::ThreadPool,
}

type Settled = Box<dyn FnOnce(Env) -> Result<Float32Array> + Send>;

impl ImageTower {
    /// The promise of what `work` gives on this tower's threads.
    fn run<'env>(
        &self,
        env: &'env Env,
        work: impl FnOnce(&kernels::ImageTower) -> std::result::Result<Vec<f32>, kernels::TowerError> + Send + 'static,
    ) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<Float32Array, Settled>()?;
        let tower = self.tower.clone();
        self.pool.spawn_fifo(move || match guarded(|| work(&tower)) {
            Ok(rows) => deferred.resolve(Box::new(move |_| Ok(Float32Array::new(rows)))),
            Err(error) => deferred.reject(error),
        });
        Ok(promise)
    }
}

#[napi]
impl ImageTower {
    /// rgb [B,S,S,3], mean and std [3] → [B,D], not normalised. The arrays are read before it returns.
    #[napi(catch_unwind)]
    pub fn run_rgb<'env>(&self, env: &'env Env, rgb: &[u8], mean: &[f32], std: &[f32]) -> Result<Object<'env>> {
        let (rgb, mean, std) = (rgb.to_vec(), mean.to_vec(), std.to_vec());
        self.run(env, move |tower| tower.run_rgb(&rgb, &mean, &std))
    }

    /// pixels [B,3,S,S] → [B,D], not normalised. The array is read before it returns.
    #[napi(catch_unwind)]
    pub fn run_pixels<'env>(&self, env: &'env Env, pixels: &[f32]) -> Result<Object<'env>> {
        let pixels = pixels.to_vec();
        self.run(env, move |tower| tower.run_pixels(&pixels))
    }
}
