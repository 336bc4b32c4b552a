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
    /** Bytes, where they are known. */
    readonly size?: number;
    /** In hex, or its beginning, where it is known: PyTorch's own files carry eight digits of it in their name. */
    readonly sha256?: string;
  };
  /**
   * The entry that is meant where a file fits both and neither its name nor what it holds tells them apart. Only between
   * entries that compute differently from the same weights.
   */
  readonly variantOf?: string;
  readonly published?: {
    /** Millions. */
    readonly params?: number;
    /** Billions, at `input` and by `rule`. */
    readonly flops?: number;
    /**
     * How they were counted: multiply-adds, `macs+biases` (default of classifiers), or mmcv's counter (of dense models). All
     * of them call a multiply-add one.
     */
    readonly rule?: CountingRule;
    readonly input?: { readonly height: number; readonly width: number };
    /** By the metric's usual name: top-1, box AP, mask AP, mIoU. */
    readonly scores?: Readonly<Record<string, number>>;
    readonly source: string;
    /** Why the published figures are not those that we count, where they are not. */
    readonly note?: string;
  };
}

export type CountingRule = 'macs' | 'macs+biases' | 'mmcv';
