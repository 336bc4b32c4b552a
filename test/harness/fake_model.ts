import { Result } from 'moganet';
import type { PredictOptions } from '../../src/library/options.ts';
import { Predictor } from '../../src/library/predictor.ts';
import type { ImageRef } from '../../src/platform/contract.ts';

/** A model without a network: what it finds in a file is a function of the file's name. */

type Found = Omit<ConstructorParameters<typeof Result>[0], 'classes' | 'image' | 'timings'>;

export interface FakeOptions {
  readonly classes: Predictor['classes'];
  /** @throws what the prediction of the image throws */
  readonly find: (file: string, options: PredictOptions) => Found;
  readonly size?: { readonly height: number; readonly width: number };
}

export class FakeModel extends Predictor {
  readonly name = 'fake';
  readonly unfilled = [];
  readonly notices = [];
  readonly sha256 = undefined;
  readonly isDisposed = false;
  readonly engine = { name: 'none', detail: 'no network', lost: undefined } as unknown as Predictor['engine'];
  readonly config = {} as Predictor['config'];
  readonly classes: Predictor['classes'];
  /** The options of the last image. */
  asked: PredictOptions = {};
  /** Called before each image. */
  onImage: () => void = () => {};

  constructor(private readonly options: FakeOptions) {
    super();
    this.classes = options.classes;
  }

  protected check = (options: unknown): PredictOptions => (options ?? {}) as PredictOptions;
  protected take = (image: ImageRef): string => (image as File).name;
  protected discard = (): void => {};

  protected async runAlone(taken: unknown, options: PredictOptions): Promise<Result> {
    this.asked = options;
    this.onImage();
    await new Promise((resolve) => setImmediate(resolve));
    options.signal?.throwIfAborted();
    const { height, width } = this.options.size ?? { height: 40, width: 60 };
    return new Result({
      ...this.options.find(String(taken), options),
      classes: this.classes.detection ?? [],
      image: { height, width, data: new Uint8Array(4 * height * width) },
      timings: { total: 5 },
    });
  }

  predictBatch = (): never => {
    throw new Error('not a part of the test');
  };
  features = (): never => {
    throw new Error('not a part of the test');
  };
  dispose = async (): Promise<void> => {};
}

/** Instances in the fields of a result. */
export function instances(
  list: readonly {
    readonly box: readonly [number, number, number, number];
    readonly score: number;
    readonly label: number;
  }[],
): Found {
  return {
    boxes: Float32Array.from(list.flatMap(({ box }) => [...box])),
    scores: Float32Array.from(list, ({ score }) => score),
    labels: Int32Array.from(list, ({ label }) => label),
  };
}
