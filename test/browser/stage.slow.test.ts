import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import { loadModel, type Result } from 'moganet';
import type { Download, Page } from 'playwright-core';
import { PNG } from 'pngjs';
import { servedSite } from '../harness/browser.ts';
import type { StageTools } from './page/stage.ts';

declare global {
  var tools: StageTools;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const picture = 'street-house.jpg';

describe('the stage and the panel in Chromium', () => {
  let result: Result;

  const site = servedSite(async (folder) => {
    const model = await loadModel('facade', { engine: 'wasm' });
    result = await model.predict(join(root, 'samples/images', picture), {
      size: { width: 320, height: 320 },
      score: 0.05,
    });
    await model.dispose();
    writeFileSync(join(folder, 'result.json'), JSON.stringify(result.toJSON({ timings: true })));
    await build({
      absWorkingDir: root,
      bundle: true,
      format: 'esm',
      target: 'es2022',
      alias: {
        'moganet/render': './src/render/index.ts',
        'moganet/postprocess': './src/postprocess/index.ts',
        moganet: './src/index.ts',
      },
      entryPoints: ['test/browser/page/stage.ts'],
      outdir: folder,
    });
    const html = readFileSync(join(root, 'web/index.html'), 'utf8');
    writeFileSync(join(folder, 'index.html'), html.replace('./main.ts', './stage.js'));
    for (const name of ['style.css', 'icon.svg', 'stage', 'panel']) {
      cpSync(join(root, 'web', name), join(folder, name), { recursive: true });
    }
    cpSync(join(root, 'samples/images'), join(folder, 'images'), { recursive: true });
  });

  async function open(width = 1200): Promise<Page> {
    const page = await site.open();
    await page.setViewportSize({ width, height: 800 });
    await page.evaluate((name) => tools.showFile(name, 'result.json'), picture);
    await settled(page);
    return page;
  }

  it('lights the instance under the pointer, and its row, and tells class, score and area', async () => {
    const page = await open();
    const best = result.at(0);
    await page.mouse.move(...(await middleOf(page, best.box)));
    const lit = await page.evaluate(() => tools.stage.layers.state.lit);
    expect(lit).to.equal(0);
    const words = ((await page.locator('.stage-tooltip').textContent()) ?? '').replaceAll('\u00a0', ' ');
    expect(words).to.include(best.name);
    expect(words).to.match(/0\.\d\d · [\d,]+ px · [\d.]+ %/);
    expect(await page.locator('.instance.lit').getAttribute('data-instance')).to.equal('0');
    // the light comes and goes in some frames
    const skyIs = (dimmed: boolean) =>
      page.waitForFunction((isDimmed) => {
        const canvas = document.querySelector<HTMLCanvasElement>('.stage-over canvas:last-child');
        const veil = canvas?.getContext('2d')?.getImageData(canvas.width / 2, 3, 1, 1).data[3] ?? 0;
        return isDimmed ? veil > 100 : veil === 0;
      }, dimmed);
    await skyIs(true);
    await page.mouse.move(5, 5);
    expect(await page.evaluate(() => tools.stage.layers.state.lit)).to.equal(undefined);
    await skyIs(false);
    await page.locator('.instance').nth(1).hover();
    expect(await page.evaluate(() => tools.stage.layers.state.lit)).to.equal(1);
    await page.close();
  });

  it('cuts out what is clicked, transparent outside its mask', async () => {
    const page = await open();
    const best = result.at(0);
    await page.mouse.click(...(await middleOf(page, best.box)));
    await page.locator('.cutout').waitFor();
    expect(await page.locator('.cutout h2').textContent()).to.equal(best.name);
    const saving = page.waitForEvent('download');
    await page.locator('.cutout button', { hasText: 'PNG' }).click();
    const saved = await saving;
    expect(saved.suggestedFilename()).to.equal(`street-house.${best.name}-1.png`);
    const png = PNG.sync.read(await bytesOf(saved));
    const expected = result.crop(0);
    expect([png.width, png.height]).to.deep.equal([expected.width, expected.height]);
    const alpha = (data: ArrayLike<number>) => Array.from(data).filter((_, i) => i % 4 === 3);
    expect(alpha(png.data)).to.deep.equal(alpha(expected.data));
    await page.locator('.cutout button[aria-label]').click();
    expect(await page.locator('.cutout').isVisible()).to.equal(false);
    await page.close();
  });

  it('copies a cut-out', async () => {
    const page = await open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.bringToFront();
    await page.locator('.instance').first().click();
    await page.locator('.cutout button', { hasText: 'Copy' }).click();
    await page.locator('.cutout [role=status]', { hasText: 'Copied.' }).waitFor();
    const types = await page.evaluate(async () =>
      (await navigator.clipboard.read()).flatMap((item) => [...item.types]),
    );
    expect(types).to.include('image/png');
    await page.close();
  });

  it('zooms by two fingers', async () => {
    const page = await open();
    const { x, y, width, height } = await boxOf(page, '.stage-frame');
    const [middleX, middleY] = [x + width / 2, y + height / 2];
    const client = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', apart?: number) =>
      client.send('Input.dispatchTouchEvent', {
        type,
        touchPoints:
          apart === undefined ? [] : [-1, 1].map((side, id) => ({ x: middleX + side * apart, y: middleY, id })),
      });
    await touch('touchStart', 20);
    for (let apart = 30; apart <= 100; apart += 10) await touch('touchMove', apart);
    await touch('touchEnd');
    expect(await page.locator('.stage-frame').getAttribute('class')).to.include('zoomed');
    expect(await page.locator('.cutout').isVisible(), 'two fingers are no press').to.equal(false);
    await page.close();
  });

  it('is used by the keyboard alone, and says where one is', async () => {
    const page = await open();
    await page.locator('.stage-frame').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    expect(await page.evaluate(() => tools.stage.layers.state.lit)).to.equal(1);
    const said = page.locator('[aria-live=polite]').first();
    expect(await said.textContent()).to.include(`${result.at(1).name}, score 0.`);
    await page.keyboard.press('Enter');
    const inCard = () => page.evaluate(() => document.activeElement?.closest('.cutout') !== null);
    expect(await inCard(), 'the focus is in the card').to.equal(true);
    await page.keyboard.press('Escape');
    expect(await page.locator('.cutout').isVisible()).to.equal(false);
    const isBack = await page.evaluate(() => document.activeElement?.className);
    expect(isBack).to.include('stage-frame');

    const first = page.locator('.instance').first();
    await first.focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate(() => tools.stage.layers.state.lit)).to.equal(1);
    await page.keyboard.press('Enter');
    expect(await inCard()).to.equal(true);
    await page.keyboard.press('Escape');
    expect(await page.evaluate(() => document.activeElement?.getAttribute('data-instance'))).to.equal('1');
    await page.close();
  });

  it('filters by score and class, and saves what is shown', async () => {
    const page = await open();
    await page.locator('#score').fill('0.3');
    const kept = result.filter(({ score }) => score >= 0.3);
    expect(await page.locator('#score-shown').textContent()).to.equal(`${kept.length} of ${result.length} instances`);
    expect(await page.locator('.instances li:not([hidden])').count()).to.equal(kept.length);
    await page.locator('.chip', { hasText: 'window' }).click();
    const rest = kept.filter(({ name }) => name !== 'window');
    expect(rest.length).to.be.within(1, kept.length - 1);

    const json = JSON.parse(String(await bytesOf(await save(page, 'JSON'))));
    expect(json.detection.map(({ name }: { name: string }) => name)).to.deep.equal([...rest.names]);
    expect(json.detection[0].mask).to.deep.equal(rest.toJSON().detection?.[0]?.mask);
    const coco = JSON.parse(String(await bytesOf(await save(page, 'COCO'))));
    expect(coco).to.have.length(rest.length);
    expect(coco[0].image_id).to.equal('street-house');
    const labelme = JSON.parse(String(await bytesOf(await save(page, 'labelme'))));
    expect(labelme.imagePath).to.equal(picture);
    const zip = unzipSync(new Uint8Array(await bytesOf(await save(page, 'Cut-outs'))));
    expect(Object.keys(zip)).to.have.length(rest.length);
    const overlay = PNG.sync.read(await bytesOf(await save(page, 'PNG')));
    expect([overlay.width, overlay.height]).to.deep.equal([result.image.width, result.image.height]);
    expect(Buffer.compare(overlay.data, Buffer.from(result.image.data)), 'something is drawn').to.not.equal(0);
    await page.close();
  });

  it('zooms to the point under the pointer, and shows before and after', async () => {
    const page = await open();
    const frame = await boxOf(page, '.stage-frame');
    await page.locator('[aria-label="Zoom in"]').click();
    expect(await page.locator('.stage-frame').getAttribute('class')).to.include('zoomed');
    const pixels = () =>
      page
        .locator('.stage-frame canvas')
        .first()
        .evaluate(async (canvas: HTMLCanvasElement) => {
          await new Promise(requestAnimationFrame);
          return [
            ...(canvas.getContext('2d')?.getImageData(canvas.width / 2 - 1, canvas.height / 2 - 1, 2, 2).data ?? []),
          ];
        });
    await page.mouse.move(frame.x + frame.width / 2, frame.y + frame.height / 2);
    for (let i = 0; i < 8; i++) await page.mouse.wheel(0, -120);
    const zoomed = await pixels();
    for (let i = 0; i < 4; i++) await page.mouse.wheel(0, -120);
    // far in, the pixel under the pointer is all that is seen there
    for (const [i, value] of (await pixels()).entries()) expect(value).to.be.closeTo(zoomed[i] ?? 0, 30);
    await page.locator('[aria-label="Show the whole picture"]').click();
    expect(await page.locator('.stage-frame').getAttribute('class')).to.not.include('zoomed');

    await page.locator('[aria-label="Compare before and after"]').click();
    const clip = () => page.locator('.stage-over').evaluate((over) => getComputedStyle(over).clipPath);
    expect(await clip()).to.include('50%');
    await page.locator('.stage-slider').focus();
    await page.keyboard.press('End');
    expect(await clip()).to.include('100%');
    await page.locator('[aria-label="Compare before and after"]').click();
    expect(await clip()).to.equal('none');
    await page.close();
  });

  it('shows names as text, and fits a phone', async () => {
    const page = await open(360);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(overflow, 'pixels to scroll sideways').to.equal(0);
    const name = '<img src=x onerror="globalThis.broken=1">';
    await page.evaluate(([file = '', text]) => tools.showMany(file, 3, text), [picture, name]);
    await settled(page);
    expect(await page.locator('.instance').first().textContent()).to.include(`${name} 0`);
    expect(await page.locator('#panel img, #stage img').count()).to.equal(0);
    expect(await page.evaluate(() => 'broken' in globalThis)).to.equal(false);
    await page.close();
  });

  it('shows the picture with its masks before the panel is built', async () => {
    const page = await open();
    const order = await page.evaluate(async () => {
      const seen: string[] = [];
      const list = document.querySelector('.instances');
      if (list) new MutationObserver(() => seen.push('list')).observe(list, { childList: true });
      tools.stage.onDrawn(() => seen.push('picture'));
      await tools.showMany('facade-balconies.jpg', 50);
      for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
      return seen;
    });
    expect(order).to.deep.equal(['picture', 'list']);
    await page.close();
  });

  it('makes images of masks once, and paints nothing while nothing changes', async () => {
    const page = await open();
    await page.evaluate(() => tools.showMany('facade-balconies.jpg', 100));
    await page.evaluate(() => tools.slide()); // every mask has been seen
    await settled(page);
    const work = await page.evaluate(async () => {
      let canvases = 0;
      let frames = 0;
      const { OffscreenCanvas: Canvas } = globalThis;
      const request = globalThis.requestAnimationFrame;
      globalThis.OffscreenCanvas = class extends Canvas {
        constructor(width: number, height: number) {
          super(width, height);
          canvases++;
        }
      };
      const { script } = await tools.slide();
      globalThis.requestAnimationFrame = (callback) => {
        frames++;
        return request(callback);
      };
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { script, canvases, frames };
    });
    const sorted = work.script.toSorted((a, b) => a - b);
    console.log(`      script per step of the score, 100 masks: median ${sorted[sorted.length >> 1]?.toFixed(1)} ms`);
    expect(work.canvases, 'canvases made while the slider moves').to.equal(0);
    expect(work.frames, 'frames asked for at rest').to.equal(0);
    await page.close();
  });

  /** Presses a button of "Save". */
  async function save(page: Page, title: string): Promise<Download> {
    const saving = page.waitForEvent('download');
    await page.locator('#panel section', { hasText: 'Save' }).getByRole('button', { name: title, exact: true }).click();
    return saving;
  }
});

/** Waits until two frames in a row are painted: outlines come over several. */
const settled = (page: Page): Promise<void> =>
  page.evaluate(async () => {
    for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
  });

async function bytesOf(download: Download): Promise<Buffer> {
  return readFileSync(await download.path());
}

async function boxOf(page: Page, selector: string) {
  const box = await page.locator(selector).boundingBox();
  if (!box) throw new Error(`${selector} is not seen`);
  return box;
}

/** The middle of a box of the picture, on the page; the picture is seen whole. */
async function middleOf(page: Page, [x1, y1, x2, y2]: readonly number[]): Promise<[x: number, y: number]> {
  const frame = await boxOf(page, '.stage-frame');
  const size = await page.evaluate(() => tools.stage.result?.imageSize ?? { width: 1, height: 1 });
  const scale = Math.min(frame.width / size.width, frame.height / size.height);
  const at = (from = 0, to = 0, start = 0, room = 0, length = 0) =>
    start + (room - length * scale) / 2 + ((from + to) / 2) * scale;
  return [at(x1, x2, frame.x, frame.width, size.width), at(y1, y2, frame.y, frame.height, size.height)];
}
