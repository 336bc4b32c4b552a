import { ImageError } from '../errors.ts';
import type { Size } from '../ndarray.ts';
import type { Rle } from './detections.ts';
import { rleOf } from './rle.ts';

/**
 * COCO's compressed string: from the fourth run on the difference to the run two before, in groups of five bits, lowest
 * first, sign in the last group; the sixth bit says that another group follows; 48 is added to make a character.
 */

export function rleToString({ counts }: Rle): string {
  const characters: string[] = [];
  for (let run = 0; run < counts.length; run++) {
    let rest = run > 2 ? counts[run]! - counts[run - 2]! : counts[run]!;
    for (let more = true; more; ) {
      const group = rest & 31;
      rest >>= 5;
      more = group & 16 ? rest !== -1 : rest !== 0;
      characters.push(String.fromCharCode((more ? group | 32 : group) + 48));
    }
  }
  return characters.join('');
}

/** @throws ImageError for text that is no run-length string, ShapeError where the runs do not fill the size */
export function rleFromString(text: string, size: Size): Rle {
  const counts: number[] = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    for (let shift = 0, more = true; more; shift += 5) {
      const code = text.charCodeAt(at) - 48;
      if (Number.isNaN(code) || shift > 30) {
        throw new ImageError(
          `mask: the run-length string ends inside number ${counts.length}, or is none: ${text.length} characters.`,
        );
      }
      if (code < 0 || code > 63) {
        throw new ImageError(
          `mask: "${text[at]}" at ${at} is no character of a COCO run-length string (they reach from "0" to "o").`,
        );
      }
      value |= (code & 31) << shift;
      more = (code & 32) !== 0;
      // the sign of the last group goes on to the left
      if (!more && code & 16 && shift < 25) value |= -1 << (shift + 5);
      at++;
    }
    counts.push(counts.length > 2 ? value + counts[counts.length - 2]! : value);
  }
  return rleOf(counts, size);
}
