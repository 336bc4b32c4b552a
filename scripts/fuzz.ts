import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { unknownName } from '../src/errors.ts';
import { readers } from '../test/harness/fuzz/readers.ts';
import { watchedFuzz } from '../test/harness/fuzz/watch.ts';

/** Feeds changed and invented files to the readers: each must be read or refused, in little time and memory. */

const help = `npm run fuzz -- [options]

  --reader NAME   ${Object.keys(readers).join(', ')}; may be repeated (default: all of them)
  --count N       inputs for each reader (default 1000)
  --seed S        the same inputs for the same seed (default 1)
  --input I       only this input of the seed
  --seconds N     what one input may take (default 5)
  --megabytes N   how much the process may grow (default 1500)
  --folder PATH   where inputs that something was found with are written (default: that of temporary files)

Exit code 1: something was found. 2: the command was not understood.
`;

const optionTypes = {
  reader: { type: 'string', multiple: true },
  count: { type: 'string', default: '1000' },
  seed: { type: 'string', default: '1' },
  input: { type: 'string' },
  seconds: { type: 'string', default: '5' },
  megabytes: { type: 'string', default: '1500' },
  folder: { type: 'string', default: tmpdir() },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function natural(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new Error(`--${name} takes a whole number, got "${text}".`);
  return value;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: optionTypes });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const names = values.reader ?? Object.keys(readers);
  for (const name of names) {
    if (!Object.hasOwn(readers, name)) throw new Error(unknownName('reader', name, Object.keys(readers)));
  }
  const only = values.input === undefined ? undefined : natural('input', values.input);
  const count = only === undefined ? natural('count', values.count) : only + 1;
  const seed = natural('seed', values.seed);
  const limits = { seconds: natural('seconds', values.seconds), megabytes: natural('megabytes', values.megabytes) };
  let found = 0;
  for (const reader of names) {
    const start = performance.now();
    const result = await watchedFuzz({ ...limits, reader, seed, count, from: only ?? 0, folder: values.folder });
    const { read, refused, slowest, growth, findings } = result;
    for (const text of findings) console.log(`${pc.red('found')}  ${reader}: ${text}`);
    found += findings.length;
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const counts = `${read} read, ${refused} refused, ${findings.length} findings`;
    const slow = `slowest ${slowest.milliseconds.toFixed(0)} ms (input ${slowest.input})`;
    console.log(`${reader}: seed ${seed}, ${counts}; ${slow}, grew by ${growth.toFixed(0)} MB, ${seconds} s`);
  }
  return found > 0 ? 1 : 0;
}

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 2;
});
