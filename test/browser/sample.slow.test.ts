import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { loadModel, type Result } from 'moganet';
import type { Page } from 'playwright-core';
import { iouMatrix } from '../../src/postprocess/boxes.ts';
import { compactMask, maskBitmap } from '../../src/postprocess/masks.ts';
import { rleFromString } from '../../src/postprocess/rle.ts';
import type { ResultJson } from '../../src/results/json.ts';
import { sampleSite } from '../harness/browser.ts';

const shipped = (name: string) => fileURLToPath(new URL(`../../samples/images/${name}`, import.meta.url));

/** Without a graphics card the processor computes WebGL, which takes long. */
const patience = { timeout: 100_000 };

describe('the browser sample', () => {
  const site = sampleSite();

  it('finds the same in a shipped image on webgl as Node', async () => {
    const page = await site.open('?engine=webgl');
    expect(await page.locator('h1').textContent()).to.equal('Street facades');
    await page.selectOption('#edge', '320');
    await page.locator('button[value="street-house.jpg"]').press('Enter');
    await page.locator('#facts:text("ms on webgl")').waitFor(patience);
    const seen = await numbersOf(page);

    const model = await loadModel('facade', { engine: 'wasm' });
    const size = { width: 320, height: 320 };
    const expected = await model.predict(shipped('street-house.jpg'), { size, score: 0.3 });
    await model.dispose();

    expect(seen.image).to.deep.equal(expected.imageSize);
    expect(expected.length, 'objects').to.be.above(20);
    expectSameObjects(seen, expected);
    // pixels with two equally likely classes may get either
    const { labels } = expected.segmentation!;
    const map = labelsOf(seen);
    const different = [...labels].filter((label, i) => label !== map[i]).length;
    console.log(`      ${different} of ${labels.length} pixels have another class`);
    expect(different / labels.length, 'share of pixels of another class').to.be.below(0.0001);

    const status = await page.locator('[role=status]').textContent();
    for (const name of new Set([...expected].map((instance) => instance.name))) expect(status).to.include(name);
    expect(await page.locator('#legend li').count()).to.equal(new Set(expected.labels).size);
    await page.getByText('Classes').click();
    expect(await page.locator('#legend li').count()).to.equal(new Set(labels).size);
    expect(await page.locator('canvas').getAttribute('aria-label')).to.include('% × sky');
    await page.close();
  });

  it('takes a file of the user, and shows the reason if it is not an image', async () => {
    const page = await site.open('?engine=wasm');
    await page.selectOption('#edge', '320');
    await page.setInputFiles('#file', shipped('facade-balconies.jpg'));
    await page.locator('#facts:text("ms on wasm")').waitFor(patience);
    expect((await numbersOf(page)).image).to.deep.equal({ height: 1024, width: 1024 });
    expect(await page.locator('#save-json').getAttribute('download')).to.equal('facade-balconies.json');

    const text = { name: 'letter.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('Dear reader,') };
    await page.setInputFiles('#file', text);
    await page.locator('[role=alert]').waitFor(patience);
    expect(await page.locator('[role=alert]').textContent()).to.match(/letter\.jpg: this is text/i);
    expect(await page.locator('#result').isVisible(), 'the old result').to.equal(false);

    await page.setInputFiles('#file', shipped('street-corner.jpg'));
    await page.locator('#facts:text("ms on wasm")').waitFor(patience);
    expect(await page.locator('[role=alert]').isVisible(), 'the old message').to.equal(false);
    await page.close();
  });

  it('shows that the model cannot be fetched', async () => {
    const page = await site.open('style.css');
    await page.route('**/facade.safetensors', (route) => route.fulfill({ status: 503 }));
    await page.goto(site.url);
    await page.locator('[role=alert]').waitFor();
    expect(await page.locator('[role=alert]').textContent()).to.match(/facade\.safetensors: the server answered 503/);
    await page.close();
  });
});

/** The file behind "Save the result". */
async function numbersOf(page: Page): Promise<ResultJson> {
  const href = await page.locator('#save-json').getAttribute('href');
  return page.evaluate(async (url) => (await fetch(url ?? '')).json(), href);
}

/**
 * Compares instances: scores within 0.005 and boxes of IoU ≥ 0.99, since two engines add the same products in another
 * order.
 */
function expectSameObjects({ detection = [] }: ResultJson, expected: Result): void {
  type Found = { readonly label: number; readonly score: number; readonly box: readonly number[] };
  const all = [...expected];
  const pair = (from: readonly Found[], to: readonly Found[]) => {
    // a partner of a lower score may be below the limit of 0.3
    for (const { label, score, box } of from.filter((one) => one.score >= 0.305)) {
      const partner = to.some(
        (other) =>
          other.label === label &&
          Math.abs(other.score - score) <= 0.005 &&
          iouMatrix(Float32Array.from(box), Float32Array.from(other.box))[0]! >= 0.99,
      );
      expect(partner, `a partner of label ${label}, score ${score}, box ${box}`).to.equal(true);
    }
  };
  pair(all, detection);
  pair(detection, all);
}

function labelsOf({ image, segmentation = [] }: ResultJson): Uint8Array {
  const map = new Uint8Array(image.width * image.height).fill(255);
  for (const { label, mask } of segmentation) {
    maskBitmap(compactMask(rleFromString(mask.counts, image))).forEach((set, i) => {
      if (set) map[i] = label;
    });
  }
  return map;
}
