import { drawDetections, drawSegmentation } from 'moganet/render';
import { encodeMask, landscape } from '../../test/render/images.ts';
import type { Options } from '../options.ts';
import type { Report } from '../report.ts';
import { median } from '../statistics.ts';

/** Drawing on 1024 × 1024 pixels. Masks are ellipses with wavy edges, from a fixed seed. */
export async function render({ rounds }: Options): Promise<Report> {
  const image = landscape(size);
  const timesOf = (draw: () => void): number[] =>
    Array.from({ length: Math.max(rounds, 5) }, () => {
      const start = performance.now();
      draw();
      return performance.now() - start;
    });
  const row = (what: string, times: readonly number[]) => [what, times[0], median(times)];
  const rows = (
    [
      [50, 60, 240],
      [50, 200, 500],
      [100, 60, 240],
    ] as const
  ).map(([count, smallest, largest]) => {
    const detections = scene(count, smallest, largest);
    const what = `${count} masks, boxes and labels of ${smallest} to ${largest} pixels`;
    return row(
      what,
      timesOf(() => drawDetections(image, detections)),
    );
  });
  const labels = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => ((i >> 15) + ((i & 1023) >> 6)) % 9);
  rows.push(
    row(
      'a map of 9 classes',
      timesOf(() => drawSegmentation(image, labels, { classes: [] })),
    ),
  );
  return {
    tables: [{ title: 'render: 1024×1024', columns: ['drawing', 'first ms', 'ms'], rows }],
    ratios: [],
    notes: [],
  };
}

const size = { width: 1024, height: 1024 };
/** Numbers from 0 to 1, the same in every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function scene(count: number, smallest: number, largest: number) {
  const next = random(1);
  const boxes = Array.from({ length: count }, () => {
    const width = smallest + next() * (largest - smallest);
    const height = smallest + next() * (largest - smallest);
    const [x, y] = [next() * (1024 - width), next() * (1024 - height)] as const;
    return [x, y, x + width, y + height] as const;
  });
  const masks = boxes.map(([x1, y1, x2, y2]) => {
    const crop = { width: Math.floor(x2 - x1), height: Math.floor(y2 - y1) };
    const inside = (x: number, y: number) =>
      ((2 * x) / crop.width - 1) ** 2 + ((2 * y) / crop.height - 1) ** 2 <
      0.9 + 0.1 * Math.sin(x / 3) * Math.sin(y / 4);
    return encodeMask(crop, inside, size, Math.floor(x1), Math.floor(y1));
  });
  return {
    boxes: Float32Array.from(boxes.flat()),
    scores: Float32Array.from(boxes, (_, i) => 1 - i / count),
    labels: Int32Array.from(boxes, (_, i) => i % 80),
    classes: Array.from({ length: 80 }, (_, i) => `class number ${i}`),
    masks,
  };
}
