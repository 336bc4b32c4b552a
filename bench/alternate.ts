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
/** Threads of a pool spin for some time after a run, and would take the next contender's cores. */
const rest = 60;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Measures contenders at the size that they have been given. Each round begins with another one, and slow ones sit out some. */
export async function alternate(contenders: readonly Contender[], options: RoundOptions): Promise<Measured[]> {
  const once = async (contender: Contender) => {
    const { ms = Number.NaN, cpuMs = Number.NaN } = await contender.ask({ do: 'run' });
    await pause(rest);
    return { ms, cpuMs };
  };
  const warm: { contender: Contender; coldMs: number; warmMs: number }[] = [];
  for (const contender of contenders) {
    const { ms: coldMs } = await once(contender);
    warm.push({ contender, coldMs, warmMs: (await once(contender)).ms }); // the second run still finds unmapped memory
  }
  const turns = turnsOf(warm.map(({ warmMs }) => warmMs));
  const runs = warm.map((one, i) => ({ ...one, every: turns[i] ?? 1, ms: [] as number[], cpuMs: [] as number[] }));
  const end = performance.now() + options.seconds * 1000;
  const isEnough = () => runs.every(({ ms }) => ms.length >= least) && performance.now() >= end;
  for (let round = 0; round < options.most && !isEnough(); round++) {
    const first = round % runs.length;
    for (const run of [...runs.slice(first), ...runs.slice(0, first)]) {
      if (round % run.every !== 0) continue;
      const { ms, cpuMs } = await once(run.contender);
      run.ms.push(ms);
      run.cpuMs.push(cpuMs);
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
