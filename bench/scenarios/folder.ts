import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel, type Model, type Raster, type Size } from 'moganet';
import { builtCli, builtPackage } from '../built.ts';
import { childrenCpuSeconds } from '../children_cpu.ts';
import { root } from '../contenders.ts';
import type { Options } from '../options.ts';
import { photo, pixelsOf, stretched } from '../photo.ts';
import type { Report } from '../report.ts';
import { median, type Ratio } from '../statistics.ts';

/** A folder of images by the command line, and images of mixed sizes beside equal ones. */
export async function folder({ images }: Options): Promise<Report> {
  builtPackage();
  const place = mkdtempSync(join(tmpdir(), 'moganet-bench-'));
  try {
    const pictures = join(place, 'images');
    mkdirSync(pictures);
    for (let i = 0; i < images; i++) copyFileSync(photo, join(pictures, `${i}.jpg`));
    const timed = (workers: number, threads: number): Timed => {
      const out = join(place, `out-${workers}-${threads}`);
      const args = [
        'detect',
        pictures,
        '--out',
        out,
        '--workers',
        `${workers}`,
        '--threads',
        `${threads}`,
        '--quiet',
        '--overwrite',
      ];
      const cpu = childrenCpuSeconds();
      const start = performance.now();
      execFileSync(process.execPath, [builtCli, ...args], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
      return { seconds: (performance.now() - start) / 1000, cpuSeconds: childrenCpuSeconds() - cpu };
    };
    const one = timed(1, 1);
    const twoWorkers = timed(2, 1);
    const twoThreads = timed(1, 2);
    const { mixed, equal } = await mixedAndEqual();
    const row = (name: string, { seconds, cpuSeconds }: Timed) => [
      name,
      seconds,
      images / seconds,
      (1000 * cpuSeconds) / images,
      cpuSeconds / seconds,
    ];
    const ratios: Ratio[] = [
      { name: 'folder: images/s of 2 workers × 1 thread / 1 × 1', value: one.seconds / twoWorkers.seconds, least: 1.7 },
      {
        name: 'folder: images/s of 2 workers × 1 thread / 1 × 2',
        value: twoThreads.seconds / twoWorkers.seconds,
        least: 1.1,
      },
      { name: 'folder: ms per pixel of mixed / equal sizes', value: mixed / equal, most: 1.2 },
    ];
    return {
      tables: [
        {
          title: `folder: \`moganet detect\` on ${images} photos of 1024×1024, from the start of the process to its end`,
          columns: ['workers × threads', 'seconds', 'images/s', 'CPU ms/image', 'processors busy'],
          rows: [row('1 × 1', one), row('2 × 1', twoWorkers), row('1 × 2', twoThreads)],
        },
        {
          title: 'folder: predict by padded pixels',
          columns: ['sizes', 'ms/Mpixel'],
          rows: [
            ['mixed', mixed],
            ['equal', equal],
          ],
        },
      ],
      ratios,
      notes: [],
    };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

interface Timed {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

const pairs = 16;
/** The pixels that the network sees: fitted into 640×640 and padded to multiples of 32. */
function paddedPixels({ height, width }: Size): number {
  const ratio = 640 / Math.max(height, width);
  const padded = (edge: number) => Math.ceil(Math.floor(edge * ratio + 0.5) / 32) * 32;
  return padded(height) * padded(width);
}

/** Milliseconds per million padded pixels of images of different sizes, and of one size with as many pixels, in turns. */
async function mixedAndEqual(): Promise<{ readonly mixed: number; readonly equal: number }> {
  const source = await pixelsOf(photo);
  const sizes = Array.from({ length: pairs }, (_, i) => ({
    height: 480 + ((i * 97) % 480),
    width: 480 + ((i * 61) % 480),
  }));
  const share = sizes.reduce((sum, size) => sum + paddedPixels(size), 0) / pairs / 640 ** 2;
  const equalSize = { height: Math.round(720 * share), width: 720 };
  await using model = await loadModel('facade');
  const perPixel = async (image: Raster) => (await timeOf(model, image)) / (paddedPixels(image) / 1e6);
  await perPixel(stretched(source, equalSize));
  const mixed: number[] = [];
  const equal: number[] = [];
  for (const size of sizes) {
    mixed.push(await perPixel(stretched(source, size)));
    equal.push(await perPixel(stretched(source, equalSize)));
  }
  return { mixed: median(mixed), equal: median(equal) };
}

async function timeOf(model: Model, image: Raster): Promise<number> {
  const start = performance.now();
  await model.predict(image);
  return performance.now() - start;
}
