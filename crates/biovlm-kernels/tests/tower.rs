//! The int8 image tower against plain loops in float64, over random sizes; the same bits on one, two and four threads, alone and in a batch; what is
//! damaged, huge or not finite. Without AVX-512 VNNI it says so and passes. BIOVLM_SOAK=1 is for the full count.

mod drawn;
mod slow_tower;

use biovlm_kernels::{image_tower_level, ImageTower};
use drawn::{bits, count, Random};
use slow_tower::{tower, Sizes};

fn served() -> bool {
    if image_tower_level().is_none() {
        println!("skipped: no AVX-512 VNNI here");
    }
    image_tower_level().is_some()
}

fn list(s: &Sizes) -> [usize; 7] {
    [s.image, s.patch, s.width, s.layers, s.heads, s.mlp, s.embed]
}

fn shapes(s: &Sizes) -> Vec<(usize, f32)> {
    let (w, cut) = (s.width, 3 * s.patch * s.patch);
    let by = |k: usize| 1.5 / (k as f32).sqrt();
    let mut all = vec![(w, 0.5), ((1 + (s.image / s.patch).pow(2)) * w, 0.5), (w * cut, by(cut)), (w, 0.5)];
    for _ in 0..s.layers {
        all.extend([(w, -1.0), (w, 0.3), (3 * w * w, by(w)), (3 * w, 0.3), (w * w, by(w)), (w, 0.3)]);
        all.extend([(w, -1.0), (w, 0.3), (s.mlp * w, by(w)), (s.mlp, 0.3), (w * s.mlp, by(s.mlp)), (w, 0.3)]);
    }
    all.extend([(w, -1.0), (w, 0.3), (s.embed * w, by(w))]);
    all
}

/// Activations of order one: matrices by fan-in, norms about 1.
fn weights(s: &Sizes, random: &mut Random) -> Vec<Vec<f32>> {
    let of = |(length, spread): (usize, f32)| match spread {
        s if s < 0.0 => random.numbers(length, 0.25).iter().map(|v| 1.0 + v).collect(),
        s => random.numbers(length, s),
    };
    shapes(s).into_iter().map(of).collect()
}

fn open(s: &Sizes, weights: &[Vec<f32>]) -> ImageTower {
    let weights: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
    ImageTower::open(&list(s), &weights).expect("a tower")
}

fn on(threads: usize, tower: &ImageTower, pixels: &[f32]) -> Vec<f32> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| tower.run_pixels(pixels)).expect("embeddings")
}

/// The distance to `expected` by its length, or by a tenth of what is usual where its numbers, of order one, all happen to lie near zero.
fn apart(got: &[f32], expected: &[f64]) -> f64 {
    let squares = |of: &mut dyn Iterator<Item = f64>| of.map(|v| v * v).sum::<f64>().sqrt();
    let length = squares(&mut expected.iter().copied()).max(0.1 * (expected.len() as f64).sqrt());
    squares(&mut got.iter().zip(expected).map(|(g, e)| f64::from(*g) - e)) / length
}

fn drawn(random: &mut Random, large: bool) -> Sizes {
    let (patch, heads) = (random.size(8), random.size(4));
    // products of 4096 weights or more are rounded: from a width of 64 on
    let head = if large { 64usize.div_ceil(heads) + random.size(8) } else { random.size(60 / heads) };
    let width = heads * head;
    let grid = random.size(4);
    let mlp = if large { 64 + random.size(80) } else { random.size(4095 / width.max(40)) };
    Sizes { image: patch * grid, patch, width, layers: random.size(3), heads, mlp, embed: random.size(if large { 90 } else { 60 }) }
}

#[test]
fn is_what_plain_loops_give() {
    if !served() {
        return;
    }
    let mut random = Random(7);
    let (mut close, mut rounded) = (0, 0);
    for case in 0..count() {
        let large = case % 4 == 0;
        let s = drawn(&mut random, large);
        let weights = weights(&s, &mut random);
        let native = open(&s, &weights);
        let pixels = random.numbers(3 * s.image * s.image, 2.0);
        let got = on(1, &native, &pixels);
        let off = apart(&got, &tower(&s, &weights, &pixels));
        let what = format!("case {case}, {:?}: {off}", list(&s));
        let float = shapes(&s).iter().all(|(length, _)| *length < 4096) && s.width < 64;
        if float {
            // order of sums alone
            assert!(off < 2e-4, "{what}");
        } else {
            // a number that lies near the middle of two steps may go either way, and then what follows differs by a step of one
            assert!(off < 0.1, "{what}");
            rounded += 1;
            close += usize::from(off < 1e-4);
        }
    }
    assert!(rounded > 0 && close * 10 > rounded, "{close} of {rounded} near to the last digits");
}

#[test]
fn the_same_bits_on_any_number_of_threads_alone_and_in_a_batch() {
    if !served() {
        return;
    }
    let mut random = Random(8);
    for case in 0..count() / 10 {
        let mut s = drawn(&mut random, case % 2 == 0);
        if case % 10 == 0 {
            // more rows than go through the feed-forward part together
            (s.patch, s.image) = (1, 14);
        }
        let native = open(&s, &weights(&s, &mut random));
        let each = 3 * s.image * s.image;
        let batch = random.size(7);
        let pixels = random.numbers(batch * each, 2.0);
        let what = format!("case {case}, {:?}, {batch} images", list(&s));
        let all = bits(&on(1, &native, &pixels));
        for threads in [2, 4] {
            assert_eq!(bits(&on(threads, &native, &pixels)), all, "{what}, {threads} threads");
        }
        let one = random.size(batch) - 1;
        for threads in [1, 3] {
            let alone = bits(&on(threads, &native, &pixels[one * each..][..each]));
            assert_eq!(alone, all[one * s.embed..][..s.embed], "{what}, image {one} alone, {threads} threads");
        }
    }
}

