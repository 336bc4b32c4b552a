import type {
  CalibrationFigures,
  ClassificationFigures,
  ComparedFigure,
  ComparisonReport,
  ConfusionFigures,
  Evaluation,
  ImageRow,
  LabelMapFigures,
  ObjectFigures,
  ShownDetection,
  ShownImage,
  ShownTruth,
} from '../../src/evaluate/evaluation.ts';
import { encodePng } from '../../src/formats/png_write.ts';
import type { LabelMap } from '../../src/image/raster.ts';
import { decodeImage } from '../../src/platform/node/files.ts';
import { encodeJpeg } from '../../src/platform/node/jpeg.ts';
import { fillRings } from '../../src/postprocess/polygons.ts';

/** Evaluations that look like real ones, from a seed. */

export const codec = { decode: decodeImage, encode: encodeJpeg };

/** Returns a generator of numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface FixtureOptions {
  readonly seed?: number;
  readonly classes?: readonly string[];
  readonly images?: number;
  readonly size?: { readonly width: number; readonly height: number };
  readonly file?: (index: number) => string;
  readonly bytes?: (index: number) => Promise<Uint8Array>;
}

export const street = ['window', 'door', 'balcony', 'car', 'shop', 'vegetation'] as const;

const recalls = Array.from({ length: 101 }, (_, i) => i / 100);
const thresholds = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i);
const statNames = [
  'AP',
  'AP50',
  'AP75',
  'AP small',
  'AP medium',
  'AP large',
  'AR1',
  'AR10',
  'AR100',
  'AR small',
  'AR medium',
  'AR large',
];

/** A curve that falls from `top` to 0 at the recall `end`. */
const curve = (top: number, end: number): number[] =>
  recalls.map((r) => (r > end ? 0 : top * (1 - (r / (end + 1e-9)) ** 3)));

function objectFigures(type: 'bbox' | 'segm', names: readonly string[], random: () => number): ObjectFigures {
  const perClass = names.map((name, i) => {
    const ap = i === names.length - 1 && names.length > 3 ? -1 : random() * 0.7;
    const part = (factor: number) => (ap < 0 ? -1 : Math.min(1, ap * factor));
    const truths = ap < 0 ? 0 : Math.round(10 + random() * 900);
    return {
      name,
      id: i + 1,
      truths,
      detections: Math.round(random() * 1500),
      ap,
      ap50: part(1.5),
      ap75: part(0.9),
      small: i % 4 === 2 ? -1 : part(0.4),
      medium: part(0.9),
      large: part(1.2),
      ar: part(1.3),
    };
  });
  const there = perClass.filter(({ ap }) => ap >= 0);
  const mean = there.reduce((sum, { ap }) => sum + ap, 0) / Math.max(1, there.length);
  const stats = [1, 1.6, 1, 0.4, 0.95, 1.3, 0.5, 1.1, 1.25, 0.6, 1.2, 1.5].map((factor) =>
    Math.min(0.99, mean * factor),
  );
  if (names.length === 1) stats[3] = stats[9] = -1;
  return {
    type,
    stats,
    statNames,
    perClass,
    iouThresholds: thresholds,
    recallThresholds: recalls,
    maxDetections: [1, 10, 100],
    curves: [
      { precision: curve(mean * 1.4, 0.8) },
      ...thresholds.map((iou, i) => ({ iou, precision: curve(0.95 - 0.07 * i, 0.9 - 0.06 * i) })),
      ...perClass.flatMap(({ name, ap }) => [
        { name, precision: ap < 0 ? recalls.map(() => -1) : curve(0.9, ap) },
        ...thresholds.map((iou) => ({
          name,
          iou,
          precision: ap < 0 ? recalls.map(() => -1) : curve(1 - iou / 4, Math.min(1, ap * 1.4)),
        })),
      ]),
    ],
    errors: {
      ap: stats[1]!,
      foreground: 0.5,
      background: 0.1,
      gain: {
        cls: 0.021,
        loc: 0.062,
        both: 0.004,
        dupe: 0.0004,
        bkg: 0.033,
        miss: 0.118,
        falsePositive: 0.144,
        falseNegative: 0.201,
      },
      count: { cls: 120, loc: 431, both: 22, dupe: 3, bkg: 1290, miss: 642 },
    },
    calibration: calibration(names, random),
    confusion: confusion(names, random),
  };
}

