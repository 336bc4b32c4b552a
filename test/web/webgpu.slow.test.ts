import { expect } from 'chai';
import { expectSameInstances } from '../harness/same_instances.ts';
import { nodeResult } from './reference.ts';
import { dropImage, patience, savedJson, settled, webPage } from './site.ts';

describe('the page with WebGPU computed in software', () => {
  const site = webPage(['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']);

  it('finds the same on webgpu as Node in a photo that is dropped', async function () {
    this.timeout(600_000);
    const { page, faults } = await site.open('?engine=webgpu&size=320&sample=none');
    await page.locator('#found:has-text("Ready")').waitFor(patience);
    await dropImage(page, 'street-house.jpg');
    await settled(page, 'webgpu', { timeout: 500_000 }); // two processors stand in for the graphics
    expectSameInstances(await savedJson(page), await nodeResult('street-house.jpg'), 0.5);
    expect(faults).to.deep.equal([]);
    await page.close();
  });
});
