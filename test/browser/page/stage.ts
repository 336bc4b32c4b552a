import { datasets, Mask, Result, type ResultJson } from 'moganet';
import { compactMask, encodeBitmap, maskBitmap, rleFromString } from 'moganet/postprocess';
import { createPanel } from '../../../web/panel/panel.ts';
import { createStage } from '../../../web/stage/stage.ts';

/** The stage and the panel with results that need no network: those of a JSON file, and made-up ones. */

const find = (selector: string): HTMLElement => {
  const found = document.querySelector<HTMLElement>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
};

const stage = createStage(find('#stage'));
createPanel(find('#panel'), stage);

async function pictureOf(url: string): Promise<{ readonly picture: OffscreenCanvas; readonly image: ImageData }> {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob());
  const picture = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = picture.getContext('2d');
  if (!context) throw new Error('no 2D canvas');
  context.drawImage(bitmap, 0, 0);
  return { picture, image: context.getImageData(0, 0, bitmap.width, bitmap.height) };
}

/** Shows a picture with the result of the model `facade` from a JSON file. */
async function showFile(name: string, json: string): Promise<void> {
  const { picture, image } = await pictureOf(`images/${name}`);
  stage.show(picture, undefined, name);
  const { detection = [], segmentation = [], timings = {} }: ResultJson = await (await fetch(json)).json();
  const labels = new Uint8Array(image.width * image.height).fill(255);
  for (const { label, mask } of segmentation) {
    maskBitmap(compactMask(rleFromString(mask.counts, image))).forEach((set, i) => {
      if (set) labels[i] = label;
    });
  }
  const { facade_instances: things, facade_classes: surfaces } = datasets;
  const result = new Result({
    boxes: Float32Array.from(detection.flatMap(({ box }) => [...box])),
    scores: Float32Array.from(detection, ({ score }) => score),
    labels: Int32Array.from(detection, ({ label }) => label),
    masks: detection.flatMap(({ mask }) => (mask ? [Mask.from(compactMask(rleFromString(mask.counts, image)))] : [])),
    classes: things.classes,
    dataset: things,
    segmentation: { labels, classes: surfaces.classes, dataset: surfaces },
    image,
    timings,
  });
  stage.show(picture, result, name);
}

/** Shows `count` made-up instances, blobs of about a hundredth of the picture each. */
async function showMany(name: string, count: number, className = 'thing'): Promise<void> {
  const { picture, image } = await pictureOf(`images/${name}`);
  const { width, height } = image;
  const boxes = new Float32Array(4 * count);
  const masks = Array.from({ length: count }, (_, i) => {
    const [x, y] = [((i * 0.618) % 1) * width, ((i * 0.755) % 1) * height];
    const radius = width * (0.03 + 0.06 * ((i * 0.37) % 1));
    const bits = new Uint8Array(width * height);
    const reached = (middle: number, length: number) =>
      [Math.max(0, Math.floor(middle - 1.3 * radius)), Math.min(length, Math.ceil(middle + 1.3 * radius))] as const;
    const [top, bottom] = reached(y, height);
    const [left, right] = reached(x, width);
    for (let row = top; row < bottom; row++) {
      for (let column = left; column < right; column++) {
        const angle = Math.atan2(row - y, column - x);
        const reach = radius * (1 + 0.25 * Math.sin(5 * angle + i));
        if (Math.hypot(row - y, column - x) < reach) bits[row * width + column] = 1;
      }
    }
    boxes.set(
      [x - radius, y - radius, x + radius, y + radius].map((v) => Math.min(width, Math.max(0, v))),
      4 * i,
    );
    return Mask.from(compactMask(encodeBitmap(bits, { width, height })));
  });
  stage.show(
    picture,
    new Result({
      boxes,
      scores: Float32Array.from({ length: count }, (_, i) => 1 - (0.9 * i) / count),
      labels: Int32Array.from({ length: count }, (_, i) => i % 5),
      masks,
      classes: Array.from({ length: 5 }, (_, i) => `${className} ${i}`),
      image,
      timings: { decode: 12, preprocess: 6, network: 310, postprocess: 25, waited: 3, total: 353 },
    }),
    name,
  );
}

/** Returns the milliseconds of script and of whole frames while the score goes through all its values. */
async function slide(): Promise<{ readonly script: number[]; readonly changes: number[]; readonly frames: number[] }> {
  const script: number[] = [];
  const changes: number[] = [];
  const frames: number[] = [];
  const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
  let before = await nextFrame();
  for (let step = 5; step <= 95; step += 1.5) {
    const begun = performance.now();
    stage.layers.set({ score: step / 100 });
    const changed = performance.now() - begun;
    changes.push(changed);
    // after the stage's own callback of this frame
    const at = await nextFrame();
    script.push(changed + performance.now() - at);
    frames.push(at - before);
    before = at;
  }
  return { script, changes, frames };
}

const tools = { stage, showFile, showMany, slide };
Object.assign(globalThis, { tools });

export type StageTools = typeof tools;
