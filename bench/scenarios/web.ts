import { join, resolve } from 'node:path';
import { launchChromium } from '../../test/harness/chromium.ts';
import { alternate } from '../alternate.ts';
import { type Call, openPage } from '../browser/open.ts';
import { root, start } from '../contenders.ts';
import type { Options } from '../options.ts';
import { filesOf } from '../peers.ts';
import type { Cell, Report } from '../report.ts';
import { median, type Ratio } from '../statistics.ts';

const network = 'moganet_xt';
/** WebGL is counted, not timed: a browser without a GPU computes it in software. */
const [small, other] = [
  { height: 64, width: 96 },
  { height: 96, width: 64 },
];
const size = { height: 224, width: 224 };

/** Browsers and WebAssembly: what WebGL is asked to do, and onnxruntime-web beside TensorFlow.js in Chromium and in Node. */
export async function web(options: Options): Promise<Report> {
  const inNode = await wasmInNode(options);
  const browser = await launchChromium();
  if (typeof browser === 'string') return { ...inNode, notes: [browser] };
  try {
    const open = (checkout = root) => openPage(browser, checkout);
    const webgl = await webglCounts(open);
    const chromium = await wasmInChromium(open, options);
    return {
      tables: [webgl, inNode, chromium].flatMap(({ tables }) => tables),
      ratios: [webgl, inNode, chromium].flatMap(({ ratios }) => ratios),
      notes: options.before === undefined ? ['without --before DIR nothing is compared with an earlier commit'] : [],
    };
  } finally {
    await browser.close();
  }
}

type Open = (checkout?: string) => Promise<Call>;

async function webglCounts(open: Open): Promise<Report> {
  const rows: Cell[][] = [];
  const found = new Map<string, { operations: number; more: number }>();
  for (const form of ['package', 'plain'] as const) {
    const call = await open();
    await call('load', network, form, 'webgl');
    await call('run', small);
    const first = await call('counts');
    await call('run', small);
    const second = await call('counts');
    await call('run', other);
    const third = await call('counts');
    const operations = second.draws - first.draws;
    const more = third.programs - second.programs;
    found.set(form, { operations, more });
    rows.push([form === 'plain' ? 'plain tf.* calls' : 'this package', operations, first.programs, more]);
  }
  const [ours, plain] = [found.get('package'), found.get('plain')];
  const ratios: Ratio[] = [
    {
      name: 'web: WebGL operations of a forward / plain port',
      value: (ours?.operations ?? 0) / (plain?.operations ?? 0),
      most: 0.5,
    },
    { name: 'web: new WebGL programs for a new size', value: ours?.more ?? Number.NaN, most: 20 },
  ];
  const columns = ['', 'operations of a forward', 'programs of the first size', 'new programs for a second size'];
  return { tables: [{ title: `web: WebGL, ${network}`, columns, rows }], ratios, notes: [] };
}

/** The engines of one thread that a page or a light installation has. */
const light = ['ort-wasm', 'wasm'];

async function wasmInNode({ before, seconds, rounds }: Options): Promise<Report> {
  const files = await filesOf(network, undefined);
  const places = [
    ...light.map((engine) => [engine, root] as const),
    ...(before === undefined ? [] : [['wasm', before] as const]),
  ];
  const contenders = places.map(([engine, checkout]) =>
    start(checkout === root ? engine : `${engine} before`, {
      kind: 'package',
      engine,
      threads: 1,
      entry: join(resolve(checkout), 'src/node.ts'),
    }),
  );
  try {
    for (const contender of contenders) {
      await contender.ask({ do: 'load', network, files });
      await contender.ask({ do: 'size', ...size });
    }
    const measured = await alternate(contenders, { seconds, most: rounds });
    return wasmReport('Node', new Map(measured.map(({ name, ms }) => [name, ms])));
  } finally {
    for (const contender of contenders) await contender.close();
  }
}

async function wasmInChromium(open: Open, { before, rounds }: Options): Promise<Report> {
  const pages = new Map<string, { call: Call; times: number[] }>();
  for (const engine of light) {
    const call = await open();
    await call('load', network, 'package', engine);
    pages.set(engine, { call, times: [] });
  }
  if (before !== undefined) {
    const call = await open(before);
    await call('load', network, 'package', 'wasm');
    pages.set('wasm before', { call, times: [] });
  }
  for (let round = -2; round < Math.min(rounds, 9); round++) {
    for (const { call, times } of pages.values()) {
      const ms = await call('run', size);
      if (round >= 0) times.push(ms);
    }
  }
  return wasmReport('Chromium', new Map([...pages].map(([name, { times }]) => [name, median(times)])));
}

function wasmReport(where: string, ms: ReadonlyMap<string, number>): Report {
  const [ort, now, before] = ['ort-wasm', 'wasm', 'wasm before'].map((name) => ms.get(name));
  const ratio = (name: string, a: number | undefined, b: number | undefined, most?: number): Ratio[] =>
    a === undefined || b === undefined ? [] : [{ name: `web: ${where}, ${name}`, value: a / b, most }];
  return {
    tables: [
      {
        title: `web: WebAssembly in ${where}, one thread, ${network} at ${size.height}`,
        columns: ['engine', 'ms'],
        rows: [...ms],
      },
    ],
    ratios: [
      ...ratio('ort-wasm / wasm', ort, now),
      ...ratio('ort-wasm / wasm before', ort, before, 0.66),
      ...ratio('wasm / wasm before', now, before, 0.7),
    ],
    notes: [],
  };
}
