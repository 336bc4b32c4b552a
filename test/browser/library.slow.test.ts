import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { Mask, type Raster, Result } from 'moganet';
import type { Page } from 'playwright-core';
import { decodeImage } from '../../src/platform/node/files.ts';
import { compactMask } from '../../src/postprocess/masks.ts';
import { rleFromString, rleOf, rleToString } from '../../src/postprocess/rle.ts';
import { libraryPage, sampleSet } from '../harness/browser.ts';
import type { Drawing } from './page/protocol.ts';

const files: Readonly<Record<string, URL>> = {
  'images/street-house.jpg': new URL('../../samples/images/street-house.jpg', import.meta.url),
  'images/facade-balconies.jpg': new URL('../../samples/images/facade-balconies.jpg', import.meta.url),
  'golden/overlays/instances.png': new URL('../golden/overlays/instances.png', import.meta.url),
};

const decoded = (path: string): Promise<Raster> => decodeImage(readFileSync(files[path]!));

const hashed = ({ width, height, data }: Raster) => ({
  width,
  height,
  sha256: createHash('sha256').update(data).digest('hex'),
});

describe('the library in a page', () => {
  const site = libraryPage();
  let page: Page;
  before(async () => {
    page = await site.open();
  });
  after(() => page?.close());

  it('computes moganet_pico_32x48 on webgl within the golden tolerance, optimised and not', async () => {
    const shares = await page.evaluate(() => window.calls.golden('moganet_pico_32x48', 'webgl'));
    expect(shares).to.have.all.keys('logits', 'stage1', 'stage2', 'stage3', 'stage4');
    console.log(`      largest error: ${worst(shares)}`);
  });

  it('computes every module of the nano trace on webgl within the golden tolerance', async () => {
    const shares = await page.evaluate(() => window.calls.golden('moganet_nano_trace_48x64', 'webgl'));
    expect(Object.keys(shares)).to.have.length.above(100);
    console.log(`      largest error: ${worst(shares)}`);
  });

  for (const path of Object.keys(files)) {
    it(`decodes ${path} to the same pixels as Node, and writes a PNG that reads back equal`, async () => {
      const expected = hashed(await decoded(path));
      expect(await page.evaluate((name) => window.calls.decode(name), path)).to.deep.equal(expected);
      expect(await page.evaluate((name) => window.calls.roundTrip(name), path)).to.deep.equal(expected);
    });
  }

  it('decodes every sample to the same pixels as Node, and lets the browser decode the CMYK one, which Node refuses', async function () {
    if (!existsSync(sampleSet)) this.skip(); // the whole sample set is not part of the package
    const at = (name: string) => new URL(`${sampleSet}/${name}`);
    const names = Object.keys(JSON.parse(readFileSync(at('pixels.json'), 'utf8')).files);
    expect(names).to.have.length.above(10);
    for (const name of names) {
      const inNode = await decodeImage(readFileSync(at(name))).then(hashed, ({ message }: Error) => message);
      const inPage = await page
        .evaluate((path) => window.calls.decode(path), `samples/${name}`)
        .catch(({ message }: Error) => message);
      if (typeof inNode === 'string') {
        expect(inNode, name).to.include('CMYK');
        expect(inPage, name).to.have.all.keys('width', 'height', 'sha256');
      } else expect(inPage, name).to.deep.equal(inNode);
    }
  });

  it('draws the same overlay as Node, pixel for pixel', async () => {
    const image = await decoded('images/street-house.jpg');
    const drawing = someDrawing(image);
    const { boxes, scores, labels, masks, classes, segmentation } = drawing;
    const result = new Result({
      boxes: Float32Array.from(boxes),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(labels),
      masks: masks.map((text) => new Mask(compactMask(rleFromString(text, image)))),
      classes,
      segmentation: { labels: Uint8Array.from(segmentation), classes },
      image,
      timings: {},
    });
    const expected = hashed(result.render({ draw: ['detection', 'segmentation'] }));
    expect(expected.sha256, 'something is drawn').to.not.equal(hashed(image).sha256);
    expect(await page.evaluate((given) => window.calls.draw(given), drawing)).to.deep.equal(expected);
  });

  it('leaves no tensor behind on webgl, and restores the backend of the page', async () => {
    const size = { width: 128, height: 128 };
    const seen = await page.evaluate((given) => window.calls.predictBeside('cpu', given), size);
    expect(seen.engine).to.equal('webgl');
    expect(seen.backend, 'the backend after the predictions').to.equal('cpu');
    expect(seen.during, 'the backend while they ran').to.deep.equal(['cpu']);
    expect(seen.sum).to.equal(3);
    expect(seen.lengths[0], 'objects found').to.be.above(0);
    expect(seen.lengths[1]).to.equal(seen.lengths[0]);
    expect(seen.tensors[1], 'tensors after the second prediction').to.equal(seen.tensors[0]);
    expect(seen.kept, 'tensors after dispose()').to.equal(0);
  });

  it('names the URL that does not answer, and the file to serve', async () => {
    const refusal = (call: Parameters<typeof window.calls.refusal>[0]) =>
      page.evaluate((given) => window.calls.refusal(given), call);
    expect(await refusal('missing image')).to.match(/ImageError: http.*none\.jpg: the server answered 404 Not Found/);
    expect(await refusal('missing weights')).to.match(
      /CheckpointError: http.*none\.safetensors: the server answered 404/,
    );
    expect(await refusal('missing decoder')).to.match(
      /EngineError: the JPEG decoder is not at http.*none\.wasm \(the server answered 404 Not Found\).*withAssets\(\{ jpegWasm: url \}\)/,
    );
    expect(await refusal('shipped weights')).to.include('Serve samples/weights/facade.safetensors of the package');
  });
});

const worst = (shares: Readonly<Record<string, number>>): string => {
  const [name, share] = Object.entries(shares).sort(([, a], [, b]) => b - a)[0]!;
  return `${(100 * share).toFixed(0)} % of the tolerance, in ${name}`;
};

/** Makes three instances, one hatched so that its mask has many runs, and a map of diagonal stripes. */
function someDrawing({ width, height }: Raster): Drawing {
  const boxes = [
    [40.5, 60.25, 300, 420],
    [250, 200, 500.75, 610],
    [600, -20, 900, 90],
  ];
  const masks = boxes.map((box, i) => {
    const [x1, y1, x2, y2] = box as [number, number, number, number];
    const counts = [0];
    // down the columns, as COCO counts
    let last = 0;
    for (let x = 0; x < width; x++) {
      for (let y = 0; y < height; y++) {
        const set = x >= x1 && x < x2 && y >= y1 && y < y2 && (i !== 1 || (x + y) % 40 < 25) ? 1 : 0;
        if (set !== last) counts.push(0);
        counts[counts.length - 1]!++;
        last = set;
      }
    }
    return rleToString(rleOf(counts, { width, height }));
  });
  return {
    path: 'images/street-house.jpg',
    boxes: boxes.flat(),
    scores: [0.91, 0.5, 0.305],
    labels: [0, 1, 2],
    masks,
    classes: ['window', 'balcony-fence', 'car'],
    segmentation: Array.from({ length: width * height }, (_, i) => Math.floor(((i % width) + i / width) / 100) % 3),
  };
}
