//! A whole JPEG, of the size that its frame header says: decoded, resized to 1, 8 and 64.
#![no_main]

use biovlm_kernels::images::{decode, prepare, Format, Header};
use biovlm_kernels::resize_crop;
use libfuzzer_sys::fuzz_target;

/// More pixels than this are slow, and find nothing else.
const MOST: usize = 1 << 18;

fuzz_target!(|file: &[u8]| {
    let Some([width, height]) = size(file) else { return };
    let header = Header { format: Format::Jpeg, width, height };
    let rgb = decode(file, header);
    for size in [1, 8, 64] {
        let expected = rgb.as_ref().and_then(|rgb| resize_crop(rgb, width, height, size));
        assert_eq!(prepare(file, header, size), expected);
    }
});

/// Of the first frame header, segment by segment.
fn size(file: &[u8]) -> Option<[usize; 2]> {
    let mut at = 2;
    loop {
        let &[0xff, marker, l0, l1] = file.get(at..at + 4)? else { return None };
        if matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            let sides = file.get(at + 5..at + 9)?;
            let [height, width] = [0, 2].map(|i| usize::from(u16::from_be_bytes([sides[i], sides[i + 1]])));
            return (width * height <= MOST).then_some([width, height]);
        }
        at += 2 + usize::from(u16::from_be_bytes([l0, l1]));
    }
}
