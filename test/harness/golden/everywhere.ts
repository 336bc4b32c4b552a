import type { Engine } from '../../../src/nn/index.ts';
import { engines as starters } from '../engines.ts';
import { type Case, headRunners } from './cases.ts';
import { runners as evaluationRunners } from './evaluation.ts';

/** Kinds without a separate suite. Networks, images and postprocessing have theirs beside their other tests. */
export const suiteKinds: ReadonlySet<string> = new Set([
  ...Object.keys(headRunners),
  ...Object.keys(evaluationRunners),
  'keys',
  'pose_keys',
  'layout',
  'checkpoint',
]);

export interface Engines {
  /** Runs a case without an engine, then on every engine that starts and that the case is for. */
  run(one: Case): Promise<void>;
  dispose(): Promise<void>;
}

/** Starts every engine. Those that cannot start are named on the console. */
export async function startEngines(): Promise<Engines> {
  const running = new Map<string, Engine>();
  for (const [name, start] of Object.entries(starters)) {
    const engine = await start();
    if (typeof engine !== 'string') running.set(name, engine);
    else console.log(`    without ${name}: ${engine}`);
  }
  return {
    run: async ({ run, onEngines }) => {
      await run();
      for (const [name, engine] of onEngines ? running : []) {
        if (name !== 'cpu' || onEngines!.small) await run(engine);
      }
    },
    dispose: async () => {
      for (const engine of running.values()) await engine.dispose();
    },
  };
}
