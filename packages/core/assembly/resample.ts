// Pillow's two-pass bicubic resampler on RGB bytes, exact: 22-bit integer weights, 8 bits between the passes.
// A weight is split as w = hi·2^11 + lo (0 ≤ lo < 2^11), so that both parts fit int16 and one dot instruction serves two taps of four
// lanes; hi- and lo-sums are joined at the end. Sums wrap mod 2^32 and the true sum fits 31 bits, so the joined value is exact.
// Weights come as pairs of taps, 8 bytes a pair: (hi₀, hi₁, lo₀, lo₁) int16. Padding taps weigh 0, whatever they read.

const SPLIT: i32 = 11;
const SHIFT: i32 = 22;
const HALF: i32 = 1 << (SHIFT - 1);

/**
 * rows source rows of RGB (stride bytes apart) → rows of S pixels at `out`, outStride bytes apart.
 * first[i]: byte offset of output i's first tap in a row; pairs: tap pairs per output, even; weights [S][pairs][4] int16.
 * Reads 6·pairs + 4 bytes from each first tap, so up to 6·pairs + 4 past a row's end; writes 1 byte past a row's last pixel.
 */
export function horizontal(
  source: usize,
  stride: usize,
  rows: i32,
  first: usize,
  weights: usize,
  pairs: i32,
  S: i32,
  out: usize,
  outStride: usize,
): void {
  // Two pixels, channel by channel, widened: R₀ R₁ G₀ G₁ B₀ B₁ 0 0.
  const pair0 = i8x16(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1);
  const pair1 = i8x16(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1);
  const weightRow = <usize>pairs << 3;
  for (let r = 0; r < rows; r += 4) {
    // Rows short of four repeat the last row, source and target alike.
    const last = rows - 1 - r;
    const d1 = <usize>min(1, last);
    const d2 = <usize>min(2, last);
    const d3 = <usize>min(3, last);
    const s0 = source + stride * <usize>r;
    let o0 = out + outStride * <usize>r;
    let w = weights;
    for (let i = 0; i < S; i++) {
      let at = s0 + <usize>load<i32>(first + (<usize>i << 2));
      let at1 = at + stride * d1;
      let at2 = at + stride * d2;
      let at3 = at + stride * d3;
      let h0 = i32x4.splat(0);
      let h1 = h0;
      let h2 = h0;
      let h3 = h0;
      let l0 = i32x4.splat(HALF);
      let l1 = l0;
      let l2 = l0;
      let l3 = l0;
      for (const end = w + weightRow; w < end; w += 16) {
        const hiA = v128.load32_splat(w);
        const loA = v128.load32_splat(w, 4);
        const hiB = v128.load32_splat(w, 8);
        const loB = v128.load32_splat(w, 12);
        let bytes = v128.load(at);
        let x = v128.swizzle(bytes, pair0);
        h0 = i32x4.add(h0, i32x4.dot_i16x8_s(x, hiA));
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(x, loA));
        x = v128.swizzle(bytes, pair1);
        h0 = i32x4.add(h0, i32x4.dot_i16x8_s(x, hiB));
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(x, loB));
        bytes = v128.load(at1);
        x = v128.swizzle(bytes, pair0);
        h1 = i32x4.add(h1, i32x4.dot_i16x8_s(x, hiA));
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(x, loA));
        x = v128.swizzle(bytes, pair1);
        h1 = i32x4.add(h1, i32x4.dot_i16x8_s(x, hiB));
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(x, loB));
        bytes = v128.load(at2);
        x = v128.swizzle(bytes, pair0);
        h2 = i32x4.add(h2, i32x4.dot_i16x8_s(x, hiA));
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(x, loA));
        x = v128.swizzle(bytes, pair1);
        h2 = i32x4.add(h2, i32x4.dot_i16x8_s(x, hiB));
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(x, loB));
        bytes = v128.load(at3);
        x = v128.swizzle(bytes, pair0);
        h3 = i32x4.add(h3, i32x4.dot_i16x8_s(x, hiA));
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(x, loA));
        x = v128.swizzle(bytes, pair1);
        h3 = i32x4.add(h3, i32x4.dot_i16x8_s(x, hiB));
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(x, loB));
        at += 12;
        at1 += 12;
        at2 += 12;
        at3 += 12;
      }
      const low = i16x8.narrow_i32x4_s(level(h0, l0), level(h1, l1));
      const high = i16x8.narrow_i32x4_s(level(h2, l2), level(h3, l3));
      const bytes = i8x16.narrow_i16x8_u(low, high);
      // Highest row first: each store spills one byte, and a repeated row must end with its own value.
      v128.store32_lane(o0 + outStride * d3, bytes, 3);
      v128.store32_lane(o0 + outStride * d2, bytes, 2);
      v128.store32_lane(o0 + outStride * d1, bytes, 1);
      v128.store32_lane(o0, bytes, 0);
      o0 += 3;
    }
  }
}

