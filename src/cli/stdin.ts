import { UsageError } from './failure.ts';

/** More than any image within the pixel limit takes. */
const mostBytes = 512 * 2 ** 20;

/** @throws UsageError where nothing is piped in, or far too much */
export async function readStdin(): Promise<File> {
  const { stdin } = process;
  if (stdin.isTTY)
    throw new UsageError('- is an image from stdin, and nothing is piped in: moganet predict - < photo.jpg');
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer<ArrayBuffer>>) {
    size += chunk.length;
    if (size > mostBytes) throw new UsageError(`stdin holds more than ${mostBytes} bytes, which is no image.`);
    chunks.push(chunk);
  }
  return new File(chunks, stdinName);
}

/** What messages, results and file names call it. */
export const stdinName = 'stdin';
