import { createHash } from 'node:crypto';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { decodeImage } from '../../src/platform/node/files.ts';
import { servedSite } from '../harness/browser.ts';
import { browserBundle } from '../harness/browser_bundle.ts';
import type { Seen } from './page/inputs.ts';

/** Images of every form that a page has, in Chromium. */

const folder = new URL('../images/', import.meta.url);

async function prepare(site: string): Promise<void> {
  await build({
    ...browserBundle,
    entryPoints: { inputs: fileURLToPath(new URL('page/inputs.ts', import.meta.url)) },
    outdir: site,
    minify: false,
    splitting: true,
  });
  cpSync(folder, site, { recursive: true });
  cpSync(new URL('page/inputs.html', import.meta.url), join(site, 'index.html'));
}

const red = [200, 30, 40, 255];
const green = [20, 160, 60, 255];
const blue = [30, 60, 200, 255];
const white = [240, 240, 240, 255];

/** Checks the colours of the four quarters. */
function check(
  { quarters }: Pick<Seen, 'quarters'>,
  wanted: readonly (readonly number[])[],
  tolerance: number,
  what: string,
): void {
  for (const [i, color] of wanted.entries()) {
    for (const [channel, value] of color.entries()) {
      expect(quarters[i]?.[channel], `${what}, quarter ${i}, channel ${channel}`).to.be.closeTo(value, tolerance);
    }
  }
}

const upright = [red, green, blue, white];

