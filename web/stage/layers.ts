import type { Result } from 'moganet';

/** What of a result is seen: one plain state, and those who want to know when it changes. */

export interface Layer {
  readonly visible: boolean;
  /** 0 to 1. */
  readonly opacity: number;
}

export type Labels = 'few' | 'all' | 'none';

/** What gives an instance its colour. */
export type ColorBy = 'class' | 'instance';

/** A name of a layer that can be faded. */
export type LayerName = 'boxes' | 'masks' | 'poses' | 'segmentation';

export interface LayersState extends Readonly<Record<LayerName, Layer>> {
  readonly labels: Labels;
  readonly colorBy: ColorBy;
  /** Instances below are not shown. */
  readonly score: number;
  /** Labels of the classes whose instances are not shown. */
  readonly hidden: ReadonlySet<number>;
  /** The instance that the pointer or the keyboard is on; the others dim. */
  readonly lit?: number | undefined;
  /** The class whose instances are lit, by its label. */
  readonly litClass?: number | undefined;
  /** The class of the segmentation that is lit, by its label. */
  readonly litSegment?: number | undefined;
  /** The instance that is cut out. */
  readonly selected?: number | undefined;
  /** The part of the frame, from the left, that shows the picture alone; undefined without the slider. */
  readonly compare?: number | undefined;
}

/** The score at first: lower finds are there, one slider away. */
export const initialScore = 0.5;

export const initialLayers: LayersState = {
  boxes: { visible: false, opacity: 1 },
  masks: { visible: true, opacity: 0.5 },
  poses: { visible: true, opacity: 1 },
  segmentation: { visible: false, opacity: 0.6 },
  labels: 'few',
  colorBy: 'class',
  score: initialScore,
  hidden: new Set(),
};

/** A value that tells of its changes. */
export interface Store<T> {
  readonly state: T;
  /** Replaces the fields that are given. Nobody is told if none of them differs. */
  set(changes: Partial<T>): void;
  /** Calls `listener` after every change, with the state before. Returns the function that ends it. */
  subscribe(listener: (state: T, before: T) => void): () => void;
}

export function createStore<T extends object>(initial: T): Store<T> {
  let state = initial;
  const listeners = new Set<(state: T, before: T) => void>();
  return {
    get state() {
      return state;
    },
    set(changes) {
      const before = state;
      const next = { ...state, ...changes };
      const isOther = (Object.keys(next) as (keyof T)[]).some((key) => !Object.is(next[key], before[key]));
      if (!isOther) return;
      state = next;
      for (const listener of [...listeners]) listener(next, before);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/**
 * Returns the layers at first for a result: what the model gives is seen, the rest is off. Classes that were hidden stay hidden
 * with the same model.
 *
 * @param classes those of the result before
 */
export function layersFor(result: Result, before: LayersState, classes: readonly string[]): LayersState {
  const isSameModel =
    classes.length === result.classes.length && classes.every((name, i) => name === result.classes[i]);
  const hasInstances = result.classes.length > 0;
  const hasMasks = result.masks !== undefined;
  return {
    ...before,
    boxes: { ...before.boxes, visible: hasInstances && (before.boxes.visible || !hasMasks) },
    segmentation: { ...before.segmentation, visible: before.segmentation.visible || !hasInstances },
    hidden: isSameModel ? before.hidden : new Set(),
    lit: undefined,
    litClass: undefined,
    litSegment: undefined,
    selected: undefined,
  };
}

type Instances = Pick<Result, 'scores' | 'labels'>;

export const isShown = ({ scores, labels }: Instances, i: number, { score, hidden }: LayersState): boolean =>
  (scores[i] ?? 0) >= score && !hidden.has(labels[i] ?? -1);

/** Returns the indices of the instances that are shown, best first. */
export const shownInstances = (instances: Instances, state: LayersState): number[] =>
  Array.from(instances.scores.keys()).filter((i) => isShown(instances, i, state));

/** A class with its instances: all of them, and those that the score lets through. */
export interface ClassCount {
  readonly label: number;
  readonly total: number;
  readonly above: number;
}

/** Counts the instances of each class, the most frequent first (of equal numbers the lower label). */
export function classCounts({ scores, labels }: Instances, score: number): ClassCount[] {
  const counts = new Map<number, { total: number; above: number }>();
  for (const [i, label] of labels.entries()) {
    const count = counts.get(label) ?? { total: 0, above: 0 };
    count.total++;
    if ((scores[i] ?? 0) >= score) count.above++;
    counts.set(label, count);
  }
  return [...counts]
    .map(([label, count]) => ({ label, ...count }))
    .sort((a, b) => b.total - a.total || a.label - b.label);
}

/** Returns the number of instances in each of `bins` equal steps of the score from 0 to 1. */
export function scoreHistogram(scores: ArrayLike<number>, bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const score of Array.from(scores)) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(score * bins)));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** Returns the instance after (or before, with a step of -1) one in a list; the first, or last, if there is none yet. */
export function neighbour(shown: readonly number[], from: number | undefined, step: 1 | -1): number | undefined {
  const at = from === undefined ? -1 : shown.indexOf(from);
  if (at < 0) return step === 1 ? shown[0] : shown.at(-1);
  return shown[(at + step + shown.length) % shown.length];
}
