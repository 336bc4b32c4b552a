import { execFile } from 'node:child_process';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { bytesOf, pickleOf, TensorValue, type ZipPart, zipPieces } from '../harness/torch_file.ts';

/**
 * The promise: a checkpoint is read to weights within 2.2 × the bytes of the returned arrays + 100 MB, whatever else
 * it holds. Measured in a fresh process of plain node, which takes 45 MB of it by itself.
 */

const megabyte = 2 ** 20;

interface LargeFile {
  readonly what: string;
  readonly parts: () => readonly ZipPart[];
  /** Megabytes of arrays that come back. */
  readonly returned: number;
}

const part = (key: string, data: Uint8Array, more: Partial<ZipPart> = {}): ZipPart => ({
  name: `archive/data/${key}`,
  data,
  ...more,
});
const nothing = new Uint8Array(0);

/** A storage that is nothing but a hole in the file. */
const ballast = (key: string, megabytes: number, crc = 1) => part(key, nothing, { hole: megabytes * megabyte, crc });

function crcOfZeros(bytes: number): number {
  const zeros = new Uint8Array(megabyte);
  let crc = 0;
  for (let at = 0; at < bytes; at += megabyte) crc = crc32(zeros, crc);
  return crc;
}

const file = (weights: ReadonlyMap<string, TensorValue>, parts: readonly ZipPart[], optimizer?: TensorValue) => {
  const object = new Map<string, unknown>([['state_dict', weights]]);
  if (optimizer) object.set('optimizer', new Map([['exp_avg', optimizer]]));
  return [{ name: 'archive/data.pkl', data: pickleOf(object) }, ...parts];
};

const named = (count: number, make: (i: number) => TensorValue) =>
  new Map(Array.from({ length: count }, (_, i) => [`layer${i}.weight`, make(i)]));

const large: readonly LargeFile[] = [
  {
    what: 'half-precision weights beside 900 MB of optimizer state',
    parts: () => {
      const half = bytesOf(new Uint16Array(megabyte).fill(0x3c00));
      const keys = Array.from({ length: 40 }, (_, i) => `${i}`);
      const weights = named(40, (i) => new TensorValue(`${i}`, 'HalfStorage', megabyte, [1024, 1024]));
      const state = new TensorValue('optimizer', 'FloatStorage', 225 * megabyte, [225 * megabyte]);
      return file(weights, [...keys.map((key) => part(key, half)), ballast('optimizer', 900)], state);
    },
    returned: 160,
  },
  {
    what: 'one half-precision tensor',
    parts: () => {
      const half = bytesOf(new Uint16Array(32 * megabyte).fill(0x3c00));
      return file(
        named(1, () => new TensorValue('0', 'HalfStorage', 32 * megabyte, [32 * megabyte])),
        [part('0', half)],
      );
    },
    returned: 128,
  },
  {
    what: '4,000 views of one flattened storage',
    parts: () => {
      const flat = bytesOf(new Float32Array(25_000 * 1000).fill(1));
      const view = (i: number) => new TensorValue('0', 'FloatStorage', 25_000_000, [6250], [1], 6250 * i);
      return file(named(4000, view), [part('0', flat)]);
    },
    returned: 25_000_000 / 2 ** 18,
  },
  {
    what: 'one column of a matrix of 400 MB',
    parts: () => {
      const rows = 100 * 1024;
      const column = new TensorValue('0', 'FloatStorage', rows * 1024, [rows], [1024], 7);
      return file(new Map([['column', column]]), [ballast('0', 400, crcOfZeros(400 * megabyte))]);
    },
    returned: 0.390625,
  },
  {
    what: 'a large transposed float64 matrix',
    parts: () => {
      const data = bytesOf(new Float64Array(16 * megabyte).fill(0.5));
      return file(new Map([['w', new TensorValue('0', 'DoubleStorage', 16 * megabyte, [4096, 4096], [1, 4096])]]), [
        part('0', data),
      ]);
    },
    returned: 64,
  },
  {
    what: 'a deflated tensor',
    parts: () => {
      const noise = new Uint32Array(24 * megabyte);
      let state = 1;
      for (let i = 0; i < noise.length; i++) {
        state = Math.imul(state, 1664525) + 1013904223;
        noise[i] = 0x3f000000 | (state >>> 10);
      }
      const values = bytesOf(noise);
      const data = deflateRawSync(values, { level: 1 });
      const facts = { method: 8, size: values.length, crc: crc32(values) };
      return file(new Map([['w', new TensorValue('0', 'FloatStorage', 24 * megabyte, [24, megabyte])]]), [
        part('0', data, facts),
      ]);
    },
    returned: 96,
  },
];

describe('the memory of loading', () => {
  let folder: string;
  let script: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moganet-memory-'));
    script = join(folder, 'measure_load.mjs');
    const entry = new URL('../harness/measure_load.ts', import.meta.url).pathname;
    await build({ entryPoints: [entry], outfile: script, bundle: true, platform: 'node', format: 'esm' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { what, parts, returned } of large) {
    it(`stays within 2.2 × the weights + 100 MB for ${what}`, async () => {
      const path = join(folder, 'large.pth');
      const { pieces, size } = zipPieces(parts());
      const handle = await open(path, 'w');
      for (const { at, bytes } of pieces) await handle.write(bytes, 0, bytes.length, at);
      await handle.truncate(size);
      await handle.close();
      const { stdout } = await promisify(execFile)(process.execPath, [script, path]);
      const measured = JSON.parse(stdout) as { tensors: number; returned: number; peak: number };
      expect(measured.returned / megabyte).to.equal(returned);
      if (process.env.SHOW_MEMORY)
        console.log(`      ${(measured.peak / megabyte).toFixed(0)} MB for ${returned.toFixed(1)} MB`);
      expect(measured.peak / megabyte).to.be.below(2.2 * returned + 100);
      await rm(path);
    });
  }
});
