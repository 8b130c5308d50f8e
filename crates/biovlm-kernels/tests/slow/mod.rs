//! What the fast kernels are held to, in plain loops: for tests and fuzz targets.

/// Pillow's resize as its C reads, with nothing left out: every output pixel of the whole picture, sums in 64 bits. One axis of rows × length.
fn axis(data: &[u8], length: usize, to: usize) -> Vec<u8> {
    if length == to {
        return data.to_vec();
    }
    let cubic = |x: f64| match x.abs() {
        d if d < 1.0 => (1.5 * d - 2.5) * d * d + 1.0,
        d if d < 2.0 => (((d - 5.0) * d + 8.0) * d - 4.0) * -0.5,
        _ => 0.0,
    };
    let scale = length as f64 / to as f64;
    let wide = scale.max(1.0);
    let rows = data.len() / length / 3;
    let mut out = vec![0; rows * to * 3];
    for i in 0..to {
        let centre = (i as f64 + 0.5) * scale;
        let low = (centre - 2.0 * wide + 0.5).max(0.0) as usize;
        let high = ((centre + 2.0 * wide + 0.5) as usize).min(length);
        let weights: Vec<f64> = (low..high).map(|j| cubic((j as f64 - centre + 0.5) * (1.0 / wide))).collect();
        let sum = weights.iter().fold(0.0, |sum, w| sum + w);
        let weights: Vec<i64> = weights.iter().map(|w| (w / sum * f64::from(1 << 22)).round() as i64).collect();
        for (row, c) in (0..rows).flat_map(|row| (0..3).map(move |c| (row, c))) {
            let taps = weights.iter().zip(low..).map(|(w, j)| w * i64::from(data[(row * length + j) * 3 + c]));
            let sum = taps.sum::<i64>() + (1 << 21);
            out[(row * to + i) * 3 + c] = (sum >> 22).clamp(0, 255) as u8;
        }
    }
    out
}

/// data [rows,columns,3] → [columns,rows,3].
fn turned(data: &[u8], columns: usize) -> Vec<u8> {
    let rows = data.len() / columns / 3;
    (0..columns).flat_map(|x| (0..rows).flat_map(move |y| data[(y * columns + x) * 3..][..3].to_vec())).collect()
}

/// Resize(S) of the whole picture, then CenterCrop(S).
pub fn resize(data: &[u8], width: usize, height: usize, size: usize) -> Vec<u8> {
    let [w, h] = [width, height].map(|side| if side == width.min(height) { size } else { size * side / width.min(height) });
    let across = axis(data, width, w);
    let whole = turned(&axis(&turned(&across, w), height, h), h);
    // Python's round: halves to the even neighbour
    let [left, top] = [w, h].map(|side| (((side - size) as f64) / 2.0).round_ties_even() as usize);
    (0..size).flat_map(|y| whole[((top + y) * w + left) * 3..][..size * 3].to_vec()).collect()
}
