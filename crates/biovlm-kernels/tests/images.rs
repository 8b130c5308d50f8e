//! Damaged files: a decoder never panics, never writes beside its memory and gives the bytes that were asked for or none. Run it under the address
//! sanitizer too (CONTRIBUTING.md); BIOVLM_SOAK=1 is for the full count.
#![cfg(feature = "images")]

use biovlm_kernels::images::{decode, prepare, Format, Header};

/// 9 × 10 pixels, 4:2:0, in hexadecimal.
#[cfg(feature = "jpeg")]
const BASELINE: &str = "\
    ffd8ffdb004300140e0f120f0d14121012171514181e32211e1c1c1e3d2c2e243249404c4b47404645505a736250556d5645466488656d777b8182814e608d97\
    8c7d96737e817cffdb0043011517171e1a1e3b21213b7c5346537c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c\
    7c7c7c7c7c7c7c7c7c7c7c7cffc0001108000a000903012200021101031101ffc4001500010100000000000000000000000000000204ffc40022100001030109\
    010000000000000000000001000203041112132133516172b1c3ffc4001501010100000000000000000000000000000203ffc4001d1100010207000000000000\
    000000000000000211010321224151f0ffda000c03010002110311003f00043451b446034be3cf6b6e483c01578dca9abb59fdddf545393174bec9aeb7760fff\
    d9\
";

/// 9 × 10 pixels, in scans, in hexadecimal.
#[cfg(feature = "jpeg")]
const PROGRESSIVE: &str = "\
    ffd8ffdb00430050373c463c32504641465a55505f78c882786e6e78f5afb991c8ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
    ffffffffffffffffdb004301555a5a786978eb8282ebffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
    ffffffffffffffffffffffffffc2001108000a000903012200021101031101ffc4001500010100000000000000000000000000000102ffc40015010101000000\
    00000000000000000000000001ffda000c030100021003100000012813ffc40014100100000000000000000000000000000020ffda00080101000105021fffc4\
    0014110100000000000000000000000000000000ffda0008010301013f017fffc4001511010100000000000000000000000000000001ffda0008010201013f01\
    8fffc40014100100000000000000000000000000000020ffda0008010100063f021fffc4001b100001040300000000000000000000000000011011314161f0ff\
    da0008010100013f21c122df6dbfffda000c030100020003000000109fffc4001511010100000000000000000000000000000001ffda0008010301013f10afff\
    c40014110100000000000000000000000000000000ffda0008010201013f103fffc4001a1000020203000000000000000000000000011031416171c1ffda0008\
    010100013f10c6c70a4db4ffd9\
";

struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1664525).wrapping_add(1013904223);
        (self.0 >> 8) as usize % n
    }
}

fn png(colour: png::ColorType, depth: png::BitDepth, width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == png::ColorType::Indexed {
        encoder.set_palette((0..=255).flat_map(|i| [i, 255 - i, 7]).take(48).collect::<Vec<u8>>());
    }
    let row = (width as usize * colour.samples() * depth as usize).div_ceil(8);
    let mut random = Random(width + height);
    let data: Vec<u8> = (0..row * height as usize).map(|_| random.below(256) as u8).collect();
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&data)).expect("a PNG");
    bytes
}

/// Name, file, header.
fn samples() -> Vec<(&'static str, Vec<u8>, Header)> {
    use png::{BitDepth, ColorType};
    let mut all = Vec::new();
    for (name, colour, depth) in [
        ("PNG in colour", ColorType::Rgb, BitDepth::Eight),
        ("PNG in grey", ColorType::Grayscale, BitDepth::Eight),
        ("PNG of one bit", ColorType::Grayscale, BitDepth::One),
        ("PNG with alpha", ColorType::Rgba, BitDepth::Eight),
        ("PNG with a palette", ColorType::Indexed, BitDepth::Four),
    ] {
        all.push((name, png(colour, depth, 19, 14), Header { format: Format::Png, width: 19, height: 14 }));
    }
    #[cfg(feature = "jpeg")]
    for (name, hex) in [("JPEG", BASELINE), ("JPEG in scans", PROGRESSIVE)] {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        let bytes = (0..hex.len()).step_by(2).map(byte).collect();
        all.push((name, bytes, Header { format: Format::Jpeg, width: 9, height: 10 }));
    }
    all
}

/// Bits flipped, bytes replaced, cut short, pieces doubled or zeroed.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(out.len());
        let end = (at + 1 + random.below(16)).min(out.len());
        match random.below(5) {
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            2 => out.truncate(at.max(1)),
            3 => out[at..end].fill(0),
            _ => {
                let piece = out[at..end].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    out
}

#[test]
fn a_damaged_file_gives_the_bytes_asked_for_or_none() {
    let count = if std::env::var("BIOVLM_SOAK").is_ok_and(|v| v == "1") { 10_000 } else { 300 };
    let mut random = Random(1);
    for (name, bytes, header) in samples() {
        assert_eq!(decode(&bytes, header).map(|rgb| rgb.len()), Some(header.width * header.height * 3), "{name}");
        let mut taken = 0;
        for _ in 0..count {
            if let Some(out) = prepare(&damaged(&bytes, &mut random), header, 8) {
                assert_eq!(out.len(), 8 * 8 * 3, "{name}");
                taken += 1;
            }
        }
        assert!(taken < count, "{name}: damage is noticed");
    }
}

#[test]
fn an_image_is_the_same_whatever_its_thread_prepared_before() {
    let (samples, mut random) = (samples(), Random(3));
    for _ in 0..500 {
        let (name, bytes, header) = &samples[random.below(samples.len())];
        // one that is declined half way leaves the thread's memory as it is then
        prepare(&damaged(bytes, &mut random), *header, 1 + random.below(16));
        let (rgb, size) = (decode(bytes, *header).expect(name), 1 + random.below(16));
        let expected = biovlm_kernels::resize_crop(&rgb, header.width, header.height, size);
        // on a thread that has prepared nothing
        let fresh = std::thread::scope(|scope| scope.spawn(|| prepare(bytes, *header, size)).join().expect("no panic"));
        assert_eq!(prepare(bytes, *header, size), expected, "{name}");
        assert_eq!(fresh, expected, "{name}");
    }
}

#[test]
fn a_header_of_another_size_is_declined_whatever_it_says() {
    for (name, bytes, header) in samples() {
        for width in [0, 1, header.width + header.height, 1 << 20, usize::MAX / 3, usize::MAX] {
            assert!(prepare(&bytes, Header { width, ..header }, 8).is_none(), "{name} {width}");
            assert!(prepare(&bytes, Header { height: width, ..header }, 8).is_none(), "{name} {width}");
        }
        for size in [0, 4097, usize::MAX] {
            assert!(prepare(&bytes, header, size).is_none(), "{name} {size}");
        }
        assert!(prepare(&[], header, 8).is_none(), "{name}");
    }
}

/// Found by the fuzz target `headers`: both the caller and the file say so, and the memory for it would have been asked for.
#[test]
fn a_header_of_more_pixels_than_memory_is_declined_though_the_file_says_the_same() {
    let mut bytes = png(png::ColorType::Rgb, png::BitDepth::Eight, 37, 5);
    bytes[20..24].fill(0xff);
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    let sum = !bytes[12..29].iter().fold(!0, |sum, &byte| (0..8).fold(sum ^ u32::from(byte), step));
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    assert!(prepare(&bytes, Header { format: Format::Png, width: 37, height: u32::MAX as usize }, 8).is_none());
}
