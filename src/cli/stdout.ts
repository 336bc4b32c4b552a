import { once } from 'node:events';

/** Writes to stdout and waits where its reader is slow, so that nothing piles up in memory. */
export async function writeToStdout(content: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(content)) await once(process.stdout, 'drain');
}
