import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadModel } from 'moganet';
import { expectDetections, expectLabels } from '../harness/facade.ts';

const shipped = new URL('../../samples/images/', import.meta.url).pathname;
const whole = new URL('../../../shared/samples/', import.meta.url).pathname;
const photos = ['street-house.jpg', 'street-corner.jpg', 'facade-balconies.jpg', 'facade-windows.jpg'];
const pathOf = (photo: string) => [shipped, whole].map((folder) => join(folder, photo)).find(existsSync);

for (const engine of ['onnxruntime', 'wasm']) {
  describe(`the demo model on ${engine}`, () => {
    it('finds what the reference finds, with both heads in one forward', async () => {
      const model = await loadModel('facade', { engine });
      for (const photo of photos) {
        const path = pathOf(photo);
        if (!path) continue; // three of the four photographs are shipped
        const result = await model.predict(path);
        expectDetections(photo, result);
        expectLabels(photo, 'joint', result);
      }
      await model.dispose();
    });

    it('gives the reference’s label maps with the segmenter alone', async () => {
      const model = await loadModel('upernet_lite_moganet_xt_facade', { engine });
      for (const photo of photos) {
        const path = pathOf(photo);
        if (path) expectLabels(photo, 'alone', await model.predict(path));
      }
      await model.dispose();
    });
  });
}
