import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * Starts Chromium, or says why there is none.
 *
 * @throws Error where MOGANET_REQUIRE_BROWSER=1 says that there must be one
 */
export async function launchChromium(): Promise<Browser | string> {
  const executablePath = process.env.MOGANET_CHROMIUM ?? places.find((place) => existsSync(place));
  if (!executablePath) {
    const reason = `there is no Chromium (${places.join(', ')}; MOGANET_CHROMIUM names another place)`;
    if (process.env.MOGANET_REQUIRE_BROWSER === '1') throw new Error(reason);
    return reason;
  }
  // the sandbox needs rights that containers do not give; the pages are ours
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-quic', ...quiet] });
}
