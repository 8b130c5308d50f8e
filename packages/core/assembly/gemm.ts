// scale · A [M,D] · B [R,D]ᵀ → [M,R] in float32. B is packed into panels of 8 rows so that one load feeds 8 columns of the result.
// Tiles are 4×8 (8 accumulators) in plain SIMD and 6×8 (12) with relaxed madd: 16 vector registers hold no more without spilling.
// Every result is one sum over d = 0, 1, 2, … whatever tile computed it, so a row's score never depends on its neighbours.

const PANEL: i32 = 8;

/** packed[(p·D + d)·8 + j] = b[8p + j][d]. Rows beyond R repeat the last row; their results are not stored. */
export function gemmPack(b: usize, R: i32, D: i32, packed: usize): void {
  const row = <usize>D << 2;
  for (let first = 0; first < R; first += PANEL) {
    for (let half = 0; half < PANEL; half += 4) {
      const r0 = b + row * <usize>min(first + half, R - 1);
      const r1 = b + row * <usize>min(first + half + 1, R - 1);
      const r2 = b + row * <usize>min(first + half + 2, R - 1);
      const r3 = b + row * <usize>min(first + half + 3, R - 1);
      let to = packed + (<usize>half << 2);
      let d: usize = 0;
      for (; d + 16 <= row; d += 16) {
        const v0 = v128.load(r0 + d);
        const v1 = v128.load(r1 + d);
        const v2 = v128.load(r2 + d);
        const v3 = v128.load(r3 + d);
        const low01 = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5);
        const high01 = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7);
        const low23 = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5);
        const high23 = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
        v128.store(to, v128.shuffle<f64>(low01, low23, 1, 3), 32);
        v128.store(to, v128.shuffle<f64>(high01, high23, 0, 2), 64);
        v128.store(to, v128.shuffle<f64>(high01, high23, 1, 3), 96);
        to += 128;
      }
      for (; d < row; d += 4) {
        store<f32>(to, load<f32>(r0 + d));
        store<f32>(to, load<f32>(r1 + d), 4);
        store<f32>(to, load<f32>(r2 + d), 8);
        store<f32>(to, load<f32>(r3 + d), 12);
        to += 32;
      }
    }
    packed += row * PANEL;
  }
}

/** a [M,D], packed B → out [M,R]. Returns 0 when a result is NaN or infinite, else 1. `edge`: 192 spare bytes. */
export function gemmTile(a: usize, packed: usize, scale: f32, M: i32, R: i32, D: i32, out: usize, edge: usize): i32 {
  const row = <usize>D << 2;
  const outRow = <usize>R << 2;
  const s = f32x4.splat(scale);
  let fault = f32x4.splat(0);
  for (let first = 0; first < R; first += PANEL) {
    const columns = min(PANEL, R - first);
    const panel = packed + row * <usize>first;
    const to = out + (<usize>first << 2);
    // An incomplete panel is computed whole beside the result and its first columns copied.
    const target = columns == PANEL ? to : edge;
    const stride = columns == PANEL ? outRow : <usize>32;
    let m = 0;
    if (ASC_FEATURE_RELAXED_SIMD) {
      for (; m + 6 <= M; m += 6) {
        const at = columns == PANEL ? target + outRow * <usize>m : target;
        fault = tile6(a + row * <usize>m, row, panel, s, at, stride, fault);
        if (columns != PANEL) copyEdge(edge, to + outRow * <usize>m, outRow, 6, columns);
      }
    }
    for (; m + 4 <= M; m += 4) {
      const at = columns == PANEL ? target + outRow * <usize>m : target;
      fault = tile4(a + row * <usize>m, row, panel, s, at, stride, fault);
      if (columns != PANEL) copyEdge(edge, to + outRow * <usize>m, outRow, 4, columns);
    }
    for (; m < M; m++) {
      const at = columns == PANEL ? target + outRow * <usize>m : target;
      fault = tile1(a + row * <usize>m, row, panel, s, at, fault);
      if (columns != PANEL) copyEdge(edge, to + outRow * <usize>m, outRow, 1, columns);
    }
  }
  return v128.all_true<i32>(f32x4.eq(fault, fault)) ? 1 : 0;
}

// @ts-ignore: decorator
@inline
function madd(x: v128, y: v128, sum: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y));
}

