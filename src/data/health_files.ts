import { groupedBy, type Size } from '../arrays.ts';
import { DataError, listed, MoganetError } from '../errors.ts';
import { ImageRefusal } from '../formats/context.ts';
import type { DecodeImage } from '../formats/image.ts';
import { statedSize } from '../formats/image_size.ts';
import { entryName, fieldOf, idsOf, isId, plainFileName, type RawEntry } from './health_document.ts';
import type { FindingCollector, Id, Report } from './health_findings.ts';

/** The rules about the files of images: they are there, can be decoded, have the stated size, and are there once. */

/** Gives the bytes of an image by its `file_name`. Undefined if there is no such file. */
export type ReadFile = (fileName: string) => Promise<Uint8Array | undefined>;

/** Where each content was seen: by its hash, then by split. */
export type SeenContents = Map<string, Map<string, { readonly file: string; readonly ids: Id[] }[]>>;

/** What the rules about files need beside the images. */
export interface FilesContext {
  readonly split: string;
  readonly file: string;
  readonly report: Report;
  readonly readFile: ReadFile;
  readonly decode: DecodeImage;
  readonly seen: SeenContents;
  /** Called before each image. */
  onImage(fileName: string): Promise<void> | void;
}

/** Checks the files of the images one after another; never are two in memory. */
export async function checkFiles(images: readonly RawEntry[], context: FilesContext): Promise<void> {
  const checked = new Map<string, { readonly ids: Id[] }>();
  for (const image of images) {
    const name = fieldOf(image, 'file_name');
    const spelled = typeof name === 'string' ? plainFileName(name) : '';
    await context.onImage(spelled);
    const before = checked.get(spelled);
    // the second image of a file has a finding of its own
    if (before) before.ids.push(...idsOf(image));
    else checked.set(spelled, { ids: await checkFile(image, spelled, context) });
  }
}

/** @returns the ids that stand for this content, so that more may be added */
async function checkFile(image: RawEntry, fileName: string, context: FilesContext): Promise<Id[]> {
  const { split, report, readFile, seen } = context;
  const ids = idsOf(image);
  const say = (code: 'missing_file' | 'unreadable_image' | 'image_size_mismatch' | 'undecoded_image', what: string) =>
    report(code, {
      kind: 'image',
      ids,
      file: fileName || context.file,
      text: () => `${entryName('images', image)}: ${what}`,
    });
  if (fileName === '') {
    say('missing_file', 'no file_name');
    return ids;
  }
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readFile(fileName);
  } catch (error) {
    // a path that leaves the folder, a folder in place of a file, a file without permission
    if (!(error instanceof MoganetError)) throw error;
    say('unreadable_image', error.message);
    return ids;
  }
  if (!bytes) {
    say('missing_file', `${fileName} does not exist`);
    return ids;
  }
  const found = await sizeOfFile(bytes, fileName, context.decode);
  if (found.refusal) say(found.decodable ? 'unreadable_image' : 'undecoded_image', found.refusal);
  if (found.size) checkSize(image, found.size, (what) => say('image_size_mismatch', what));
  if (found.refusal && found.decodable) return ids;
  const hash = await hashOf(bytes);
  let splits = seen.get(hash);
  if (!splits) {
    splits = new Map();
    seen.set(hash, splits);
  }
  const places = splits.get(split);
  if (places) places.push({ file: fileName, ids });
  else splits.set(split, [{ file: fileName, ids }]);
  return ids;
}

interface FoundSize {
  readonly size?: Size | undefined;
  readonly refusal?: string;
  /** False for formats that exist, but are not decoded by this package. */
  readonly decodable?: boolean;
}

async function sizeOfFile(bytes: Uint8Array, name: string, decode: DecodeImage): Promise<FoundSize> {
  try {
    const { width, height } = await decode(bytes, { name });
    return { size: { width, height } };
  } catch (error) {
    if (!(error instanceof MoganetError)) throw error;
    const undecoded = error instanceof ImageRefusal && (error.code === 'unsupported' || error.code === 'limit');
    const refusal =
      error instanceof ImageRefusal ? `${error.place && `${error.place}: `}${error.reason}` : error.message;
    return undecoded ? { size: statedSize(bytes), refusal, decodable: false } : { refusal, decodable: true };
  }
}

function checkSize(image: RawEntry, { width, height }: Size, say: (what: string) => void): void {
  const [statedWidth, statedHeight] = [fieldOf(image, 'width'), fieldOf(image, 'height')];
  // a size that is none has a finding of its own
  if (!(Number(statedWidth) > 0 && Number(statedHeight) > 0)) return;
  if (statedWidth === width && statedHeight === height) return;
  const swapped = statedWidth === height && statedHeight === width;
  const why = swapped ? ' Width and height are swapped, or the file has an EXIF orientation.' : '';
  say(`the labels state ${statedWidth} × ${statedHeight}, the file is ${width} × ${height}.${why}`);
}

/** @throws DataError where there is no `crypto.subtle` */
async function hashOf(bytes: Uint8Array): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) {
    throw new DataError(
      'checking the files of images needs crypto.subtle, which pages have if they are served by https or from localhost. ' +
        'Serve the page so, or check without files.',
    );
  }
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return String.fromCharCode(...new Uint8Array(digest));
}

/** Reports contents that were seen twice in a split, or in two splits. */
export function reportEqualFiles(seen: SeenContents, findings: FindingCollector, reportOf: (split: string) => Report) {
  for (const splits of seen.values()) {
    const sides = [...splits].map(([split, places]) => ({
      split,
      ids: places.flatMap(({ ids }) => ids),
      files: places.map(({ file }) => file),
    }));
    for (const { split, ids, files } of sides) {
      if (files.length < 2) continue;
      reportOf(split)('duplicate_image_content', {
        kind: 'image',
        ids,
        file: files[0] ?? '',
        text: () => `${listed(files, mostNamed)} are equal`,
      });
    }
    for (const [i, one] of sides.entries()) {
      for (const other of sides.slice(i + 1)) {
        findings.between('split_leakage', [one, other], {
          kind: 'image',
          ids: [],
          file: one.files[0] ?? '',
          text: () =>
            `${one.split} ${listed(one.files, mostNamed)} and ${other.split} ${listed(other.files, mostNamed)} are equal`,
        });
      }
    }
  }
}

/** The most files that a sentence names. */
const mostNamed = 3;

/** Reports images that share a file name, all of them in one finding. */
export function checkFileNames(images: readonly RawEntry[], file: string, report: Report): void {
  const nameOf = (image: RawEntry) => {
    const name = fieldOf(image, 'file_name');
    return typeof name === 'string' ? plainFileName(name) : '';
  };
  for (const [name, same] of groupedBy(images, nameOf)) {
    if (name === '') continue;
    // one image that is listed twice has a finding of its own
    if (same.length < 2 || (same.every(({ id }) => isId(id)) && new Set(same.map(({ id }) => id)).size < 2)) continue;
    const names = () => same.map((image) => entryName('images', image)).join(', ');
    report('duplicate_file_name', { kind: 'image', ids: idsOf(...same), file, text: () => `${names()}: all ${name}` });
  }
}
