import { type PickleHost, PickleMachine } from './pickle_machine.ts';
import { NotText, PickleReader } from './pickle_reader.ts';
import { exact, kindOf, PickleGlobal, type PickleValue, price } from './pickle_values.ts';

/**
 * Reads pickles (protocols 0 to 5). A pickle is a program for a stack machine; this machine can only build data. It has
 * three parts: a cursor over the bytes, the machine's state, and a table of operations.
 */

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
    '\x8a': (m) => integer(m, m.reader.u8()),
    '\x8b': (m) => integer(m, m.reader.i32()),
    I: (m) => {
      const line = m.reader.line();
      if (line === '00' || line === '01') m.push(line === '01');
      else decimal(m, line);
    },
    L: (m) => decimal(m, m.reader.line().replace(/L$/, '')),
    G: (m) => m.pushNew(m.reader.f64(), price.number),
    F: (m) => m.pushNew(real(m, m.reader.line()), price.number),

    // text and bytes
    X: (m) => pushText(m, m.reader.text(m.reader.u32())),
    '\x8c': (m) => pushText(m, m.reader.text(m.reader.u8())),
    '\x8d': (m) => pushText(m, m.reader.text(m.reader.u64())),
    T: (m) => oldText(m, m.reader.i32()),
    U: (m) => oldText(m, m.reader.u8()),
    B: (m) => m.pushNew(m.reader.raw(m.reader.u32()), price.bytes),
    C: (m) => m.pushNew(m.reader.raw(m.reader.u8()), price.bytes),
    '\x8e': (m) => m.pushNew(m.reader.raw(m.reader.u64()), price.bytes),
    '\x96': (m) => m.pushNew(m.reader.raw(m.reader.u64()), price.bytes),

    // containers
    ']': (m) => m.pushNew([], price.list),
    '}': (m) => m.pushNew(new Map(), price.dict),
    '\x8f': (m) => m.pushNew(new Set(), price.dict),
    ')': (m) => m.push(emptyTuple),
    '\x85': (m) => pushTuple(m, [m.pop()]),
    '\x86': (m) => {
      const second = m.pop();
      pushTuple(m, [m.pop(), second]);
    },
    '\x87': (m) => {
      const third = m.pop();
      const second = m.pop();
      pushTuple(m, [m.pop(), second, third]);
    },
    t: (m) => pushTuple(m, m.popToMark()),
    l: (m) => {
      const values = m.popToMark();
      m.pushNew(values, price.list + price.item * values.length);
    },
    d: (m) => {
      const values = m.popToMark();
      const map = new Map();
      m.pushNew(map, price.dict);
      m.setItems(map, values);
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
      m.addToSet(m.top(), values);
    },
    '\x91': (m) => {
      const values = m.popToMark();
      m.pushNew(new Set(values), price.dict + price.entry * values.length);
    },

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
      m.push(m.create(m.pop(), args));
    },
    '\x92': (m) => {
      m.pop(); // keyword arguments: no record keeps them
      const args = m.pop();
      m.push(m.create(m.pop(), args));
    },
    i: (m) => {
      const module = m.reader.line();
      const callee = m.global(module, m.reader.line());
      const args = m.popToMark();
      m.spend(price.tuple + price.item * args.length);
      m.push(m.call(callee, Object.freeze(args)));
    },
    o: (m) => {
      const [callee, ...args] = m.popToMark();
      if (!(callee instanceof PickleGlobal)) throw m.malformed(`a call of ${kindOf(callee)}`);
      m.spend(price.tuple + price.item * args.length);
      m.push(m.call(callee, Object.freeze(args)));
    },
    b: (m) => {
      const state = m.pop();
      m.build(m.top(), state);
    },
    Q: (m) => {
      const id = m.pop();
      if (!m.host.persistent) throw m.malformed('a storage in a pickle that may have none');
      m.pushNew(m.host.persistent(id, m), price.storage);
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

const emptyTuple: readonly PickleValue[] = Object.freeze([]);

function pushTuple(m: PickleMachine, values: readonly PickleValue[]): void {
  m.pushNew(Object.freeze(values), price.tuple + price.item * values.length);
}

function pushText(m: PickleMachine, text: string): void {
  m.pushNew(text, price.text + text.length);
}

/** Reads a string of Python 2, which wrote text and bytes alike. */
function oldText(m: PickleMachine, length: number): void {
  if (length < 0) throw m.malformed('text of negative length');
  const start = m.reader.at;
  try {
    pushText(m, m.reader.text(length));
  } catch (cause) {
    if (!(cause instanceof NotText)) throw cause;
    m.reader.at = start;
    m.pushNew(m.reader.raw(length), price.bytes);
  }
}

function integer(m: PickleMachine, length: number): void {
  if (length < 0) throw m.malformed('an integer of negative length');
  if (length > m.limits.integerBytes) {
    throw m.overLimit(`an integer of ${length} bytes, the limit is ${m.limits.integerBytes}`);
  }
  m.pushNew(m.reader.integer(length), price.number + length);
}

function decimal(m: PickleMachine, line: string): void {
  if (line.length > 2.4 * m.limits.integerBytes) throw m.overLimit(`an integer of ${line.length} digits`);
  if (!/^[-+]?\d+$/.test(line)) throw m.malformed('an integer that is not written in digits');
  m.pushNew(exact(BigInt(line.replace(/^\+/, ''))), price.number + line.length);
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
