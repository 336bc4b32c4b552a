import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePngAsync, loadModel } from 'moganet';
import type { Options } from '../options.ts';
import { photo } from '../photo.ts';
import type { Report } from '../report.ts';
import { median, type Ratio } from '../statistics.ts';

/** The demo model on a photo of 1024×1024, from the file to the file of the overlay. */

export const detect = (options: Options): Promise<Report> =>
  fileToOverlay('detect', 'mask_rcnn_lite_moganet_xt_fpn_facade', options);

export const segment = (options: Options): Promise<Report> =>
  fileToOverlay('segment', 'upernet_lite_moganet_xt_facade', options);

const steps = ['decode', 'preprocess', 'network', 'postprocess', 'draw', 'encode', 'whole'] as const;
type Times = Readonly<Record<(typeof steps)[number], number>>;

async function fileToOverlay(what: string, name: string, { engines, rounds, seconds }: Options): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-bench-'));
  const rows = [];
  const ratios: Ratio[] = [];
  try {
    for (const engine of engines) {
      const times = await timesOf(name, engine, join(folder, 'overlay.png'), { rounds, seconds });
      const medians = steps.map((step) => median(times.map((one) => one[step])));
      const whole = medians.at(-1) ?? Number.NaN;
      rows.push([`${engine} ms`, ...medians], [`${engine} %`, ...medians.map((ms) => (100 * ms) / whole)]);
      const outside = median(
        times.map(({ postprocess, draw, encode, whole }) => (postprocess + draw + encode) / whole),
      );
      const most = engine === 'auto' || engine === 'onnxruntime' ? 0.25 : undefined;
      ratios.push({ name: `${what} ${engine}: postprocess + draw + encode / whole`, value: outside, most });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    tables: [
      { title: `${what}: the demo model from a JPEG of 1024×1024 to the overlay's PNG`, columns: ['', ...steps], rows },
    ],
    ratios,
    notes: [],
  };
}

async function timesOf(
  name: string,
  engine: string,
  file: string,
  { rounds, seconds }: Pick<Options, 'rounds' | 'seconds'>,
): Promise<Times[]> {
  await using model = await loadModel(name, { engine });
  const once = async (): Promise<Times> => {
    const start = performance.now();
    const result = await model.predict(photo);
    const predicted = performance.now();
    const drawn = result.render();
    const rendered = performance.now();
    writeFileSync(file, await encodePngAsync(drawn));
    const end = performance.now();
    const { decode, preprocess, inference, postprocess } = result.speed;
    return {
      decode,
      preprocess,
      network: inference,
      postprocess,
      draw: rendered - predicted,
      encode: end - rendered,
      whole: end - start,
    };
  };
  for (let i = 0; i < 3; i++) await once(); // warms up: the compiler of JavaScript takes two or three
  const times: Times[] = [];
  const until = performance.now() + seconds * 1000;
  while (times.length < rounds && (times.length < 5 || performance.now() < until)) times.push(await once());
  return times;
}
