/**
 * Kernels for tensors N×H×W×C in the memory of TensorFlow.js's wasm backend, in AssemblyScript with 128-bit SIMD. Pointers are
 * bytes in that memory, which the host allocates: this module has no data and allocates nothing. `scripts/bake_simd.ts`
 * compiles it.
 *
 * NaN goes through: `pmin(x, limit)` and `pmax(x, limit)` return their first operand if it is NaN.
 */

/** The constants of the approximations, each four times: a load costs less than making one. */
let table: usize = 0;

/** At least 32 bytes of zeros: pixels beyond the edge are read from here. */
let zeros: usize = 0;

const relu = 1;
const gelu = 2;
const silu = 3;
const sigmoid = 4;

/** The bytes that the host sets aside for the constants and the zeros. */
export function tableBytes(): i32 {
  return 26 * 16;
}

export function start(at: usize): void {
  table = at;
  zeros = at + 24 * 16;
  // erf(x / √2) ≈ x · P(x²) / Q(x²), within 8e-7 of x · erf for |x| ≤ 5.6 in single precision, and 1 there
  set(0, 5.6);
  set(1, -5.6);
  set(2, 4.341941561847307e-8);
  set(3, 1.3180889254726935e-5);
  set(4, 0.0003803120634984225);
  set(5, 0.009610859677195549);
  set(6, 0.07169479876756668);
  set(7, 0.7978838086128235);
  set(8, 1.1851168437715387e-6);
  set(9, 8.10103738331236e-5);
  set(10, 0.0020033633336424828);
  set(11, 0.02980407141149044);
  set(12, 0.2565188407897949);
  set(13, 1);
  set(14, -1);
  set(15, 0.5);
  // exp(x) = 2^n · exp(r), n = round(x / ln 2), |r| ≤ ½ ln 2
  set(16, 87);
  set(17, 1.4426950408889634);
  set(18, -0.693359375);
  set(19, 2.1219444005469057e-4);
  set(20, 0.0013888889);
  set(21, 0.008333334);
  set(22, 0.041666668);
  set(23, 0.16666667);
  set(24, 0);
  set(25, 0);
}

function set(index: i32, value: f32): void {
  v128.store(table + <usize>(index << 4), f32x4.splat(value));
}

// @ts-ignore: decorator
@inline
function constant(index: i32): v128 {
  return v128.load(table + <usize>(index << 4));
}

// @ts-ignore: decorator
@inline
function madd(a: v128, b: v128, c: v128): v128 {
  return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: decorator
@inline
function geluOf(x: v128): v128 {
  const z = f32x4.pmax(f32x4.pmin(x, constant(0)), constant(1));
  const u = f32x4.mul(z, z);
  let p = madd(constant(2), u, constant(3));
  p = madd(p, u, constant(4));
  p = madd(p, u, constant(5));
  p = madd(p, u, constant(6));
  p = madd(p, u, constant(7));
  let q = madd(constant(8), u, constant(9));
  q = madd(q, u, constant(10));
  q = madd(q, u, constant(11));
  q = madd(q, u, constant(12));
  q = madd(q, u, constant(13));
  const erf = f32x4.pmax(f32x4.pmin(f32x4.div(f32x4.mul(z, p), q), constant(13)), constant(14));
  return f32x4.mul(f32x4.mul(x, constant(15)), f32x4.add(erf, constant(13)));
}

// @ts-ignore: decorator
@inline
function exp(x: v128): v128 {
  const z = f32x4.pmax(f32x4.pmin(x, constant(16)), f32x4.neg(constant(16)));
  const n = f32x4.nearest(f32x4.mul(z, constant(17)));
  const r = madd(n, constant(19), madd(n, constant(18), z));
  let p = madd(constant(20), r, constant(21));
  p = madd(p, r, constant(22));
  p = madd(p, r, constant(23));
  p = madd(p, r, constant(15));
  p = madd(p, r, constant(13));
  p = madd(p, r, constant(13));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, power);
}

