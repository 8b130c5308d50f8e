//! A whole PNG, of the size that its header says: decoded, resized to 1, 8 and 64. Half of what is tried has its pixels packed again, so that damage
//! reaches what stands behind the checksums. What is taken here the `png` crate takes too, with the same pixels.
#![no_main]

use biovlm_kernels::images::{decode, prepare, Format, Header};
use biovlm_kernels::resize_crop;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use png::{DecodeOptions, Decoder, Transformations};
use miniz_oxide::{deflate::compress_to_vec_zlib, inflate::decompress_to_vec_zlib_with_limit};

/// More pixels than this are slow, and find nothing else.
const MOST: usize = 1 << 18;

fuzz_target!(|file: &[u8]| {
    let Some([width, height]) = size(file) else { return };
    let header = Header { format: Format::Png, width, height };
    let rgb = decode(file, header);
    if let Some(rgb) = &rgb {
        assert!(by_the_crate(file).as_ref() == Some(rgb), "other pixels than the png crate's");
    }
    for size in [1, 8, 64] {
        let expected = rgb.as_ref().and_then(|rgb| resize_crop(rgb, width, height, size));
        assert_eq!(prepare(file, header, size), expected);
    }
});

/// RGB, every checksum heeded.
fn by_the_crate(file: &[u8]) -> Option<Vec<u8>> {
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(std::io::Cursor::new(file), options);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let channels = reader.next_frame(&mut pixels).ok()?.color_type.samples();
    reader.finish().ok()?;
    let rgb = |pixel: &[u8]| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
    Some(pixels.chunks_exact(channels).flat_map(rgb).collect())
}

fn size(file: &[u8]) -> Option<[usize; 2]> {
    let sides = file.get(16..24)?;
    let [width, height] = [0, 4].map(|at| u32::from_be_bytes([sides[at], sides[at + 1], sides[at + 2], sides[at + 3]]) as usize);
    (width.checked_mul(height)? <= MOST).then_some([width, height])
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    match repacked(&data[..size], seed) {
        Some(file) if file.len() <= max_size => {
            data[..file.len()].copy_from_slice(&file);
            file.len()
        }
        _ => fuzzer_mutate(data, size, max_size),
    }
});

/// The same file with its rows inflated, damaged and deflated, in one chunk or two.
fn repacked(file: &[u8], seed: u32) -> Option<Vec<u8>> {
    let (mut before, mut packed, mut after) = (file.get(..8)?.to_vec(), Vec::new(), Vec::new());
    let mut at = 8;
    while let Some(head) = file.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let chunk = file.get(at..at.checked_add(length)?.checked_add(12)?)?;
        match &head[4..] {
            b"IDAT" => packed.extend_from_slice(&chunk[8..8 + length]),
            _ if packed.is_empty() => before.extend_from_slice(chunk),
            _ => after.extend_from_slice(chunk),
        }
        at += chunk.len();
    }
    let mut rows = decompress_to_vec_zlib_with_limit(&packed, MOST * 8).ok()?;
    let length = rows.len();
    rows.resize(length + 16, 0);
    let most = rows.len();
    let length = fuzzer_mutate(&mut rows, length, most);
    let packed = compress_to_vec_zlib(&rows[..length], (seed >> 8) as u8 % 10);
    let cut = if seed & 2 == 0 { packed.len() } else { packed.len() / 2 };
    for part in [&packed[..cut], &packed[cut..]].into_iter().filter(|part| !part.is_empty()) {
        before.extend_from_slice(&(part.len() as u32).to_be_bytes());
        let from = before.len();
        before.extend_from_slice(b"IDAT");
        before.extend_from_slice(part);
        let sum = crc(&before[from..]);
        before.extend_from_slice(&sum.to_be_bytes());
    }
    before.extend_from_slice(&after);
    Some(before)
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}
