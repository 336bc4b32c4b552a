/**
 * Finds the keypoints of people, prints some, and draws the poses. Without words it takes the drawn people of samples/poses in the boxes of
 * their annotations; a detector finds the boxes in a photo.
 * Run: npx tsx samples/pose.ts [image pose.pth [detector.pth]]
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { encodePng, loadModel, withDetector } from 'moganet';

interface Annotations {
  readonly annotations: readonly { readonly bbox: readonly [x: number, y: number, width: number, height: number] }[];
}

const folder = new URL('poses/', import.meta.url);
const [image, weights, detector] = process.argv.slice(2);
const pose = await loadModel({ weights: weights ?? new URL('stick-figures.safetensors', folder) });
const predictor = detector ? withDetector(pose, await loadModel({ weights: detector })) : pose;

const { annotations }: Annotations = JSON.parse(await readFile(new URL('annotations.json', folder), 'utf8'));
const drawn = annotations.map(({ bbox: [x, y, width, height] }) => [x, y, x + width, y + height]);
const result = image
  ? await predictor.predict(image)
  : await predictor.predict(new URL('stick-figures.png', folder), { boxes: drawn });

for (const { name, score, keypoints } of result.poses ?? []) {
  const seen = keypoints.filter((keypoint) => keypoint.score >= 0.3);
  const [first] = seen;
  console.log(`${name} ${score.toFixed(2)}  ${seen.length} of ${keypoints.length} keypoints`);
  if (first) console.log(`  ${first.name} ${first.x.toFixed(1)} ${first.y.toFixed(1)}`);
}
await mkdir('out', { recursive: true });
await writeFile('out/poses.png', encodePng(result.render({ draw: 'pose' })));
await predictor.dispose();
