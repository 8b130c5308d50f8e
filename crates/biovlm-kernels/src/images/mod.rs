//! Encoded images → [S,S,3] bytes as a tower takes them: decode, resize the shortest side, crop the centre, all exact.
//! A fast way for what is usual and sound. Whatever is not (16 bits, CMYK, a warning of a decoder, a size that is not the header's) is
//! declined without a reason: the caller then goes the way that knows every format and says what is wrong. Nothing is ever guessed.

#[cfg(feature = "jpeg")]
mod jpeg;
mod plain_png;
mod png;
mod unfilter;

use crate::plan::resize_crop;
use std::cell::RefCell;
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

/// Memory of one thread for one image after the other: asking the system for it anew costs as much as a third of the decoding.
#[derive(Default)]
struct Memory {
    /// rows as a file stores them
    stored: Vec<u8>,
    /// pixels in the file's channels, where those are not RGB
    pixels: Vec<u8>,
    rgb: Vec<u8>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// Of each kind of memory; a larger one is let go after its image.
const MOST_KEPT: usize = 1 << 23;

/// RGB [height,width,3] of a sound image of 8 bits, in stored rows.
pub fn decode(bytes: &[u8], header: Header) -> Option<Vec<u8>> {
    let mut memory = Memory::default();
    decode_into(bytes, header, &mut memory)?;
    Some(memory.rgb)
}

/// To `rgb` of the memory, of which each byte is written; none where the file is declined, the memory then in an unknown state.
fn decode_into(bytes: &[u8], header: Header, memory: &mut Memory) -> Option<()> {
    let pixels = header.width.checked_mul(header.height).filter(|&pixels| pixels <= MOST_PIXELS)?;
    match header.format {
        Format::Png => png::decode(bytes, header.width, header.height, memory)?,
        #[cfg(feature = "jpeg")]
        Format::Jpeg => jpeg::decode(bytes, header.width, header.height, &mut memory.rgb)?,
        #[cfg(not(feature = "jpeg"))]
        Format::Jpeg => return None,
    };
    (memory.rgb.len() == pixels * 3).then_some(())
}

/// The image's window of size [S,S,3].
pub fn prepare(bytes: &[u8], header: Header, size: usize) -> Option<Vec<u8>> {
    MEMORY.with_borrow_mut(|memory| {
        let done = decode_into(bytes, header, memory).and_then(|()| resize_crop(&memory.rgb, header.width, header.height, size));
        for kept in [&mut memory.stored, &mut memory.pixels, &mut memory.rgb] {
            if kept.capacity() > MOST_KEPT {
                *kept = Vec::new();
            }
        }
        done
    })
}
