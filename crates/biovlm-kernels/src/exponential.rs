//! exp and log1p of one float32, from IEEE products and sums only, as assembly/exponential.ts of @biovlm/core has them.
//! Written for one number and called in loops over lanes, which the compiler turns into vectors.
// constants stand with all digits that their source has
#![allow(clippy::excessive_precision)]

use std::f32::consts::LOG2_E;

const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;
/// 1.5·2^23: added, it leaves the nearest integer in the low bits.
const ROUND: f32 = 12582912.0;
/// Below this exp is less than the smallest normal float32 and is taken as 0.
const LOWEST: f32 = -87.33654;

/// exp(x) for x ≤ 0, 0 below −87.34.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let t = x * LOG2_E + ROUND;
    let n = t - ROUND;
    let mut r = x - n * LN2_HIGH;
    r -= n * LN2_LOW;
    let mut p = 1.9875691500e-4 * r + 1.3981999507e-3;
    p = p * r + 8.3334519073e-3;
    p = p * r + 4.1665795894e-2;
    p = p * r + 1.6666665459e-1;
    p = p * r + 5.0000001201e-1;
    p = (p * (r * r) + r) + 1.0;
    let power = f32::from_bits((t.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    let e = p * power;
    if x >= LOWEST {
        e
    } else {
        0.0
    }
}

/// log(1 + x) for x ≥ 0.
#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    let u = x + 1.0;
    let bits = (u.to_bits() as i32).wrapping_sub(0x3f3504f3);
    let e = (bits >> 23) as f32;
    let m = f32::from_bits(((bits & 0x007fffff).wrapping_add(0x3f3504f3)) as u32) - 1.0;
    let z = m * m;
    let mut p = 7.0376836292e-2f32;
    p = p * m + -1.1514610310e-1;
    p = p * m + 1.1676998740e-1;
    p = p * m + -1.2420140846e-1;
    p = p * m + 1.4249322787e-1;
    p = p * m + -1.6668057665e-1;
    p = p * m + 2.0000714765e-1;
    p = p * m + -2.4999993993e-1;
    p = p * m + 3.3333331174e-1;
    p *= z * m;
    p += e * LN2_LOW;
    p -= z * 0.5;
    let log = (p + m) + e * LN2_HIGH;
    log + (x - (u - 1.0)) / u
}
