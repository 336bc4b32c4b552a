import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { upright } from '../../../src/formats/exif.ts';
import type { Raster } from '../../../src/image/raster.ts';
import { decodeImage } from '../../../src/platform/node/files.ts';
import type { CorpusRunner } from './case.ts';
import type { CorpusCase, Tolerance } from './manifest.ts';

/** Cases that are images: decoded, and compared with a size, with hashes of pixels or with a reference image. */

export const image: CorpusRunner<Raster> = {
  load: (path, { file }) => decodeImage(new Uint8Array(readFileSync(path)), { name: file }),
  difference: async (raster, entry, folder) => (await compare(raster, entry, folder)).difference,
  note: async (raster, entry, folder) => {
    const { tight } = await compare(raster, entry, folder);
    return tight === undefined ? undefined : tight ? "libjpeg-turbo's pixels" : "not libjpeg-turbo's pixels";
  },
};

/** Files whose expected pixels are those before EXIF turns them, and the orientation that turns them back. */
const storedAs: Readonly<Record<string, number>> = { 'images/png/ok_exif_orient6.png': 8 };

async function compare(
  read: Raster,
  { equals, file }: CorpusCase,
  folder: string,
): Promise<{ difference?: string | undefined; tight?: boolean | undefined }> {
  const raster = upright(read, storedAs[file]);
  const { width, height, rgba8_sha256: hashes, reference, tolerance, tolerance_tight: tight } = equals ?? {};
  if ((width ?? raster.width) !== raster.width || (height ?? raster.height) !== raster.height) {
    return { difference: `is ${raster.width}×${raster.height}, expected ${width}×${height}` };
  }
  if (raster.data.length !== raster.width * raster.height * 4) return { difference: 'has a buffer of another size' };
  if (hashes && !hashes.includes(createHash('sha256').update(raster.data).digest('hex'))) {
    return { difference: 'has other pixels' };
  }
  if (!reference || !tolerance) return {};
  const expected = await decodeImage(new Uint8Array(readFileSync(join(folder, reference))));
  let most = 0;
  let sum = 0;
  for (let i = 0; i < raster.data.length; i++) {
    if (i % 4 === 3) continue;
    const error = Math.abs(raster.data[i]! - expected.data[i]!);
    most = Math.max(most, error);
    sum += error;
  }
  const mean = sum / (raster.width * raster.height * 3);
  const within = (t: Tolerance) => mean <= t.mean_abs && most <= t.max_abs;
  const difference = within(tolerance) ? undefined : `differs by ${mean.toFixed(2)} on average, ${most} at most`;
  return { difference, tight: tight && within(tight) };
}
