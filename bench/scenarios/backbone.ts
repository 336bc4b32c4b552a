import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { alternate, type Measured } from '../alternate.ts';
import { type Contender, type NetworkFiles, root, type Spec, start, type TorchSpec } from '../contenders.ts';
import { matrixLimit } from '../matrix_limit.ts';
import { type ImageSize, macsOf, type Network, sizeText } from '../networks.ts';
import type { Options } from '../options.ts';
import { filesOf, findPython, howToGetTorch } from '../peers.ts';
import type { Cell, Report, Table } from '../report.ts';
import { geometricMean, type Ratio } from '../statistics.ts';

/** Backbones from the image to the pyramid on the host: this package's engines and what a user would take instead. */
export async function backbone(options: Options): Promise<Report> {
  const wanted = options.peers.filter((peer) => needsTorch.has(peer));
  const python = wanted.length > 0 ? await findPython() : undefined;
  const notes: string[] = [];
  let limit = await matrixLimit(options.threads);
  const rows: Row[] = [];
  for (const network of options.networks) {
    const files = await filesOf(network, python);
    const isLeftOut = (peer: string) => peer.startsWith('torch') || Object.keys(files.exports).length === 0;
    if (!python && wanted.some(isLeftOut) && !notes.includes(howToGetTorch)) notes.push(howToGetTorch);
    rows.push(...(await ofNetwork(network, files, options, python, notes)));
    limit = Math.max(limit, await matrixLimit(options.threads)); // what else runs may slow one of them down
  }
  const ratios = ratiosOf(rows, options);
  return {
    tables: [
      {
        title: `backbones, ${options.threads} threads; the limit is ${limit.toFixed(0)} GMAC/s of a matrix multiplication`,
        columns: [
          'network',
          'size',
          'contender',
          'ms',
          'CPU ms',
          'cold ms',
          'load ms',
          'images/s',
          'GMAC/s',
          '% of limit',
          'peak MB',
          'error',
          'rounds',
        ],
        rows: rows.map((row) => cellsOf(row, limit)),
      },
    ],
    ratios,
    notes,
    summary: summaryOf(rows, options, limit),
  };
}

const entryOf = (checkout: string): string => join(resolve(checkout), 'src/node.ts');

const needsTorch = new Set(['export', 'torch', 'torch-last', 'web']);

interface Row extends Measured {
  readonly network: Network;
  readonly size: ImageSize;
  readonly loadMs: number;
  readonly peakBytes: number;
  /** Largest difference to the first contender, as a share of the peak of each map. */
  readonly error: number;
}

function cellsOf(
  { network, size, name, ms, cpuMs, coldMs, loadMs, peakBytes, error, rounds }: Row,
  limit: number,
): Cell[] {
  const speed = macsOf(network, size) / ms / 1e6;
  return [
    network,
    sizeText(size),
    name,
    ms,
    cpuMs,
    coldMs,
    loadMs,
    1000 / ms,
    speed,
    (100 * speed) / limit,
    peakBytes / 1e6,
    error.toExponential(0),
    rounds,
  ];
}

/** The contenders of a network: engines first, so that they are what the others are compared with. */
function specsOf(files: NetworkFiles, { engines, peers, threads, before }: Options, python: string | undefined) {
  const specs: [string, Spec | TorchSpec][] = engines.map((engine) => [
    engine,
    { kind: 'package', engine, threads, entry: entryOf(root) },
  ]);
  if (before !== undefined && peers.includes('before')) {
    for (const engine of engines)
      specs.push([`before: ${engine}`, { kind: 'package', engine, threads, entry: entryOf(before) }]);
  }
  for (const [peer, runtime] of [
    ['export', 'onnxruntime-node'],
    ['web', 'onnxruntime-web'],
  ] as const) {
    if (!peers.includes(peer)) continue;
    for (const form of Object.keys(files.exports)) {
      specs.push([`${peer}: ${form}`, { kind: 'export', runtime, form, threads: peer === 'web' ? 1 : threads }]);
    }
  }
  if (python && peers.includes('torch')) {
    specs.push(['torch', { kind: 'torch', layout: 'contiguous', threads, python }]);
  }
  if (python && peers.includes('torch-last')) {
    specs.push(['torch channels-last', { kind: 'torch', layout: 'channels_last', threads, python }]);
  }
  if (peers.includes('plain')) specs.push(['plain tfjs wasm', { kind: 'plain', backend: 'wasm' }]);
  return specs;
}

