import type { PickleMachine } from './pickle_machine.ts';
import { exact, NotText } from './pickle_reader.ts';
import { kindOf, PickleGlobal, type PickleValue } from './pickle_values.ts';

type Operation = (machine: PickleMachine) => void;

/** Every operation of pickle protocols 0 to 5 that builds data, by its byte; STOP is the interpreter's. */
export const operations: ReadonlyMap<number, Operation> = new Map<number, Operation>(
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
      if (!(set instanceof Set)) throw m.wrong(`a value is added to ${kindOf(set)}`);
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
      if (typeof name !== 'string' || typeof module !== 'string') throw m.wrong('a name that is not text');
      m.push(m.global(module, name));
    },
    R: (m) => {
      const args = m.pop();
      m.push(m.call(m.pop(), args as readonly PickleValue[]));
    },
    '\x81': (m) => {
      const args = m.pop();
      m.push(m.call(m.pop(), args as readonly PickleValue[]));
    },
    '\x92': (m) => {
      m.pop(); // keyword arguments are kept by no record
      const args = m.pop();
      m.push(m.call(m.pop(), args as readonly PickleValue[]));
    },
    i: (m) => {
      const module = m.reader.line();
      const callee = m.global(module, m.reader.line());
      m.push(m.call(callee, Object.freeze(m.popToMark())));
    },
    o: (m) => {
      const [callee, ...args] = m.popToMark();
      if (!(callee instanceof PickleGlobal)) throw m.wrong(`a call of ${kindOf(callee)}`);
      m.push(m.call(callee, Object.freeze(args)));
    },
    b: (m) => {
      const state = m.pop();
      m.build(m.top(), state);
    },
    Q: (m) => {
      const id = m.pop();
      if (!m.host.persistent) throw m.wrong('a storage where none belongs');
      m.push(m.host.persistent(id, m));
    },

    // known, and never needed by a checkpoint
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
  for (let i = 0; i < count; i++) values.unshift(m.pop());
  m.push(Object.freeze(values));
}

/** Python 2 wrote text and bytes alike. */
function oldText(m: PickleMachine, length: number): PickleValue {
  if (length < 0) throw m.wrong('text of negative length');
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
  if (length < 0) throw m.wrong('an integer of negative length');
  if (length > m.host.limits.integerBytes) {
    throw m.limit(`an integer of ${length} bytes, the limit is ${m.host.limits.integerBytes}`);
  }
  return m.reader.integer(length);
}

function decimal(m: PickleMachine, line: string): number | bigint {
  if (line.length > 2.4 * m.host.limits.integerBytes) throw m.limit(`an integer of ${line.length} digits`);
  if (!/^[-+]?\d+$/.test(line)) throw m.wrong('an integer that is not written in digits');
  return exact(BigInt(line.replace(/^\+/, '')));
}

function real(m: PickleMachine, line: string): number {
  const named = { inf: Infinity, '-inf': -Infinity, nan: Number.NaN }[line];
  if (named !== undefined) return named;
  if (!/^[-+]?[\d.]+(?:e[-+]?\d+)?$/i.test(line)) throw m.wrong('a float that is no number');
  return Number(line);
}

function index(m: PickleMachine): number {
  const line = m.reader.line();
  if (!/^\d{1,15}$/.test(line)) throw m.wrong('a memo index that is no natural number');
  return Number(line);
}
