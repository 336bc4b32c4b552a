import { ImageError, type RefusalFacts, type Refuse, refusalText } from '../errors.ts';

/**
 * Why an image is refused: a closed list, so that programs may switch on `code`; people read the message. The value is
 * the usual remedy, used where a message has no better one. `docs/errors.md` says the same for readers.
 */
export const imageRemedies = {
  /** There is no such file, or it cannot be opened or fetched. */
  unreadable: 'Check the path or the address.',
  /** The file, a chunk or a scan ends before what it promises. */
  truncated: 'The file is cut short: copy or download it again.',
  /** A checksum (CRC-32, Adler-32) is not that of the data. */
  checksum: 'The file was damaged after it was written: copy or download it again.',
  /** The file does not keep to its format. */
  malformed: 'Open it in an image editor and save it again as PNG or JPEG.',
  /** The file asks for more than the options allow. */
  limit: 'Make it smaller. In code, decodeImage takes a higher limit for a source that you trust.',
  /** A picture in a format, or a form of PNG or JPEG, that is not read; the reason names it. */
  unsupported: 'Convert it to PNG or baseline JPEG.',
  /** No picture at all; the reason says what it looks like. */
  'not-an-image': 'Give a PNG or JPEG file.',
} as const;

/** Why an image is refused: a closed list, in `docs/errors.md` with what to do. */
export type ImageCode = keyof typeof imageRemedies;

/** An image that is refused, with what a program needs to tell why and where. */
export class ImageRefusal extends ImageError implements RefusalFacts<ImageCode> {
  /** @param place chunk or marker and its byte offset; empty where it is the whole file */
  constructor(
    readonly code: ImageCode,
    readonly file: string,
    readonly place: string,
    readonly reason: string,
    readonly remedy: string = imageRemedies[code],
    options?: ErrorOptions,
  ) {
    super(refusalText({ code, file, place, reason, remedy }), options);
  }
}

export type RefuseImage = Refuse<ImageCode, ImageRefusal>;

/** Makes the refusals of one file. */
export function imageRefuserOf(file = 'bytes'): RefuseImage {
  return (code, place, reason, remedy, cause) =>
    new ImageRefusal(code, file, place, reason, remedy, cause === undefined ? undefined : { cause });
}
