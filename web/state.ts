import type { Result } from 'moganet';
import type { Box } from './stage/view.ts';

/** What the page knows: one plain object, replaced at every change, and listeners that hear of it. */

/** The picture on the stage. */
export interface Picture {
  readonly name: string;
  /** Its pixels, for drawing. Nobody but the page closes it. */
  readonly bitmap: ImageBitmap;
}

/** How far the page is with what it is doing. */
export interface Work {
  /** What is done, in the words of the page. */
  readonly text: string;
  /** From 0 to 1; absent if it is not known. */
  readonly share?: number | undefined;
  /** When it began, by `performance.now()`, if nothing but time tells how far it is. */
  readonly since?: number | undefined;
  /** How many milliseconds it will take, about. */
  readonly expected?: number | undefined;
  /** Whether the model runs for the first time, which takes longer. */
  readonly first?: boolean | undefined;
}

/** The model that is loaded. */
export interface LoadedModel {
  readonly name: string;
  /** What it really finds, one sentence each. */
  readonly card: readonly string[];
  /** All classes by task, by label. */
  readonly classes: Readonly<Partial<Record<string, readonly string[]>>>;
  readonly engine: string;
  /** Device and threads of the engine. */
  readonly detail?: string | undefined;
  /** Which engines were passed over, and why. */
  readonly hint?: string | undefined;
  /** The detector that finds the boxes for a pose model. */
  readonly detector?: string | undefined;
}

/** A message beside the result, which the visitor can dismiss. */
export interface Notice {
  readonly kind: 'error' | 'info';
  readonly text: string;
}

/** Milliseconds of a prediction, as the visitor waited for it. */
export interface Waits {
  /** The first one on the engine, with compiling. */
  readonly cold?: number | undefined;
  /** The latest one after that. */
  readonly warm?: number | undefined;
}

export interface State {
  readonly picture?: Picture | undefined;
  /** What the model found in `picture`: all instances down to a score of `leastScore`. */
  readonly result?: Result | undefined;
  readonly model?: LoadedModel | undefined;
  readonly work?: Work | undefined;
  readonly notice?: Notice | undefined;
  readonly waits: Waits;
  /** The edge of the square that the picture is fitted into for the network, in pixels. */
  readonly size: number;
  /** The engine that the visitor chose: `auto` or a name. */
  readonly engine: string;
  /** Boxes that the visitor drew for a pose model. Without any, a detector finds them, or the whole picture is one. */
  readonly boxes: readonly Box[];
  /** Whether the webcam runs. */
  readonly live: boolean;
}

/** Returns the options of a prediction that go with the model's task. */
export const optionsFor = ({ model, size, boxes }: State) =>
  model?.classes.pose
    ? { boxes: boxes.length > 0 ? boxes : undefined } // crops have the size of the configuration
    : { score: leastScore, size: { width: size, height: size } };

/** Instances below this score are not asked for. */
export const leastScore = 0.05;

/** The state with its listeners. */
export interface Store {
  readonly state: State;
  /** Replaces the fields that are given, then tells the listeners. */
  set(changes: Partial<State>): void;
  /** Calls `listener` after every change of one of `fields`, and once at once. Returns the function that ends it. */
  on<Field extends keyof State>(fields: readonly Field[], listener: (state: State) => void): () => void;
}

/** Returns a store with a first state. */
export function createStore(first: State): Store {
  let state = first;
  const listeners = new Set<(before: State) => void>();
  return {
    get state() {
      return state;
    },
    set(changes) {
      const before = state;
      state = { ...state, ...changes };
      for (const listener of [...listeners]) listener(before);
    },
    on(fields, listener) {
      const hear = (before: State) => {
        if (fields.some((field) => before[field] !== state[field])) listener(state);
      };
      listeners.add(hear);
      listener(state);
      return () => listeners.delete(hear);
    },
  };
}
