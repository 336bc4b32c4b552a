import { type CheckpointCode, type CheckpointContext, type CheckpointLimits, quoted } from './context.ts';
import {
  exact,
  type Globals,
  isList,
  isTuple,
  kindOf,
  type Machine,
  PickleGlobal,
  PickleObject,
  type PickleValue,
} from './pickle_values.ts';

/**
 * Reads pickles (protocols 0 to 5). A pickle is a program for a stack machine; this machine can only build data. It has
 * three parts: a cursor over the bytes, the machine's state, and a table of operations.
 */

/** Thrown if the bytes end inside a pickle: the file is cut short, or a longer piece has to be read. */
export class PickleEnd extends Error {}

/** Thrown for bytes that should be text and are not. */
class NotText extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A cursor over pickle bytes. Every length is checked against what is there before anything is allocated. */
class PickleReader {
  private readonly view: DataView;
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves over `count` bytes and returns their offset. */
  private over(count: number): number {
    const start = this.at;
    if (!(count <= this.bytes.length - start)) throw new PickleEnd(`the data ends at byte ${this.bytes.length}`);
    this.at = start + count;
    return start;
  }

  u8(): number {
    return this.bytes[this.over(1)]!;
  }
  u16(): number {
    return this.view.getUint16(this.over(2), true);
  }
  i32(): number {
    return this.view.getInt32(this.over(4), true);
  }
  u32(): number {
    return this.view.getUint32(this.over(4), true);
  }
  /** Reads a length of 8 bytes. It may be rounded beyond 2^53, which is past the end of any file. */
  u64(): number {
    return Number(this.view.getBigUint64(this.over(8), true));
  }
  f64(): number {
    return this.view.getFloat64(this.over(8), false);
  }

  raw(count: number): Uint8Array {
    const start = this.over(count);
    return this.bytes.subarray(start, start + count);
  }

  /** @throws NotText */
  text(count: number): string {
    const bytes = this.raw(count);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new NotText('text that is not UTF-8', { cause });
    }
  }

  /** Reads the text up to a line feed, and skips the line feed. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleEnd(`a line without end at byte ${this.at}`);
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  /** Reads a little-endian two's complement integer of any length. */
  integer(count: number): number | bigint {
    const bytes = this.raw(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return exact(count > 0 && bytes[count - 1]! & 0x80 ? value - (1n << BigInt(8 * count)) : value);
  }
}

/** What the file around a pickle decides. */
export interface PickleHost {
  readonly context: CheckpointContext;
  /** The pickle's name in messages: an entry of an archive, or its part of a legacy file. */
  readonly place: string;
  readonly globals: Globals;
  /** Returns the storage of a persistent id; by default there may be none. */
  readonly persistent?: ((id: PickleValue, machine: Machine) => PickleValue) | undefined;
}

/** The state of the stack machine, and what its operations have in common. */
class PickleMachine implements Machine {
  readonly limits: CheckpointLimits;
  private stack: PickleValue[] = [];
  private readonly marks: PickleValue[][] = [];
  private readonly memo = new Map<number, PickleValue>();
  private spent = 0;

  constructor(
    readonly host: PickleHost,
    readonly reader: PickleReader,
  ) {
    this.limits = host.context.limits;
  }

  refusal(code: CheckpointCode, reason: string, cause?: unknown): Error {
    return this.host.context.refuse(code, `${this.host.place} byte ${this.reader.at}`, reason, undefined, cause);
  }
  malformed(reason: string): Error {
    return this.refusal('malformed', reason);
  }
  unsupported(reason: string): Error {
    return this.refusal('unsupported', reason);
  }
  overLimit(reason: string): Error {
    return this.refusal('limit', reason);
  }

  spend(bytes: number): void {
    this.spent += bytes;
    const { pickleBytes } = this.limits;
    if (this.spent > pickleBytes) throw this.overLimit(`it makes more than ${pickleBytes} bytes`);
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.malformed('an operation finds too few values');
    return value;
  }

  mark(): void {
    this.marks.push(this.stack);
    this.stack = [];
  }

