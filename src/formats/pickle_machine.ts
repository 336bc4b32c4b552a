import { type CheckpointCode, type CheckpointContext, type CheckpointLimits, quoted, type Refuse } from './context.ts';
import { meaningOfName } from './pickle_names.ts';
import type { PickleReader } from './pickle_reader.ts';
import {
  type Globals,
  isList,
  isTuple,
  kindOf,
  type Machine,
  PickleGlobal,
  PickleObject,
  type PickleValue,
  price,
  shortText,
} from './pickle_values.ts';

/** The state of the machine that runs a pickle. It can only build data, and counts what it builds. */

/** What the pickles of one file have in common. */
export class PickleLedger {
  /** Bytes of the values made so far. */
  spent = 0;
  /** Names of classes whose instances are records. */
  readonly skipped = new Set<string>();
}

/** What the file around a pickle decides. */
export interface PickleHost {
  readonly context: CheckpointContext;
  /** The pickle's name in messages: an entry of an archive, or its part of a legacy file. */
  readonly place: string;
  readonly globals: Globals;
  readonly ledger: PickleLedger;
  /** Returns the storage of a persistent id; by default there may be none. */
  readonly persistent?: ((id: PickleValue, machine: Machine) => PickleValue) | undefined;
}

const mostNameCharacters = 400;

export class PickleMachine implements Machine {
  readonly limits: CheckpointLimits;
  readonly refuse: Refuse<CheckpointCode>;
  /** One stack for all marks: a mark is the height at which it was set. */
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  /** The height of the last mark, below which no operation reaches. */
  private floor = 0;
  /** Remembered values: those that were numbered in order, and others. */
  private readonly memo: PickleValue[] = [];
  private readonly scattered = new Map<number, PickleValue>();
  private readonly names = new Map<string, PickleGlobal>();
  private readonly mostBytes: number;

  constructor(
    readonly host: PickleHost,
    readonly reader: PickleReader,
  ) {
    this.limits = host.context.limits;
    this.refuse = host.context.refuse;
    this.mostBytes = 2 * this.limits.pickleBytes;
  }

