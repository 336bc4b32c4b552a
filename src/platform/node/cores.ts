import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * How many threads are worth starting: one per physical core, since two hyperthreads share the units that convolutions
 * keep busy, and never more than this process may use.
 */
export function usefulThreads(): number {
  return Math.min(physicalCores() ?? Number.POSITIVE_INFINITY, availableParallelism());
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