  /** Removes the last mark and the values since, and returns these. */
  popToMark(): PickleValue[] {
    const values = this.stack;
    const below = this.marks.pop();
    if (!below) throw this.malformed('an operation finds no mark');
    this.stack = below;
    return values;
  }

  /** Removes the top value, or a mark if that lies on top. */
  popAny(): void {
    if (this.stack.length === 0 && this.marks.length > 0) this.popToMark();
    else this.pop();
  }

  /** Returns the only value left, at STOP. */
  result(): PickleValue {
    if (this.marks.length > 0 || this.stack.length !== 1) {
      throw this.malformed(
        `it stops with ${this.stack.length} values and ${this.marks.length} marks instead of one value`,
      );
    }
    return this.pop();
  }

  put(index: number): void {
    this.memo.set(index, this.top());
    const { memo } = this.limits;
    if (this.memo.size > memo) throw this.overLimit(`it remembers more than ${memo} values`);
  }
  memoize(): void {
    this.put(this.memo.size);
  }
  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.malformed(`it refers to value ${index}, which it did not remember`);
    this.push(value);
  }

  /** Looks up a name in the table of the host, and nowhere else. */
  global(module: string, name: string): PickleGlobal {
    const full = `${module}.${name}`;
    const meaning = this.host.globals.get(`${module} ${name}`);
    if (!meaning) {
      throw this.refusal(
        'forbidden-global',
        `it names ${quoted(full)}, which is not part of a state_dict (a whole module saved by torch.save(model), or code)`,
      );
    }
    if (meaning.kind === 'refused') throw this.unsupported(`it names ${quoted(full)}: ${meaning.what}`);
    return new PickleGlobal(full, meaning);
  }

  call(callee: PickleValue, args: PickleValue): PickleValue {
    if (!isTuple(args)) throw this.malformed(`arguments that are ${kindOf(args)} instead of a tuple`);
    if (!(callee instanceof PickleGlobal)) throw this.malformed(`a call of ${kindOf(callee)}`);
    if (callee.meaning.kind === 'call') return callee.meaning.build(args, this);
    if (callee.meaning.kind === 'inert') return new PickleObject(callee.name, args);
    throw this.refusal('forbidden-global', `it calls ${quoted(callee.name)}, which may only be mentioned`);
  }

  setItems(target: PickleValue, values: readonly PickleValue[]): void {
    const map = target instanceof PickleObject ? target.entries : target;
    if (!(map instanceof Map)) throw this.malformed(`an item is set in ${kindOf(target)}`);
    if (values.length % 2) throw this.malformed('a key without a value');
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i]!;
      if (key instanceof Map || key instanceof Set || isList(key)) {
        throw this.malformed(`${kindOf(key)} as the key of a dict`);
      }
      if (map.has(key)) throw this.malformed(`the key ${quoted(String(key))} is given twice`);
      map.set(key, values[i + 1]!);
    }
  }

  append(target: PickleValue, values: readonly PickleValue[]): void {
    const list = target instanceof PickleObject ? target.items : target;
    if (!isList(list)) throw this.malformed(`a value is appended to ${kindOf(target)}`);
    for (const value of values) list.push(value);
  }

  /** Gives an object its state. Only records keep it: that of dicts is bookkeeping (`_metadata`), that of tensors hooks. */
  build(target: PickleValue, state: PickleValue): void {
    if (target instanceof PickleObject) target.state = state;
    else if (!(target instanceof Map) && !(typeof target === 'object' && target !== null && 'made' in target)) {
      throw this.malformed(`a state is given to ${kindOf(target)}`);
    }
  }
}

type Operation = (machine: PickleMachine) => void;

