import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';

/** Side effects that no file may have, whether it is read or refused. Checked after every file. */

export interface Watch {
  /** Returns what a file did; `undefined` if nothing. */
  traces(): string | undefined;
  end(): void;
}

/**
 * The process works in an empty folder inside an empty folder, so that a file that is written by a relative name shows,
 * and so does one that climbs out.
 */
export async function watch(): Promise<Watch> {
  const before = process.cwd();
  const outer = mkdtempSync(join(tmpdir(), 'moganet-corpus-'));
  await mkdir(join(outer, 'inner'));
  process.chdir(join(outer, 'inner'));
  const { numTensors } = tf.memory();
  return {
    traces: () => {
      const written = readdirSync(outer, { recursive: true }).filter((name) => name !== 'inner');
      const now = tf.memory().numTensors;
      return (
        pollution() ??
        (written.length > 0 ? `${written[0]} was written outside of any output folder` : undefined) ??
        (now === numTensors ? undefined : `${now - numTensors} tensors are left behind`)
      );
    },
    end: () => {
      process.chdir(before);
      rmSync(outer, { recursive: true });
    },
  };
}

export function pollution(): string | undefined {
  if (({} as { polluted?: unknown }).polluted !== undefined) return 'the prototype of objects is polluted';
  if ((globalThis as { __moga_pwned?: unknown }).__moga_pwned !== undefined) return 'code of the file was run';
  const marker = readdirSync(tmpdir()).find((name) => name.startsWith('moga-corpus-marker'));
  return marker && `the file ${marker} was written`;
}
