import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray, Size } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { decodePng } from '../../../src/formats/png.ts';
import { type Geometry, keepRatioSize, roundUpSize } from '../../../src/image/geometry.ts';
import { type DetectionPipeline, prepareLabels, sizeBeforeCrop } from '../../../src/image/preprocess.ts';
import type { Raster } from '../../../src/image/raster.ts';
import { resizeLinear } from '../../../src/image/resize.ts';
import type { Interpolation } from '../../../src/image/resize_pillow.ts';
import { centerCrop, prepareClassification, prepareDetection, prepareSegmentation } from '../at_once.ts';
import { expectTensor, type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runners of the golden cases about images: kinds `preprocess`, `classify` and `sizes`. */
export const runners: Record<string, (golden: GoldenCase) => Promise<void>> = { preprocess, classify, sizes };

async function preprocess(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  if (json.image === undefined) return labels(golden);
  const image = decodePng(readFileSync(join(golden.folder, json.image)));
  const { pipeline } = json;
  const scale = pipeline.align_resize ?? pipeline.resize;
  if (!scale) throw new UnsupportedError(`${golden.name}: a pipeline without resize or align_resize is not supported`);
  if (pipeline.pad_value)
    throw new UnsupportedError(`${golden.name}: padding with ${pipeline.pad_value} is not supported`);
  const normalization = {
    mean: pipeline.mean,
    std: pipeline.std,
    channelOrder: pipeline.to_rgb ? ('rgb' as const) : ('bgr' as const),
  };
  if (pipeline.align_resize) {
    if (pipeline.keep_ratio === false)
      throw new UnsupportedError(`${golden.name}: AlignResize without keep_ratio is not supported`);
    const { input, geometry } = prepareSegmentation(image, { scale, divisor: pipeline.size_divisor, ...normalization });
    const first = resizeLinear(image, keepRatioSize(image, scale));
    await expectBytes(golden, 'first', first);
    await expectBytes(golden, 'aligned', resizeLinear(first, geometry.resized));
    expectGeometry(golden, geometry);
    await expectTensor(golden, 'input', input);
    return;
  }
  const detection: DetectionPipeline = {
    scale,
    keepRatio: pipeline.keep_ratio ?? true,
    divisor: pipeline.pad_divisor ?? 1,
    ...normalization,
  };
  const { input, geometry } = prepareDetection(image, detection);
  await expectBytes(golden, 'resized', resizeLinear(image, geometry.resized));
  expectGeometry(golden, geometry);
  await expectTensor(golden, 'input', input);
}

async function classify(golden: GoldenCase): Promise<void> {
  const { image: file, pipeline } = golden.json;
  const { size, crop_pct: cropPct, interpolation: named, resized, short_side: short } = pipeline;
  const [way] = /^(bicubic|bilinear)\b/.exec(named ?? 'bicubic') ?? [];
  if (!way) throw new UnsupportedError(`${golden.name}: the interpolation "${named}" is not supported`);
  const interpolation = way as Interpolation;
  if (!(cropPct <= 1))
    throw new UnsupportedError(`${golden.name}: a crop_pct of ${cropPct} pads the image, which is not supported`);
  const image = decodePng(readFileSync(join(golden.folder, file)));
  const { height, width } = sizeBeforeCrop(image, { size, cropPct });
  const expected = resized ?? [height, width];
  if (height !== expected[0] || width !== expected[1] || Math.min(height, width) !== (short ?? Math.min(...expected))) {
    throw new GoldenMismatch(`resized: ${height}×${width}, expected ${expected.join('×')} (short side ${short})`);
  }
  const crop = centerCrop(image, { size, cropPct, interpolation });
  const rgb = crop.data.filter((_, i) => i % 4 !== 3);
  await expectTensor(golden, 'crop', { shape: [crop.height, crop.width, 3], data: new Uint8Array(rgb) });
  const bytes = (values: readonly number[]) => values.map((value) => 255 * value) as [number, number, number];
  const normalization = { mean: bytes(pipeline.mean), std: bytes(pipeline.std) };
  await expectTensor(golden, 'input', prepareClassification(image, { size, cropPct, interpolation, ...normalization }));
}

async function labels(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  if (!json.align_resize) throw new UnsupportedError(`${golden.name}: a case with neither image nor align_resize`);
  const stored = (await golden.stored('labels')) as NDArray<Uint8Array>;
  const [height, width] = stored.shape as [number, number];
  const divisor = json.size_divisor ?? 32;
  const resized = prepareLabels({ height, width, labels: stored.data }, { scale: json.align_resize, divisor });
  await expectTensor(golden, 'resized', { shape: [resized.height, resized.width], data: resized.labels });
}

async function sizes(golden: GoldenCase): Promise<void> {
  for (const row of golden.json.rows) {
    const [height, width] = row.hw;
    const what = `${height}×${width} to ${row.scale.join('×')} (${row.mode})`;
    const size = keepRatioSize({ height, width }, row.scale);
    const expectSize = (name: string, actual: Size, divisor?: number) => {
      const expected = row[name];
      const found = divisor ? roundUpSize(actual, divisor) : actual;
      if (expected && (found.height !== expected[0] || found.width !== expected[1])) {
        throw new GoldenMismatch(`${what}: ${name} is ${found.height}×${found.width}, expected ${expected.join('×')}`);
      }
    };
    expectSize('new_hw', size);
    expectSize('first_hw', size);
    expectSize('pad_hw', size, golden.json.divisor ?? 32);
    expectSize('aligned_hw', size, golden.json.divisor ?? 32);
    const factors = [size.width / width, size.height / height];
    if (row.scale_factor_wh) expectClose(`${what}: scale_factor`, factors, row.scale_factor_wh);
  }
}

/** Compares a step if the case stores it. The bytes are OpenCV's: three channels, blue first. */
async function expectBytes(golden: GoldenCase, name: string, { width, height, data }: Raster): Promise<void> {
  if (!golden.tensors.has(name)) return;
  const bgr = new Uint8Array(width * height * 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    bgr[o++] = data[i + 2]!;
    bgr[o++] = data[i + 1]!;
    bgr[o++] = data[i]!;
  }
  await expectTensor(golden, name, { shape: [height, width, 3], data: bgr });
}

function expectGeometry({ json }: GoldenCase, { original, resized, padded, scaleX, scaleY }: Geometry): void {
  const { ori_shape, img_shape, pad_shape, scale_factor } = json.img_meta;
  const pairs: [string, Size, [number, number] | undefined][] = [
    ['ori_shape', original, ori_shape],
    ['img_shape', resized, img_shape],
    ['pad_shape', padded, pad_shape],
  ];
  for (const [name, { height, width }, expected] of pairs) {
    if (expected && (height !== expected[0] || width !== expected[1])) {
      throw new GoldenMismatch(`${name}: ${height}×${width}, expected ${expected.join('×')}`);
    }
  }
  if (scale_factor) expectClose('scale_factor', [scaleX, scaleY], scale_factor);
}

/** mmsegmentation keeps its scale factors in float32, hence 1e-6. */
function expectClose(name: string, actual: readonly number[], expected: readonly number[]): void {
  const close = expected.every((value, i) => Math.abs(actual[i]! - value) <= 1e-6 * Math.abs(value));
  if (!close) throw new GoldenMismatch(`${name}: ${actual.join(', ')}, expected ${expected.join(', ')}`);
}