/** Stores scale·(low, high); v·0 is NaN exactly where v is not finite, and NaN stays in the sum. */
// @ts-ignore: decorator
@inline
function finish(at: usize, low: v128, high: v128, scale: v128, fault: v128): v128 {
  const l = f32x4.mul(low, scale);
  const h = f32x4.mul(high, scale);
  v128.store(at, l);
  v128.store(at, h, 16);
  const zero = f32x4.splat(0);
  return f32x4.add(fault, f32x4.add(f32x4.mul(l, zero), f32x4.mul(h, zero)));
}

function copyEdge(edge: usize, to: usize, outRow: usize, rows: i32, columns: i32): void {
  for (let r = 0; r < rows; r++) memory.copy(to + outRow * <usize>r, edge + (<usize>r << 5), <usize>columns << 2);
}

function tile1(a: usize, row: usize, panel: usize, scale: v128, out: usize, fault: v128): v128 {
  let l = f32x4.splat(0);
  let h = l;
  for (const end = a + row; a < end; a += 4) {
    const x = v128.load32_splat(a);
    l = madd(x, v128.load(panel), l);
    h = madd(x, v128.load(panel, 16), h);
    panel += 32;
  }
  return finish(out, l, h, scale, fault);
}

function tile4(a: usize, row: usize, panel: usize, scale: v128, out: usize, stride: usize, fault: v128): v128 {
  let a1 = a + row;
  let a2 = a1 + row;
  let a3 = a2 + row;
  let l0 = f32x4.splat(0);
  let h0 = l0;
  let l1 = l0;
  let h1 = l0;
  let l2 = l0;
  let h2 = l0;
  let l3 = l0;
  let h3 = l0;
  for (const end = a + row; a < end; ) {
    const low = v128.load(panel);
    const high = v128.load(panel, 16);
    let x = v128.load32_splat(a);
    l0 = madd(x, low, l0);
    h0 = madd(x, high, h0);
    x = v128.load32_splat(a1);
    l1 = madd(x, low, l1);
    h1 = madd(x, high, h1);
    x = v128.load32_splat(a2);
    l2 = madd(x, low, l2);
    h2 = madd(x, high, h2);
    x = v128.load32_splat(a3);
    l3 = madd(x, low, l3);
    h3 = madd(x, high, h3);
    a += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    panel += 32;
  }
  fault = finish(out, l0, h0, scale, fault);
  fault = finish(out + stride, l1, h1, scale, fault);
  fault = finish(out + stride * 2, l2, h2, scale, fault);
  return finish(out + stride * 3, l3, h3, scale, fault);
}

function tile6(a: usize, row: usize, panel: usize, scale: v128, out: usize, stride: usize, fault: v128): v128 {
  let a1 = a + row;
  let a2 = a1 + row;
  let a3 = a2 + row;
  let a4 = a3 + row;
  let a5 = a4 + row;
  let l0 = f32x4.splat(0);
  let h0 = l0;
  let l1 = l0;
  let h1 = l0;
  let l2 = l0;
  let h2 = l0;
  let l3 = l0;
  let h3 = l0;
  let l4 = l0;
  let h4 = l0;
  let l5 = l0;
  let h5 = l0;
  for (const end = a + row; a < end; ) {
    const low = v128.load(panel);
    const high = v128.load(panel, 16);
    let x = v128.load32_splat(a);
    l0 = madd(x, low, l0);
    h0 = madd(x, high, h0);
    x = v128.load32_splat(a1);
    l1 = madd(x, low, l1);
    h1 = madd(x, high, h1);
    x = v128.load32_splat(a2);
    l2 = madd(x, low, l2);
    h2 = madd(x, high, h2);
    x = v128.load32_splat(a3);
    l3 = madd(x, low, l3);
    h3 = madd(x, high, h3);
    x = v128.load32_splat(a4);
    l4 = madd(x, low, l4);
    h4 = madd(x, high, h4);
    x = v128.load32_splat(a5);
    l5 = madd(x, low, l5);
    h5 = madd(x, high, h5);
    a += 4;
    a1 += 4;
    a2 += 4;
    a3 += 4;
    a4 += 4;
    a5 += 4;
    panel += 32;
  }
  fault = finish(out, l0, h0, scale, fault);
  fault = finish(out + stride, l1, h1, scale, fault);
  fault = finish(out + stride * 2, l2, h2, scale, fault);
  fault = finish(out + stride * 3, l3, h3, scale, fault);
  fault = finish(out + stride * 4, l4, h4, scale, fault);
  return finish(out + stride * 5, l5, h5, scale, fault);
}
