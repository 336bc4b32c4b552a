import type { TrainingData } from '../src/datasets/index.ts';
import type { ModelConfig } from '../src/models/config.ts';

export type { TrainingData };

/** A published or shipped model: its configuration, the location of its weights, and what was published about it. */
export interface ZooEntry {
  readonly name: string;
  readonly config: ModelConfig;
  /** Who publishes the weights. */
  readonly publisher?: Publisher | undefined;
  /** The data sets that the weights were trained on: the one of the task first, then those of the backbone. */
  readonly trainedOn?: readonly TrainingData[] | undefined;
  /** The length of the training, as the names of published models say it: `1x`, `3x`, `80k`. */
  readonly schedule?: string | undefined;
  readonly weights?:
    | {
        /** The publisher's URL. */
        readonly url?: string | undefined;
        /** A file shipped with the package, below `samples/weights/`. */
        readonly shipped?: string | undefined;
        /** The published numbers belong to the averaged weights of the file. */
        readonly ema?: boolean | undefined;
        /** Bytes, if known. */
        readonly size?: number | undefined;
        /** In hex, or its first digits: files of PyTorch and OpenMMLab carry eight of them in their name. */
        readonly sha256?: string | undefined;
      }
    | undefined;
  /**
   * The entry that is meant if a file fits both, and neither its name nor its contents tell them apart. Only for
   * entries that compute differently from the same weights.
   */
  readonly variantOf?: string | undefined;
  readonly published?: Published | undefined;
}

/** What a row of a table says beside the network. */
export type Facts = Pick<ZooEntry, 'publisher' | 'trainedOn' | 'weights' | 'variantOf' | 'published'>;

/** Who publishes weights, and under which terms. */
export interface Publisher {
  readonly name: string;
  readonly licence: string;
}

/** The numbers that a publisher states. */
export interface Published {
  /** Millions. */
  readonly params?: number | undefined;
  /** Billions, at `input` and by `rule`. */
  readonly flops?: number | undefined;
  /**
   * How the FLOPs were counted: multiply-adds, `macs+biases` (by default for classifiers), mmcv's counter (by default for
   * dense models), or mmpose's (by default for poses). All of them count a multiply-add as one.
   */
  readonly rule?: CountingRule | undefined;
  readonly input?: { readonly height: number; readonly width: number } | undefined;
  /** By the metric's usual name: top-1, box AP, mask AP, mIoU. */
  readonly scores?: Readonly<Record<string, number>> | undefined;
  readonly source: string;
  /** Why the published figures differ from the counted ones. */
  readonly note?: string | undefined;
}

export type CountingRule = 'macs' | 'macs+biases' | 'mmcv' | 'mmpose';
