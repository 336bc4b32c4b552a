/** Gives every pixel a class and prints the share of each. Run: npx tsx samples/segment.ts [image] */
import { mkdir, writeFile } from 'node:fs/promises';
import { encodePng, loadModel } from 'moganet';

const image = process.argv[2] ?? new URL('images/facade-balconies.jpg', import.meta.url);
const model = await loadModel('upernet_lite_moganet_xt_facade');
const result = await model.predict(image);
for (const { name, share } of result.toJSON().segmentation ?? []) console.log(`${name}  ${(100 * share).toFixed(1)} %`);
await mkdir('out', { recursive: true });
await writeFile('out/segmentation.png', encodePng(result.render()));
await model.dispose();
