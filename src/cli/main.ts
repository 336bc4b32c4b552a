#!/usr/bin/env node
import { endOnSignals } from './failure.ts';
import { endDocument } from './json_document.ts';
import { removeUnfinished } from './outputs.ts';
import { run } from './program.ts';
import { watchStandardStreams } from './terminal.ts';

/** The executable: `program.ts` without the streams and signals of this process can be called from a test. */

watchStandardStreams(removeUnfinished);
endOnSignals((signal) => {
  removeUnfinished();
  endDocument(`interrupted by ${signal}`);
});
process.exitCode = await run(process.argv.slice(2));
