/** Draws the image of the README: npx tsx scripts/readme_image.ts */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeImage, encodePng, loadModel } from 'moganet';
import { drawDetections, drawLegend, drawSegmentation, segmentationLegend, sideBySide } from 'moganet/render';
import { resizeLinear } from '../src/image/resize.ts';

const image = await decodeImage(readFileSync(new URL('../samples/images/facade-balconies.jpg', import.meta.url)));
const model = await loadModel('facade');
const result = await model.predict(resizeLinear(image, { height: 640, width: 640 }), {
  score: 0.5,
  size: { height: 640, width: 640 },
});
const { labels, ...classes } = result.segmentation!;
const scene = drawSegmentation(result.image, labels, classes);
const both = sideBySide([{ raster: drawDetections(result.image, result) }, { raster: scene }], { gap: 8 });
mkdirSync('docs', { recursive: true });
writeFileSync('docs/facade.png', encodePng(drawLegend(both, segmentationLegend(labels, classes))));
await model.dispose();
