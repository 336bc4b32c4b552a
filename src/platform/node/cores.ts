import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { ConfigError } from '../../errors.ts';

/**
 * Returns the useful number of threads: one per physical core where Linux lists them, since hyperthreads share the units that
 * convolutions use, else as many as the process may use.
 */
export function usefulThreads(): number {
  return Math.min(physicalCores() ?? Number.POSITIVE_INFINITY, availableParallelism());
}

/**
 * Limits a caller's number of threads to what the process may use. More would wait for each other, and far more never finish.
 *
 * @throws ConfigError if it is not a whole number of at least 1
 */
export function allowedThreads(threads: unknown, most = availableParallelism()): number {
  if (typeof threads !== 'number' || !Number.isInteger(threads) || threads < 1) {
    const found = typeof threads === 'string' ? `"${threads}"` : `${threads}`;
    throw new ConfigError(
      `\`threads\` must be a whole number of at least 1, got ${found}. By default it is ${usefulThreads()} on this machine.`,
    );
  }
  return Math.min(threads, most);
}

/** Only Linux tells without starting a program. */
function physicalCores(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return coresIn(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return undefined; // not mounted
  }
}

/** Counts the distinct pairs of socket and core in the text of `/proc/cpuinfo`. Returns undefined if it names none (ARM). */
export function coresIn(cpuinfo: string): number | undefined {
  const cores = new Set<string>();
  for (const processor of cpuinfo.split(/\n\s*\n/)) {
    const core = /^core id\s*:\s*(\d+)/m.exec(processor)?.[1];
    if (core !== undefined) cores.add(`${/^physical id\s*:\s*(\d+)/m.exec(processor)?.[1] ?? 0}:${core}`);
  }
  return cores.size > 0 ? cores.size : undefined;
}
