/** The two 16-bit float formats, by their bits, so that NaN payloads and signed zeros survive. */

/** IEEE 754 binary16 → the bits of the same value in binary32. */
export function halfToFloatBits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return sign | 0x7f800000 | (mantissa << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // a subnormal becomes normal: its leading bit moves to position 10, which the format leaves out
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** The bits of a binary32 → the nearest binary16, ties to even; above 65504 + half a step it is infinity. */
export function floatBitsToHalf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x1ff); // NaN stays NaN
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | roundedShift(magnitude - 0x38000000, 13);
  if (magnitude <= 0x33000000) return sign; // at most half of the smallest subnormal
  const exponent = magnitude >>> 23;
  return sign | roundedShift((magnitude & 0x7fffff) | 0x800000, 126 - exponent);
}

function roundedShift(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** Narrows values to binary16, ties to even. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    halves[i] = floatBitsToHalf(bits[0]!);
  }
  return halves;
}
