//! Which instructions this processor has, found once. The kernels are plain Rust compiled once for each level: no level changes a bit.

use std::sync::OnceLock;

/// The widest instructions in use. `Plain` is what the target always has (SSE2 on x86-64, NEON on arm64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Plain,
    Avx2,
    Avx512,
}

impl Level {
    /// As it is told to users.
    pub fn name(self) -> &'static str {
        match self {
            Level::Avx512 => "avx512",
            Level::Avx2 => "avx2",
            Level::Plain if cfg!(target_arch = "aarch64") => "neon",
            Level::Plain => "plain",
        }
    }
}

/// The level of this processor.
pub fn level() -> Level {
    static FOUND: OnceLock<Level> = OnceLock::new();
    *FOUND.get_or_init(detect)
}

#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx2") {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") {
        Level::Avx2
    } else {
        Level::Plain
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detect() -> Level {
    Level::Plain
}

/// `at_level!(fn name(arg: Type, …) -> Out = body)`: `body`, an `#[inline(always)]` function, compiled for every level and chosen at run time.
macro_rules! at_level {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $out:ty = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        pub(crate) fn $name($($arg: $type),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn avx2($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                #[target_feature(enable = "avx2,avx512f,avx512vl")]
                #[allow(clippy::too_many_arguments)]
                unsafe fn avx512($($arg: $type),*) -> $out {
                    $body($($arg),*)
                }
                // SAFETY: `level` found these instructions on this processor.
                match $crate::level::level() {
                    $crate::level::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::level::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::level::Level::Plain => {}
                }
            }
            $body($($arg),*)
        }
    };
}
pub(crate) use at_level;
