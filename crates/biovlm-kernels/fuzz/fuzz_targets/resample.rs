//! Any picture of any size to any window, against plain loops; and plans that no planner would make, which must be refused or stay inside.
//! Input: width, height, window of two bytes each; what follows is pixels, read round and round.
#![no_main]

#[path = "../../tests/slow/mod.rs"]
mod slow;

use biovlm_kernels::{resample, resize_crop, Axis, Plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((sides, pixels)) = data.split_first_chunk::<6>() else { return };
    let [width, height, size] = [0, 2, 4].map(|at| usize::from(u16::from_le_bytes([sides[at], sides[at + 1]])));
    if pixels.is_empty() || width * height > 1 << 14 || size > 300 {
        return;
    }
    let picture: Vec<u8> = pixels.iter().copied().cycle().take(width * height * 3).collect();
    let got = resize_crop(&picture, width, height, size);
    if width * height * size == 0 {
        assert_eq!(got, None);
        return;
    }
    // the whole resized picture is made there
    if size * size * width.max(height) / width.min(height) <= 1 << 16 {
        assert_eq!(got, Some(slow::resize(&picture, width, height, size)));
    }
    hostile(&picture, [width, height, size], pixels);
});

/// Plans of the input's own numbers.
fn hostile(picture: &[u8], [width, height, size]: [usize; 3], pixels: &[u8]) {
    let mut numbers = pixels.chunks(4).cycle().map(|c| c.iter().fold(0i32, |n, &byte| n << 8 | i32::from(byte)));
    let mut next = || numbers.next().unwrap_or(0);
    let taps = next().rem_euclid(9) as usize;
    let [mut horizontal, mut vertical] = [width, height].map(|side| {
        // mostly inside, so that what is inside is run too
        let first: Vec<i32> = (0..size).map(|_| next().rem_euclid(side as i32)).collect();
        let count: Vec<i32> = first.iter().map(|&at| next().rem_euclid(taps as i32 + 1).clamp(1, side as i32 - at)).collect();
        (first, count, (0..size * taps).map(|_| next()).collect::<Vec<_>>())
    });
    if next() % 4 == 0 {
        horizontal.0[0] = next();
        vertical.1[size / 2] = next();
    }
    let [horizontal, vertical] = [&horizontal, &vertical].map(|(first, count, weights)| Axis { taps, first, count, weights });
    let mut out = vec![0; size * size * 3];
    resample(picture, width, height, &Plan { size, horizontal, vertical }, &mut out);
}