describe('images in a page', () => {
  const site = servedSite(prepare);
  const other = servedSite(prepare); // another port is another origin
  let page: Page;
  before(async () => {
    page = await site.open();
  });
  after(() => page?.close());

  it('of every form give the same pixels', async () => {
    const forms = await page.evaluate(() => window.inputs.forms());
    expect(forms).to.have.length.above(12);
    for (const form of forms) {
      const seen = await page.evaluate((name) => window.inputs.predict(name), form);
      expect([seen.width, seen.height], form).to.deep.equal([32, 16]);
      // a video is YUV
      check(seen, upright, form === 'video' ? 12 : form === 'VideoFrame' ? 3 : 0, form);
    }
  });

  it('of every form are refused over the limit', async () => {
    for (const form of await page.evaluate(() => window.inputs.forms())) {
      const text = await page.evaluate((name) => window.inputs.tooLarge(name), form);
      if (form === 'ImageData')
        expect(text).to.equal('nothing was thrown'); // its memory is there already
      else expect(text, form).to.match(/ImageError: .*512 pixels, the limit is 511 pixels/);
    }
  });

  it('are named by their URL', async () => {
    for (const form of ['img', 'Response', 'URL']) {
      expect((await page.evaluate((name) => window.inputs.predict(name), form)).file).to.equal(
        `${site.url}browser/quarters.webp`,
      );
    }
    expect((await page.evaluate(() => window.inputs.predict('File'))).file).to.equal('drawn.png');
    expect((await page.evaluate(() => window.inputs.predict('canvas'))).file).to.equal(undefined);
  });

  it('that cannot be read are an ImageError that says why', async () => {
    const facts: Readonly<Record<string, RegExp>> = {
      'broken img': /browser\/none\.png: the <img> has no picture.*Check its src/,
      'img without src': /HTMLImageElement: the <img> has no picture/,
      'tainted img':
        /browser\/alpha\.png: it comes from another origin.*crossOrigin = 'anonymous'.*Access-Control-Allow-Origin/,
      'tainted canvas': /HTMLCanvasElement: something of another origin was drawn on it/,
      'video without data': /the <video> has no frame yet.*loadeddata/,
      'closed ImageBitmap': /ImageBitmap: it was closed/,
      'closed VideoFrame': /VideoFrame: it was closed/,
      'read Response': /was read before.*response\.clone\(\)/,
      'opaque Response': /opaque.*without mode: 'no-cors'/,
      'empty canvas': /0 × 16 pixels/,
      'text Blob': /this is text that begins "Not Found"/,
      'unknown element': /an <img>, <video>, <canvas>, OffscreenCanvas.*HTMLDivElement/,
    };
    expect(await page.evaluate(() => window.inputs.refusals())).to.have.members(Object.keys(facts));
    for (const [form, fact] of Object.entries(facts)) {
      const text = await page.evaluate((args) => window.inputs.refusal(...args), [form, other.url] as [string, string]);
      expect(text, form)
        .to.match(/^ImageError: /)
        .and.to.match(fact);
    }
  });

  it('are those at the call, whatever is drawn or closed after it', async () => {
    for (const seen of await page.evaluate(() => window.inputs.changedAfter())) check(seen, upright, 0, 'captured');
  });

  it('larger than a tile are read whole', async () => {
    const seen = await page.evaluate(() => window.inputs.large());
    expect([seen.width, seen.height]).to.deep.equal([5000, 2100]);
    check(seen, upright, 0, 'large');
  });

  it('work the same in a worker', async () => {
    const results = await page.evaluate(() => window.inputs.inWorker());
    expect(Object.keys(results)).to.include.members([
      'ImageBitmap',
      'VideoFrame',
      'OffscreenCanvas',
      'large OffscreenCanvas',
      'WebP blob',
    ]);
    for (const [form, seen] of Object.entries(results)) check(seen, upright, form === 'VideoFrame' ? 3 : 0, form);
  });

  it('in formats that only the browser reads are decoded by it: upright, opaque, the first frame', async () => {
    const file = (path: string) => page.evaluate((name) => window.inputs.file(name), `/browser/${path}`);
    for (const [name, tolerance] of [
      ['quarters.webp', 0],
      ['quarters.avif', 6],
      ['frames.gif', 2],
    ] as const) {
      const seen = await file(name);
      expect([seen.width, seen.height], name).to.deep.equal([32, 16]);
      check(seen, upright, tolerance, name);
      expect(seen.notices.join(), name).to.match(/the browser decoded an? (WebP|AVIF|GIF) image/);
    }
    const { quarters } = await file('alpha.webp');
    // nothing is left of a colour that is fully transparent: the browser keeps pixels multiplied by alpha
    check({ quarters }, [[0, 0, 0, 255], green, blue, white], 1, 'alpha.webp');
    const turned = await file('cmyk_turned.jpg'); // by 90° to the right
    expect([turned.width, turned.height]).to.deep.equal([16, 32]);
    expect(turned.notices.join()).to.include('JPEG');
    const strongest = turned.quarters.map(([r = 0, g = 0, b = 0]) => {
      if (Math.min(r, g, b) > 200) return 'white';
      return r > Math.max(g, b) ? 'red' : g > b ? 'green' : 'blue'; // inks without a profile are brighter
    });
    expect(strongest).to.deep.equal(['blue', 'red', 'white', 'green']);
  });

  it('that this package decodes have the pixels of Node, also under transparency', async () => {
    for (const name of ['browser/alpha.png', 'ok_420_prog.jpg', 'ok_440.jpg', 'ok_gray.jpg']) {
      const { width, height, data } = await decodeImage(readFileSync(new URL(name, folder)));
      const sha256 = createHash('sha256').update(data).digest('hex');
      const seen = await page.evaluate((path) => window.inputs.file(path), `/${name}`);
      expect([seen.width, seen.height, seen.sha256], name).to.deep.equal([width, height, sha256]);
      expect(seen.notices, name).to.deep.equal([]);
      expect((await page.evaluate((path) => window.inputs.decoded(path), `/${name}`)).sha256, name).to.equal(sha256);
    }
  });

  it('become ImageData and files again', async () => {
    const { sizes, types, quarters, refusal } = await page.evaluate(() => window.inputs.pixels());
    expect(sizes).to.deep.equal([32, 16, 32 * 16 * 4]);
    expect(types).to.deep.equal(['image/png', 'image/jpeg', 'image/webp']);
    for (const [i, tolerance] of [0, 6, 12].entries()) check({ quarters: quarters[i]! }, upright, tolerance, types[i]!);
    expect(refusal).to.match(/UnsupportedError: .*image\/x-none/);
  });
});
