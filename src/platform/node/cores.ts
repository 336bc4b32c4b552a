import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { EngineError } from '../../errors.ts';

/**
 * How many threads are worth starting: one per physical core, since two hyperthreads share the units that convolutions
 * keep busy, and never more than this process may use.
 */
export function usefulThreads(): number {
  return Math.min(physicalCores() ?? Number.POSITIVE_INFINITY, availableParallelism());
}

/**
 * The threads that a caller asked for, at most as many as this process may use: more only wait for each other, and many
 * more never come to an end.
 *
 * @throws EngineError where it is not a whole number of 1 or more
 */
export function allowedThreads(threads: unknown, most = availableParallelism()): number {
  if (typeof threads !== 'number' || !Number.isInteger(threads) || threads < 1) {
    const found = typeof threads === 'string' ? `"${threads}"` : `${threads}`;
    throw new EngineError(
      `\`threads\` is a whole number of 1 or more, not ${found}. Leave it out for one per core (${usefulThreads()} here).`,
    );
  }
  return Math.min(threads, most);
}

/** Linux tells; elsewhere it takes a program to find out. */
function physicalCores(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return coresIn(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return undefined; // not mounted
  }
}

/** Distinct pairs of socket and core in the text of `/proc/cpuinfo`; undefined where it does not name them (ARM). */
export function coresIn(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1];
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(processor)?.[1] ?? 0}:${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}
