//! The binding of biovlm-kernels to Node: checks every length, hands slices on, and lets no panic across. It computes nothing.

mod tower;

pub use tower::*;

use biovlm_kernels as kernels;
use napi::bindgen_prelude::*;
use napi_derive::napi;

// Under names of their own: the macro takes `&mut` in a signature for a class instance.
type Floats<'a> = &'a mut [f32];
type Whole<'a> = &'a mut [i32];
type Bytes<'a> = &'a mut [u8];

/// What runs: "avx2, 2 threads".
#[napi(catch_unwind)]
pub fn describe() -> String {
    let threads = rayon::current_num_threads();
    format!("{}, {threads} thread{}", kernels::level().name(), if threads == 1 { "" } else { "s" })
}

/// Threads of all kernels; only before the first kernel ran. False when they stand already.
#[napi(catch_unwind)]
pub fn set_threads(threads: u32) -> bool {
    rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build_global().is_ok()
}

fn expect(what: &str, length: usize, sides: &[u32]) -> Result<()> {
    let product = sides.iter().try_fold(1usize, |p, &side| p.checked_mul(side as usize));
    if product == Some(length) && length > 0 {
        return Ok(());
    }
    Err(Error::new(Status::InvalidArg, format!("{what} — expected {sides:?} numbers, got {length}. Pass the array of that shape.")))
}

/// The same numbers, copied where they overlap what is written: results may go to their input.
fn apart<'a, T: Copy>(x: &'a [T], out: &[T], copy: &'a mut Vec<T>) -> &'a [T] {
    let (from, to) = (x.as_ptr_range(), out.as_ptr_range());
    if from.start < to.end && to.start < from.end {
        copy.extend_from_slice(x);
        return copy;
    }
    x
}

macro_rules! row_kernel {
    ($name:ident, $work:path, $width:expr) => {
        #[napi(catch_unwind)]
        pub fn $name(x: &[f32], rows: u32, c: u32, out: Floats) -> Result<bool> {
            expect("x [rows,C]", x.len(), &[rows, c])?;
            expect("out", out.len(), &[rows, ($width)(c)])?;
            let mut copy = Vec::new();
            Ok($work(apart(x, out, &mut copy), c as usize, out))
        }
    };
}

row_kernel!(softmax, kernels::softmax, |c: u32| c);
row_kernel!(log_softmax, kernels::log_softmax, |c: u32| c);
row_kernel!(entropy, kernels::entropy, |_: u32| 1);

/// The first row at fault, or −1.
#[napi(catch_unwind)]
pub fn l2_normalize(x: &[f32], rows: u32, d: u32, out: Floats) -> Result<i32> {
    expect("x [rows,D]", x.len(), &[rows, d])?;
    expect("out [rows,D]", out.len(), &[rows, d])?;
    let mut copy = Vec::new();
    Ok(kernels::l2_normalize(apart(x, out, &mut copy), d as usize, out).map_or(-1, |row| row as i32))
}

#[napi(catch_unwind)]
pub fn gemm(a: &[f32], b: &[f32], scale: f64, m: u32, r: u32, d: u32, out: Floats) -> Result<bool> {
    expect("a [M,D]", a.len(), &[m, d])?;
    expect("b [R,D]", b.len(), &[r, d])?;
    expect("out [M,R]", out.len(), &[m, r])?;
    let (mut copy_a, mut copy_b) = (Vec::new(), Vec::new());
    let (a, b) = (apart(a, out, &mut copy_a), apart(b, out, &mut copy_b));
    Ok(kernels::gemm(a, b, scale as f32, d as usize, out))
}

/// Reads logits and fills the rest.
#[allow(clippy::too_many_arguments)]
#[napi(catch_unwind)]
pub fn select(
    logits: Floats,
    entropy: Floats,
    kept: Whole,
    mean: Floats,
    probabilities: Floats,
    b: u32,
    n: u32,
    c: u32,
    k: u32,
) -> Result<bool> {
    let mut out = kernels::Routing { logits, entropy, kept, mean, probabilities };
    check_routing(&out, b, n, c, k)?;
    Ok(kernels::select(&mut out, n as usize, c as usize, k as usize))
}

