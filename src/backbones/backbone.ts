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
  forward(scope: Scope, image: Value): Value[];
}

/** A backbone whose published form also classifies: the keys beside the pyramid's, and its logits N×classes×1×1. */
export interface ClassifierBackbone extends Backbone {
  classify(scope: Scope, image: Value, classes: number): { logits: Value; pyramid: Value[] };
}
