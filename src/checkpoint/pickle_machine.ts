import type { CheckpointLimits } from './limits.ts';
import type { PickleReader } from './pickle_reader.ts';
import {
  type BuildContext,
  type GlobalMeaning,
  isTuple,
  kindOf,
  PickleGlobal,
  PickleObject,
  type PickleValue,
} from './pickle_values.ts';
import { type CheckpointCode, quoted, type Refuse } from './refusal.ts';

/** What the file around a pickle decides. */
export interface PickleHost {
  readonly refuse: Refuse;
  /** What messages call this pickle: an entry of an archive, or its number in a legacy file. */
  readonly place: string;
  readonly limits: CheckpointLimits;
  /** What the names mean, by `module name`. */
  readonly globals: ReadonlyMap<string, GlobalMeaning>;
  /** What a persistent id stands for: a storage. Absent where none may occur. */
  readonly persistent?: (id: PickleValue, context: BuildContext) => PickleValue;
}

/** The stack machine that a pickle is a program for, restricted to what builds data. */
export class PickleMachine implements BuildContext {
  private stack: PickleValue[] = [];
  private readonly marks: PickleValue[][] = [];
  private readonly memo = new Map<number, PickleValue>();
  private spent = 0;

  constructor(
    readonly host: PickleHost,
    readonly reader: PickleReader,
  ) {}

  refusal(code: CheckpointCode, reason: string, remedy?: string, cause?: unknown): Error {
    return this.host.refuse(code, `${this.host.place} byte ${this.reader.at}`, reason, remedy, cause);
  }
  wrong(reason: string): Error {
    return this.refusal('malformed', reason);
  }
  unsupported(reason: string): Error {
    return this.refusal('unsupported', reason);
  }
  limit(reason: string): Error {
    return this.refusal('limit', reason);
  }

  spend(bytes: number): void {
    this.spent += bytes;
    if (this.spent > this.host.limits.pickleBytes)
      throw this.limit(`it makes more than ${this.host.limits.pickleBytes} bytes`);
  }

  push(value: PickleValue): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined) throw this.wrong('an operation finds too few values');
    return value;
  }

  top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined) throw this.wrong('an operation finds too few values');
    return value;
  }

  mark(): void {
    this.marks.push(this.stack);
    this.stack = [];
  }

  /** The values since the last mark, which is removed. */
  popToMark(): PickleValue[] {
    const values = this.stack;
    const below = this.marks.pop();
    if (!below) throw this.wrong('an operation finds no mark');
    this.stack = below;
    return values;
  }

  /** POP also takes a mark that lies on top. */
  popAny(): void {
    if (this.stack.length === 0 && this.marks.length > 0) this.popToMark();
    else this.pop();
  }

  /** The only value left, at STOP. */
  result(): PickleValue {
    if (this.marks.length > 0 || this.stack.length !== 1) {
      throw this.wrong(`it stops with ${this.stack.length} values and ${this.marks.length} marks instead of one value`);
    }
    return this.pop();
  }

  put(index: number): void {
    if (!Number.isSafeInteger(index) || index < 0) throw this.wrong('a memo index that is no natural number');
    this.memo.set(index, this.top());
    if (this.memo.size > this.host.limits.memo)
      throw this.limit(`it remembers more than ${this.host.limits.memo} values`);
  }
  memoize(): void {
    this.put(this.memo.size);
  }
  get(index: number): void {
    const value = this.memo.get(index);
    if (value === undefined) throw this.wrong(`it refers to value ${index}, which it did not remember`);
    this.push(value);
  }

  /** A name is looked up in the table of the host and nowhere else. */
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

  call(callee: PickleValue, args: readonly PickleValue[]): PickleValue {
    if (!isTuple(args)) throw this.wrong(`arguments that are ${kindOf(args)} instead of a tuple`);
    if (!(callee instanceof PickleGlobal)) throw this.wrong(`a call of ${kindOf(callee)}`);
    if (callee.meaning.kind === 'call') return callee.meaning.build(args, this);
    if (callee.meaning.kind === 'inert') return new PickleObject(callee.name, args);
    throw this.refusal('forbidden-global', `it calls ${quoted(callee.name)}, which is only a name here`);
  }

  setItems(target: PickleValue, values: readonly PickleValue[]): void {
    const map = target instanceof PickleObject ? target.entries : target;
    if (!(map instanceof Map)) throw this.wrong(`an item is set in ${kindOf(target)}`);
    if (values.length % 2) throw this.wrong('a key without a value');
    for (let i = 0; i < values.length; i += 2) {
      const key = values[i]!;
      if (key instanceof Map || key instanceof Set || (Array.isArray(key) && !isTuple(key))) {
        throw this.wrong(`${kindOf(key)} as the key of a dict`);
      }
      if (map.has(key)) throw this.wrong(`the key ${quoted(String(key))} is given twice`);
      map.set(key, values[i + 1]!);
    }
  }

  append(target: PickleValue, values: readonly PickleValue[]): void {
    const list = target instanceof PickleObject ? target.items : target;
    if (!Array.isArray(list) || isTuple(list)) throw this.wrong(`a value is appended to ${kindOf(target)}`);
    for (const value of values) (list as PickleValue[]).push(value);
  }

  /** BUILD gives an object its state. Only records keep it: dicts carry bookkeeping (`_metadata`), tensors hooks. */
  build(target: PickleValue, state: PickleValue): void {
    if (target instanceof PickleObject) target.state = state;
    else if (!(target instanceof Map) && !(typeof target === 'object' && target !== null && 'made' in target)) {
      throw this.wrong(`a state is given to ${kindOf(target)}`);
    }
  }
}
