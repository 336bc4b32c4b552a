import { loadModel, type Raster } from 'moganet';
import { detectionLegend, drawSegmentation, type LegendEntry, segmentationLegend } from 'moganet/render';

/** The model, beside the page: while it computes the page stays alive. */

/** A picture to look at. A new one ends the one before. */
export interface Question {
  readonly id: number;
  readonly picture: Blob;
  /** The picture is fitted into a square of so many pixels; the model's own size where it is not given. */
  readonly edge?: number;
}

export interface Answer {
  readonly id: number;
  /** What to show: the picture, what was found drawn on it, and what every pixel is. */
  readonly views: { readonly picture: Raster; readonly objects: Raster; readonly regions: Raster };
  readonly objects: readonly LegendEntry[];
  readonly regions: readonly LegendEntry[];
  /** The result as `result.toJSON()` writes it. */
  readonly json: string;
  readonly milliseconds: number;
}

export type Message =
  | { readonly kind: 'loading'; readonly done: number; readonly total: number; readonly text: string }
  | { readonly kind: 'ready'; readonly engine: string; readonly classes: readonly string[] }
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'failed'; readonly id?: number; readonly message: string };

const leastScore = 0.3;
const here = new URL(self.location.href);
const tell = (message: Message, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

const loading = loadModel(
  { config: 'facade', weights: new URL('facade.safetensors', here) },
  {
    engine: here.searchParams.get('engine') ?? 'auto',
    onProgress: ({ stage, done, total }) => tell({ kind: 'loading', done, total, text: steps[stage] }),
  },
);

const steps = {
  download: 'Fetching the model',
  weights: 'Reading the model',
  engine: 'Handing the model to the device',
};

loading.then(
  ({ engine: { name, detail }, classes }) =>
    tell({ kind: 'ready', engine: detail ? `${name}, ${detail}` : name, classes: classes.detection ?? [] }),
  (error: unknown) => tell({ kind: 'failed', message: textOf(error) }),
);

let running = new AbortController();

self.onmessage = ({ data }: MessageEvent<Question>) => {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  answer(data, signal).catch((error: unknown) => {
    if (!signal.aborted) tell({ kind: 'failed', id: data.id, message: textOf(error) });
  });
};

async function answer({ id, picture, edge }: Question, signal: AbortSignal): Promise<void> {
  const model = await loading;
  const result = await model.predict(picture, {
    score: leastScore,
    signal,
    ...(edge !== undefined && { size: { width: edge, height: edge } }),
  });
  const { labels, names } = result.segmentation!;
  const views = {
    picture: result.image,
    objects: result.render({ draw: 'detection' }),
    regions: drawSegmentation(result.image, labels, { names }),
  };
  tell(
    {
      kind: 'answer',
      answer: {
        id,
        views,
        objects: detectionLegend(result.labels, { names: result.names }),
        regions: segmentationLegend(labels, { names }),
        json: JSON.stringify(result),
        milliseconds: result.timings.total!,
      },
    },
    Object.values(views).map(({ data }) => data.buffer as ArrayBuffer),
  );
}

/** Errors of the library are written to be read; others are at least told. */
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
