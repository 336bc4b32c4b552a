import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { decodeImage, encodePng, encodePngAsync, loadModel, type Raster, sampleImages } from 'moganet';

/**
 * Times images from file to overlay with the shipped model. `stages` prints the milliseconds of each stage of `detect` and `segment`
 * on a photo of 1024×1024, `cold` the seconds of a whole process, `folder` the images per second of workers and threads, on equal
 * and on mixed sizes. The last two run the built package (`npm run build`):
 *
 *     npx tsx bench/images.ts stages
 *     npx tsx bench/images.ts cold
 *     npx tsx bench/images.ts folder [images] [rounds]
 */

const [what = 'stages', ...numbers] = process.argv.slice(2);
const samples = ['facade-balconies.jpg', 'street-corner.jpg', 'street-house.jpg'].map((name) =>
  join(sampleImages, name),
);
const main = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

async function stages(): Promise<void> {
  const model = await loadModel('facade');
  for (const [command, only] of [
    ['detect', 'detection'],
    ['segment', 'segmentation'],
  ] as const) {
    const times = new Map<string, number[]>();
    for (let i = 0; i < 15; i++) {
      const result = await model.predict(samples[0] as string, { only, score: 0.3 });
      const start = performance.now();
      const overlay = result.render({ draw: only });
      const drawn = performance.now();
      await encodePngAsync(overlay);
      const step = { ...result.speed, draw: drawn - start, encode: performance.now() - drawn };
      for (const [name, ms] of Object.entries(step)) times.set(name, [...(times.get(name) ?? []), ms]);
    }
    const medians = [...times].map(([name, all]) => [name, median(all)] as const);
    const total = medians.reduce((sum, [, ms]) => sum + ms, 0);
    const after = medians.slice(3).reduce((sum, [, ms]) => sum + ms, 0);
    const parts = medians.map(([name, ms]) => `${name} ${ms.toFixed(1)}`).join(', ');
    console.log(
      `${command}: ${parts}; ${total.toFixed(0)} ms, ${((100 * after) / total).toFixed(0)} % after the network`,
    );
  }
  await model.dispose();
}

/** Runs the command line. @returns seconds */
function seconds(...words: readonly string[]): number {
  const start = performance.now();
  execFileSync(process.execPath, [main, ...words, '--quiet', '--overwrite'], { stdio: 'ignore' });
  return (performance.now() - start) / 1000;
}

function cold(folder: string): void {
  for (const command of ['detect', 'segment']) {
    const all = Array.from({ length: 5 }, () => seconds(command, samples[0] as string, '--out', join(folder, 'out')));
    console.log(
      `${command}: a cold process takes ${median(all).toFixed(2)} s (${Math.min(...all).toFixed(2)} at best)`,
    );
  }
}

/** Enlarges by repeating pixels. */
function resized({ width, height, data }: Raster, w: number, h: number): Raster {
  const pixels = new Uint32Array(data.buffer, data.byteOffset, width * height);
  const out = Uint32Array.from({ length: w * h }, (_, i) => {
    const [x, y] = [i % w, Math.floor(i / w)];
    return pixels[Math.floor((y * height) / h) * width + Math.floor((x * width) / w)] as number;
  });
  return { width: w, height: h, data: new Uint8ClampedArray(out.buffer) };
}

async function folders(folder: string, images: number): Promise<Readonly<Record<'equal' | 'mixed', string>>> {
  const [equal, mixed] = [join(folder, 'equal'), join(folder, 'mixed')];
  const photos = await Promise.all(samples.map(loadPixels));
  for (const path of [equal, mixed]) mkdirSync(path);
  const same = encodePng(resized(photos[0] as Raster, 768, 768));
  writeFileSync(join(folder, 'same.png'), same);
  for (let i = 0; i < images; i++) {
    const name = `${String(i).padStart(4, '0')}.png`;
    copyFileSync(join(folder, 'same.png'), join(equal, name));
    const photo = photos[i % 3] as Raster;
    // 768×768 pixels on average
    writeFileSync(join(mixed, name), encodePng(resized(photo, 480 + ((i * 37) % 13) * 48, 488 + ((i * 53) % 11) * 56)));
  }
  return { equal, mixed };
}

const loadPixels = async (path: string): Promise<Raster> => decodeImage(await readFile(path));

async function folderSpeed(folder: string, images: number, rounds: number): Promise<void> {
  const { equal, mixed } = await folders(folder, images);
  const runs = [
    ['1 worker of 1 thread', equal, 1, 1],
    ['2 workers of 1 thread', equal, 2, 1],
    ['1 worker of 2 threads', equal, 1, 2],
    ['2 workers of 1 thread, mixed sizes', mixed, 2, 1],
  ] as const;
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, path, workers, threads] of runs) {
      const took = seconds(
        'detect',
        path,
        '--out',
        join(folder, 'out'),
        '--workers',
        `${workers}`,
        '--threads',
        `${threads}`,
      );
      times.set(name, [...(times.get(name) ?? []), took]);
    }
  }
  for (const [name, all] of times) {
    console.log(`${name}: ${median(all).toFixed(1)} s, ${(images / median(all)).toFixed(2)} images/s`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'moganet-images-'));
try {
  if (what === 'stages') await stages();
  else if (what === 'cold') cold(folder);
  else await folderSpeed(folder, Number(numbers[0] ?? 100), Number(numbers[1] ?? 3));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
