import * as tf from '@tensorflow/tfjs-core';
import { openBrowserEngine } from '../../src/engines/browser.ts';
import type { Engine } from '../../src/nn/index.ts';
import { inputOf, net } from './small_net.ts';

/** What `browser_start.alone.slow.test.ts` does in a page. */

export interface Start {
  /** The name of the engine, or that of the error. */
  readonly name: string;
  readonly detail?: string;
  readonly hint?: string | undefined;
  readonly message?: string;
}

export interface EnginePage {
  /** Starts engines one after the other, and disposes each. */
  start(names: readonly string[], wasmPaths?: string): Promise<Start[]>;
  /** Loses the context of WebGL while a result is read. */
  loseContext(): Promise<Loss>;
  /** Runs maps of these edges. */
  textures(edges: readonly number[]): Promise<Textures>;
}

export interface Loss {
  readonly first: string;
  readonly milliseconds: number;
  readonly second: string;
  readonly read: string;
  readonly disposed: boolean;
  readonly auto: Start;
  readonly values: readonly number[];
}

export interface Textures {
  readonly during: readonly number[];
  readonly afterwards: number;
  readonly threshold: number;
  readonly uniforms: boolean;
}

interface WebGl {
  readonly gpgpu: { readonly gl: { getExtension(name: string): { loseContext(): void } } };
  readonly textureManager: { readonly numBytesAllocated: number; readonly numBytesFree: number };
}
const webgl = () => tf.engine().registry.webgl as unknown as WebGl;

const outcome = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => `${error.name}: ${error.message}`,
  );

async function startOf(
  name: string,
  wasmPaths: string | undefined,
  use?: (engine: Engine) => Promise<void>,
): Promise<Start> {
  try {
    const engine = await openBrowserEngine(name, { wasmPaths });
    const { detail, hint } = engine;
    await use?.(engine);
    await engine.dispose();
    return { name: engine.name, detail, hint };
  } catch (error) {
    const { name: kind, message } = error as Error;
    return { name: kind, message };
  }
}

const page: EnginePage = {
  start: async (names, wasmPaths) => {
    const starts: Start[] = [];
    for (const name of names) starts.push(await startOf(name, wasmPaths));
    return starts;
  },
  loseContext: async () => {
    const engine = await openBrowserEngine('webgl');
    const runner = await engine.load(net);
    const kept = await runner.run(inputOf(16));
    const running = runner.run(inputOf(256)).then((outputs) => outputs.y?.read());
    await Promise.resolve();
    const begun = performance.now();
    webgl().gpgpu.gl.getExtension('WEBGL_lose_context').loseContext();
    const first = await outcome(running);
    const milliseconds = performance.now() - begun;
    const second = await outcome(runner.run(inputOf(16)));
    const read = await outcome(kept.y?.read() ?? Promise.resolve());
    kept.y?.dispose();
    runner.dispose();
    await engine.dispose();
    const values: number[] = [];
    const again = await startOf('webgl', undefined, async (fresh) => {
      const { y } = await (await fresh.load(net)).run(inputOf(8));
      values.push(...((await y?.read())?.data ?? []));
    });
    return { first, milliseconds, second, read, disposed: true, auto: again, values };
  },
  textures: async (edges) => {
    const engine = await openBrowserEngine('webgl');
    const runner = await engine.load(net);
    const during: number[] = [];
    for (const edge of edges) {
      const { y } = await runner.run(inputOf(edge));
      await y?.read();
      y?.dispose();
      during.push(webgl().textureManager.numBytesFree);
    }
    runner.dispose();
    await engine.dispose();
    const { numBytesAllocated } = webgl().textureManager;
    return {
      during,
      afterwards: numBytesAllocated,
      threshold: tf.env().getNumber('WEBGL_DELETE_TEXTURE_THRESHOLD'),
      uniforms: tf.env().getBool('WEBGL_USE_SHAPES_UNIFORMS'),
    };
  },
};

(globalThis as unknown as { enginePage: EnginePage }).enginePage = page;
