import { readFileSync } from 'node:fs';
import { openCheckpoint } from '../../src/formats/index.ts';
import { fillParameters } from '../../src/loading/fill.ts';
import { stateDictOf } from '../../src/loading/state_dict.ts';
import { openFileSource } from '../../src/platform/node/files.ts';

/** Loads a checkpoint in a separate process and prints the size of the weights and the peak of memory. */

/** Returns the peak of this process. `maxRSS` may begin at that of the process that started it. */
function peakBytes(): number {
  try {
    const peak = /VmHWM:\s*(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
    if (peak) return Number(peak[1]) * 1024;
  } catch {
    // not Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}

const source = await openFileSource(process.argv[2]!);
const { entries } = stateDictOf(await openCheckpoint(source));
const parameters = [...entries].map(([key, { shape }]) => ({ key, shape, kind: 'parameter' as const }));
const weights = await fillParameters(parameters, entries);
await source.close();
const arrays = [...weights.values()];
console.log(
  JSON.stringify({
    tensors: arrays.length,
    returned: arrays.reduce((sum, { data }) => sum + data.byteLength, 0),
    peak: peakBytes(),
  }),
);
