/** Draws windows only, each in its colour, beside the image. Run: npx tsx samples/overlay.ts [image] */
import { mkdir, writeFile } from 'node:fs/promises';
import { encodePng, loadModel } from 'moganet';
import { drawDetections, sideBySide } from 'moganet/render';

const image = process.argv[2] ?? new URL('images/street-corner.jpg', import.meta.url);
const model = await loadModel('facade');
const result = await model.predict(image, { score: 0.5, classes: ['window'] });
const windows = drawDetections(result.image, result, {
  colorBy: 'instance',
  boxes: false,
  labelOf: (i) => `${i + 1}`,
});
const panels = sideBySide([
  { raster: result.image, caption: 'the image' },
  { raster: windows, caption: `${result.length} windows` },
]);
await mkdir('out', { recursive: true });
await writeFile('out/overlay.png', encodePng(panels));
await model.dispose();
