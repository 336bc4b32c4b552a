import { openCheckpoint } from '../../src/formats/index.ts';
import { fillParameters } from '../../src/loading/fill.ts';
import { stateDictOf } from '../../src/loading/state_dict.ts';
import { openFileSource } from '../../src/platform/node/files.ts';
import { peakBytes } from './peak.ts';

/** Loads a checkpoint in a separate process and prints the size of the weights and the peak of memory. */

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
