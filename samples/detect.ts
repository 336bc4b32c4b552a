/**
 * Finds instances in an image, prints boxes, scores and mask areas, and cuts one out.
 * Run: npx tsx samples/detect.ts [image]
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { encodePng, loadModel } from 'moganet';

const image = process.argv[2] ?? new URL('images/street-house.jpg', import.meta.url);
const model = await loadModel('facade');
const result = await model.predict(image, { score: 0.5 });
for (const { name, score, box, mask } of result) {
  console.log(`${name} ${score.toFixed(2)}  ${box.map(Math.round).join(' ')}  ${mask?.area} pixels`);
}
await mkdir('out', { recursive: true });
await writeFile('out/detections.png', encodePng(result.render()));
if (result.length > 0) await writeFile('out/first.png', encodePng(result.crop(0)));
await model.dispose();