async function ofNetwork(
  network: Network,
  files: NetworkFiles,
  options: Options,
  python: string | undefined,
  notes: string[],
): Promise<Row[]> {
  const contenders: { contender: Contender; loadMs: number }[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'moganet-bench-'));
  try {
    for (const [name, spec] of specsOf(files, options, python)) {
      const contender = start(name, spec);
      try {
        const { ms = Number.NaN } = await contender.ask({ do: 'load', network, files });
        contenders.push({ contender, loadMs: ms });
      } catch (error) {
        notes.push(`${network}: ${error instanceof Error ? error.message : error}`);
        await contender.close();
      }
    }
    const rows: Row[] = [];
    for (const size of options.sizes) {
      for (const { contender } of contenders) await contender.ask({ do: 'size', ...size });
      const all = contenders.map(({ contender }) => contender);
      const measured = await alternate(all, { seconds: options.seconds, most: options.rounds });
      const errors = await errorsOf(all, folder);
      for (const [i, { contender, loadMs }] of contenders.entries()) {
        const one = measured[i];
        if (!one) continue;
        const { bytes = Number.NaN } = await contender.ask({ do: 'peak' });
        rows.push({ ...one, network, size, loadMs, peakBytes: bytes, error: errors[i] ?? Number.NaN });
      }
      console.log(
        `${network} ${sizeText(size)}: ${measured.map(({ name, ms }) => `${name} ${ms.toFixed(1)} ms`).join(', ')}`,
      );
    }
    return rows;
  } finally {
    for (const { contender } of contenders) await contender.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A benchmark of different networks is worthless: each map must agree with the first contender's to this share of its peak. */
const tolerance = 1e-4;

async function errorsOf(contenders: readonly Contender[], folder: string): Promise<number[]> {
  const outputs: Float32Array[] = [];
  const shapes: (readonly (readonly number[])[])[] = [];
  for (const [i, contender] of contenders.entries()) {
    const file = join(folder, `${i}.f32`);
    const answer = await contender.ask({ do: 'outputs', file });
    shapes.push(answer.shapes ?? []);
    const { buffer, byteOffset, byteLength } = readFileSync(file);
    outputs.push(new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)));
  }
  return contenders.map(({ name }, i) => {
    if (JSON.stringify(shapes[i]) !== JSON.stringify(shapes[0])) {
      throw new Error(
        `${name} gives maps of ${JSON.stringify(shapes[i])}, and the first contender ${JSON.stringify(shapes[0])}`,
      );
    }
    const error = worstError(outputs[0] ?? new Float32Array(), outputs[i] ?? new Float32Array(), shapes[0] ?? []);
    if (!(error <= tolerance)) throw new Error(`${name} computes another network: ${error} of the peak`);
    return error;
  });
}

function worstError(expected: Float32Array, found: Float32Array, shapes: readonly (readonly number[])[]): number {
  let begin = 0;
  let worst = 0;
  for (const shape of shapes) {
    const end = begin + shape.reduce((product, extent) => product * extent, 1);
    let [peak, off] = [0, 0];
    for (let i = begin; i < end; i++) {
      peak = Math.max(peak, Math.abs(expected[i] ?? Number.NaN));
      off = Math.max(off, Math.abs((expected[i] ?? Number.NaN) - (found[i] ?? Number.NaN)));
    }
    worst = Math.max(worst, off / peak);
    begin = end;
  }
  return worst;
}

/** The fastest contender of a kind: `export:` has several forms. */
const fastestOf = (rows: readonly Row[], peer: string): Row | undefined =>
  rows
    .filter(({ name }) => (peer.endsWith(':') ? name.startsWith(peer) : name === peer))
    .reduce<Row | undefined>((best, row) => (best && best.ms <= row.ms ? best : row), undefined);

/** The table of README: the first engine beside PyTorch and its faster export. */
function summaryOf(rows: readonly Row[], { engines, threads }: Options, limit: number): Table {
  const ours = rows.filter(({ name }) => name === engines[0]);
  return {
    title: `Milliseconds from the image to the pyramid, ${threads} threads; ${limit.toFixed(0)} GMAC/s is the limit of a matrix multiplication`,
    columns: [
      'backbone',
      'size',
      'this package',
      "onnxruntime on PyTorch's export",
      'PyTorch',
      'ratios',
      'images/s',
      'GMAC/s',
    ],
    rows: ours.map((row) => {
      const here = rows.filter(({ network, size }) => network === row.network && size === row.size);
      const [exported, torch] = [fastestOf(here, 'export:')?.ms, fastestOf(here, 'torch')?.ms];
      const ratios = [exported, torch].map((ms) => (ms === undefined ? '–' : (row.ms / ms).toFixed(2))).join(', ');
      const speed = macsOf(row.network, row.size) / row.ms / 1e6;
      return [row.network, sizeText(row.size), row.ms, exported, torch, ratios, 1000 / row.ms, speed];
    }),
  };
}

/** The ratios to the fastest export and to PyTorch, with the bounds that this package keeps. */
function ratiosOf(rows: readonly Row[], { engines }: Options): Ratio[] {
  const ratios: Ratio[] = [];
  const moganets: number[] = [];
  const places = new Map(rows.map(({ network, size }) => [`${network} ${sizeText(size)}`, { network, size }]));
  for (const [place, { network, size }] of places) {
    const here = rows.filter((row) => row.network === network && row.size === size);
    const fastest = (peer: string) => fastestOf(here, peer)?.ms ?? Number.NaN;
    const isMogaNet = network.startsWith('moganet');
    for (const engine of engines) {
      const ours = here.find(({ name }) => name === engine)?.ms;
      if (ours === undefined) continue;
      const add = (peer: string, most?: number) => {
        const value = ours / fastest(peer);
        if (value > 0) ratios.push({ name: `backbone ${place} ${engine} / ${peer.replace(':', '')}`, value, most });
        return value;
      };
      const isDefault = engine === 'auto' || engine === 'onnxruntime';
      const toExport = add('export:', isDefault ? (isMogaNet ? 0.78 : 1) : undefined);
      if (isDefault && isMogaNet && toExport > 0) moganets.push(toExport);
      add('torch', isDefault && isMogaNet ? 0.3 : undefined);
      add('web:');
      add('plain tfjs wasm');
      add(`before: ${engine}`, engine === 'wasm' ? 0.7 : undefined);
    }
  }
  if (moganets.length > 1) {
    ratios.push({ name: 'backbone MogaNet geometric mean / export', value: geometricMean(moganets), most: 0.72 });
  }
  return ratios;
}