#[test]
fn bytes_are_pixels_made_as_core_makes_them() {
    if !served() {
        return;
    }
    let mut random = Random(9);
    let s = Sizes { image: 12, patch: 4, width: 64, layers: 2, heads: 4, mlp: 96, embed: 32 };
    let native = open(&s, &weights(&s, &mut random));
    let (mean, std) = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.2613026, 0.2757771]);
    let rgb: Vec<u8> = (0..2 * 3 * 144).map(|_| random.next() as u8).collect();
    let pixels: Vec<f32> = rgb
        .chunks(3 * 144)
        .flat_map(|image| (0..3).flat_map(move |c| (0..144).map(move |i| (f32::from(image[3 * i + c]) / 255.0 - mean[c]) / std[c])))
        .collect();
    assert_eq!(bits(&native.run_rgb(&rgb, &mean, &std).expect("rows")), bits(&native.run_pixels(&pixels).expect("rows")));
}

#[test]
fn what_is_not_finite_is_nan_in_its_own_image_alone_and_extremes_stay_finite() {
    if !served() {
        return;
    }
    let mut random = Random(10);
    for large in [true, false] {
        let s = Sizes { layers: 2, ..drawn(&mut random, large) };
        let native = open(&s, &weights(&s, &mut random));
        let each = 3 * s.image * s.image;
        let pixels = random.numbers(3 * each, 1.0);
        let sound = on(2, &native, &pixels);
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut pixels = pixels.clone();
            pixels[each + random.size(each) - 1] = bad;
            let got = on(2, &native, &pixels);
            assert!(got[s.embed..2 * s.embed].iter().all(|v| v.is_nan()), "{bad}");
            assert_eq!(bits(&got[..s.embed]), bits(&sound[..s.embed]));
            assert_eq!(bits(&got[2 * s.embed..]), bits(&sound[2 * s.embed..]));
        }
        for size in [0.0, 1e-45, 1e-38, 1e-31, 1e15] {
            let pixels: Vec<f32> = pixels[..each].iter().map(|v| v.signum() * size).collect();
            let got = on(1, &native, &pixels);
            assert!(got.iter().all(|v| v.is_finite()), "{size}: {got:?}");
            if size < 1e-30 {
                // too small to be told from zeros
                assert!(apart(&got, &on(1, &native, &vec![0.0; each]).iter().map(|v| f64::from(*v)).collect::<Vec<_>>()) < 1e-6, "{size}");
            }
        }
    }
}

#[test]
fn weights_of_zeros_give_zeros() {
    if !served() {
        return;
    }
    let s = Sizes { image: 8, patch: 4, width: 64, layers: 2, heads: 2, mlp: 64, embed: 64 };
    let zeros: Vec<Vec<f32>> = shapes(&s).iter().map(|(length, _)| vec![0.0; *length]).collect();
    assert_eq!(on(1, &open(&s, &zeros), &vec![1.0; 192]), vec![0.0; 64]);
}

#[test]
fn what_does_not_fit_is_refused_in_a_sentence() {
    if !served() {
        return;
    }
    let s = Sizes { image: 8, patch: 4, width: 16, layers: 1, heads: 2, mlp: 8, embed: 4 };
    let good = weights(&s, &mut Random(11));
    let try_open = |sizes: &[usize], weights: &[Vec<f32>]| {
        let weights: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
        ImageTower::open(sizes, &weights).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(try_open(&list(&s), &good), "");
    assert!(try_open(&[8, 4], &good).contains("expected imageSize"));
    for (at, value, word) in [(0, 9, "imageSize"), (1, 0, "patchSize"), (2, 9000, "width"), (3, 257, "layers"), (4, 3, "heads"), (5, usize::MAX, "mlp"), (6, 0, "embedDim")] {
        let mut sizes = list(&s);
        sizes[at] = value;
        assert!(try_open(&sizes, &good).contains(word), "{word}: {}", try_open(&sizes, &good));
    }
    let mut sizes = list(&s);
    sizes[..2].copy_from_slice(&[4096, 1]);
    assert!(try_open(&sizes, &good).contains("patches"));
    for at in 0..good.len() {
        let (mut short, mut damaged) = (good.clone(), good.clone());
        short[at].pop();
        damaged[at][0] = f32::NAN;
        assert!(try_open(&list(&s), &short).contains("Pass the array of that shape"), "{at}");
        assert!(try_open(&list(&s), &damaged).contains("expected finite numbers, got NaN at 0"), "{at}");
    }
    assert!(try_open(&list(&s), &good[1..]).contains("expected 19 arrays, got 18"));
    let native = open(&s, &good);
    assert!(native.run_pixels(&[0.0; 191]).is_err() && native.run_pixels(&[]).is_err());
    assert!(native.run_rgb(&[0; 192], &[0.5; 2], &[0.5; 3]).is_err() && native.run_rgb(&[0; 193], &[0.5; 3], &[0.5; 3]).is_err());
}
