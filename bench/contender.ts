import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type { NDArray } from 'moganet';
import { peakBytes } from '../test/harness/peak.ts';
import type { Answer, Request, Spec } from './contenders.ts';
import { imageOf } from './networks.ts';
import { type Loaded, loaders } from './runtimes.ts';

/**
 * One contender in a process of its own: answers a JSON line with a JSON line, so that rounds alternate between processes
 * while memory and CPU time are counted apart. peers/server.py is the same for PyTorch.
 *
 *     tsx bench/contender.ts '{"kind":"package","engine":"wasm"}'
 */

const spec = JSON.parse(process.argv[2] ?? '{}') as Spec;
let loaded: Loaded | undefined;
let image: NDArray | undefined;

function started(): { readonly loaded: Loaded; readonly image: NDArray } {
  if (!loaded || !image) throw new Error('load a network and give a size first');
  return { loaded, image };
}

const answers: { readonly [Do in Request['do']]: (request: Extract<Request, { do: Do }>) => Promise<Answer> } = {
  async load({ network, files }) {
    const start = performance.now();
    loaded = await loaders[spec.kind](spec as never, network, files);
    return { ms: performance.now() - start };
  },
  async size(size) {
    image = imageOf(size);
    return {};
  },
  async run() {
    const { loaded, image } = started();
    const cpu = process.cpuUsage();
    const start = performance.now();
    await loaded.run(image);
    const ms = performance.now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { ms, cpuMs: (user + system) / 1000 };
  },
  async outputs({ file }) {
    const { loaded, image } = started();
    const maps = await loaded.run(image);
    writeFileSync(
      file,
      Buffer.concat(maps.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))),
    );
    return { shapes: maps.map(({ shape }) => [...shape]) };
  },
  async peak() {
    return { bytes: peakBytes() };
  },
  async about() {
    return { version: loaded?.version ?? '' };
  },
};

/** Answers requests one by one until the input ends. */
async function serve(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line) as Request;
    const answer = await answers[request.do](request as never).catch((error: unknown) => ({ error: String(error) }));
    process.stdout.write(`bench:${JSON.stringify(answer)}\n`);
  }
  process.exit(0); // a thread pool may keep the process alive
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await serve();
