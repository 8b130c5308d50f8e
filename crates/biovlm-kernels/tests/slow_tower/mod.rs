//! The image tower in plain loops and float64, with the roundings that int8 makes: what the native one is held to.

pub struct Sizes {
    pub image: usize,
    pub patch: usize,
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub mlp: usize,
    pub embed: usize,
}

type Rows = Vec<Vec<f64>>;

/// 127 steps to the largest magnitude; the steps and what one is worth.
fn steps(x: &[f64]) -> (Vec<f64>, f64) {
    let most = x.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    if most < 1e-30 {
        return (vec![0.0; x.len()], 0.0);
    }
    // as the native code divides: in float32
    let inverse = 127.0f32 / most as f32;
    (x.iter().map(|v| f64::from((*v as f32 * inverse).round_ties_even())).collect(), most / 127.0)
}

fn linear(x: &[f64], w: &[f32], bias: Option<&[f32]>) -> Vec<f64> {
    let k = x.len();
    let rounded = w.len() >= 4096;
    let (x, step) = if rounded { steps(x) } else { (x.to_vec(), 1.0) };
    let of = |(n, row): (usize, &[f32])| {
        let row: Vec<f64> = row.iter().map(|v| f64::from(*v)).collect();
        let (row, each) = if rounded { steps(&row) } else { (row, 1.0) };
        let sum: f64 = row.iter().zip(&x).map(|(w, x)| w * x).sum();
        sum * step * each + bias.map_or(0.0, |b| f64::from(b[n]))
    };
    w.chunks(k).enumerate().map(of).collect()
}

fn norm(x: &[f64], w: &[f32], b: &[f32]) -> Vec<f64> {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    x.iter().zip(w.iter().zip(b)).map(|(v, (w, b))| (v - mean) / (variance + 1e-6).sqrt() * f64::from(*w) + f64::from(*b)).collect()
}

/// erf by its series, and one beyond it.
pub fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x * std::f64::consts::FRAC_2_SQRT_PI, 0.0);
    for n in 0..150 {
        sum += term / f64::from(2 * n + 1);
        term *= -x * x / f64::from(n + 1);
    }
    sum
}

fn attention(q: &[f64], keys: &Rows, values: &Rows, heads: usize) -> Vec<f64> {
    let d = q.len() / heads;
    let mut out = Vec::new();
    for h in 0..heads {
        let at = h * d..(h + 1) * d;
        let scores: Vec<f64> = keys.iter().map(|k| q[at.clone()].iter().zip(&k[at.clone()]).map(|(a, b)| a * b).sum::<f64>() / (d as f64).sqrt()).collect();
        let most = scores.iter().fold(f64::NEG_INFINITY, |m, s| m.max(*s));
        let weights: Vec<f64> = scores.iter().map(|s| (s - most).exp()).collect();
        let total: f64 = weights.iter().sum();
        out.extend(at.map(|j| weights.iter().zip(values).map(|(w, v)| w * v[j]).sum::<f64>() / total));
    }
    out
}

/// pixels [3,S,S] → [D].
pub fn tower(s: &Sizes, weights: &[Vec<f32>], pixels: &[f32]) -> Vec<f64> {
    let (w, grid) = (s.width, s.image / s.patch);
    let mut next = weights.iter();
    let mut take = || next.next().expect("a weight").as_slice();
    let (class, positions, patches, patch_bias) = (take(), take(), take(), take());
    let mut x: Rows = vec![class.iter().zip(positions).map(|(a, b)| f64::from(a + b)).collect()];
    for p in 0..grid * grid {
        let (top, left) = (p / grid * s.patch, p % grid * s.patch);
        let mut cut = Vec::new();
        for c in 0..3 {
            for y in 0..s.patch {
                cut.extend((0..s.patch).map(|i| f64::from(pixels[(c * s.image + top + y) * s.image + left + i])));
            }
        }
        x.push(linear(&cut, patches, Some(patch_bias)).iter().zip(&positions[(p + 1) * w..]).map(|(a, b)| a + f64::from(*b)).collect());
    }
    for layer in 0..s.layers {
        let [n1w, n1b, qkv, qkv_bias, output, output_bias, n2w, n2b, fc1, fc1_bias, fc2, fc2_bias] = [(); 12].map(|()| take());
        let last = layer + 1 == s.layers;
        let normed: Rows = x.iter().map(|x| norm(x, n1w, n1b)).collect();
        let part = |i: usize| (&qkv[i * w * w..(i + 1) * w * w], &qkv_bias[i * w..(i + 1) * w]);
        let made = |i: usize, plain: bool| -> Rows {
            let (weight, bias) = part(i);
            // in the last block keys and values are not made of rounded rows
            let float = |x: &Vec<f64>| -> Vec<f64> {
                weight.chunks(w).zip(bias).map(|(row, b)| row.iter().zip(x).map(|(w, x)| f64::from(*w) * x).sum::<f64>() + f64::from(*b)).collect()
            };
            normed.iter().map(|x| if plain { float(x) } else { linear(x, weight, Some(bias)) }).collect()
        };
        let (q, k, v) = (made(0, false), made(1, last), made(2, last));
        if last {
            x.truncate(1);
        }
        for (x, q) in x.iter_mut().zip(&q) {
            let mixed = attention(q, &k, &v, s.heads);
            x.iter_mut().zip(linear(&mixed, output, Some(output_bias))).for_each(|(x, y)| *x += y);
            let inner: Vec<f64> = linear(&norm(x, n2w, n2b), fc1, Some(fc1_bias)).iter().map(|u| u * 0.5 * (1.0 + erf(u / 2f64.sqrt()))).collect();
            x.iter_mut().zip(linear(&inner, fc2, Some(fc2_bias))).for_each(|(x, y)| *x += y);
        }
    }
    let (nw, nb, projection) = (take(), take(), take());
    linear(&norm(&x[0], nw, nb), projection, None)
}
