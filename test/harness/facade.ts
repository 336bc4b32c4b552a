import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Mask, type Result } from 'moganet';
import { decodePng } from '../../src/formats/png.ts';
import { iouMatrix } from '../../src/postprocess/boxes.ts';
import { compactMask, fullRle } from '../../src/postprocess/masks.ts';
import { rleFromString, rleIou } from '../../src/postprocess/rle.ts';
import { GoldenMismatch, shippedGolden } from './golden.ts';

/** The reference's results for the demo model, and the comparison with them. */

const folder = join(shippedGolden, 'facade');

interface ExpectedDetection {
  readonly box: readonly number[];
  readonly score: number;
  readonly label: number;
  readonly mask: { readonly size: readonly [number, number]; readonly counts: string };
}

interface ExpectedImage {
  readonly height: number;
  readonly width: number;
  readonly detections: readonly ExpectedDetection[];
  readonly uncertain_joint: number;
  readonly uncertain_alone: number;
}

const expected: { readonly images: Readonly<Record<string, ExpectedImage>> } = JSON.parse(
  readFileSync(join(folder, 'expected.json'), 'utf8'),
);

function expectedOf(file: string): ExpectedImage {
  const found = expected.images[file];
  if (!found) throw new RangeError(`${file} is not in expected.json`);
  return found;
}

interface Found {
  readonly box: readonly number[];
  readonly score: number;
  readonly label: number;
  readonly mask: Mask;
}

/**
 * Compares detections. Each expected one of score ≥ 0.3 needs a partner of its label with box IoU ≥ 0.99, mask IoU ≥
 * 0.98 and a score within 0.002; each found one of score ≥ 0.302, too. The order counts if scores differ by more than
 * 0.002.
 */
export function expectDetections(file: string, result: Result): void {
  const { detections, height, width } = expectedOf(file);
  const wanted = detections.map(({ mask, ...rest }) => {
    return { ...rest, mask: new Mask(compactMask(rleFromString(mask.counts, { height, width }))) };
  });
  const found = [...result].flatMap(({ box, score, label, mask }) => (mask ? [{ box, score, label, mask }] : []));
  const partners = pair(
    file,
    wanted.filter(({ score }) => score >= 0.3),
    found,
    'expected',
  );
  pair(
    file,
    found.filter(({ score }) => score >= 0.302),
    wanted,
    'found',
  );
  for (const [i, a] of partners.entries()) {
    for (const [j, b] of partners.entries()) {
      if (a.score - b.score > 0.002 && a.position > b.position) {
        throw new GoldenMismatch(`${file}: detections ${i} and ${j} come in another order.`);
      }
    }
  }
}

/** Finds the partner of each detection. Returns its score and the partner's position. */
function pair(file: string, from: readonly Found[], to: readonly Found[], what: string) {
  return from.map((one, i) => {
    const position = to.findIndex((other) => fits(one, other));
    if (position < 0) {
      const box = one.box.map((edge) => edge.toFixed(1)).join(', ');
      throw new GoldenMismatch(
        `${file}: the ${what} detection ${i} (label ${one.label}, ${one.score.toFixed(4)}, ${box}) has no partner.`,
      );
    }
    return { score: one.score, position };
  });
}

function fits(one: Found, other: Found): boolean {
  if (other.label !== one.label || Math.abs(other.score - one.score) > 0.002) return false;
  const [boxes = 0] = iouMatrix(Float32Array.from(one.box), Float32Array.from(other.box));
  const [masks = 0] = rleIou([fullRle(one.mask)], [fullRle(other.mask)], [false]);
  return boxes >= 0.99 && masks >= 0.98;
}

/** Compares a label map. It may differ in as many pixels as the reference is uncertain of. Returns the number. */
export function expectLabels(file: string, which: 'joint' | 'alone', result: Result): number {
  const { labels = new Uint8Array(0) } = result.segmentation ?? {};
  const map = decodePng(readFileSync(join(folder, `expected_${which}_${file.replace('.jpg', '')}.png`)));
  const allowed = expectedOf(file)[`uncertain_${which}`];
  let different = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] !== map.data[4 * i]) different++;
  if (different > allowed || labels.length * 4 !== map.data.length) {
    throw new GoldenMismatch(`${file}, ${which}: ${different} pixels differ, ${allowed} are uncertain.`);
  }
  return different;
}
