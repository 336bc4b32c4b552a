import { loadModel, type Raster } from 'moganet';
import { detectionLegend, drawSegmentation, type LegendEntry, segmentationLegend } from 'moganet/render';

/** Runs the model in a worker, so that the page stays responsive. */

/** An image to predict. A new one aborts the one before. */
export interface Question {
  readonly id: number;
  readonly image: Blob;
  /** Fits the image into a square of this edge. By default the model's size. */
  readonly edge?: number | undefined;
}

export interface Answer {
  readonly id: number;
  /** The image alone, with the instances, and with the class of every pixel. */
  readonly views: { readonly image: Raster; readonly detection: Raster; readonly segmentation: Raster };
  readonly legends: { readonly detection: readonly LegendEntry[]; readonly segmentation: readonly LegendEntry[] };
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
const url = new URL(self.location.href);
const tell = (message: Message, transfer: Transferable[] = []) => self.postMessage(message, { transfer });

const loading = loadModel(
  { config: 'facade', weights: new URL('facade.safetensors', url) },
  {
    engine: url.searchParams.get('engine') ?? 'auto',
    onProgress: ({ stage, done, total }) => tell({ kind: 'loading', done, total, text: steps[stage] }),
  },
);

const steps = {
  download: 'Downloading the model',
  weights: 'Reading the model',
  engine: 'Loading the model on the device',
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

async function answer({ id, image, edge }: Question, signal: AbortSignal): Promise<void> {
  const model = await loading;
  const size = edge === undefined ? undefined : { width: edge, height: edge };
  const result = await model.predict(image, { score: leastScore, signal, size });
  const { labels, ...classes } = result.segmentation!; // classes, and the data set with its colours
  const views = {
    image: result.image,
    detection: result.render({ draw: 'detection' }),
    segmentation: drawSegmentation(result.image, labels, classes),
  };
  tell(
    {
      kind: 'answer',
      answer: {
        id,
        views,
        legends: {
          detection: detectionLegend(result.labels, result),
          segmentation: segmentationLegend(labels, classes),
        },
        json: JSON.stringify(result),
        milliseconds: result.timings.total ?? 0,
      },
    },
    Object.values(views).map(({ data }) => data.buffer as ArrayBuffer),
  );
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
