#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { endOnSignals } from './failure.ts';
import { endDocument } from './json_document.ts';
import { removeUnfinished } from './outputs.ts';
import { run } from './program.ts';
import { watchStandardStreams } from './terminal.ts';

/** The executable: `program.ts` without the streams and signals of this process can be called from a test. */

// By default V8 lets the heap grow by a tenth before the next full collection, as it takes its few objects for all there is to collect.
// Pixels count as growth, though, so that an image would take two.
setFlagsFromString('--heap-growing-percent=200');

watchStandardStreams(removeUnfinished);
endOnSignals((signal) => {
  removeUnfinished();
  endDocument(`interrupted by ${signal}`);
});
process.exitCode = await run(process.argv.slice(2));
