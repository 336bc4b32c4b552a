/** The pictures of the README, made by the package itself: npx tsx scripts/readme_pictures.ts */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { decodeImage, encodePng, loadModel } from 'moganet';
import { drawDetections, drawLegend, drawSegmentation, segmentationLegend, sideBySide } from 'moganet/render';
import { resizeLinear } from '../src/image/resize.ts';

const photo = await decodeImage(readFileSync(new URL('../samples/images/facade-balconies.jpg', import.meta.url)));
const model = await loadModel('facade');
const result = await model.predict(resizeLinear(photo, { height: 640, width: 640 }), {
  score: 0.5,
  size: { height: 640, width: 640 },
});
const { labels, names } = result.segmentation!;
const scene = drawSegmentation(result.image, labels, { names });
const both = sideBySide([{ raster: drawDetections(result.image, result) }, { raster: scene }], { gap: 8 });
mkdirSync('docs', { recursive: true });
writeFileSync('docs/facade.png', encodePng(drawLegend(both, segmentationLegend(labels, { names }))));
await model.dispose();
