import { loadModel, type ModelConfig, type PredictOptions, type Raster } from 'moganet';
import { peakBytes } from './peak.ts';
import { smallFile } from './small_model.ts';

/** A process that segments one large image into 150 classes, and prints its peak of memory before and after, in megabytes. */

const [mode, height = '4000', width = '6000'] = process.argv.slice(2);
const square = (extent: number) => ({ height: extent, width: extent });
const size = { height: Number(height), width: Number(width) };
const config: ModelConfig = {
  name: 'many_classes',
  backbone: { type: 'moganet', arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } },
  segmentation: {
    classes: Array.from({ length: 150 }, (_, i) => `class ${i}`),
    head: { type: 'uper_head', channels: 8 },
    input: { scale: [512, 512] },
    slide: mode === 'slide' ? { crop: square(512), stride: square(341) } : undefined,
  },
};
const options: PredictOptions = mode === 'slide' ? { size } : { tiles: { size: 512, overlap: 1 / 3 } };

/** Large smooth areas, as in a photo. */
function imageOf({ height, width }: { readonly height: number; readonly width: number }): Raster {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0, y = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 4) {
      data[i] = 128 + 127 * Math.sin(x / 300);
      data[i + 1] = 128 + 127 * Math.sin(y / 250);
    }
  }
  return { width, height, data };
}

const model = await loadModel({ config, weights: await smallFile(config) }, { engine: 'onnxruntime', threads: 1 });
const peak = () => peakBytes() / 2 ** 20;
await model.predict(imageOf(square(512)));
const image = imageOf(size); // the caller's pixels, of which `predict` takes a copy
const own = peak();
const { segmentation } = await model.predict(image, options);
process.stdout.write(JSON.stringify({ own, above: peak() - own, pixels: segmentation?.labels.length }));
await model.dispose();
