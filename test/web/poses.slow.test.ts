import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadModel, withDetector } from 'moganet';
import type { Page } from 'playwright-core';
import { PNG } from 'pngjs';
import type { ResultJson } from '../../src/results/json.ts';
import { shippedGolden } from '../harness/golden.ts';
import { smallFile, smallPersons, smallSegmentation } from '../harness/small_model.ts';
import { drop, patience, savedJson, settled, webPage } from './site.ts';

/** Poses on the page: of the whole picture, of boxes that the visitor draws, and of those of a detector. */

const file = (name: string) => ({ name, bytes: readFileSync(join(shippedGolden, 'pose', name)) });
const weights = file('small_pose_moganet.pth');
const picture = file('people_150x200.png');

type Poses = NonNullable<ResultJson['pose']>;

/** Returns the poses of Node in these boxes, or in the whole picture. */
async function posesOfNode(boxes?: readonly (readonly number[])[]): Promise<Poses> {
  const model = await loadModel({ weights: weights.bytes }, { engine: 'wasm' });
  const { pose = [] } = (await model.predict(picture.bytes, { boxes })).toJSON();
  await model.dispose();
  return pose;
}

function expectSamePoses(found: Poses | undefined, expected: Poses): void {
  expect(found).to.have.length(expected.length);
  for (const [i, { score, keypoints }] of expected.entries()) {
    expect(found?.[i]?.score).to.be.closeTo(score, 1e-3);
    for (const [k, { name, x, y }] of keypoints.entries()) {
      const seen = found?.[i]?.keypoints[k];
      expect(seen?.name).to.equal(name);
      expect(Math.hypot((seen?.x ?? NaN) - x, (seen?.y ?? NaN) - y), `${name} of ${i}`).to.be.below(0.05);
    }
  }
}

/** Drags the mouse over a part of the picture, in shares of its frame. */
async function drag(page: Page, from: readonly [number, number], to: readonly [number, number]): Promise<void> {
  const frame = await page.locator('.stage-frame').boundingBox();
  if (!frame) throw new Error('the page has no frame');
  const place = ([x, y]: readonly [number, number]) => [frame.x + x * frame.width, frame.y + y * frame.height] as const;
  await page.mouse.move(...place(from));
  await page.mouse.down();
  await page.mouse.move(...place(to), { steps: 4 });
  await page.mouse.up();
}

/** Presses "PNG" and counts the pixels of the file that have a colour. */
async function pixelsOf(page: Page, colors: readonly (readonly number[])[]): Promise<number[]> {
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'PNG' }).click();
  const { data } = PNG.sync.read(readFileSync(await (await saving).path()));
  return colors.map((color) => {
    let count = 0;
    for (let i = 0; i < data.length; i += 4) if (color.every((value, c) => data[i + c] === value)) count++;
    return count;
  });
}