/** The operations of pickle protocols 0 to 5, by their byte. STOP is left to `unpickle`. */
const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>(
  Object.entries({
    // structure of the stream
    '\x80': (m) => {
      const protocol = m.reader.u8();
      if (protocol > 5) throw m.unsupported(`pickle protocol ${protocol} is unknown`);
    },
    '\x95': (m) => {
      m.reader.u64(); // FRAME: a hint for buffering
    },
    '(': (m) => m.mark(),
    '0': (m) => m.popAny(),
    '1': (m) => void m.popToMark(),
    '2': (m) => m.push(m.top()),

    // constants and numbers
    N: (m) => m.push(null),
    '\x88': (m) => m.push(true),
    '\x89': (m) => m.push(false),
    K: (m) => m.push(m.reader.u8()),
    M: (m) => m.push(m.reader.u16()),
    J: (m) => m.push(m.reader.i32()),
    '\x8a': (m) => m.push(integer(m, m.reader.u8())),
    '\x8b': (m) => m.push(integer(m, m.reader.i32())),
    I: (m) => {
      const line = m.reader.line();
      m.push(line === '00' ? false : line === '01' ? true : decimal(m, line));
    },
    L: (m) => m.push(decimal(m, m.reader.line().replace(/L$/, ''))),
    G: (m) => m.push(m.reader.f64()),
    F: (m) => m.push(real(m, m.reader.line())),

    // text and bytes
    X: (m) => m.push(m.reader.text(m.reader.u32())),
    '\x8c': (m) => m.push(m.reader.text(m.reader.u8())),
    '\x8d': (m) => m.push(m.reader.text(m.reader.u64())),
    T: (m) => m.push(oldText(m, m.reader.i32())),
    U: (m) => m.push(oldText(m, m.reader.u8())),
    B: (m) => m.push(m.reader.raw(m.reader.u32())),
    C: (m) => m.push(m.reader.raw(m.reader.u8())),
    '\x8e': (m) => m.push(m.reader.raw(m.reader.u64())),
    '\x96': (m) => m.push(m.reader.raw(m.reader.u64())),

    // containers
    ']': (m) => m.push([]),
    '}': (m) => m.push(new Map()),
    '\x8f': (m) => m.push(new Set()),
    ')': (m) => m.push(Object.freeze([])),
    '\x85': (m) => tuple(m, 1),
    '\x86': (m) => tuple(m, 2),
    '\x87': (m) => tuple(m, 3),
    t: (m) => m.push(Object.freeze(m.popToMark())),
    l: (m) => m.push(m.popToMark()),
    d: (m) => {
      const values = m.popToMark();
      const map = new Map();
      m.setItems(map, values);
      m.push(map);
    },
    a: (m) => {
      const value = m.pop();
      m.append(m.top(), [value]);
    },
    e: (m) => {
      const values = m.popToMark();
      m.append(m.top(), values);
    },
    s: (m) => {
      const value = m.pop();
      const key = m.pop();
      m.setItems(m.top(), [key, value]);
    },
    u: (m) => {
      const values = m.popToMark();
      m.setItems(m.top(), values);
    },
    '\x90': (m) => {
      const values = m.popToMark();
      const set = m.top();
      if (!(set instanceof Set)) throw m.malformed(`a value is added to ${kindOf(set)}`);
      for (const value of values) set.add(value);
    },
    '\x91': (m) => m.push(new Set(m.popToMark())),

    // memory
    p: (m) => m.put(index(m)),
    q: (m) => m.put(m.reader.u8()),
    r: (m) => m.put(m.reader.u32()),
    '\x94': (m) => m.memoize(),
    g: (m) => m.get(index(m)),
    h: (m) => m.get(m.reader.u8()),
    j: (m) => m.get(m.reader.u32()),

    // names, and what is made of them
    c: (m) => {
      const module = m.reader.line();
      m.push(m.global(module, m.reader.line()));
    },
    '\x93': (m) => {
      const name = m.pop();
      const module = m.pop();
      if (typeof name !== 'string' || typeof module !== 'string') throw m.malformed('a name that is not text');
      m.push(m.global(module, name));
    },
    R: (m) => {
      const args = m.pop();
      m.push(m.call(m.pop(), args));
    },
    '\x81': (m) => {
      const args = m.pop();
      m.push(m.call(m.pop(), args));
    },
    '\x92': (m) => {
      m.pop(); // keyword arguments: no record keeps them
      const args = m.pop();
      m.push(m.call(m.pop(), args));
    },
    i: (m) => {
      const module = m.reader.line();
      const callee = m.global(module, m.reader.line());
      m.push(m.call(callee, Object.freeze(m.popToMark())));
    },
    o: (m) => {
      const [callee, ...args] = m.popToMark();
      if (!(callee instanceof PickleGlobal)) throw m.malformed(`a call of ${kindOf(callee)}`);
      m.push(m.call(callee, Object.freeze(args)));
    },
    b: (m) => {
      const state = m.pop();
      m.build(m.top(), state);
    },
    Q: (m) => {
      const id = m.pop();
      if (!m.host.persistent) throw m.malformed('a storage in a pickle that may have none');
      m.push(m.host.persistent(id, m));
    },

    // known, and not needed by any checkpoint
    P: refused('a storage id as text (protocol 0)'),
    S: refused('text in protocol 0'),
    V: refused('text in protocol 0'),
    '\x97': refused('out-of-band buffers (protocol 5)'),
    '\x98': refused('out-of-band buffers (protocol 5)'),
    '\x82': refused('an extension code (copyreg)'),
    '\x83': refused('an extension code (copyreg)'),
    '\x84': refused('an extension code (copyreg)'),
  } satisfies Record<string, Operation>).map(([byte, operation]) => [byte.charCodeAt(0), operation]),
);

