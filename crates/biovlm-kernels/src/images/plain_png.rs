//! The most usual PNG, fast: grey, RGB or RGBA of 8 bits in rows, nothing but IHDR, IDAT and IEND, every checksum right, exactly the rows that the
//! header says. It takes no other and refuses none: what is not for it goes to the general decoder, which says what is sound.

use super::unfilter::unfilter;
use super::Memory;
use std::borrow::Cow;
use zlib_rs::{Inflate, InflateFlush, Status};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// Deflate with a window of 32 KiB: of a smaller one zlib may say that a distance is too far, and here nobody would.
const ZLIB: u8 = 0x78;
const WINDOW_BITS: u8 = 15;
/// Its rows lie in memory twice; beyond it they come one by one.
const MOST_PIXELS: usize = 1 << 23;

/// Channels, 1, 3 or 4; the pixels go to `memory`, [height,width,channels]: to its `rgb` where they are that, else to its `pixels`.
pub fn decode(bytes: &[u8], width: usize, height: usize, memory: &mut Memory) -> Option<usize> {
    let (channels, packed) = packed_rows(bytes, width, height)?;
    let row = width.checked_mul(channels)?;
    let length = height.checked_mul(row)?;
    let Memory { stored: raw, pixels, rgb } = memory;
    raw.resize(length.checked_add(height)?, 0);
    let mut inflate = Inflate::new(true, WINDOW_BITS);
    let status = inflate.decompress(&packed, raw, InflateFlush::Finish).ok()?;
    if status != Status::StreamEnd || inflate.total_in() != packed.len() as u64 || inflate.total_out() != raw.len() as u64 {
        return None;
    }
    let pixels = if channels == 3 { rgb } else { pixels };
    pixels.resize(length, 0);
    unfilter(raw, width, channels, pixels).then_some(channels)
}

/// Channels, and what its IDAT chunks hold.
fn packed_rows(bytes: &[u8], width: usize, height: usize) -> Option<(usize, Cow<'_, [u8]>)> {
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let (b"IHDR", header) = chunk(&mut rest)? else { return None };
    let sides = [u32::try_from(width).ok()?, u32::try_from(height).ok()?].map(u32::to_be_bytes);
    let channels = match header.strip_prefix(sides.as_flattened())? {
        [8, 0, 0, 0, 0] => 1,
        [8, 2, 0, 0, 0] => 3,
        [8, 6, 0, 0, 0] => 4,
        _ => return None,
    };
    let mut packed: Option<Cow<[u8]>> = None;
    loop {
        match chunk(&mut rest)? {
            (b"IDAT", data) => match &mut packed {
                None => packed = Some(Cow::Borrowed(data)),
                Some(packed) => packed.to_mut().extend_from_slice(data),
            },
            (b"IEND", []) if rest.is_empty() => break,
            _ => return None,
        }
    }
    let packed = packed.filter(|packed| packed.first() == Some(&ZLIB))?;
    // deflate makes at most 1 032 bytes of one: no memory is asked for that these cannot fill
    let pixels = height.checked_mul(width).filter(|&pixels| pixels <= MOST_PIXELS)?;
    (pixels / 1032 <= packed.len()).then_some((channels, packed))
}

/// The next chunk's name and data, its checksum right.
fn chunk<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8; 4], &'a [u8])> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(*length) as usize;
    let (named, after) = after.split_at_checked(length.checked_add(4)?)?;
    let (sum, after) = after.split_first_chunk::<4>()?;
    if crc32fast::hash(named) != u32::from_be_bytes(*sum) {
        return None;
    }
    *rest = after;
    named.split_first_chunk::<4>()
}
