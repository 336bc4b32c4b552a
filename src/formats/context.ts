import {
  CheckpointError,
  ImageError,
  type RefusalFacts,
  type Refuse,
  type Refuse as RefuseOf,
  refusalText,
} from '../errors.ts';

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

/** What a file may ask for before it is refused. */
export interface ImageLimits {
  /** The most pixels (width × height) an image may declare. Default 2^26, 67 megapixels: 256 MB as RGBA. */
  readonly maxPixels: number;
  /**
   * The most scans of a JPEG. Default 100: encoders write about ten, and each of them is a walk over all pixels
   * that a few bytes can order.
   */
  readonly maxScans: number;
}

export const defaultImageLimits: ImageLimits = { maxPixels: 2 ** 26, maxScans: 100 };

export interface DecodeOptions extends Partial<ImageLimits> {
  /** How to call the file in a message: its path or address. Default "bytes". */
  readonly name?: string;
}

/** The defaults with what the caller sets; what is no number counts as not set, never as unlimited. */
export function imageLimitsFrom(options: Partial<ImageLimits>): ImageLimits {
  const limits = { ...defaultImageLimits };
  for (const name of Object.keys(limits) as (keyof ImageLimits)[]) {
    const value = options[name];
    if (typeof value === 'number' && value >= 0) Object.assign(limits, { [name]: value });
  }
  return limits;
}

/** Refuses a size of nothing, and one over the limit, before anything of that size is allocated. */
export function checkPixels(
  place: string,
  { width, height }: { readonly width: number; readonly height: number },
  { maxPixels }: ImageLimits,
  refuse: RefuseImage,
): void {
  if (width === 0 || height === 0) throw refuse('malformed', place, `it says ${width} × ${height} pixels`);
  if (width * height > maxPixels) {
    const megapixels = (n: number) => `${(n / 1e6).toFixed(1)} megapixels`;
    throw refuse(
      'limit',
      place,
      `${width} × ${height} pixels are ${megapixels(width * height)}, the limit is ${megapixels(maxPixels)}`,
      'Make it smaller. In code, decodeImage takes a higher maxPixels for a source that you trust.',
    );
  }
}

/**
 * Why a checkpoint is refused: a closed list, so that callers can branch on it. The value is the usual remedy, used
 * where a message has no better one. `docs/errors.md` says the same for readers.
 */
export const checkpointRemedies = {
  /** There is no such file, or it cannot be opened or fetched. */
  unreadable: 'Check the path or the address.',
  /** The file, an entry or a storage ends before what it promises. */
  truncated: 'The file is cut short: download or copy it again.',
  /** A CRC-32 is not that of the data. */
  checksum: 'The file is damaged: download or copy it again.',
  /** The file does not keep to its format, or two readers could understand it differently. */
  malformed:
    'The file does not keep to its own format: obtain it again, or save it again with torch.save or safetensors.',
  /** The file asks for more than the options allow. */
  limit: 'If you trust the file, load it in Python and save model.state_dict() alone.',
  /** A file, tensor or value of a kind that is not read; the reason names it. */
  unsupported: 'Load it in Python and save a plain state_dict (torch.save) or a safetensors file.',
  /** No checkpoint at all; the reason says what it looks like. */
  'not-a-checkpoint': 'Give a PyTorch state_dict file (.pth) or a .safetensors file.',
  /** The pickle names something that no state_dict needs, or calls what is only a name here. */
  'forbidden-global':
    'Nothing of it was run. If you trust the file, load it in Python and save model.state_dict() alone.',
  /** The file lacks parameters of the model, or has others. */
  missing:
    'Check that the file belongs to this model, or name the prefix of its keys: moganet convert --prefix, in code the option prefix.',
  /** A parameter has another shape in the model. */
  shape: 'Check that the file belongs to this model and size.',
  /** A parameter is no floating-point tensor. */
  dtype: 'Save the weights as float32, float16 or bfloat16.',
  /** A parameter holds NaN or infinite values. */
  value: 'Check the file: a model with such weights gives no usable result.',
} as const;

/** Why a checkpoint is refused: a closed list, in `docs/errors.md` with what to do. */
export type CheckpointCode = keyof typeof checkpointRemedies;

/** A checkpoint that is refused, with what a program needs to tell why and where. */
export class CheckpointRefusal extends CheckpointError implements RefusalFacts<CheckpointCode> {
  /** @param place offset, entry or key, as short as it can be found again. */
  constructor(
    readonly code: CheckpointCode,
    readonly file: string,
    readonly place: string,
    readonly reason: string,
    readonly remedy: string = checkpointRemedies[code],
    options?: ErrorOptions,
  ) {
    super(refusalText({ code, file, place, reason, remedy }), options);
  }
}

export type RefuseCheckpoint = RefuseOf<CheckpointCode, CheckpointRefusal>;

/** Makes the refusals of one file. */
export function refuserOf(file: string): RefuseCheckpoint {
  return (code, place, reason, remedy, cause) =>
    new CheckpointRefusal(code, file, place, reason, remedy, cause === undefined ? undefined : { cause });
}

/** Text of a file in a message: short, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(short);
}

/**
 * What a file may ask for before it is refused. All are options of `openCheckpoint`; the defaults are a hundred times
 * what the largest published detector needs and still keep a hostile file within a few hundred megabytes.
 */
export interface CheckpointLimits {
  /** Bytes of a safetensors header, which holds names, shapes and metadata. Default 16 MiB (the format allows 100 MB). */
  readonly headerBytes: number;
  /** Bytes of a pickle: structure and plain values, no tensor data. Default 32 MiB. */
  readonly pickleBytes: number;
  /** Pickle operations. Default 10 million. */
  readonly opcodes: number;
  /** Things that a pickle remembers to refer to again. Default 4 million. */
  readonly memo: number;
  /** Bytes of one integer. Default 1024. */
  readonly integerBytes: number;
  /** Depth of dicts and lists where values are listed. Default 100. */
  readonly nesting: number;
  /** Values listed when a file is walked (references may repeat a value exponentially often). Default 1 million. */
  readonly values: number;
  /** Dimensions of a tensor. Default 64, as in PyTorch. */
  readonly rank: number;
  /** Elements of a tensor beyond what its storage holds (stride 0). Default 2^24. */
  readonly expandedElements: number;
  /** Entries of a zip archive. Default 200,000. */
  readonly zipEntries: number;
  /** Bytes that all deflated entries may inflate to, or `inflatedRatio` × the file, whichever is more. Default 64 MiB. */
  readonly inflatedBytes: number;
  readonly inflatedRatio: number;
}

/** What is refused where nothing else is asked for. */
export const defaultLimits: CheckpointLimits = {
  headerBytes: 16 * 2 ** 20,
  pickleBytes: 32 * 2 ** 20,
  opcodes: 10_000_000,
  memo: 4_000_000,
  integerBytes: 1024,
  nesting: 100,
  values: 1_000_000,
  rank: 64,
  expandedElements: 2 ** 24,
  zipEntries: 200_000,
  inflatedBytes: 64 * 2 ** 20,
  inflatedRatio: 8,
};

/** The defaults with what the caller sets; `undefined` and what is no number count as not set, never as unlimited. */
export function limitsFrom(options: Partial<CheckpointLimits>): CheckpointLimits {
  const limits = { ...defaultLimits };
  for (const name of Object.keys(limits) as (keyof CheckpointLimits)[]) {
    const value = options[name];
    if (typeof value === 'number' && value >= 0) Object.assign(limits, { [name]: value });
  }
  return limits;
}
