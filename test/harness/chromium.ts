import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const paths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * Starts Chromium, or returns the reason why it cannot.
 *
 * @param more arguments of the command line beside the usual ones
 * @throws Error for the same reason if MOGANET_REQUIRE_BROWSER=1
 */
export async function launchChromium(more: readonly string[] = []): Promise<Browser | string> {
  const executablePath = process.env.MOGANET_CHROMIUM ?? paths.find((path) => existsSync(path));
  if (!executablePath) {
    const reason = `no Chromium at ${paths.join(', ')}. Install it (Debian: apt-get install chromium), or set MOGANET_CHROMIUM to its path.`;
    if (process.env.MOGANET_REQUIRE_BROWSER === '1') throw new Error(reason);
    return reason;
  }
  // the sandbox needs rights that containers do not give; the pages are ours
  const quiet = ['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-quic', ...quiet, ...more] });
}
