import { type PickleHost, PickleMachine } from './pickle_machine.ts';
import { operations } from './pickle_opcodes.ts';
import { NotText, PickleReader } from './pickle_reader.ts';
import type { PickleValue } from './pickle_values.ts';

export type { PickleHost } from './pickle_machine.ts';

const stop = '.'.charCodeAt(0);

/**
 * Runs one pickle as a program that can only build data: no name in it is ever looked up as code, calls are answered
 * from the host's table, and counts are limited before anything is allocated.
 *
 * @returns the value, and the offset behind the pickle.
 * @throws PickleEnd where the bytes end first; CheckpointRefusal for everything else.
 */
export function unpickle(bytes: Uint8Array, offset: number, host: PickleHost): { value: PickleValue; end: number } {
  const reader = new PickleReader(bytes, offset);
  const machine = new PickleMachine(host, reader);
  for (let count = 0; ; count++) {
    if (count >= host.limits.opcodes) throw machine.limit(`it takes more than ${host.limits.opcodes} operations`);
    const byte = reader.u8();
    if (byte === stop) return { value: machine.result(), end: reader.at };
    const operation = operations.get(byte);
    if (!operation) throw machine.wrong(`0x${byte.toString(16)} is no pickle operation`);
    try {
      operation(machine);
    } catch (cause) {
      if (!(cause instanceof NotText)) throw cause;
      throw machine.refusal('malformed', cause.message, undefined, cause);
    }
  }
}
