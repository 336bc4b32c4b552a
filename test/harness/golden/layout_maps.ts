import type { Shape } from '../../../src/arrays.ts';
import { GoldenMismatch } from '../golden.ts';
import { backboneKind, keysInOurLayout } from './backbone_kinds.ts';
import { expectEqual, keyList } from './networks.ts';

/** A map of `layouts.json` between two publishers' names of one backbone. */
export interface LayoutMapSpec {
  readonly map: string;
  readonly from: string;
  readonly to: string;
  readonly keys: readonly (readonly [from: string, to: string, shape?: Shape])[];
  readonly not_taken_over: readonly string[];
  readonly not_filled: readonly string[];
}

/**
 * Compares two lists in our layout: a pair of the map is one key, and the map names the keys that only one list has.
 */
export function expectLayout(spec: LayoutMapSpec, folder: string): void {
  const read = (name: string) => {
    const { model, keys } = keyList(folder, name);
    return keysInOurLayout(keys, backboneKind(model, name).layouts);
  };
  const [from, to] = [read(spec.from), read(spec.to)];
  const text = (list: typeof from, key: string) => {
    const [name, shape] = list.get(key) ?? [];
    return name ? `${name} [${shape!.join(', ')}]` : 'left out';
  };
  for (const [a, b] of spec.keys) {
    const [ours, theirs] = [text(from, a), text(to, b)];
    if (ours !== theirs) throw new GoldenMismatch(`${spec.map}: ${a} is ${ours} in our layout, ${b} is ${theirs}`);
  }
  const left = (list: typeof from, taken: readonly string[]) => [...list.keys()].filter((key) => !taken.includes(key));
  expectEqual(
    `${spec.map}: not taken over`,
    left(
      from,
      spec.keys.map(([a]) => a),
    ).join(),
    spec.not_taken_over.join(),
  );
  expectEqual(
    `${spec.map}: not filled`,
    left(
      to,
      spec.keys.map(([, b]) => b),
    ).join(),
    spec.not_filled.join(),
  );
}
