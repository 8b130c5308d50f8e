//! The number of threads changes no bit, and what is not finite is refused wherever it lies.

use biovlm_kernels as kernels;

fn numbers(length: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        state as f32 / 2f32.powi(31) - 1.0
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool").install(work)
}

#[test]
fn gemm_and_rows_give_the_same_bits_on_one_two_and_four_threads() {
    let (m, r, d) = (3001, 37, 65);
    let (a, b) = (numbers(m * d, 1), numbers(r * d, 2));
    let run = || {
        let mut scores = vec![0.0; m * r];
        let mut entropy = vec![0.0; m];
        let mut soft = vec![0.0; m * r];
        assert!(kernels::gemm(&a, &b, 10.0, d, &mut scores));
        assert!(kernels::entropy(&scores, r, &mut entropy));
        assert!(kernels::softmax(&scores, r, &mut soft));
        [scores, entropy, soft].concat().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let one = with_threads(1, run);
    assert_eq!(one, with_threads(2, run));
    assert_eq!(one, with_threads(4, run));
}

#[test]
fn a_number_that_is_not_finite_is_refused_in_any_share() {
    for at in [0, 50_000, 99_999] {
        let mut x = numbers(100_000, 3);
        x[at] = f32::NAN;
        let mut out = vec![0.0; x.len()];
        assert!(!kernels::softmax(&x, 10, &mut out));
        assert_eq!(kernels::l2_normalize(&x, 10, &mut out), Some(at / 10));
    }
}

#[test]
fn a_plan_that_reaches_outside_the_image_is_refused() {
    fn axis(first: &[i32]) -> kernels::Axis<'_> {
        kernels::Axis { taps: 1, first, count: &[1], weights: &[1 << 22] }
    }
    let run = |first: &[i32]| {
        let mut out = [0; 3];
        let plan = kernels::Plan { size: 1, horizontal: axis(first), vertical: axis(&[0]) };
        kernels::resample(&[7, 8, 9], 1, 1, &plan, &mut out).then_some(out)
    };
    assert_eq!(run(&[0]), Some([7, 8, 9]));
    assert_eq!(run(&[1]), None);
    assert_eq!(run(&[-1]), None);
    assert_eq!(run(&[i32::MAX]), None);
}
