import type { Contender } from './contenders.ts';
import { median } from './statistics.ts';

/** Rounds in which contenders take turns. */

export interface Measured {
  readonly name: string;
  /** Medians over the rounds. */
  readonly ms: number;
  readonly cpuMs: number;
  readonly minMs: number;
  /** The first run at this size. */
  readonly coldMs: number;
  readonly rounds: number;
}

export interface RoundOptions {
  /** Ends after the round in which this many seconds have passed, and at least three rounds. */
  readonly seconds: number;
  readonly most: number;
}

const least = 3;
/** Threads of a pool spin for some time after a run (PyTorch's for 200 ms), and would take the next contender's cores. */
const rest = 250;
/** How long a contender runs in its turn. The first run wakes its threads and is not counted if there are others. */
const turn = 120;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Measures contenders at the size that they have been given. Each round begins with another one, and slow ones sit out some. */
export async function alternate(contenders: readonly Contender[], options: RoundOptions): Promise<Measured[]> {
  const once = async (contender: Contender) => {
    const { ms = Number.NaN, cpuMs = Number.NaN } = await contender.ask({ do: 'run' });
    return { ms, cpuMs };
  };
  const inTurn = async (contender: Contender) => {
    const runs: { readonly ms: number; readonly cpuMs: number }[] = [];
    const end = performance.now() + turn;
    while (runs.length === 0 || performance.now() < end) runs.push(await once(contender));
    await pause(rest);
    return runs.length > 1 ? runs.slice(1) : runs;
  };
  const warm: { contender: Contender; coldMs: number; warmMs: number }[] = [];
  for (const contender of contenders) {
    const { ms: coldMs } = await once(contender);
    const second = await once(contender); // it still finds unmapped memory
    warm.push({ contender, coldMs, warmMs: second.ms });
    await pause(rest);
  }
  const turns = turnsOf(warm.map(({ warmMs }) => warmMs));
  const runs = warm.map((one, i) => ({ ...one, every: turns[i] ?? 1, ms: [] as number[], cpuMs: [] as number[] }));
  const end = performance.now() + options.seconds * 1000;
  const isEnough = () => runs.every(({ ms }) => ms.length >= least) && performance.now() >= end;
  for (let round = 0; round < options.most && !isEnough(); round++) {
    const first = round % runs.length;
    for (const run of [...runs.slice(first), ...runs.slice(0, first)]) {
      if (round % run.every !== 0) continue;
      for (const { ms, cpuMs } of await inTurn(run.contender)) {
        run.ms.push(ms);
        run.cpuMs.push(cpuMs);
      }
    }
  }
  return runs.map(({ contender, coldMs, ms, cpuMs }) => ({
    name: contender.name,
    ms: median(ms),
    cpuMs: median(cpuMs),
    minMs: Math.min(...ms),
    coldMs,
    rounds: ms.length,
  }));
}

/** Returns in which rounds contenders take part: one that takes three times as long as the fastest in every third, at least in every fourth. */
export const turnsOf = (warmMs: readonly number[]): number[] =>
  warmMs.map((ms) => Math.max(1, Math.min(4, Math.floor(ms / Math.min(...warmMs)))));
