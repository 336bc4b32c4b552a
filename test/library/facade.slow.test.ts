import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from 'moganet';
import { expectDetections, expectLabels } from '../harness/facade.ts';

const shipped = new URL('../../samples/images/', import.meta.url).pathname;
const whole = new URL('../../../shared/samples/', import.meta.url).pathname;
const images = ['street-house.jpg', 'street-corner.jpg', 'facade-balconies.jpg', 'facade-windows.jpg'];
const pathOf = (image: string) => [shipped, whole].map((folder) => join(folder, image)).find(existsSync);

for (const engine of ['onnxruntime', 'wasm']) {
  describe(`the demo model on ${engine}`, () => {
    it('finds the instances of the reference, with both heads in one forward', async () => {
      const model = await loadModel('facade', { engine });
      for (const image of images) {
        const path = pathOf(image);
        if (!path) continue; // three of the four images are shipped
        const result = await model.predict(path);
        expectDetections(image, result);
        expectLabels(image, 'joint', result);
      }
      await model.dispose();
    });

    it('gives the reference’s label maps with segmentation alone', async () => {
      const model = await loadModel('upernet_lite_moganet_xt_facade', { engine });
      for (const image of images) {
        const path = pathOf(image);
        if (path) expectLabels(image, 'alone', await model.predict(path));
      }
      await model.dispose();
    });
  });
}