/**
 * Rows of `length` bytes, stride apart → S output rows, packed without gaps.
 * first[i]: index of output i's first source row; weights as above, `pairs` per output. Reads 2·pairs rows from each first row, so up
 * to 2·pairs past the last; reads and writes up to 15 bytes past `length`.
 */
export function vertical(
  source: usize,
  stride: usize,
  length: i32,
  first: usize,
  weights: usize,
  pairs: i32,
  S: i32,
  out: usize,
): void {
  const weightRow = <usize>pairs << 3;
  for (let i = 0; i < S; i++) {
    const top = source + stride * <usize>load<i32>(first + (<usize>i << 2));
    for (let x = 0; x < length; x += 16) {
      let at = top + <usize>x;
      let h0 = i32x4.splat(0);
      let h1 = h0;
      let h2 = h0;
      let h3 = h0;
      let l0 = i32x4.splat(HALF);
      let l1 = l0;
      let l2 = l0;
      let l3 = l0;
      for (let w = weights, end = weights + weightRow; w < end; w += 8) {
        const hi = v128.load32_splat(w);
        const lo = v128.load32_splat(w, 4);
        const a = v128.load(at);
        const b = v128.load(at + stride);
        const ab = v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const cd = v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        let v = i16x8.extend_low_i8x16_u(ab);
        h0 = i32x4.add(h0, i32x4.dot_i16x8_s(v, hi));
        l0 = i32x4.add(l0, i32x4.dot_i16x8_s(v, lo));
        v = i16x8.extend_high_i8x16_u(ab);
        h1 = i32x4.add(h1, i32x4.dot_i16x8_s(v, hi));
        l1 = i32x4.add(l1, i32x4.dot_i16x8_s(v, lo));
        v = i16x8.extend_low_i8x16_u(cd);
        h2 = i32x4.add(h2, i32x4.dot_i16x8_s(v, hi));
        l2 = i32x4.add(l2, i32x4.dot_i16x8_s(v, lo));
        v = i16x8.extend_high_i8x16_u(cd);
        h3 = i32x4.add(h3, i32x4.dot_i16x8_s(v, hi));
        l3 = i32x4.add(l3, i32x4.dot_i16x8_s(v, lo));
        at += stride << 1;
      }
      const low = i16x8.narrow_i32x4_s(level(h0, l0), level(h1, l1));
      const high = i16x8.narrow_i32x4_s(level(h2, l2), level(h3, l3));
      v128.store(out + <usize>x, i8x16.narrow_i16x8_u(low, high));
    }
    out += <usize>length;
    weights += weightRow;
  }
}

/** (hi·2^11 + lo) / 2^22, floor; HALF is already in lo. The narrowing stores clamp it to 0..255. */
// @ts-ignore: decorator
@inline
function level(hi: v128, lo: v128): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.shl(hi, SPLIT), lo), SHIFT);
}

/** Interleaved bytes [plane,3] → planar floats out [3,plane] = table[c][byte]; table [3,256]. */
export function throughTable(bytes: usize, plane: i32, table: usize, out: usize): void {
  const row = <usize>plane << 2;
  for (const end = out + row; out < end; out += 4) {
    store<f32>(out, load<f32>(table + (<usize>load<u8>(bytes) << 2)));
    store<f32>(out + row, load<f32>(table + (<usize>load<u8>(bytes, 1) << 2), 1024));
    store<f32>(out + (row << 1), load<f32>(table + (<usize>load<u8>(bytes, 2) << 2), 2048));
    bytes += 3;
  }
}