/// Fills all of the arrays.
#[allow(clippy::too_many_arguments)]
#[napi(catch_unwind)]
pub fn route(
    f: &[f32],
    t: &[f32],
    scale: f64,
    logits: Floats,
    entropy: Floats,
    kept: Whole,
    mean: Floats,
    probabilities: Floats,
    sizes: Vec<u32>,
) -> Result<bool> {
    let [b, n, c, d, k] = sizes[..] else {
        return Err(Error::new(Status::InvalidArg, "sizes — expected B, N, C, D, K, got other numbers. Pass all five."));
    };
    expect("f [B,D]", f.len(), &[b, d])?;
    expect("t [N,C,D]", t.len(), &[n, c, d])?;
    let mut out = kernels::Routing { logits, entropy, kept, mean, probabilities };
    check_routing(&out, b, n, c, k)?;
    let shape = kernels::Shape { b: b as usize, n: n as usize, c: c as usize, d: d as usize };
    Ok(kernels::route(f, t, scale as f32, shape, k as usize, &mut out))
}

fn check_routing(out: &kernels::Routing, b: u32, n: u32, c: u32, k: u32) -> Result<()> {
    expect("logits [B,N,C]", out.logits.len(), &[b, n, c])?;
    expect("entropy [B,N]", out.entropy.len(), &[b, n])?;
    expect("kept [B,K]", out.kept.len(), &[b, k])?;
    expect("mean [B,C]", out.mean.len(), &[b, c])?;
    expect("probabilities [B,C]", out.probabilities.len(), &[b, c])?;
    if k > n {
        return Err(Error::new(Status::InvalidArg, format!("K — expected at most {n}, got {k}. Keep fewer prompts.")));
    }
    Ok(())
}

/// One axis of a plan, as @biovlm/core plans it.
#[napi(object)]
pub struct Axis {
    pub taps: u32,
    pub first: Int32Array,
    pub count: Int32Array,
    pub weights: Int32Array,
}

impl Axis {
    fn view(&self) -> kernels::Axis<'_> {
        kernels::Axis { taps: self.taps as usize, first: &self.first, count: &self.count, weights: &self.weights }
    }
}

/// data [height,width,3] → out [size,size,3].
#[napi(catch_unwind)]
pub fn resample(data: &[u8], width: u32, height: u32, size: u32, horizontal: Axis, vertical: Axis, out: Bytes) -> Result<()> {
    let plan = kernels::Plan { size: size as usize, horizontal: horizontal.view(), vertical: vertical.view() };
    let mut copy = Vec::new();
    if kernels::resample(apart(data, out, &mut copy), width as usize, height as usize, &plan, out) {
        return Ok(());
    }
    Err(Error::new(Status::InvalidArg, "resample — expected a plan that fits the image, got another. Plan it for this image."))
}

/// Bytes [size,size,3] → out [3,size,size] through table [3,256].
#[napi(catch_unwind)]
pub fn through_table(bytes: &[u8], table: &[f32], out: Floats) -> Result<()> {
    expect("table [3,256]", table.len(), &[3, 256])?;
    expect("out", out.len(), &[bytes.len() as u32])?;
    kernels::through_table(bytes, table, out);
    Ok(())
}

/// Formats whose images are prepared here; none where they were not built in.
#[napi(catch_unwind)]
pub fn image_formats() -> Vec<String> {
    #[cfg(feature = "images")]
    return kernels::images::formats().iter().map(|name| name.to_string()).collect();
    #[cfg(not(feature = "images"))]
    Vec::new()
}

#[cfg(feature = "images")]
pub use images::*;

#[cfg(feature = "images")]
mod images {
    use super::kernels::images::{prepare, Format, Header};
    use napi::bindgen_prelude::*;
    use napi_derive::napi;

    /// One image's work, done on a thread of Node's pool.
    pub struct Preparing {
        bytes: Uint8Array,
        header: Header,
        size: usize,
    }

    impl Task for Preparing {
        type Output = Option<Vec<u8>>;
        type JsValue = Option<Uint8Array>;

        fn compute(&mut self) -> Result<Self::Output> {
            let work = std::panic::AssertUnwindSafe(|| prepare(&self.bytes, self.header, self.size));
            // a panic is a file that is declined, never the end of the process
            Ok(std::panic::catch_unwind(work).unwrap_or(None))
        }

        fn resolve(&mut self, _: Env, output: Self::Output) -> Result<Self::JsValue> {
            Ok(output.map(Uint8Array::new))
        }
    }

    /// Bytes of a file → [size,size,3], or nothing where it is not for this way. They must not change until then.
    #[napi(catch_unwind)]
    pub fn prepare_image(bytes: Uint8Array, jpeg: bool, width: u32, height: u32, size: u32) -> AsyncTask<Preparing> {
        let format = if jpeg { Format::Jpeg } else { Format::Png };
        let header = Header { format, width: width as usize, height: height as usize };
        AsyncTask::new(Preparing { bytes, header, size: size as usize })
    }
}
