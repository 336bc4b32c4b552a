import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { libraryPage } from '../harness/browser.ts';

/** A page under a Content-Security-Policy, as companies and extensions set it. */
describe('a page with a Content-Security-Policy', () => {
  const site = libraryPage();
  const image = 'images/street-house.jpg';

  /** Opens the page under a policy, and keeps what the policy forbids in `window.violations`. */
  async function openUnder(policy: string): Promise<Page> {
    const page = await site.open();
    await page.addInitScript(() => {
      const violations: string[] = [];
      addEventListener('securitypolicyviolation', (event) =>
        violations.push(
          `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile} ${event.lineNumber} ${event.sample}`,
        ),
      );
      Object.assign(window, { violations });
    });
    await page.route(site.url, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } });
    });
    await page.goto(site.url);
    return page;
  }
  const violations = (page: Page) => page.evaluate(() => (window as unknown as { violations: string[] }).violations);

  it("needs no more than 'wasm-unsafe-eval', for JPEG, the engine wasm and data: URLs", async () => {
    const page = await openUnder("default-src 'self'; img-src data:; script-src 'self' 'wasm-unsafe-eval'");
    const found = await page.evaluate((path) => window.calls.predictDataUrl('wasm', path), image);
    expect(found).to.deep.equal({ engine: 'wasm', length: 100 });
    expect(await violations(page), 'what the policy forbade').to.deep.equal([]);
    await page.close();
  });

  it("without it names 'wasm-unsafe-eval' and the policy, not a missing file", async () => {
    const page = await openUnder("default-src 'self'; img-src data:");
    const jpeg = await page.evaluate((path) => window.calls.predictDataUrl('cpu', path), image);
    expect(jpeg).to.match(
      /^EngineError: the JPEG decoder cannot be compiled: .*Content-Security-Policy.*'wasm-unsafe-eval'/,
    );
    await page.close();
  });
});
