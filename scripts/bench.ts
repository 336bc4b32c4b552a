/**
 * Measures speed. Engines take turns in one run:
 *
 *     npm run bench -- backbone|mixed|detect|segment [--engine a,b] [--rounds n]
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { decodeImage, loadModel, type Model, type Size } from 'moganet';
import { nodeEngines, openNodeEngine } from '../src/engines/node.ts';
import { resizeLinear } from '../src/image/resize.ts';
import { createModel, modelParameters } from '../src/models/create.ts';
import { costOf, type Engine, loadPart, type RecordedPart, type Runner, totalCost } from '../src/nn/index.ts';
import { seededInput, seededWeight } from '../test/harness/seeded.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { engine: { type: 'string' }, rounds: { type: 'string', default: '5' } },
});
const rounds = Number(values.rounds);
const street = new URL('../samples/images/street-house.jpg', import.meta.url);

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;

async function clock(task: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await task();
  return performance.now() - start;
}

/** Opens the named engines, by default all that start on this machine. */
async function engines(): Promise<Engine[]> {
  const opened: Engine[] = [];
  for (const name of values.engine?.split(',') ?? nodeEngines.filter((name) => name !== 'cpu')) {
    await openNodeEngine(name).then(
      (engine) => opened.push(engine),
      (error: unknown) => console.log(`${name}: ${error}`),
    );
  }
  return opened;
}

/** Prints ms and GMAC/s of MogaNet XT and T. The ratio is to the first engine. */
async function backbone(): Promise<void> {
  const all = await engines();
  console.log(['model', 'size', ...all.flatMap(({ name }) => [`${name} ms`, 'GMAC/s', 'ratio'])].join('\t'));
  for (const arch of ['xt', 't'] as const) {
    const definition = createModel({ backbone: { type: 'moganet', arch } });
    const weights = new Map(modelParameters(definition).map(({ key, shape }) => [key, seededWeight(key, shape)]));
    const part = definition.parts.features as RecordedPart;
    const { graph } = part;
    const runs: { runner: Runner; times: number[] }[] = [];
    for (const engine of all) runs.push({ runner: await loadPart(engine, part, weights), times: [] });
    for (const size of [224, 512]) {
      const image = seededInput('input', [1, 3, size, size]);
      const { macs } = totalCost(costOf(graph, { image: { batch: 1, height: size, width: size } }));
      for (const run of runs) run.times = [];
      for (let round = -1; round < rounds; round++) {
        for (const { runner, times } of runs) {
          const ms = await clock(async () => {
            const outputs = Object.values(await runner.run({ image }));
            await Promise.all(outputs.map((output) => output.read()));
            for (const output of outputs) output.dispose();
          });
          if (round >= 0) times.push(ms); // the first round warms up
        }
      }
      const medians = runs.map(({ times }) => median(times));
      const [first = 1] = medians;
      const cells = medians.flatMap((ms) => [ms.toFixed(1), (macs / ms / 1e6).toFixed(1), (ms / first).toFixed(2)]);
      console.log([`moganet_${arch}`, `${size}`, ...cells].join('\t'));
    }
    for (const { runner } of runs) runner.dispose();
  }
  for (const engine of all) await engine.dispose();
}

/**
 * Compares twenty images of different sizes with twenty of one size and as many pixels in total: time per padded pixel.
 */
async function mixed(): Promise<void> {
  const source = await decodeImage(readFileSync(street));
  const sizes = Array.from({ length: 20 }, (_, i) => ({
    height: 320 + ((i * 97) % 320),
    width: 320 + ((i * 61) % 320),
  }));
  const padded = ({ height, width }: Size) => {
    const ratio = 640 / Math.max(height, width);
    const up = (edge: number) => Math.ceil(Math.floor(edge * ratio + 0.5) / 32) * 32;
    return up(height) * up(width);
  };
  const total = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0);
  const share = total(sizes.map(padded)) / sizes.length / 640 ** 2;
  const equal = { height: Math.round(480 * share), width: 480 };
  for (const engine of values.engine?.split(',') ?? ['auto']) {
    const model = await loadModel('facade', { engine });
    const runs = {
      mixed: { ms: [] as number[], pixels: [] as number[] },
      equal: { ms: [] as number[], pixels: [] as number[] },
    };
    await model.predict(resizeLinear(source, equal));
    for (const size of sizes) {
      for (const [kind, target] of [
        ['mixed', size],
        ['equal', equal],
      ] as const) {
        const image = resizeLinear(source, target);
        runs[kind].ms.push(await clock(() => model.predict(image)));
        runs[kind].pixels.push(padded(image));
      }
    }
    const perMegapixel = ({ ms, pixels }: { ms: number[]; pixels: number[] }) => (total(ms) / total(pixels)) * 1e6;
    const [a, b] = [perMegapixel(runs.mixed), perMegapixel(runs.equal)];
    console.log(
      `${model.engine.name}: mixed ${a.toFixed(0)} ms/Mpixel, equal ${b.toFixed(0)} ms/Mpixel, ratio ${(a / b).toFixed(2)}`,
    );
    await model.dispose();
  }
}

const detect = () => endToEnd('mask_rcnn_lite_moganet_xt_fpn_facade');
const segment = () => endToEnd('upernet_lite_moganet_xt_facade');

/** Prints each step from the bytes of the file to the drawn image. */
async function endToEnd(name: string): Promise<void> {
  const bytes = readFileSync(street);
  const runs: { model: Model; rows: Map<string, number[]> }[] = [];
  for (const engine of values.engine?.split(',') ?? ['onnxruntime', 'wasm'])
    runs.push({ model: await loadModel(name, { engine }), rows: new Map() });
  for (let round = -1; round < rounds; round++) {
    for (const { model, rows } of runs) {
      const result = await model.predict(bytes);
      const draw = await clock(async () => result.render());
      if (round < 0) continue;
      for (const [step, ms] of [...Object.entries(result.timings), ['draw', draw] as const]) {
        rows.set(step, [...(rows.get(step) ?? []), ms]);
      }
    }
  }
  const steps = new Set(runs.flatMap(({ rows }) => [...rows.keys()]));
  console.log(['ms', ...runs.map(({ model }) => model.engine.name)].join('\t'));
  for (const step of steps) {
    console.log([step, ...runs.map(({ rows }) => median(rows.get(step) ?? [0]).toFixed(1))].join('\t'));
  }
  for (const { model } of runs) await model.dispose();
}

const benches: Readonly<Record<string, () => Promise<void>>> = { backbone, mixed, detect, segment };
const bench = benches[positionals[0] ?? ''];
if (!bench) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join('|')} [--engine a,b] [--rounds n]`);
  process.exitCode = 2;
} else await bench();
