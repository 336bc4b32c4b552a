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

/** Measures contenders at the size that they have been given. Each round begins with another one. */
export async function alternate(contenders: readonly Contender[], options: RoundOptions): Promise<Measured[]> {
  const runs = contenders.map((contender) => ({ contender, ms: [] as number[], cpuMs: [] as number[] }));
  const once = async (contender: Contender) => {
    const { ms = Number.NaN, cpuMs = Number.NaN } = await contender.ask({ do: 'run' });
    await pause(rest);
    return { ms, cpuMs };
  };
  const cold: number[] = [];
  for (const { contender } of runs) {
    cold.push((await once(contender)).ms);
    await once(contender); // the second run still finds memory that is not yet mapped
  }
  const end = performance.now() + options.seconds * 1000;
  let rounds = 0;
  while (rounds < options.most && (rounds < least || performance.now() < end)) {
    const first = rounds % runs.length;
    for (const run of [...runs.slice(first), ...runs.slice(0, first)]) {
      const { ms, cpuMs } = await once(run.contender);
      run.ms.push(ms);
      run.cpuMs.push(cpuMs);
    }
    rounds++;
  }
  return runs.map(({ contender, ms, cpuMs }, i) => ({
    name: contender.name,
    ms: median(ms),
    cpuMs: median(cpuMs),
    minMs: Math.min(...ms),
    coldMs: cold[i] ?? Number.NaN,
    rounds,
  }));
}
