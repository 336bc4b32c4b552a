import type { Command } from 'commander';
import { decodeImage } from '../platform/node/files.ts';
import { encodeJpeg } from '../platform/node/jpeg.ts';
import type { ReportOptions } from '../report/evaluation.ts';
import type { PictureCodec } from '../report/pictures.ts';
import { writeWhole } from './outputs.ts';
import type { Terminal } from './terminal.ts';

/** Writes reports as HTML files. */

/** Reads and writes the images of a page. */
export const pictureCodec: PictureCodec = {
  decode: (bytes, { name }) => decodeImage(bytes, { name }),
  encode: encodeJpeg,
};

/**
 * Writes a report.
 *
 * @param make one of the functions of `report/`
 * @param command the command that runs, which the report repeats
 */
export async function writeReport<T>(
  path: string,
  measured: T,
  make: (measured: T, codec: PictureCodec, options: ReportOptions) => Promise<string>,
  { command, terminal }: { readonly command: Command; readonly terminal: Terminal },
): Promise<void> {
  const { version } = await import('../node.ts');
  const words = ['moganet', ...(command.parent?.args ?? [])].map(quoted).join(' ');
  terminal.progress(0, 1, `drawing ${path}`);
  const html = await make(measured, pictureCodec, { version, command: words, date: new Date(), maxImages: Infinity });
  await writeWhole(path, [new TextEncoder().encode(html)]);
  terminal.note(`${path}: the report`);
}

/** Quotes a word as a shell needs it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
