import { createRequire } from 'node:module';
import { findEntry, loadModel } from 'moganet';
import { peakBytes } from '../test/harness/peak.ts';
import { seededInput } from '../test/harness/seeded.ts';
import { boxesIn, pixelsOf, stretched } from './photo.ts';
import type { Ort } from './runtimes.ts';

/** One job in a process of its own, whose peak of memory it prints. Bundled for plain Node by built.ts. */

export type Job =
  /** An official model, with weights of a file, on a photo of this size. */
  | {
      readonly kind: 'predict';
      readonly model: string;
      readonly weights: string;
      readonly photo: string;
      readonly height: number;
      readonly width: number;
      readonly threads: number;
      /** For a pose model: in how many boxes it looks for poses. */
      readonly boxes?: number;
    }
  /** An ONNX file on an input of this shape. */
  | {
      readonly kind: 'onnx';
      readonly file: string;
      readonly shape: readonly number[];
      readonly outputs: readonly string[] | undefined;
      readonly threads: number;
    };

export interface Peak {
  /** After one run, and after the last of several: the arena of onnxruntime grows with the second one. */
  readonly bytes: number;
  readonly laterBytes: number;
  readonly found: string;
  /** The shape of the network's input. */
  readonly shape: readonly number[];
}

async function predict(job: Extract<Job, { kind: 'predict' }>) {
  const { model: name, weights, threads } = job;
  const image = stretched(await pixelsOf(job.photo), job);
  await using model = await loadModel({ config: findEntry(name).config, weights }, { threads });
  const { shape } = model.definition.prepare([image]).image;
  const options = job.boxes === undefined ? {} : { boxes: boxesIn(image, job.boxes) };
  const { result, peaks } = await repeated(() => model.predict(image, options));
  const { segmentation, poses, scores } = result;
  const found = segmentation ? 'a map' : poses ? `${poses.length} poses` : `${scores.length} instances`;
  return { ...peaks, shape, found };
}

async function onnx({ file, shape, outputs, threads }: Extract<Job, { kind: 'onnx' }>) {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const ort = createRequire(import.meta.url)('onnxruntime-node') as Ort;
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: threads, logSeverityLevel: 4 });
  const image = new ort.Tensor('float32', seededInput('image', shape).data as Float32Array, shape);
  const { result, peaks } = await repeated(() => session.run({ image }, outputs));
  return { ...peaks, shape, found: `${Object.keys(result).length} maps` };
}

const runs = 4;

async function repeated<T>(run: () => Promise<T>) {
  const result = await run();
  const bytes = peakBytes();
  for (let i = 1; i < runs; i++) await run();
  return { result, peaks: { bytes, laterBytes: peakBytes() } };
}

const job = JSON.parse(process.argv[2] ?? '{}') as Job;
const peak: Peak = job.kind === 'predict' ? await predict(job) : await onnx(job);
console.log(JSON.stringify(peak));
process.exit(0); // a thread pool may keep the process alive