function calibration(names: readonly string[], random: () => number): CalibrationFigures {
  const bins = Array.from({ length: 10 }, (_, i) => {
    const count = i === 0 ? 0 : Math.round(2400 * Math.exp(-i * 0.7) + 60 * random());
    const meanScore = (i + 0.5) / 10;
    return {
      from: i / 10,
      to: (i + 1) / 10,
      count,
      meanScore: count ? meanScore : 0,
      accuracy: count ? Math.min(1, meanScore * (0.6 + 0.5 * random())) : 0,
    };
  });
  const perClass = names.map((name) => ({ name, ece: random() * 0.2, count: Math.round(random() * 500) }));
  return { iou: 0.5, bins, ece: 0.087, mce: 0.21, perClass };
}

function confusion(names: readonly string[], random: () => number): ConfusionFigures {
  const n = names.length + 1;
  const matrix = Array.from({ length: n }, (_, row) =>
    Array.from({ length: n }, (__, column) => {
      if (row === n - 1 && column === n - 1) return 0;
      return Math.round(random() ** 3 * (row === column ? 600 : column === n - 1 || row === n - 1 ? 200 : 40));
    }),
  );
  return { iou: 0.5, score: 0.25, matrix, classes: names };
}

function labelMaps(names: readonly string[], random: () => number): LabelMapFigures {
  const perClass = names.map((name, i) => {
    const iou = i === 2 ? Number.NaN : random();
    return {
      name,
      iou,
      accuracy: Math.min(1, iou * 1.2),
      precision: Math.min(1, iou * 1.1),
      dice: (2 * iou) / (1 + iou),
      boundary: iou * 0.6,
      pixels: Math.round(random() * 1e7),
    };
  });
  const matrix = names.map((_, row) =>
    names.map((__, column) => Math.round(random() ** 4 * (row === column ? 1e7 : 1e6))),
  );
  return { miou: 0.448, macc: 0.58, aacc: 0.756, mdice: 0.58, boundary: 0.31, perClass, matrix };
}

function classification(names: readonly string[], random: () => number): ClassificationFigures {
  const perClass = names.map((name, i) => ({
    name,
    precision: i === 1 ? Number.NaN : random(),
    recall: random(),
    f1: i === 1 ? Number.NaN : random(),
    images: Math.round(random() * 50),
  }));
  return {
    top1: 0.81,
    top5: 0.955,
    meanClassAccuracy: 0.79,
    perClass,
    matrix: names.map((_, r) => names.map((__, c) => Math.round(random() * (r === c ? 40 : 4)))),
  };
}

type Box = readonly [number, number, number, number];

function things(
  names: readonly string[],
  { width, height }: { width: number; height: number },
  random: () => number,
  masks: boolean,
) {
  const box = (): Box => {
    const [w, h] = [width * (0.05 + 0.25 * random()), height * (0.05 + 0.3 * random())];
    const [x, y] = [random() * (width - w), random() * (height - h)];
    return [x, y, x + w, y + h];
  };
  const mask = ([x1, y1, x2, y2]: Box) =>
    masks
      ? fillRings([[x1, (y1 + y2) / 2, (x1 + x2) / 2, y1, x2, (y1 + y2) / 2, (x1 + x2) / 2, y2]], { width, height })
      : undefined;
  const name = () => names[Math.floor(random() * names.length)] ?? '';
  const truths: ShownTruth[] = Array.from({ length: 5 }, (_, i) => {
    const at = box();
    return { name: name(), box: at, mask: mask(at), status: i % 2 ? 'missed' : 'found' };
  });
  const detections: ShownDetection[] = truths.flatMap((truth): ShownDetection[] =>
    truth.status === 'found' ? [{ ...truth, score: 0.4 + random() * 0.6, status: 'hit' }] : [],
  );
  for (let i = 0; i < 4; i++) {
    const at = box();
    detections.push({
      name: name(),
      box: at,
      mask: mask(at),
      score: random() * 0.6,
      status: i === 3 ? 'ignored' : 'false',
    });
  }
  return { truths, detections: detections.sort((a, b) => b.score - a.score) };
}

function flatPicture({ width, height }: { width: number; height: number }): Uint8Array {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i += 4) data.set([90 + (100 * y) / height, 120, 90 + (80 * x) / width, 255], i);
  return encodePng({ width, height, data });
}

function labelsOf(
  names: readonly string[],
  { width, height }: { width: number; height: number },
  shift: number,
): LabelMap {
  const labels = new Uint8Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      labels[y * width + x] = x < 8 ? 255 : (Math.floor((y + shift * Math.sin(x / 20)) / 30) % names.length) & 255;
  return { width, height, labels };
}

