import { basename, sep } from 'node:path';
import { decodeText } from '../data/text.ts';
import { readGiven } from './arguments.ts';
import { UsageError } from './failure.ts';

/** The ids of images in COCO's results. They are unique within a run, so that the files of a run can be joined. */

export type ImageId = number | string;

export interface ImageIds {
  /** One per image, in their order. */
  readonly ids: readonly ImageId[];
  /** The sizes that a file states for the images, if the ids are from one. */
  readonly sizes?: readonly (StatedSize | undefined)[];
  /** A sentence for the user about the ids. */
  readonly notice?: string;
}

/** The size of an image in pixels, as a file of labels or results states it. */
export interface StatedSize {
  readonly height: number;
  readonly width: number;
}

/** Returns the size that fields state; undefined if they state none. */
export function statedSizeOf(fields: unknown): StatedSize | undefined {
  const { height, width } = (fields ?? {}) as { readonly height?: unknown; readonly width?: unknown };
  const isSide = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;
  return isSide(height) && isSide(width) ? { height, width } : undefined;
}

const withOption = 'The option --coco-images FILE takes the ids of a data set.';

/**
 * Names images by their stems, as COCO does: `000000000139.jpg` is 139. If two images would share an id, all are named by
 * their outputs, which are unique.
 *
 * @param files paths or URLs, as messages have them
 * @param stems stems of the outputs
 */
export function idsByStem(files: readonly string[], stems: readonly string[]): ImageIds {
  const ids = files.map((file) => {
    const stem = basename(file).replace(/(?<=.)\.[^.]*$/, '');
    return /^\d{1,15}$/.test(stem) ? Number(stem) : stem;
  });
  const first = new Map<ImageId, string>();
  for (const [i, id] of ids.entries()) {
    const other = first.get(id);
    if (other !== undefined) {
      const example = `${other} and ${files[i]} would share ${JSON.stringify(id)}`;
      return {
        ids: stems,
        notice: `--save coco: every image_id is a name such as "${stems[i]}", since ${example}. ${withOption}`,
      };
    }
    first.set(id, files[i] ?? '');
  }
  const numbers = ids.filter((id) => typeof id === 'number').length;
  if (numbers === 0 || numbers === ids.length) return { ids };
  return {
    ids,
    notice: `--save coco: image_id is a number for ${numbers} of ${ids.length} images, a name for the others. ${withOption}`,
  };
}

/**
 * Takes the ids of images from a file in COCO's format, whose `images` have `id` and `file_name`. A file is found by as many
 * parts of its path as `file_name` has.
 *
 * @throws UsageError naming an image that the file lacks, two images that it takes for one, or what is wrong with it
 */
export function idsFromCoco(path: string, files: readonly string[]): ImageIds {
  const known = imagesOf(path);
  const taken = new Map<ImageId, string>();
  const images = files.map((file) => {
    const parts = file.split(/^https?:/i.test(file) || sep === '/' ? '/' : /[\\/]/);
    const names = parts.map((_, i) => folded(parts.slice(i).join('/')));
    const name = names.find((one) => known.has(one));
    const image = name === undefined ? undefined : known.get(name);
    if (image === undefined) {
      throw new UsageError(
        file === 'stdin'
          ? `${path} finds images by their file_name, and an image from stdin has none. Name the file itself.`
          : `${file}: ${path} has no image of this file_name. Add it to "images", or leave it out of the run.`,
      );
    }
    const { id } = image;
    const other = taken.get(id);
    if (other !== undefined) {
      throw new UsageError(
        `${other} and ${file} are one image in ${path}: both are found as "${name}", id ${id}. Write their folders in file_name.`,
      );
    }
    taken.set(id, file);
    return image;
  });
  return { ids: images.map(({ id }) => id), sizes: images.map(({ size }) => size) };
}

interface KnownImage {
  readonly id: ImageId;
  readonly size: StatedSize | undefined;
}

const folded = (name: string): string => name.normalize('NFC');

/**
 * Reads JSON of a file that the user names: UTF-8, or the UTF-16 that a shell of Windows writes for `>`.
 *
 * @param remedy the sentence that says which file to give
 * @throws UsageError
 */
export function readGivenJson(path: string, remedy: string): unknown {
  const bytes = readGiven(path);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    throw new UsageError(`${path}: this is compressed by gzip. Unpack it first.`);
  try {
    return JSON.parse(decodeText(bytes, path));
  } catch (cause) {
    const { message } = cause as Error; // which quotes the file
    const where = /position \d+/.exec(message)?.[0];
    const word = /[+-]?(?:NaN|Infinity)\b/.exec(message)?.[0]; // as Python writes them
    const detail = word ? `: it has ${word} for a number` : where ? ` (${where})` : '';
    throw new UsageError(`${path}: this is not JSON${detail}. ${remedy}`, { cause });
  }
}

function imagesOf(path: string): ReadonlyMap<string, KnownImage> {
  const data = readGivenJson(path, 'Give a COCO file.');
  const images = (data as { images?: unknown } | null)?.images ?? data;
  if (!Array.isArray(images)) {
    throw new UsageError(`${path}: it has no list "images". Give a COCO file, such as instances_val2017.json.`);
  }
  const known = new Map<string, KnownImage>();
  for (const [i, image] of images.entries()) {
    const { id, file_name: name } = (image ?? {}) as { id?: unknown; file_name?: unknown };
    if ((typeof id !== 'number' && typeof id !== 'string') || typeof name !== 'string') {
      throw new UsageError(`${path}: images[${i}] needs an "id" (number or text) and a "file_name".`);
    }
    const key = folded(name.replace(/^\.\//, ''));
    const before = known.get(key);
    if (before && before.id !== id) {
      throw new UsageError(`${path}: "${name}" is there with the ids ${before.id} and ${id}. Keep one.`);
    }
    known.set(key, { id, size: statedSizeOf(image) });
  }
  return known;
}