  refusal(code: CheckpointCode, reason: string, cause?: unknown): Error {
    return this.refuse(code, `${this.host.place} byte ${this.reader.at}`, reason, undefined, cause);
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
  forbidden(reason: string): Error {
    return this.refusal('forbidden-global', reason);
  }

  spend(bytes: number): void {
    const { ledger } = this.host;
    ledger.spent += bytes;
    if (ledger.spent > this.mostBytes) throw this.overLimit(`it makes more than ${this.mostBytes} bytes`);
  }

  push(value: PickleValue): void {
    this.spend(price.slot);
    this.stack.push(value);
  }

  /** Pushes a value that takes `bytes` by itself. */
  pushNew(value: PickleValue, bytes: number): void {
    this.spend(bytes);
    this.push(value);
  }

  pop(): PickleValue {
    const value = this.top();
    this.stack.pop();
    return value;
  }

  top(): PickleValue {
    const value = this.stack.length > this.floor ? this.stack.at(-1) : undefined;
    if (value === undefined) throw this.malformed('an operation finds too few values');
    return value;
  }

  mark(): void {
    this.spend(price.slot);
    this.marks.push(this.floor);
    this.floor = this.stack.length;
  }

  /** Removes the last mark and the values since, and returns these. */
  popToMark(): PickleValue[] {
    const below = this.marks.pop();
    if (below === undefined) throw this.malformed('an operation finds no mark');
    const values = this.stack.splice(this.floor);
    this.floor = below;
    return values;
  }

  /** Removes the top value, or a mark if that lies on top. */
  popAny(): void {
    if (this.stack.length === this.floor && this.marks.length > 0) this.popToMark();
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
    this.spend(price.memo);
    const value = this.top();
    const { memo, scattered } = this;
    if (index < memo.length) memo[index] = value;
    else if (index === memo.length) {
      memo.push(value);
      scattered.delete(index);
    } else scattered.set(index, value);
    const most = this.limits.memo;
    if (memo.length + scattered.size > most) throw this.overLimit(`it remembers more than ${most} values`);
  }
  memoize(): void {
    this.put(this.memo.length + this.scattered.size);
  }
  get(index: number): void {
    const value = index < this.memo.length ? this.memo[index] : this.scattered.get(index);
    if (value === undefined) throw this.malformed(`it refers to value ${index}, which it did not remember`);
    this.push(value);
  }

  /** Looks up a name in the table of the host, or else tells by the name alone what it may be. Nothing is imported. */
  global(module: string, name: string): PickleGlobal {
    const full = `${module}.${name}`;
    const isLong = full.length > mostNameCharacters;
    const key = isLong ? '' : `${module} ${name}`;
    const known = this.names.get(key);
    if (known) {
      this.spend(price.again);
      return known;
    }
    this.spend(price.name + 2 * key.length);
    const meaning = this.host.globals.get(key) ?? (isLong ? undefined : meaningOfName(module, name));
    if (!meaning) {
      throw this.forbidden(
        `it names ${quoted(full)}, which no state_dict needs (code, or a part of Python that runs code)`,
      );
    }
    if (meaning.kind === 'refused') throw this.unsupported(`it names ${quoted(full)}: ${meaning.what}`);
    const isSkipped = meaning.kind === 'function' || (meaning.kind === 'inert' && !meaning.known);
    if (isSkipped) this.host.ledger.skipped.add(full);
    const global = new PickleGlobal(full, meaning);
    this.names.set(key, global);
    return global;
  }

  call(callee: PickleValue, args: PickleValue): PickleValue {
    const { global, tuple } = this.callParts(callee, args);
    const { meaning, name } = global;
    if (meaning.kind === 'call') return meaning.build(tuple, this);
    if (meaning.kind === 'inert') return this.record(name, tuple);
    const what = meaning.kind === 'function' ? 'a function of another package' : 'which may only be mentioned';
    throw this.forbidden(`it calls ${quoted(name)}, ${what}`);
  }

  create(callee: PickleValue, args: PickleValue): PickleValue {
    const { global, tuple } = this.callParts(callee, args);
    return global.meaning.kind === 'function' ? this.record(global.name, tuple) : this.call(global, tuple);
  }

  private callParts(callee: PickleValue, args: PickleValue) {
    if (!isTuple(args)) throw this.malformed(`arguments that are ${kindOf(args)} instead of a tuple`);
    // before protocol 4, an object with keyword arguments is `partial(Class.__new__, Class, …)()`
    const isPartial = callee instanceof PickleObject && callee.className === 'functools.partial';
    const global = isPartial ? callee.args[0] : callee;
    if (!(global instanceof PickleGlobal)) throw this.malformed(`a call of ${kindOf(callee)}`);
    if (isPartial && global.meaning.kind !== 'inert') throw this.forbidden(`it calls ${quoted(global.name)}`);
    return { global, tuple: args };
  }

  private record(className: string, args: readonly PickleValue[]): PickleObject {
    this.spend(price.record);
    return new PickleObject(className, args);
  }

  setItems(target: PickleValue, values: readonly PickleValue[]): void {
    const map = target instanceof PickleObject ? this.entriesOf(target) : target;
    if (!(map instanceof Map)) throw this.malformed(`an item is set in ${kindOf(target)}`);
    if (values.length % 2) throw this.malformed('a key without a value');
    this.spend((price.entry * values.length) / 2);
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i]!;
      if (key instanceof Map || isList(key)) {
        throw this.malformed(`${kindOf(key)} as the key of a dict`);
      }
      if (map.has(key)) throw this.malformed(`the key ${quoted(shortText(key))} is given twice`);
      map.set(key, values[i + 1]!);
    }
  }

  private entriesOf(record: PickleObject): Map<PickleValue, PickleValue> {
    if (!record.entries) {
      this.spend(price.dict);
      record.entries = new Map();
    }
    return record.entries;
  }

  append(target: PickleValue, values: readonly PickleValue[]): void {
    const list = target instanceof PickleObject ? this.itemsOf(target) : target;
    if (!isList(list)) throw this.malformed(`a value is appended to ${kindOf(target)}`);
    this.spend(price.item * values.length);
    for (const value of values) list.push(value);
  }

  private itemsOf(record: PickleObject): PickleValue[] {
    if (!record.items) {
      this.spend(price.list);
      record.items = [];
    }
    return record.items;
  }

  addToSet(target: PickleValue, values: readonly PickleValue[]): void {
    if (target instanceof Set) {
      this.spend(price.entry * values.length);
      for (const value of values) target.add(value);
    } else if (target instanceof PickleObject) this.append(target, values);
    else throw this.malformed(`a value is added to ${kindOf(target)}`);
  }

  /** Gives an object its state. Only records keep it: that of dicts is bookkeeping (`_metadata`), that of tensors hooks. */
  build(target: PickleValue, state: PickleValue): void {
    if (target instanceof PickleObject) target.state = state;
    else if (!(target instanceof Map) && !(typeof target === 'object' && target !== null && 'made' in target)) {
      throw this.malformed(`a state is given to ${kindOf(target)}`);
    }
  }
}
