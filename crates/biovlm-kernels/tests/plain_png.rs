//! The fast way for the most usual PNG beside the `png` crate, which it stands in for: the same pixels, and nothing taken that the crate refuses.
#![cfg(feature = "images")]

use biovlm_kernels::images::{decode, unfilter, Format, Header};

struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.0 >> 8) as usize % n
    }
}

/// PNG's filters as the specification says them, a byte at a time.
fn by_the_book(raw: &[u8], width: usize, channels: usize) -> Vec<u8> {
    let row = width * channels;
    let mut out: Vec<u8> = Vec::new();
    for (y, raw) in raw.chunks_exact(row + 1).enumerate() {
        for (i, x) in raw[1..].iter().enumerate() {
            let (left, top) = (i >= channels, y > 0);
            let at = out.len();
            let a = if left { out[at - channels] as i32 } else { 0 };
            let b = if top { out[at - row] as i32 } else { 0 };
            let c = if left && top { out[at - row - channels] as i32 } else { 0 };
            let p = a + b - c;
            let nearest = [a, b, c].into_iter().min_by_key(|v| (p - v).abs()).unwrap_or(0);
            let predicted = [0, a, b, (a + b) / 2, nearest][raw[0] as usize];
            out.push(x.wrapping_add(predicted as u8));
        }
    }
    out
}

#[test]
fn filters_are_undone_as_the_specification_says_for_every_mix_of_them_and_every_size_beside_a_group_of_rows() {
    let mut random = Random(3);
    let sides = [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 40];
    for channels in [1, 3, 4] {
        for width in sides {
            for height in sides {
                for only in [None, Some(4), Some(3), Some(1)] {
                    let row = width * channels;
                    let mut raw: Vec<u8> = (0..height * (row + 1)).map(|_| random.below(256) as u8).collect();
                    for row in raw.chunks_exact_mut(row + 1) {
                        row[0] = only.unwrap_or_else(|| random.below(5) as u8);
                    }
                    let mut out = vec![7; height * row];
                    assert!(unfilter(&raw, width, channels, &mut out));
                    assert!(out == by_the_book(&raw, width, channels), "{width} x {height} x {channels}, filter {only:?}");
                }
            }
        }
    }
}

#[test]
fn a_filter_that_there_is_not_and_lengths_that_do_not_fit_are_refused() {
    let raw = vec![0; 9 * 31];
    assert!(unfilter(&raw, 10, 3, &mut [0; 270]));
    for y in 0..9 {
        let mut bad = raw.clone();
        bad[y * 31] = 5;
        assert!(!unfilter(&bad, 10, 3, &mut [0; 270]), "row {y}");
    }
    assert!(!unfilter(&raw[1..], 10, 3, &mut [0; 270]));
    assert!(!unfilter(&raw, 10, 3, &mut [0; 240]));
    assert!(!unfilter(&raw, 0, 3, &mut [0; 270]));
    assert!(!unfilter(&raw, 15, 2, &mut [0; 270]));
    assert!(!unfilter(&raw, usize::MAX, 3, &mut [0; 270]));
}

fn png_of(colour: png::ColorType, filter: png::Filter, width: usize, height: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_filter(filter);
    let row = width * colour.samples();
    let data: Vec<u8> = (0..row * height).map(|i| (i * 3 / 7 + random.below(20)) as u8).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&data)).expect("a PNG");
    bytes
}

/// RGB by the crate, every checksum heeded.
fn by_the_crate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut options = png::DecodeOptions::default();
    options.set_ignore_checksums(false);
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = png::Decoder::new_with_options(std::io::Cursor::new(bytes), options);
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().ok()?;
    let mut pixels = vec![0; reader.output_buffer_size()?];
    let channels = reader.next_frame(&mut pixels).ok()?.color_type.samples();
    reader.finish().ok()?;
    let rgb = |pixel: &[u8]| if channels < 3 { [pixel[0]; 3] } else { [pixel[0], pixel[1], pixel[2]] };
    Some(pixels.chunks_exact(channels).flat_map(rgb).collect())
}

/// The same pixels in pieces: IDAT cut in several chunks, each with its checksum.
fn in_pieces(bytes: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut at) = (bytes[..8].to_vec(), 8);
    while at < bytes.len() {
        let size = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize;
        let (name, data) = (&bytes[at + 4..at + 8], &bytes[at + 8..at + 8 + size]);
        let pieces: Vec<&[u8]> = if name == b"IDAT" { data.chunks(length).collect() } else { vec![data] };
        for piece in pieces {
            let from = out.len() + 4;
            out.extend_from_slice(&(piece.len() as u32).to_be_bytes());
            out.extend_from_slice(name);
            out.extend_from_slice(piece);
            let sum = crc(&out[from..]);
            out.extend_from_slice(&sum.to_be_bytes());
        }
        at += size + 12;
    }
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step))
}

#[test]
fn pixels_are_those_of_the_png_crate_for_every_kind_filter_and_size_in_one_chunk_and_in_many() {
    use png::{ColorType, Filter};
    let mut random = Random(9);
    for colour in [ColorType::Grayscale, ColorType::GrayscaleAlpha, ColorType::Rgb, ColorType::Rgba] {
        for filter in [Filter::NoFilter, Filter::Sub, Filter::Up, Filter::Avg, Filter::Paeth, Filter::Adaptive] {
            for (width, height) in [(1, 1), (3, 20), (20, 3), (33, 8), (64, 65), (130, 17)] {
                let bytes = png_of(colour, filter, width, height, &mut random);
                for bytes in [in_pieces(&bytes, 50), bytes] {
                    let rgb = decode(&bytes, Header { format: Format::Png, width, height });
                    assert!(rgb.is_some() && rgb == by_the_crate(&bytes), "{colour:?} {filter:?} {width} x {height}");
                }
            }
        }
    }
}

/// Every byte changed in turn, and with its checksum made right again, so that damage reaches what stands behind it.
#[test]
fn no_file_is_taken_that_the_png_crate_refuses_or_with_other_pixels() {
    let mut random = Random(5);
    let (width, height) = (13, 17);
    let sound = png_of(png::ColorType::Rgb, png::Filter::Paeth, width, height, &mut random);
    let header = Header { format: Format::Png, width, height };
    let (mut taken, mut refused) = (0, 0);
    for at in 0..sound.len() {
        for change in [1, 0x80, 1 + random.below(255) as u8] {
            let mut bytes = sound.clone();
            bytes[at] ^= change;
            for bytes in [repaired(&bytes), bytes] {
                match decode(&bytes, header) {
                    None => refused += 1,
                    Some(rgb) => {
                        taken += 1;
                        assert!(by_the_crate(&bytes) == Some(rgb), "byte {at} ^ {change}");
                    }
                }
            }
        }
    }
    for end in 0..sound.len() {
        assert!(decode(&sound[..end], header).is_none(), "cut at {end}");
    }
    assert!(refused > 1000, "{refused} of {}", taken + refused);
}

/// Checksums of the chunks as they are cut now.
fn repaired(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (bytes.to_vec(), 8);
    while let Some(head) = bytes.get(at..at + 4) {
        let end = at + 8 + u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if end + 4 > bytes.len() {
            break;
        }
        let sum = crc(&bytes[at + 4..end]);
        out[end..end + 4].copy_from_slice(&sum.to_be_bytes());
        at = end + 4;
    }
    out
}
