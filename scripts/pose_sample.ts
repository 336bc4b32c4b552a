/** Draws the people of samples/poses, writes where they are as COCO's annotations, and makes the picture of docs/pose.md: npx tsx scripts/pose_sample.ts && npm run format */
import { writeFileSync } from 'node:fs';
import { encodePng, loadModel } from 'moganet';
import { sideBySide } from 'moganet/render';
import { datasets } from '../src/datasets/index.ts';
import { stickScene } from '../test/harness/stick_figures.ts';

const folder = new URL('../samples/poses/', import.meta.url);
const file = 'stick-figures.png';
const { image, people } = stickScene(25, { width: 480, height: 320 });
writeFileSync(new URL(file, folder), encodePng(image));

const { names, skeleton } = datasets.coco_keypoints.keypoints;
const rounded = (value: number) => Math.round(value * 100) / 100;
const annotations = people.map(({ box: [left, top, right, bottom], joints }, i) => ({
  id: i + 1,
  image_id: 1,
  category_id: 1,
  bbox: [left, top, right - left, bottom - top].map(rounded),
  area: rounded((right - left) * (bottom - top)),
  iscrowd: 0,
  num_keypoints: names.length,
  keypoints: joints.flatMap(([x, y]) => [rounded(x), rounded(y), 2]),
}));
const category = { id: 1, name: 'person', keypoints: names, skeleton: skeleton.map(([a, b]) => [a + 1, b + 1]) };
const images = [{ id: 1, file_name: file, width: image.width, height: image.height }];
writeFileSync(
  new URL('annotations.json', folder),
  `${JSON.stringify({ images, annotations, categories: [category] })}\n`,
);

await using model = await loadModel({ weights: new URL('stick-figures.safetensors', folder) });
const result = await model.predict(image, { boxes: people.map(({ box }) => [...box]) });
const drawn = result.render({ draw: 'pose' });
writeFileSync('docs/pose.png', encodePng(sideBySide([{ raster: image }, { raster: drawn }], { gap: 8 })));
