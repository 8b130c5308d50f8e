//! The pieces of the tower against plain loops: products exact, approximations within what they state.

use super::image_tower_level;
use super::matrix::{Form, Matrix};
use super::memory::Lines;
use super::product::{product, Out, Rows};
use super::rows::{gelu_row, norm_row, round_row, Norm};
use super::vectors::{exp2, gelu_table};
use std::arch::x86_64::*;

fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        state as f32 / 2f32.powi(31) - 1.0
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// ∫ of the normal density from 0 to x by Simpson's rule: another way than the table's.
fn area(x: f64) -> f64 {
    let (n, density) = (2000, |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt());
    let at = |i: usize| density(x * i as f64 / n as f64) * [1.0, 4.0, 2.0][if i == 0 || i == n { 0 } else { 2 - i % 2 }];
    (0..=n).map(at).sum::<f64>() * x / n as f64 / 3.0
}

#[test]
fn gelu_is_within_what_it_states() {
    if image_tower_level().is_none() {
        return;
    }
    let inputs: Vec<f32> = (-8000..8000).step_by(5).map(|i| i as f32 / 1000.0).chain([1e-30, -1e-30, 1e30, -1e30, 40.0, -40.0]).collect();
    let mut row = Lines::padded(&inputs, inputs.len().next_multiple_of(32));
    // SAFETY: the instructions are there.
    unsafe { gelu_row(&gelu_table().load(), &mut row) };
    for (x, y) in inputs.iter().zip(row.iter()) {
        let x = f64::from(*x);
        let half = if x.abs() > 9.0 { 0.5f64.copysign(x) } else { area(x) };
        let off = (f64::from(*y) - x * (0.5 + half)).abs();
        assert!(off <= 3e-7 * x.abs(), "{x}: {y}, off by {off}");
    }
    let mut extremes = Lines::padded(&[f32::NAN, f32::INFINITY, 0.0, -0.0], 32);
    // SAFETY: as above.
    let most = unsafe { gelu_row(&gelu_table().load(), &mut extremes) };
    assert!(extremes[0].is_nan() && most.is_nan() && extremes[1] == f32::INFINITY && extremes[2] == 0.0 && extremes[3] == 0.0);
}

#[test]
fn powers_of_two_are_within_what_they_state() {
    if image_tower_level().is_none() {
        return;
    }
    for i in 0..2000 {
        let x = -(i as f32) / 16.1;
        let mut out = [0.0f32; 16];
        // SAFETY: the instructions are there, and room for 16.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), exp2(_mm512_set1_ps(x))) };
        let expected = f64::from(x).exp2();
        assert!((f64::from(out[7]) - expected).abs() <= 2e-7 * expected + 2e-45, "{x}: {}", out[7]);
    }
    for (x, check) in [(f32::NEG_INFINITY, 0.0f32), (-1e30, 0.0), (0.0, 1.0), (f32::NAN, f32::NAN)] {
        let mut out = [7.0f32; 16];
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), exp2(_mm512_set1_ps(x))) };
        assert!(out[0] == check || (check.is_nan() && out[0].is_nan()), "{x}: {}", out[0]);
    }
}

#[test]
fn a_norm_is_that_of_its_definition_and_a_row_is_rounded_to_half_a_step() {
    if image_tower_level().is_none() {
        return;
    }
    for width in [1usize, 15, 16, 17, 31, 32, 33, 128, 130] {
        let n = width.next_multiple_of(32);
        let (x, w, b) = (numbers(width, 1), numbers(width, 2), numbers(width, 3));
        let norm = Norm { width, weight: Lines::padded(&w, n), bias: Lines::padded(&b, n) };
        let (row, mut out, mut bytes) = (Lines::padded(&x, n), Lines::<f32>::zeros(n), vec![0; n]);
        // SAFETY: the instructions are there.
        let (most, step) = unsafe {
            let most = norm_row(&norm, &row, &mut out);
            (most, round_row(&out, most, &mut bytes))
        };
        let mean = x.iter().map(|v| f64::from(*v)).sum::<f64>() / width as f64;
        let variance = x.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / width as f64;
        for i in 0..n {
            let expected = if i < width { (f64::from(x[i]) - mean) / (variance + 1e-6).sqrt() * f64::from(w[i]) + f64::from(b[i]) } else { 0.0 };
            assert!((f64::from(out[i]) - expected).abs() < 1e-5, "{width} {i}");
            let back = f64::from(i32::from(bytes[i]) - 128) * f64::from(step);
            assert!((back - f64::from(out[i])).abs() <= f64::from(step) * 0.50001, "{width} {i}");
        }
        assert_eq!(most, out.iter().fold(0.0f32, |m, v| m.max(v.abs())));
        assert_eq!(bytes.iter().map(|b| (i32::from(*b) - 128).abs()).max(), Some(127));
    }
    for (most, bad) in [(0.0f32, false), (1e-40, false), (f32::INFINITY, true), (f32::NAN, true)] {
        let row = Lines::padded(&[most], 32);
        let mut bytes = [1; 32];
        // SAFETY: as above.
        let step = unsafe { round_row(&row, most, &mut bytes) };
        assert!(if bad { step.is_nan() } else { step == 0.0 && bytes == [128; 32] }, "{most}");
    }
}

#[test]
fn products_of_integers_are_exact_whatever_the_tile_and_write_nothing_else() {
    if image_tower_level().is_none() {
        return;
    }
    for (n, k) in [(64, 64), (33, 125), (100, 66), (128, 384)] {
        let (weight, bias) = (numbers(n * k, 4), numbers(n, 5));
        let w = Matrix::of(&weight, Some(&bias), k, 1);
        let Form::Rounded { scales, .. } = &w.form else { panic!("a product of {} weights", n * k) };
        for rows in 1..=28 {
            let stride = k.next_multiple_of(64);
            // extremes too: −127 and 127 are all that rounding gives, 0 what padding may hold
            let bytes: Vec<u8> = numbers(rows * stride, rows as u32).iter().map(|v| (128.0 + (v * 160.0).clamp(-127.0, 127.0)) as u8).collect();
            let steps = numbers(rows, 6);
            let mut out = vec![7.0f32; rows * w.n + 16];
            // SAFETY: the instructions are there, and rows · n numbers.
            unsafe {
                let from = Rows::Rounded { bytes: &bytes, stride, scales: &steps };
                product(&w, from, rows, std::ptr::null(), Out { at: out.as_mut_ptr(), stride: w.n });
            }
            for r in 0..rows {
                for c in 0..w.n {
                    let expected = match c < n {
                        true => {
                            let row = &weight[c * k..][..k];
                            let inverse = 127.0 / row.iter().fold(0.0f32, |m, v| m.max(v.abs()));
                            let sum: i32 = (0..k).map(|j| (row[j] * inverse).round_ties_even() as i32 * (i32::from(bytes[r * stride + j]) - 128)).sum();
                            (sum as f32 * scales[c]).mul_add(steps[r], bias[c])
                        }
                        false => 0.0,
                    };
                    assert_eq!(out[r * w.n + c].to_bits(), expected.to_bits(), "[{rows},{k}]·[{n},{k}]ᵀ at {r}, {c}");
                }
            }
            assert_eq!(out[rows * w.n..], [7.0; 16]);
        }
    }
}
