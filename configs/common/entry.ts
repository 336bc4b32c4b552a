import type { ModelConfig } from '../../src/models/config.ts';

/** A published (or shipped) model: its configuration, where its weights are, and what was published about it. */
export interface ZooEntry {
  readonly name: string;
  readonly config: ModelConfig;
  readonly weights?: {
    /** Where the publisher has them. */
    readonly url?: string;
    /** A file shipped with the package, below `samples/weights/`. */
    readonly shipped?: string;
    /** The published numbers belong to the averaged weights of the file. */
    readonly ema?: boolean;
  };
  readonly published?: {
    /** Millions. */
    readonly params: number;
    /** Billions, by the rule that `input` and the publisher's counter give. */
    readonly flops: number;
    readonly input: { readonly height: number; readonly width: number };
    /** By the metric's usual name: top-1, box AP, mask AP, mIoU. */
    readonly scores?: Readonly<Record<string, number>>;
    readonly source: string;
  };
}
