import type { NDArray, Shape } from '../arrays.ts';
import type { Scope, Value } from '../nn/index.ts';

/** A level of the pyramid: `stride` image pixels to one of the map's. */
export interface Stage {
  readonly channels: number;
  readonly stride: number;
}

/** An image to its pyramid, finest level first (C2 to C5 for the four stages that detectors require). */
export interface Backbone {
  readonly stages: readonly Stage[];
  /** Channels of the image; 3 (red, green, blue) where it says nothing. */
  readonly imageChannels?: number;
  /** The pyramid, finest stage first, of an image N×C×H×W: N×channels×⌈H/stride⌉×⌈W/stride⌉ each. */
  forward(scope: Scope, image: Value): Value[];
}

/** A backbone whose published form also classifies: the keys beside the pyramid's, and its logits N×classes×1×1. */
export interface ClassifierBackbone extends Backbone {
  /** Logits N×classes×1×1, with the pyramid that they were made of. */
  classify(scope: Scope, image: Value, classes: number): { logits: Value; pyramid: Value[] };
}

/** Another publisher's names for the keys of a backbone or classifier, as rename rules. */
export interface Layout {
  /** A key by which the layout is known; of a publisher's layouts the first that is there counts. */
  readonly has: string;
  /** Whether these are the keys of a classifier or backbone alone, not of a larger model that has it in it. */
  readonly whole: (keys: readonly string[]) => boolean;
  /** Tried in order, the first that fits replaces. */
  readonly rules: readonly (readonly [pattern: RegExp, replacement: string | null])[];
  /** Where the same numbers are kept in another order or shape; `pattern` is of our key. */
  readonly transforms?: readonly {
    readonly pattern: RegExp;
    /** The shape in this package of a tensor of that shape in the file. */
    readonly shape: (shape: Shape) => Shape;
    /** Its numbers in the order of this package. */
    readonly data: (array: NDArray) => NDArray;
  }[];
}