describe('poses on the page', function () {
  this.timeout(240_000);
  const site = webPage();

  for (const engine of ['wasm', 'ort-wasm']) {
    it(`are those of Node on ${engine}: of the whole picture, and of boxes that are drawn`, async () => {
      const { page, faults } = await site.open(`?engine=${engine}&sample=none`);
      await page.locator('#found:has-text("Ready")').waitFor(patience);
      await drop(page, weights);
      await page.locator('#settings strong:has-text("small_pose_moganet.pth")').waitFor(patience);
      expect(await page.locator('#size').isVisible(), 'a size that crops do not have').to.equal(false);
      await drop(page, picture);
      await settled(page, engine);
      expect(await page.locator('#found').textContent()).to.equal('Found 1 pose with 17 keypoints each');
      expectSamePoses((await savedJson(page)).pose, await posesOfNode());
      const [left, right, trunk] = await pixelsOf(page, [[0, 255, 0], [0, 128, 255], [255, 153, 51]]); // biome-ignore format: three colours
      expect(Math.min(left ?? 0, right ?? 0, trunk ?? 0), 'pixels of each side').to.be.above(5);

      await page.getByRole('button', { name: 'Draw boxes around persons' }).click();
      for (const [count, from, to] of [
        [1, [0.3, 0.1], [0.5, 0.9]],
        [2, [0.5, 0.2], [0.7, 0.8]],
      ] as const) {
        await drag(page, from, to);
        await page
          .locator(`section[aria-labelledby="poses-title"] li:has(summary):nth-child(${count})`)
          .waitFor(patience);
        await settled(page, engine);
      }
      expect(await page.locator('#found').textContent()).to.equal('Found 2 poses with 17 keypoints each');
      const { pose: poses } = await savedJson(page);
      const boxes = poses?.map(({ box }) => [...box]);
      expect(boxes?.[1]?.[0]).to.be.within((boxes?.[0]?.[2] ?? NaN) - 1, (boxes?.[0]?.[2] ?? NaN) + 1);
      expectSamePoses(poses, await posesOfNode(boxes));

      await page.getByRole('button', { name: 'Remove the boxes' }).click();
      await page.locator('#found:has-text("Found 1 pose")').waitFor(patience);
      expect(faults).to.deep.equal([]);
      await page.close();
    });
  }

  it('are found in the boxes of a detector, and of boxes that are drawn nevertheless', async () => {
    const persons = await smallFile(smallPersons, 'i');
    const joined = withDetector(
      await loadModel({ weights: weights.bytes }, { engine: 'wasm' }),
      await loadModel({ weights: persons }, { engine: 'wasm' }),
    );
    const { pose: expected = [] } = (await joined.predict(picture.bytes)).toJSON();
    await joined.dispose();
    expect(expected.length).to.be.within(2, 5);

    const { page, faults } = await site.open('?engine=wasm&sample=none');
    const button = (name: string) => page.getByRole('button', { name });
    const choose = async (name: string, bytes: Uint8Array) => {
      const choosing = page.waitForEvent('filechooser');
      await button('Find persons with a detector').click();
      await (await choosing).setFiles({ name, mimeType: '', buffer: Buffer.from(bytes) });
    };
    await page.locator('#found:has-text("Ready")').waitFor(patience);
    expect(await button('Find persons with a detector').isVisible(), 'without a pose model').to.equal(false);
    await drop(page, weights);
    await page.locator('#settings strong:has-text("small_pose_moganet.pth")').waitFor(patience);
    await drop(page, picture);
    await settled(page, 'wasm');

    // a model that detects nothing is refused, and the pose model stays
    await choose('ground.safetensors', await smallFile(smallSegmentation));
    await page.locator('#notice:has-text("detects no instances")').waitFor(patience);
    await settled(page, 'wasm');

    await choose('persons.safetensors', persons);
    await page.locator('#settings:has-text("The boxes come from persons.safetensors.")').waitFor(patience);
    await page.locator(`#found:has-text("Found ${expected.length} poses")`).waitFor(patience);
    await settled(page, 'wasm');
    expectSamePoses((await savedJson(page)).pose, expected);
    expect(await button('Remove the boxes').isVisible(), 'boxes that nobody drew').to.equal(false);

    await button('Draw boxes around persons').click();
    await drag(page, [0.3, 0.1], [0.5, 0.9]);
    await page.locator('#found:has-text("Found 1 pose")').waitFor(patience);
    await settled(page, 'wasm');
    const { pose: drawn } = await savedJson(page);
    expectSamePoses(drawn, await posesOfNode(drawn?.map(({ box }) => [...box])));
    await button('Remove the boxes').click();
    await page.locator(`#found:has-text("Found ${expected.length} poses")`).waitFor(patience);

    await button('Without the detector').click();
    await page.locator('#found:has-text("Found 1 pose")').waitFor(patience);
    expect(await button('Without the detector').isVisible()).to.equal(false);
    expect(faults).to.deep.equal([]);
    await page.close();
  });
});
