import fs, { writeSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/** Loaded before the command line: opening a checkpoint blocks the thread for a minute, as a hostile file might. */

function block(path) {
  if (!String(path).endsWith('.safetensors')) return;
  writeSync(2, 'the thread is blocked\n');
  const end = performance.now() + 60_000;
  while (performance.now() < end);
}

for (const [module, name] of [
  [fs, 'openSync'],
  [promises, 'open'],
]) {
  const open = module[name];
  module[name] = (...args) => {
    block(args[0]);
    return open(...args);
  };
}
syncBuiltinESMExports();
