import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillPolygons, rleToString } from 'moganet/postprocess';
import type { EvaluationRun } from '../evaluate_child.ts';
import type { Options } from '../options.ts';
import { pythonWith } from '../peers.ts';
import type { Cell, Report } from '../report.ts';
import type { Ratio } from '../statistics.ts';

/** COCO evaluation of generated sets beside pycocotools: both read the same two files, in processes of their own, in turns. */

const child = fileURLToPath(new URL('../evaluate_child.ts', import.meta.url));
const peer = fileURLToPath(new URL('../peers/evaluate.py', import.meta.url));

interface Shape {
  readonly name: string;
  readonly type: 'bbox' | 'segm';
  readonly images: number;
  readonly objects: number;
  readonly detections: number;
}

/** The first is as large as COCO's val2017 with 40 detections an image. */
const shapes: readonly Shape[] = [
  { name: 'boxes', type: 'bbox', images: 5000, objects: 36_000, detections: 200_000 },
  { name: 'boxes, a quarter', type: 'bbox', images: 1250, objects: 9000, detections: 50_000 },
  { name: 'masks', type: 'segm', images: 500, objects: 3600, detections: 20_000 },
];

export async function evaluate({ rounds }: Options): Promise<Report> {
  const python = await pythonWith(['pycocotools']);
  const folder = mkdtempSync(join(tmpdir(), 'moganet-bench-'));
  const rows: Cell[][] = [];
  const ratios: Ratio[] = [];
  try {
    for (const shape of shapes) {
      const files = [join(folder, 'labels.json'), join(folder, 'results.json')] as const;
      const { labels, results } = generated(shape);
      writeFileSync(files[0], JSON.stringify(labels));
      writeFileSync(files[1], JSON.stringify(results));
      const own: EvaluationRun[] = [];
      const peers: EvaluationRun[] = [];
      for (let round = 0; round < Math.min(rounds, 5); round++) {
        own.push(runOf(process.execPath, ['--import', 'tsx', child, ...files, shape.type]));
        if (python && round < 3) peers.push(runOf(python, [peer, ...files, shape.type]));
      }
      const different = peers.find(({ arrays }) => arrays !== own[0]?.arrays);
      if (different) throw new Error(`${shape.name}: the arrays differ from pycocotools'.`);
      rows.push(rowOf(`${shape.name}: this package`, own));
      if (peers.length === 0) continue;
      rows.push(rowOf(`${shape.name}: pycocotools`, peers));
      const ratio = (part: (run: EvaluationRun) => number) => least(own, part) / least(peers, part);
      ratios.push({
        name: `evaluate ${shape.name} / pycocotools`,
        value: ratio((run) => run.evaluateSeconds),
        most: 0.5,
      });
      ratios.push({ name: `read ${shape.name} / pycocotools`, value: ratio((run) => run.readSeconds) });
      ratios.push({ name: `peak of ${shape.name} / pycocotools`, value: ratio((run) => run.peakBytes), most: 1.5 });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const columns = ['', 'read s', 'evaluate s', 'peak MB'];
  const title = 'COCO evaluation of generated sets: CPU seconds, the least of several runs';
  const notes = python
    ? []
    : ['pycocotools not found, so it is left out: pip install pycocotools, and set MOGANET_PYTHON.'];
  return { tables: [{ title, columns, rows }], ratios, notes };
}

function runOf(program: string, args: readonly string[]): EvaluationRun {
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as EvaluationRun;
}

const least = (runs: readonly EvaluationRun[], part: (run: EvaluationRun) => number): number =>
  Math.min(...runs.map(part));

const rowOf = (name: string, runs: readonly EvaluationRun[]): Cell[] => [
  name,
  least(runs, ({ readSeconds }) => readSeconds),
  least(runs, ({ evaluateSeconds }) => evaluateSeconds),
  least(runs, ({ peakBytes }) => peakBytes) / 1e6,
];

const [height, width, classes] = [480, 640, 80];

/** Makes labels and results: two detections of five lie near an object, with its class; scores have three digits. */
function generated({ type, images, objects, detections }: Shape) {
  const random = randomOf(1);
  const between = (low: number, high: number) => low + random() * (high - low);
  const whole = (below: number) => Math.floor(random() * below);
  const round = (value: number) => Math.round(100 * value) / 100;
  const place = () => ({ x: between(20, width - 20), y: between(20, height - 20), radius: between(5, 120) });
  type Place = ReturnType<typeof place>;
  const bbox = ({ x, y, radius }: Place) => [
    round(x - radius),
    round(y - radius),
    round(2 * radius),
    round(1.5 * radius),
  ];
  const outline = ({ x, y, radius }: Place) => {
    const count = 10 + whole(40);
    return Array.from({ length: 2 * count }, (_, i) => {
      const angle = (Math.PI * (i - (i % 2))) / count;
      return round(i % 2 === 0 ? x + radius * Math.cos(angle) : y + radius * Math.sin(angle));
    });
  };
  const runs = (at: Place) => ({
    size: [height, width],
    counts: rleToString(fillPolygons([outline(at)], { height, width })),
  });

  const byImage = new Map<number, { at: Place; category_id: number }[]>();
  const annotations = Array.from({ length: objects }, (_, i) => {
    const [at, image_id, category_id] = [place(), 1 + whole(images), 1 + whole(whole(classes) + 1)];
    byImage.set(image_id, [...(byImage.get(image_id) ?? []), { at, category_id }]);
    const iscrowd = random() < 0.01 ? 1 : 0;
    return {
      id: i + 1,
      image_id,
      category_id,
      bbox: bbox(at),
      area: at.radius ** 2,
      iscrowd,
      segmentation: [outline(at)],
    };
  });
  const results = Array.from({ length: detections }, () => {
    const image_id = 1 + whole(images);
    const near = byImage.get(image_id) ?? [];
    const object = random() < 0.4 ? near[whole(near.length)] : undefined;
    const at = object ? { ...object.at, x: object.at.x + between(-8, 8), y: object.at.y + between(-8, 8) } : place();
    const category_id = object?.category_id ?? 1 + whole(classes);
    const measured = type === 'segm' ? { segmentation: runs(at) } : { bbox: bbox(at) };
    return { image_id, category_id, score: round(10 * random()) / 10, ...measured };
  });
  return {
    labels: {
      images: Array.from({ length: images }, (_, i) => ({ id: i + 1, file_name: `${i + 1}.jpg`, height, width })),
      categories: Array.from({ length: classes }, (_, i) => ({ id: i + 1, name: `class ${i + 1}` })),
      annotations,
    },
    results,
  };
}

/** Numbers from 0 to 1 by a linear congruence: the same on every machine. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