function refused(what: string): Operation {
  return (m) => {
    throw m.unsupported(`${what} is not read`);
  };
}

function tuple(m: PickleMachine, count: number): void {
  const values: PickleValue[] = [];
  for (let i = 0; i < count; i++) values.push(m.pop());
  m.push(Object.freeze(values.reverse()));
}

/** Reads a string of Python 2, which wrote text and bytes alike. */
function oldText(m: PickleMachine, length: number): PickleValue {
  if (length < 0) throw m.malformed('text of negative length');
  const start = m.reader.at;
  try {
    return m.reader.text(length);
  } catch (cause) {
    if (!(cause instanceof NotText)) throw cause;
    m.reader.at = start;
    return m.reader.raw(length);
  }
}

function integer(m: PickleMachine, length: number): number | bigint {
  if (length < 0) throw m.malformed('an integer of negative length');
  if (length > m.limits.integerBytes) {
    throw m.overLimit(`an integer of ${length} bytes, the limit is ${m.limits.integerBytes}`);
  }
  return m.reader.integer(length);
}

function decimal(m: PickleMachine, line: string): number | bigint {
  if (line.length > 2.4 * m.limits.integerBytes) throw m.overLimit(`an integer of ${line.length} digits`);
  if (!/^[-+]?\d+$/.test(line)) throw m.malformed('an integer that is not written in digits');
  return exact(BigInt(line.replace(/^\+/, '')));
}

function real(m: PickleMachine, line: string): number {
  const named = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }[line];
  if (named !== undefined) return named;
  if (!/^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(line)) throw m.malformed('a float that is not a number');
  return Number(line);
}

function index(m: PickleMachine): number {
  const line = m.reader.line();
  if (!/^\d{1,15}$/.test(line)) throw m.malformed('a memo index that is not a natural number');
  return Number(line);
}

const stop = '.'.charCodeAt(0);

/**
 * Runs one pickle. No name in it is ever looked up as code, calls are answered from the host's table, and counts are
 * limited before anything is allocated.
 *
 * @returns the value, and the offset behind the pickle
 * @throws PickleEnd if the bytes end first; CheckpointRefusal for every other fault
 */
export function unpickle(bytes: Uint8Array, offset: number, host: PickleHost): { value: PickleValue; end: number } {
  const reader = new PickleReader(bytes, offset);
  const machine = new PickleMachine(host, reader);
  const { opcodes } = machine.limits;
  for (let count = 0; ; count++) {
    if (count >= opcodes) throw machine.overLimit(`it takes more than ${opcodes} operations`);
    const byte = reader.u8();
    if (byte === stop) return { value: machine.result(), end: reader.at };
    const operation = operations.get(byte);
    if (!operation) throw machine.malformed(`0x${byte.toString(16)} is not a pickle operation`);
    try {
      operation(machine);
    } catch (cause) {
      if (!(cause instanceof NotText)) throw cause;
      throw machine.refusal('malformed', cause.message, cause);
    }
  }
}
