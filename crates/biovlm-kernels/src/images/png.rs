//! PNG of 8 bits or fewer a sample, every checksum heeded: the most usual kind fast, every other by the `png` crate.

use super::{plain_png, Memory};
use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};
use std::io::Cursor;

/// RGB [height,width,3] to `rgb` of the memory: alpha is dropped, grey repeated.
pub fn decode(bytes: &[u8], width: usize, height: usize, memory: &mut Memory) -> Option<()> {
    let channels = match plain_png::decode(bytes, width, height, memory) {
        Some(channels) => channels,
        None => {
            let (pixels, channels) = decode_any(bytes, width, height)?;
            *(if channels == 3 { &mut memory.rgb } else { &mut memory.pixels }) = pixels;
            channels
        }
    };
    if channels == 3 {
        return Some(());
    }
    memory.rgb.resize(width * height * 3, 0);
    for (to, from) in memory.rgb.chunks_exact_mut(3).zip(memory.pixels.chunks_exact(channels)) {
        match channels {
            4 => to.copy_from_slice(&from[..3]),
            _ => to.fill(from[0]),
        }
    }
    (memory.pixels.len() == width * height * channels).then_some(())
}

/// [height,width,channels] bytes and their channels.
fn decode_any(bytes: &[u8], width: usize, height: usize) -> Option<(Vec<u8>, usize)> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // rows and what stands between them: the pixels themselves are within the caller's limit
    decoder.set_limits(Limits { bytes: 64 * 1024 * 1024 });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let info = reader.info();
    if info.width as usize != width || info.height as usize != height || info.bit_depth == BitDepth::Sixteen || info.is_animated() {
        return None;
    }
    let mut pixels = vec![0u8; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut pixels).ok()?;
    // what stands behind the pixels may be damaged too
    reader.finish().ok()?;
    pixels.truncate(frame.buffer_size());
    let channels = match frame.color_type {
        ColorType::Rgb => 3,
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgba => 4,
        ColorType::Indexed => return None,
    };
    Some((pixels, channels))
}
