import { join } from 'node:path';
import { type BrowserEngine, softwareWebgpu, usePage, wasmPaths } from '../harness/browser_engine.ts';
import { headRunners } from '../harness/golden/cases.ts';
import { networkRunners } from '../harness/golden/networks.ts';
import { openCase, shippedGolden } from '../harness/golden.ts';

/**
 * The numbers of the published code on every engine of a page, in Chromium: a detector, a segmentor and a pose model as a
 * whole, with MogaNet as their backbone, and the heads that none of them has.
 *
 * The tolerance is that of the goldens for every engine: 20 times the error of PyTorch's own float32 run, at least 10⁻⁶ of
 * the largest value. None needs more:
 *
 * | engine | why it may differ | why it stays within |
 * |---|---|---|
 * | webgl | sums in another order; exp and division of the driver | both round to about 1 ulp on a float32 target |
 * | wasm | sums in another order, of four lanes | float32 with IEEE rounding |
 * | ort-wasm | blocked sums, GELU by onnxruntime's erf | float32 with IEEE rounding |
 * | webgpu | WGSL lets a driver round exp by 3 ulp, and divide by 2.5 | a network's sums average it |
 *
 * Half precision is beyond it by a factor of about a thousand: such devices are told apart by `probe`.
 */
const heads = join(shippedGolden, 'heads');
const pose = join(shippedGolden, 'pose');
const cases: readonly (readonly [folder: string, name: string])[] = [
  [heads, 'e2e_mask_rcnn_scene'],
  [heads, 'e2e_upernet_scene'],
  [heads, 'retina_head'],
  [heads, 'sem_fpn_head_odd'],
  [pose, 'pose_e2e_picture'],
  [pose, 'pose_head_kernels'],
];

describe('goldens in Chromium', function () {
  this.timeout(600_000); // SwiftShader compiles hundreds of programs for webgpu
  const here = usePage({ args: softwareWebgpu });

  for (const name of ['webgl', 'wasm', 'ort-wasm', 'webgpu']) {
    describe(`on ${name}`, () => {
      let engine: BrowserEngine;
      before(async () => {
        engine = await here.page.borrow(name, { wasmPaths });
      });
      after(() => engine?.dispose());

      for (const [folder, one] of cases) {
        it(`gives the numbers of ${one}`, async () => {
          const golden = await openCase(folder, one);
          await headRunners[golden.kind]!(golden, engine);
        });
      }
    });
  }

  it('gives the numbers of moganet_pico_32x48 on wasm', async () => {
    const engine = await here.page.borrow('wasm', { wasmPaths });
    const golden = await openCase(shippedGolden, 'moganet_pico_32x48');
    await networkRunners(engine)[golden.kind]!(golden);
    await engine.dispose();
  });
});
