import { readFileSync } from 'node:fs';

/** Returns the peak of this process's memory in bytes. `maxRSS` may begin at that of the process that started it. */
export function peakBytes(): number {
  try {
    const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (peak) return Number(peak[1]) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}
