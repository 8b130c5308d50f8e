//! Encoded images → [S,S,3] bytes as a tower takes them: decode, resize the shortest side, crop the centre, all exact.
//! A fast way for what is usual and sound. Whatever is not (16 bits, CMYK, a warning of a decoder, a size that is not the header's) is
//! declined without a reason: the caller then goes the way that knows every format and says what is wrong. Nothing is ever guessed.

#[cfg(feature = "jpeg")]
mod jpeg;
mod plain_png;
mod png;
mod unfilter;

use crate::plan::resize_crop;
pub use unfilter::unfilter;

/// What the caller's header reader found, within the caller's limits; a decoder that finds another size is wrong about the file.
#[derive(Clone, Copy)]
pub struct Header {
    pub format: Format,
    pub width: usize,
    pub height: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Png,
    Jpeg,
}

/// Formats that were built in.
pub fn formats() -> &'static [&'static str] {
    if cfg!(feature = "jpeg") {
        &["png", "jpeg"]
    } else {
        &["png"]
    }
}

/// More than any caller's limit lets through: a picture beyond it is declined before memory is asked for, which would end the process.
const MOST_PIXELS: usize = 1 << 28;

/// RGB [height,width,3] of a sound image of 8 bits, in stored rows.
pub fn decode(bytes: &[u8], header: Header) -> Option<Vec<u8>> {
    let pixels = header.width.checked_mul(header.height).filter(|&pixels| pixels <= MOST_PIXELS)?;
    let rgb = match header.format {
        Format::Png => png::decode(bytes, header.width, header.height)?,
        #[cfg(feature = "jpeg")]
        Format::Jpeg => jpeg::decode(bytes, header.width, header.height)?,
        #[cfg(not(feature = "jpeg"))]
        Format::Jpeg => return None,
    };
    (rgb.len() == pixels * 3).then_some(rgb)
}

/// The image's window of size [S,S,3].
pub fn prepare(bytes: &[u8], header: Header, size: usize) -> Option<Vec<u8>> {
    resize_crop(&decode(bytes, header)?, header.width, header.height, size)
}
