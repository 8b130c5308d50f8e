//! Kernels over random shapes: the bits do not depend on the number of threads, rows do not depend on their neighbours, sizes straddle the shares
//! that threads take; a resize is what Pillow does in plain loops. BIOVLM_SOAK=1 is for the full count.

mod drawn;
mod slow;

use biovlm_kernels as kernels;
use drawn::{bits, count, Random};
use rayon::ThreadPool;

fn pools() -> Vec<ThreadPool> {
    [1, 2, 4].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool")).into()
}

/// What `work` gives on one thread, having given it on two and four.
fn on_all<T: PartialEq + std::fmt::Debug + Send>(pools: &[ThreadPool], what: &str, work: impl Fn() -> T + Sync) -> T {
    let [one, others @ ..] = pools else { unreachable!() };
    let expected = one.install(&work);
    for pool in others {
        assert_eq!(pool.install(&work), expected, "{what}, {} threads", pool.current_num_threads());
    }
    expected
}

#[test]
fn softmax_log_softmax_entropy_and_norms() {
    let (pools, mut random) = (pools(), Random(1));
    for case in 0..count() {
        // one in sixteen is more than a thread's share
        let c = random.size(40);
        let rows = random.size(if case % 16 == 0 { 40_000 / c } else { 40 });
        let x = random.numbers(rows * c, 1.0);
        let what = format!("case {case}, {rows} × {c}");
        let run = |x: &[f32]| {
            let [mut soft, mut log, mut norm] = [(); 3].map(|()| vec![0.0; x.len()]);
            let mut entropy = vec![0.0; x.len() / c];
            assert!(kernels::softmax(x, c, &mut soft) && kernels::log_softmax(x, c, &mut log) && kernels::entropy(x, c, &mut entropy), "{what}");
            assert_eq!(kernels::l2_normalize(x, c, &mut norm), None, "{what}");
            [soft, log, norm, entropy].map(|v| bits(&v))
        };
        let all = on_all(&pools, &what, || run(&x));
        let row = random.size(rows) - 1;
        let alone = pools[0].install(|| run(&x[row * c..][..c]));
        for (of_all, alone, width) in all.iter().zip(&alone).zip([c, c, c, 1]).map(|((a, b), w)| (a, b, w)) {
            assert_eq!(of_all[row * width..][..width], alone[..], "{what}, row {row}");
        }
    }
}

#[test]
fn products() {
    let (pools, mut random) = (pools(), Random(2));
    for case in 0..count() {
        let (r, d) = (random.size(70), random.size(70));
        // one in a hundred is more than a thread's share
        let m = random.size(if case % 100 == 0 { 9_000_000 / (r * d) } else { 60 });
        let (a, b) = (random.numbers(m * d, 1.0), random.numbers(r * d, 1.0));
        let what = format!("case {case}, [{m},{d}]·[{r},{d}]ᵀ");
        let run = |a: &[f32]| {
            let mut out = vec![0.0; a.len() / d * r];
            assert!(kernels::gemm(a, &b, 10.0, d, &mut out), "{what}");
            bits(&out)
        };
        let all = on_all(&pools, &what, || run(&a));
        let row = random.size(m) - 1;
        assert_eq!(all[row * r..][..r], pools[0].install(|| run(&a[row * d..][..d])), "{what}, row {row}");
        let expected = (0..d).fold(0.0f32, |sum, i| sum + a[row * d + i] * b[i]) * 10.0;
        assert_eq!(all[row * r], expected.to_bits(), "{what}, a sum in order");
    }
}

#[test]
fn routing() {
    let (pools, mut random) = (pools(), Random(3));
    for case in 0..count() {
        let (n, c) = (random.size(40), random.size(12));
        let (b, k) = (random.size(if case % 16 == 0 { 4_000 / n.max(8) } else { 6 }), random.size(n));
        let mut logits = random.numbers(b * n * c, 1.0);
        // equal prompts, so that ties are met
        if n > 1 {
            let (first, second) = logits[..2 * c].split_at_mut(c);
            second.copy_from_slice(first);
        }
        let what = format!("case {case}, {b} × {n} × {c}, {k} kept");
        let (kept, entropy) = on_all(&pools, &what, || {
            let (mut logits, mut entropy, mut kept) = (logits.clone(), vec![0.0; b * n], vec![0; b * k]);
            let (mut mean, mut probabilities) = (vec![0.0; b * c], vec![0.0; b * c]);
            let mut out = kernels::Routing {
                logits: &mut logits,
                entropy: &mut entropy,
                kept: &mut kept,
                mean: &mut mean,
                probabilities: &mut probabilities,
            };
            assert!(kernels::select(&mut out, n, c, k), "{what}");
            (kept, entropy)
        });
        for (kept, h) in kept.chunks(k).zip(entropy.chunks(n)) {
            let mut order: Vec<i32> = (0..n as i32).collect();
            order.sort_by(|i, j| h[*i as usize].total_cmp(&h[*j as usize]));
            assert_eq!(kept, &order[..k], "{what}");
        }
    }
}

#[test]
fn resizing() {
    use rayon::prelude::*;
    let (pools, mut random) = (pools(), Random(4));
    // groups, so that several threads have an image each
    const GROUP: usize = 8;
    for case in 0..count() / GROUP {
        // one group in 64 is larger, one in 16 long and thin, one in 16 keeps a side as it is
        let most = if case % 64 == 0 { 300 } else { 40 };
        let images: Vec<_> = (0..GROUP)
            .map(|_| {
                let (size, mut width, mut height) = (random.size(most / 2), random.size(most), random.size(most));
                match case % 16 {
                    3 => width = 1 + width / 20,
                    7 => height = size,
                    _ => {}
                }
                // noise, flat black and white with noise between: sums reach past both ends
                let data: Vec<u8> = (0..width * height * 3).map(|_| [random.next() as u8, 0, 255][random.size(3) - 1]).collect();
                (data, width, height, size)
            })
            .collect();
        let sizes: Vec<_> = images.iter().map(|(_, w, h, s)| format!("{w} × {h} → {s}")).collect();
        let what = format!("group {case}, {}", sizes.join(", "));
        let all = on_all(&pools, &what, || {
            let work = |(data, w, h, s): &(Vec<u8>, usize, usize, usize)| kernels::resize_crop(data, *w, *h, *s).expect("a window");
            images.par_iter().map(work).collect::<Vec<_>>()
        });
        for ((got, (data, w, h, s)), size) in all.iter().zip(&images).zip(&sizes) {
            assert_eq!(got, &slow::resize(data, *w, *h, *s), "{size}");
        }
        // what does not fit is declined
        let (data, w, h, s) = &images[0];
        for (w, h, s) in [(*w, *h, 0), (0, *h, *s), (*w, h + 1, *s), (usize::MAX, usize::MAX, *s), (*w, *h, 4097)] {
            assert_eq!(kernels::resize_crop(data, w, h, s), None, "{w} × {h} → {s}");
        }
    }
}
