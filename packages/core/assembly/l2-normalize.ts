// x/‖x‖₂ by row. Squares and their sum in float64, so neither 1e30 nor a denormal overflows or vanishes; rounded once to float32.

/** x [rows,D] → out [rows,D]. Returns the first row whose squared norm is 0, NaN or infinite, or −1. */
export function l2Normalize(x: usize, rows: i32, D: i32, out: usize): i32 {
  const row = <usize>D << 2;
  const blocks = row & ~15;
  for (let r = 0; r < rows; r++) {
    let low = f64x2.splat(0);
    let high = low;
    let i: usize = 0;
    for (; i < blocks; i += 16) {
      const v = v128.load(x + i);
      const a = f64x2.promote_low_f32x4(v);
      const b = f64x2.promote_low_f32x4(v128.shuffle<f64>(v, v, 1, 1));
      low = f64x2.add(low, f64x2.mul(a, a));
      high = f64x2.add(high, f64x2.mul(b, b));
    }
    const pair = f64x2.add(low, high);
    let squared = f64x2.extract_lane(pair, 0) + f64x2.extract_lane(pair, 1);
    for (; i < row; i += 4) {
      const v = <f64>load<f32>(x + i);
      squared += v * v;
    }
    if (!(squared > 0 && squared < Infinity)) return r;
    const norm = Math.sqrt(squared);
    const inverse = f64x2.splat(1 / norm);
    for (i = 0; i < blocks; i += 16) {
      const v = v128.load(x + i);
      const a = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(v), inverse));
      const b = f32x4.demote_f64x2_zero(f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<f64>(v, v, 1, 1)), inverse));
      v128.store(out + i, v128.shuffle<f64>(a, b, 0, 2));
    }
    for (; i < row; i += 4) store<f32>(out + i, <f32>(<f64>load<f32>(x + i) * (1 / norm)));
    x += row;
    out += row;
  }
  return -1;
}