/** Returns an evaluation with boxes and masks, label maps, or classes. */
export function evaluationFixture(kind: 'objects' | 'labels' | 'classes', options: FixtureOptions = {}): Evaluation {
  const {
    seed = 1,
    classes = street,
    images = 4,
    size = { width: 240, height: 180 },
    file = (i) => `images/2023-${i}.jpg`,
  } = options;
  const random = randomFrom(seed);
  const by = kind === 'objects' ? 'segm' : kind === 'labels' ? 'semseg' : 'classification';
  const bytes = options.bytes ?? (() => Promise.resolve(flatPicture(size)));
  const rows = Array.from({ length: images }, (_, i): ImageRow => {
    const counts = { tp: 3, fp: i + 1, fn: 2, f1: 6 / (6 + i + 3), ap: random() };
    const all = { id: i + 1, file: file(i), size, milliseconds: 100 + 50 * random() };
    if (kind === 'objects') return { ...all, bbox: counts, segm: counts };
    if (kind === 'labels')
      return { ...all, semseg: { miou: i === 0 ? Number.NaN : random(), aacc: i === 0 ? Number.NaN : random() } };
    return {
      ...all,
      classification: {
        truth: classes[0] ?? '',
        predicted: classes[i % classes.length] ?? '',
        score: random(),
        rank: i,
      },
    };
  });
  const shown = rows.map((row, i): ShownImage => {
    const found = kind === 'objects' ? things(classes, size, random, true) : { truths: [], detections: [] };
    const image = { row, by, ...found, bytes: () => bytes(i) } as const;
    if (kind !== 'labels') return image;
    return {
      ...image,
      predicted: labelsOf(classes, size, 12),
      labels: () => Promise.resolve(labelsOf(classes, size, 4)),
    };
  });
  return {
    data: {
      name: 'photos/facades',
      format: 'coco',
      split: 'test',
      kinds: kind === 'labels' ? ['labels'] : ['objects', 'masks'],
      count: images + 2,
      evaluated: images,
      limit: images,
      classes,
      labelClasses: kind === 'labels' ? classes : undefined,
    },
    model: {
      name: 'mask_rcnn_moganet_tiny',
      sha256: 'ab'.repeat(32),
      engine: 'onnxruntime',
      detail: '2 threads',
      classes: { detection: classes },
      detectionScale: [640, 640],
      options: { score: 0.05 },
    },
    bbox: kind === 'objects' ? objectFigures('bbox', classes, random) : undefined,
    segm: kind === 'objects' ? objectFigures('segm', classes, random) : undefined,
    semseg: kind === 'labels' ? labelMaps(classes, random) : undefined,
    classification: kind === 'classes' ? classification(classes, random) : undefined,
    detections: kind === 'objects' ? 7434 : undefined,
    images: rows,
    shown,
    failures: [{ file: 'images/broken.jpg', error: 'the JPEG ends early' }],
    notMeasured: [{ what: 'keypoints', why: 'The data set has no keypoints.' }],
    notices: ['Class "tree" of the model is not in the data set.'],
    speed: { millisecondsPerImage: 143, imagesPerSecond: 6.7 },
  };
}

/** Returns a comparison of two models: the first classes are better in B, the last have no truth. */
export function comparisonFixture(options: FixtureOptions = {}): ComparisonReport {
  const { classes = street, images = 4 } = options;
  const evaluation = evaluationFixture('objects', { images, ...options });
  const random = randomFrom(options.seed ?? 7);
  const figure = (name: string, shift: number): ComparedFigure => {
    const a = 0.2 + 0.4 * random();
    const width = 0.01 + 0.02 * random();
    return {
      name,
      a,
      b: a + shift,
      difference: shift,
      lower: shift - width,
      upper: shift + width,
      standardError: width / 2,
      better: shift > 0 ? 0.97 : 0.2,
    };
  };
  const none = { a: -1, b: -1, difference: 0, lower: 0, upper: 0, standardError: 0, better: 0 };
  const counts = { tp: 3, fp: 2, fn: 2, f1: 0.6, ap: 0.5 };
  return {
    data: evaluation.data,
    type: 'segm',
    a: 'runs/small.json',
    b: 'runs/large.json',
    resamples: 1000,
    seed: 0,
    confidence: 0.95,
    figures: statNames.map((name, i) =>
      i === 3 ? { name, ...none } : figure(name, i % 3 === 0 ? 0.06 : i % 3 === 1 ? 0.004 : -0.05),
    ),
    perClass: classes.map((name, i) =>
      i === classes.length - 1 ? { name, ...none } : figure(name, Math.max(-0.15, 0.08 - 0.04 * i)),
    ),
    images: evaluation.images.map(({ id, file }, i) => ({
      id,
      file,
      a: counts,
      b: { ...counts, tp: 5, fn: 0, f1: 10 / 12 },
      change: 0.23 - i / 100,
    })),
    shown: evaluation.shown.map((a) => ({ a, b: { ...a, row: { ...a.row, segm: undefined }, detections: [] } })),
    notices: ['Image 12 has results in A only.'],
  };
}
