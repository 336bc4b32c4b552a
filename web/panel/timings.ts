import type { Timings } from 'moganet';

/** Where the time of a prediction went, as parts of a bar. */

export type PartName = 'decode' | 'preprocess' | 'network' | 'postprocess' | 'waited' | 'draw';

export interface TimePart {
  readonly name: PartName;
  readonly milliseconds: number;
}

/** What each part means, in the order in which they happen. */
export const partWords: Readonly<Record<PartName, string>> = {
  decode: 'Decode',
  preprocess: 'Preprocess',
  network: 'Network',
  postprocess: 'Postprocess',
  waited: 'Waited',
  draw: 'Draw',
};

const names = Object.keys(partWords) as readonly PartName[];

/** Returns the parts that took time. @param drawn milliseconds until the result was on the screen */
export function timeParts(timings: Timings, drawn: number | undefined): TimePart[] {
  const all: Timings = drawn === undefined ? timings : { ...timings, draw: drawn };
  return names.flatMap((name) => {
    const milliseconds = all[name] ?? 0;
    return milliseconds >= 0.05 ? [{ name, milliseconds }] : [];
  });
}

export const totalOf = (parts: readonly TimePart[]): number =>
  parts.reduce((sum, { milliseconds }) => sum + milliseconds, 0);

/** A prediction's parts, and if it was the first with its model on its engine, which includes what is prepared once. */
export interface TimedRun {
  readonly key: string;
  readonly parts: readonly TimePart[];
}

/** Keeps the first run of a model on an engine, and the latest. */
export interface RunHistory {
  readonly cold: TimedRun;
  readonly warm?: TimedRun | undefined;
}

/** Adds a run: one of another model or engine begins a history of its own. */
export const withRun = (history: RunHistory | undefined, run: TimedRun): RunHistory =>
  history?.cold.key === run.key ? { ...history, warm: run } : { cold: run };
