//! A header that lies: any size and format claimed of any bytes. A decoder gives exactly what was claimed, or nothing.
//! Input: format, width and height of two bytes each, the file.
#![no_main]

use biovlm_kernels::images::{decode, prepare, Format, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[format, w0, w1, h0, h1], file)) = data.split_first_chunk() else { return };
    let [width, height] = [[w0, w1], [h0, h1]].map(|two| usize::from(u16::from_le_bytes(two)));
    let format = if format % 2 == 0 { Format::Png } else { Format::Jpeg };
    let header = Header { format, width, height };
    if let Some(rgb) = decode(file, header) {
        assert_eq!(rgb.len(), width * height * 3);
        if format == Format::Png {
            let claimed = [width, height].map(|side| (side as u32).to_be_bytes()).concat();
            assert_eq!(file[16..24], claimed[..]);
        }
    }
    // no size that a caller may pass is too much
    for huge in [u32::MAX as usize, usize::MAX / 3, usize::MAX] {
        assert!(prepare(file, Header { width: huge, ..header }, 8).is_none());
        assert!(prepare(file, Header { height: huge, ..header }, 8).is_none());
    }
});
