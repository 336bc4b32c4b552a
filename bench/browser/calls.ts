import type { ImageSize } from '../networks.ts';
import type { PlainArch } from '../plain_tfjs.ts';

/** What Node asks of the page. */

export interface Counts {
  /** Draw calls since the page began: one for every WebGL operation. */
  readonly draws: number;
  /** Shader programs linked since then. */
  readonly programs: number;
}

export interface Calls {
  /** Loads a network on an engine of this package, or the plain port on a backend of TensorFlow.js. */
  load(network: PlainArch, form: 'package' | 'plain', engine: string): Promise<void>;
  /** Runs one image, and returns the milliseconds until its pyramid was read. */
  run(size: ImageSize): Promise<number>;
  counts(): Promise<Counts>;
}
