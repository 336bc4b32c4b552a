import type { Options } from '../options.ts';
import type { Report } from '../report.ts';

/** All scenarios, imported on demand: each needs other modules. */

export interface Scenario {
  readonly about: string;
  run(options: Options): Promise<Report>;
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  backbone: {
    about: 'backbones from image to pyramid: engines and peers by network and size',
    run: async (options) => (await import('./backbone.ts')).backbone(options),
  },
  overhead: {
    about: 'a run from array to arrays beside the bare session of onnxruntime',
    run: async (options) => (await import('./overhead.ts')).overhead(options),
  },
  detect: {
    about: 'the demo detector from a JPEG of 1024×1024 to the overlay: shares of its steps',
    run: async (options) => (await import('./images.ts')).detect(options),
  },
  segment: {
    about: 'the demo segmentor, likewise',
    run: async (options) => (await import('./images.ts')).segment(options),
  },
  cold: {
    about: 'seconds of a process of the built package that draws one photo',
    run: async (options) => (await import('./cold.ts')).cold(options),
  },
  gap: {
    about: 'the longest gap of a 5 ms timer while a model loads and predicts',
    run: async (options) => (await import('./gap.ts')).gap(options),
  },
  folder: {
    about: 'a folder of images by 1×1, 2×1 and 1×2 workers × threads; mixed and equal sizes',
    run: async (options) => (await import('./folder.ts')).folder(options),
  },
  memory: {
    about: 'largest resident memory of official models beside their networks alone',
    run: async (options) => (await import('./memory.ts')).memory(options),
  },
  pose: {
    about: 'official pose models: 20 boxes in one call beside one by one, and the memory of 200',
    run: async (options) => (await import('./pose.ts')).pose(options),
  },
  evaluate: {
    about: 'COCO evaluation of 200,000 boxes, and of masks, beside pycocotools',
    run: async (options) => (await import('./evaluate.ts')).evaluate(options),
  },
  web: {
    about: 'Chromium: WebGL operations and programs; onnxruntime-web beside TensorFlow.js there and in Node',
    run: async (options) => (await import('./web.ts')).web(options),
  },
  counts: {
    about: 'nodes and kernels of one forward, beside the exports and the plain port',
    run: async (options) => (await import('./counts.ts')).counts(options),
  },
  render: {
    about: 'drawing on 1024×1024 pixels',
    run: async (options) => (await import('./render.ts')).render(options),
  },
};
