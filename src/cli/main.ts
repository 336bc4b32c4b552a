#!/usr/bin/env node
import { setFlagsFromString } from 'node:v8';
import { endOnSignals } from './failure.ts';
import { endDocument } from './json_document.ts';
import { removeUnfinished } from './outputs.ts';
import { run } from './program.ts';
import { watchStandardStreams } from './terminal.ts';

/** The executable: `program.ts` without the streams and signals of this process can be called from a test. */

// As long as few objects are made, V8 collects in full whenever the heap has grown by a tenth of what lives. The memory of pixels counts
// as growth, so that an image would take two collections.
setFlagsFromString('--heap-growing-percent=200');

watchStandardStreams(removeUnfinished);
endOnSignals((signal) => {
  removeUnfinished();
  endDocument(`interrupted by ${signal}`);
});
process.exitCode = await run(process.argv.slice(2));