// @ts-ignore: decorator
@inline
function sigmoidOf(x: v128): v128 {
  return f32x4.div(constant(13), f32x4.add(constant(13), exp(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
function siluOf(x: v128): v128 {
  return f32x4.div(x, f32x4.add(constant(13), exp(f32x4.neg(x))));
}

// @ts-ignore: decorator
@inline
function reluOf(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** Reads four values, or the first `count` of them. */
function loadSome(x: usize, count: i32): v128 {
  if (count >= 4) return v128.load(x);
  let value = v128.load32_zero(x);
  if (count > 1) value = v128.load32_lane(x + 4, value, 1);
  if (count > 2) value = v128.load32_lane(x + 8, value, 2);
  return value;
}

/** Writes four values, or the first `count` of them. */
function storeSome(y: usize, value: v128, count: i32): void {
  if (count >= 4) {
    v128.store(y, value);
    return;
  }
  v128.store32_lane(y, value, 0);
  if (count > 1) v128.store32_lane(y + 4, value, 1);
  if (count > 2) v128.store32_lane(y + 8, value, 2);
}

// The activation is a constant wherever these two are inlined, so that no loop asks for it.

// @ts-ignore: decorator
@inline
function applied(x: v128, activation: i32): v128 {
  if (activation === gelu) return geluOf(x);
  if (activation === silu) return siluOf(x);
  if (activation === sigmoid) return sigmoidOf(x);
  return reluOf(x);
}

// @ts-ignore: decorator
@inline
function activateAll(x: usize, y: usize, count: i32, activation: i32): void {
  let i = 0;
  for (; i + 8 <= count; i += 8) {
    const a = v128.load(x);
    const b = v128.load(x, 16);
    v128.store(y, applied(a, activation));
    v128.store(y, applied(b, activation), 16);
    x += 32;
    y += 32;
  }
  for (; i < count; i += 4) {
    storeSome(y, applied(loadSome(x, count - i), activation), count - i);
    x += 16;
    y += 16;
  }
}

/** y = activation(x); y may be x. */
export function activate(x: usize, y: usize, count: i32, activation: i32): void {
  if (activation === gelu) activateAll(x, y, count, gelu);
  else if (activation === silu) activateAll(x, y, count, silu);
  else if (activation === sigmoid) activateAll(x, y, count, sigmoid);
  else if (activation === relu) activateAll(x, y, count, relu);
}

/** y = x · factor + shift, a factor and a shift for every channel; without a shift its pointer is 0. */
export function affine(
  x: usize,
  factor: usize,
  shift: usize,
  y: usize,
  pixels: i32,
  channels: i32,
): void {
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let c = 0; c < channels; c += 4) {
      const at: usize = <usize>(c << 2);
      const left = channels - c;
      let value = f32x4.mul(loadSome(x + at, left), loadSome(factor + at, left));
      if (shift !== 0) value = f32x4.add(value, loadSome(shift + at, left));
      storeSome(y + at, value, left);
    }
    x += <usize>(channels << 2);
    y += <usize>(channels << 2);
  }
}

function sumOf(value: v128): f32 {
  return (
    f32x4.extract_lane(value, 0) +
    f32x4.extract_lane(value, 1) +
    (f32x4.extract_lane(value, 2) + f32x4.extract_lane(value, 3))
  );
}

/** y = (x − mean) / √(variance + eps) · gamma + beta over the channels of every pixel. */
export function layerNorm(
  x: usize,
  gamma: usize,
  beta: usize,
  y: usize,
  pixels: i32,
  channels: i32,
  eps: f32,
): void {
  const whole = channels & ~3;
  const left = channels - whole;
  const end: usize = <usize>(whole << 2);
  for (let pixel = 0; pixel < pixels; pixel++) {
    let sums = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) sums = f32x4.add(sums, v128.load(x + at));
    let sum = sumOf(sums);
    for (let i = 0; i < left; i++) sum += load<f32>(x + end + <usize>(i << 2));
    const mean = sum / <f32>channels;
    const means = f32x4.splat(mean);
    sums = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const centred = f32x4.sub(v128.load(x + at), means);
      sums = f32x4.add(sums, f32x4.mul(centred, centred));
    }
    sum = sumOf(sums);
    for (let i = 0; i < left; i++) {
      const centred = load<f32>(x + end + <usize>(i << 2)) - mean;
      sum += centred * centred;
    }
    const factor = f32x4.splat(1 / sqrt<f32>(sum / <f32>channels + eps));
    for (let c = 0; c < channels; c += 4) {
      const at: usize = <usize>(c << 2);
      const count = channels - c;
      const normed = f32x4.mul(f32x4.sub(loadSome(x + at, count), means), factor);
      storeSome(y + at, madd(normed, loadSome(gamma + at, count), loadSome(beta + at, count)), count);
    }
    x += <usize>(channels << 2);
    y += <usize>(channels << 2);
  }
}

/**
 * A convolution of one pixel: y = activation(x · w + bias) of `rows` pixels. The weight is in panels of 8 outputs, in each a row
 * of 8 for every input; the last panel is filled up with zeros. Rows go in blocks that stay in the cache while all panels
 * pass, and while the activation is applied. Four rows at a time are the most that V8 keeps in registers.
 */
export function pointwise(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  rows: i32,
  inputs: i32,
  outputs: i32,
  activation: i32,
): void {
  const row: usize = <usize>(inputs << 2);
  const out: usize = <usize>(outputs << 2);
  for (let from = 0; from < rows; from += 32) {
    const to = min(rows, from + 32);
    let panel = weight;
    for (let j = 0; j < outputs; j += 8) {
      const left = outputs - j;
      let d0 = f32x4.splat(0);
      let d1 = d0;
      if (bias !== 0) {
        d0 = loadSome(bias + <usize>(j << 2), left);
        if (left > 4) d1 = loadSome(bias + <usize>(j << 2) + 16, left - 4);
      }
      for (let i = from; i < to; i += 4) {
        // the last rows are computed twice instead of past the end
        const first = <usize>i;
        const second = <usize>min(i + 1, to - 1);
        const third = <usize>min(i + 2, to - 1);
        const fourth = <usize>min(i + 3, to - 1);
        let a0 = x + first * row;
        let a1 = x + second * row;
        let a2 = x + third * row;
        let a3 = x + fourth * row;
        let p = panel;
        let c00 = d0;
        let c01 = d1;
        let c10 = d0;
        let c11 = d1;
        let c20 = d0;
        let c21 = d1;
        let c30 = d0;
        let c31 = d1;
        for (const end = a0 + row; a0 < end; ) {
          const b0 = v128.load(p);
          const b1 = v128.load(p, 16);
          let a = v128.load32_splat(a0);
          c00 = f32x4.add(c00, f32x4.mul(a, b0));
          c01 = f32x4.add(c01, f32x4.mul(a, b1));
          a = v128.load32_splat(a1);
          c10 = f32x4.add(c10, f32x4.mul(a, b0));
          c11 = f32x4.add(c11, f32x4.mul(a, b1));
          a = v128.load32_splat(a2);
          c20 = f32x4.add(c20, f32x4.mul(a, b0));
          c21 = f32x4.add(c21, f32x4.mul(a, b1));
          a = v128.load32_splat(a3);
          c30 = f32x4.add(c30, f32x4.mul(a, b0));
          c31 = f32x4.add(c31, f32x4.mul(a, b1));
          a0 += 4;
          a1 += 4;
          a2 += 4;
          a3 += 4;
          p += 32;
        }
        const o = y + <usize>(j << 2);
        store8(o + first * out, c00, c01, left);
        store8(o + second * out, c10, c11, left);
        store8(o + third * out, c20, c21, left);
        store8(o + fourth * out, c30, c31, left);
      }
      panel += row << 3;
    }
    const done = y + <usize>from * out;
    activate(done, done, (to - from) * outputs, activation);
  }
}

// @ts-ignore: decorator
@inline
function store8(y: usize, a: v128, b: v128, left: i32): void {
  if (left >= 8) {
    v128.store(y, a);
    v128.store(y, b, 16);
  } else {
    storeSome(y, a, left);
    if (left > 4) storeSome(y + 16, b, left - 4);
  }
}

/**
 * A depthwise convolution of at least 8 channels with any window, stride and dilation: y = activation(x ∗ w + bias), the weight
 * kh×kw×C. Four pixels and eight channels at a time; the last channels are computed twice instead of past the end.
 */
export function depthwise(
  x: usize,
  weight: usize,
  bias: usize,
  y: usize,
  batch: i32,
  height: i32,
  width: i32,
  channels: i32,
  outHeight: i32,
  outWidth: i32,
  kernelHeight: i32,
  kernelWidth: i32,
  strideY: i32,
  strideX: i32,
  dilationY: i32,
  dilationX: i32,
  top: i32,
  left: i32,
  activation: i32,
): void {
  const pixel: usize = <usize>(channels << 2);
  const tap: usize = <usize>dilationX * pixel;
  const step: usize = <usize>strideX * pixel;
  for (let image = 0; image < batch; image++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const iy = oy * strideY - top;
      for (let ox = 0; ox < outWidth; ox += 4) {
        const ix = ox * strideX - left;
        const last = ix + 3 * strideX;
        const count = min(4, outWidth - ox);
        const inside = ix >= 0 && last + (kernelWidth - 1) * dilationX < width && count === 4;
        // taps that reach a pixel of the map from any of the four
        const kxFrom = last >= 0 ? 0 : min(kernelWidth, (dilationX - 1 - last) / dilationX);
        const kxTo = ix >= width ? kxFrom : min(kernelWidth, (width - 1 - ix) / dilationX + 1);
        const done = y + (<usize>(image * outHeight + oy) * <usize>outWidth + <usize>ox) * pixel;
        for (let block = 0; block < channels; block += 8) {
          const channel: usize = <usize>(min(block, channels - 8) << 2);
          let c00 = f32x4.splat(0);
          let c01 = c00;
          if (bias !== 0) {
            c00 = v128.load(bias + channel);
            c01 = v128.load(bias + channel, 16);
          }
          let c10 = c00;
          let c11 = c01;
          let c20 = c00;
          let c21 = c01;
          let c30 = c00;
          let c31 = c01;
          for (let ky = 0; ky < kernelHeight; ky++) {
            const sy = iy + ky * dilationY;
            if (<u32>sy >= <u32>height) continue;
            const row = x + <usize>(image * height + sy) * <usize>width * pixel + channel;
            let w = weight + <usize>(ky * kernelWidth + kxFrom) * pixel + channel;
            if (inside) {
              let p0 = row + <usize>ix * pixel;
              let p1 = p0 + step;
              let p2 = p1 + step;
              let p3 = p2 + step;
              for (let kx = 0; kx < kernelWidth; kx++) {
                const w0 = v128.load(w);
                const w1 = v128.load(w, 16);
                c00 = f32x4.add(c00, f32x4.mul(v128.load(p0), w0));
                c01 = f32x4.add(c01, f32x4.mul(v128.load(p0, 16), w1));
                c10 = f32x4.add(c10, f32x4.mul(v128.load(p1), w0));
                c11 = f32x4.add(c11, f32x4.mul(v128.load(p1, 16), w1));
                c20 = f32x4.add(c20, f32x4.mul(v128.load(p2), w0));
                c21 = f32x4.add(c21, f32x4.mul(v128.load(p2, 16), w1));
                c30 = f32x4.add(c30, f32x4.mul(v128.load(p3), w0));
                c31 = f32x4.add(c31, f32x4.mul(v128.load(p3, 16), w1));
                p0 += tap;
                p1 += tap;
                p2 += tap;
                p3 += tap;
                w += pixel;
              }
            } else {
              for (let kx = kxFrom; kx < kxTo; kx++) {
                const w0 = v128.load(w);
                const w1 = v128.load(w, 16);
                const s0 = ix + kx * dilationX;
                const s1 = s0 + strideX;
                const s2 = s1 + strideX;
                const s3 = s2 + strideX;
                const p0 = <u32>s0 < <u32>width ? row + <usize>s0 * pixel : zeros;
                const p1 = <u32>s1 < <u32>width ? row + <usize>s1 * pixel : zeros;
                const p2 = <u32>s2 < <u32>width ? row + <usize>s2 * pixel : zeros;
                const p3 = <u32>s3 < <u32>width ? row + <usize>s3 * pixel : zeros;
                c00 = f32x4.add(c00, f32x4.mul(v128.load(p0), w0));
                c01 = f32x4.add(c01, f32x4.mul(v128.load(p0, 16), w1));
                c10 = f32x4.add(c10, f32x4.mul(v128.load(p1), w0));
                c11 = f32x4.add(c11, f32x4.mul(v128.load(p1, 16), w1));
                c20 = f32x4.add(c20, f32x4.mul(v128.load(p2), w0));
                c21 = f32x4.add(c21, f32x4.mul(v128.load(p2, 16), w1));
                c30 = f32x4.add(c30, f32x4.mul(v128.load(p3), w0));
                c31 = f32x4.add(c31, f32x4.mul(v128.load(p3, 16), w1));
                w += pixel;
              }
            }
          }
          const o = done + channel;
          store8(o, c00, c01, 8);
          if (count > 1) store8(o + pixel, c10, c11, 8);
          if (count > 2) store8(o + 2 * pixel, c20, c21, 8);
          if (count > 3) store8(o + 3 * pixel, c30, c31, 8);
        }
        activate(done, done, count * channels, activation);
      }
    }
  }
}
