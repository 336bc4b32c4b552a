import { expect } from 'chai';
import { dropImage, patience, settled, webPage } from './site.ts';

/** The page when its graphics process ends. In a browser of its own: it is not started again for ever. */

describe('the page whose graphics fail', () => {
  const site = webPage();

  it('says so within two seconds, and finds what is there on another engine', async function () {
    this.timeout(240_000);
    const { page } = await site.open('?engine=webgl&size=192&sample=none');
    await page.locator('#found:has-text("Ready")').waitFor(patience);
    await dropImage(page, 'street-house.jpg');
    await page.locator('#found:has-text("Looking")').waitFor(patience);
    const devtools = await page.context().browser()?.newBrowserCDPSession();
    const asked = Date.now();
    await devtools?.send('Browser.crashGpuProcess');
    const notice = page.locator('#notice[data-kind=error] p');
    await notice.waitFor(patience);
    expect(Date.now() - asked, 'milliseconds').to.be.below(2000);
    expect(await notice.textContent()).to.match(/The page looks for another engine\.$/);
    await settled(page);
    const [, engine = ''] = (await page.locator('#facts').textContent())?.match(/on (\S+)/) ?? [];
    expect(engine).to.match(/^(ort-)?wasm$/);
    expect(await notice.textContent()).to.match(new RegExp(`Now the page computes on ${engine}\\.$`));
    expect(await page.locator('#found').textContent()).to.match(/^Found \d+ × \w/);
    await page.close();
  });
});
