import type { Size } from '../arrays.ts';
import { CheckpointError, ImageError, type Refusal, type RefusalFacts, shortened } from '../errors.ts';

/**
 * The name of a file in messages, what it may ask for, and how it is refused. A context is made once, when a file enters;
 * every reader takes it as its last parameter.
 */
export interface Context<Code extends string, Limits> {
  /** A path, a URL, or "bytes". */
  readonly name: string;
  readonly limits: Limits;
  readonly refuse: Refuse<Code>;
}

/**
 * Makes the error that refuses the file: `throw refuse('malformed', 'entry data/0', 'it is empty')`.
 *
 * @param place offset, chunk, entry or key; empty for the whole file
 * @param reason a sentence without its full stop
 * @param remedy by default the usual one of the code
 */
export type Refuse<Code extends string> = (
  code: Code,
  place: string,
  reason: string,
  remedy?: string,
  cause?: unknown,
) => Refusal<Code>;

type RefusalClass<Code extends string> = new (
  ...facts: [code: Code, file: string, place: string, reason: string, remedy?: string, options?: ErrorOptions]
) => Refusal<Code>;

/** Returns a function that makes contexts for one kind of file. */
function contextMaker<Code extends string, Limits extends object>(Refused: RefusalClass<Code>, defaults: Limits) {
  return (name = 'bytes', limits: Partial<Limits> = {}): Context<Code, Limits> => ({
    name,
    limits: limitsFrom(defaults, limits),
    refuse: (code, place, reason, remedy, cause) =>
      new Refused(code, name, place, reason, remedy, cause === undefined ? undefined : { cause }),
  });
}

/** The defaults with what the caller sets. A value that is not a number counts as not set, never as unlimited. */
function limitsFrom<Limits extends object>(defaults: Limits, options: Partial<Limits>): Limits {
  const isSet = ([name, value]: [string, unknown]) =>
    Object.hasOwn(defaults, name) && typeof value === 'number' && value >= 0;
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(isSet)) };
}

/** `photo.png, PNG chunk IDAT at byte 41: it is there twice. Open it …` */
function refusalText(file: string, place: string, reason: string, remedy: string): string {
  return `${file}${place && `, ${place}`}: ${reason}. ${remedy}`;
}

/** Text of a file in a message: short, and without control characters. */
export const quoted = (text: string): string => JSON.stringify(shortened(text));

/** A file name as a word of a shell. */
export const shellWord = (name: string): string =>
  /^[\w./:@%+][\w./:@%+-]*$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;

/**
 * The codes of refused images, each with its usual remedy. The list is closed, so that programs may branch on `code`.
 * `docs/errors.md` has the same list for readers.
 */
export const imageRemedies = {
  /** The file does not exist, or it cannot be opened or fetched. */
  unreadable: 'Check the path or the URL.',
  /** The file, a chunk or a scan ends before the length that it states. */
  truncated: 'The file is cut short: copy or download it again.',
  /** A checksum (CRC-32, Adler-32) does not match the data. */
  checksum: 'The file was damaged after it was written: copy or download it again.',
  /** The file breaks the rules of its format. */
  malformed: 'Open it in an image editor and save it again as PNG or JPEG.',
  /** The file asks for more than the options allow. */
  limit: 'Make it smaller.',
  /** An image format, or a form of PNG or JPEG, that is not read. The reason names it. */
  unsupported: 'Convert it to PNG or baseline JPEG.',
  /** The file is not an image. The reason says what it looks like. */
  'not-an-image': 'Give a PNG or JPEG file.',
} as const;

/** Why an image is refused. The list is closed; `docs/errors.md` says what to do about each code. */
export type ImageCode = keyof typeof imageRemedies;

/** An image that is refused, with the facts that a program needs to tell why and where. */
export class ImageRefusal extends ImageError implements RefusalFacts<ImageCode> {
  /** @param place chunk or marker and its byte offset; empty for the whole file */
  constructor(
    readonly code: ImageCode,
    readonly file: string,
    readonly place: string,
    readonly reason: string,
    readonly remedy: string = imageRemedies[code],
    options?: ErrorOptions,
  ) {
    super(refusalText(file, place, reason, remedy), options);
  }
}

/** What an image may ask for before it is refused. */
export interface ImageLimits {
  /** The most pixels (width × height) that an image may declare. Default 2^26, 67 megapixels: 256 MB as RGBA. */
  readonly maxPixels: number;
  /**
   * The most scans of a JPEG. Default 100: encoders write about ten. Each scan is a walk over all pixels, so scans ×
   * pixels is bounded as well: by 16 walks over a grey image of `maxPixels`, or by the size of the file if that is more.
   */
  readonly maxScans: number;
}

export type ImageContext = Context<ImageCode, ImageLimits>;

/** Makes the context of one image. */
export const imageContext = contextMaker<ImageCode, ImageLimits>(ImageRefusal, { maxPixels: 2 ** 26, maxScans: 100 });

/** How a limit is raised, wherever the message is read. */
export const raisePixels =
  'For a source that you trust, decodeImage and predict take a higher maxPixels, the command line --max-pixels.';

/** Refuses an empty size, and a size over the limit, before anything of that size is allocated. */
export function checkPixels(place: string, { width, height }: Size, { limits, refuse }: ImageContext): void {
  if (width === 0 || height === 0) throw refuse('malformed', place, `it says ${width} × ${height} pixels`);
  if (width * height > limits.maxPixels) {
    const megapixels = (n: number) => (n < 1e6 ? `${n} pixels` : `${(n / 1e6).toFixed(1)} megapixels`);
    throw refuse(
      'limit',
      place,
      `${width} × ${height} pixels are ${megapixels(width * height)}, the limit is ${megapixels(limits.maxPixels)}`,
      `Make it smaller. ${raisePixels}`,
    );
  }
}

/**
 * Runs what allocates an image. A raised limit may ask for more memory than there is.
 *
 * @throws ImageRefusal `limit` instead of the RangeError of an allocation
 */
export function withinMemory<T>(place: string, { refuse }: ImageContext, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw refuse(
      'limit',
      place,
      `there is not enough memory for its pixels (${error.message})`,
      'Make it smaller.',
      error,
    );
  }
}

/**
 * The codes of refused checkpoints, each with its usual remedy. The list is closed, so that programs may branch on
 * `code`. `docs/errors.md` has the same list for readers.
 */
export const checkpointRemedies = {
  /** The file does not exist, or it cannot be opened or fetched. */
  unreadable: 'Check the path or the URL.',
  /** The file, an entry or a storage ends before the length that it states. */
  truncated: 'The file is cut short: download or copy it again.',
  /** A CRC-32 does not match the data. */
  checksum: 'The file is damaged: download or copy it again.',
  /** The file breaks the rules of its format, or two readers could understand it differently. */
  malformed:
    'The file breaks the rules of its format: obtain it again, or save it again with torch.save or safetensors.',
  /** The file asks for more than the options allow. */
  limit: 'If you trust the file, load it in Python and save model.state_dict() alone.',
  /** A kind of file, tensor or value that is not read. The reason names it. */
  unsupported: 'Load it in Python and save a plain state_dict (torch.save) or a safetensors file.',
  /** The file is not a checkpoint. The reason says what it looks like. */
  'not-a-checkpoint': 'Give a PyTorch state_dict file (.pth) or a .safetensors file.',
  /** The pickle names something that no state_dict needs, or calls a name that may only be mentioned. */
  'forbidden-global':
    'Nothing of it was run. If you trust the file, load it in Python and save model.state_dict() alone.',
  /** The file lacks parameters of the model, or has others. */
  missing: 'Check that the file belongs to this model and its configuration.',
  /** A parameter has another shape in the model. */
  shape: 'Check that the file belongs to this model and size.',
  /** A parameter is not a floating-point tensor. */
  dtype: 'Save the weights as float32, float16 or bfloat16.',
  /** A parameter holds NaN or infinite values. */
  value: 'Check the file: a model with such weights gives no usable result.',
} as const;

/** Why a checkpoint is refused. The list is closed; `docs/errors.md` says what to do about each code. */
export type CheckpointCode = keyof typeof checkpointRemedies;

/** A checkpoint that is refused, with the facts that a program needs to tell why and where. */
export class CheckpointRefusal extends CheckpointError implements RefusalFacts<CheckpointCode> {
  /** @param place offset, entry or key; empty for the whole file */
  constructor(
    readonly code: CheckpointCode,
    readonly file: string,
    readonly place: string,
    readonly reason: string,
    readonly remedy: string = checkpointRemedies[code],
    options?: ErrorOptions,
  ) {
    super(refusalText(file, place, reason, remedy), options);
  }
}

/**
 * What a checkpoint may ask for before it is refused. All are options of `openCheckpoint`. The defaults are many
 * times what the largest published detector needs, and still keep a hostile file within 200 megabytes.
 */
export interface CheckpointLimits {
  /** Bytes of a safetensors header, which holds names, shapes and metadata. Default 16 MiB (the format allows 100 MB). */
  readonly headerBytes: number;
  /** Bytes of a pickle: structure and plain values, no tensor data. What it makes may take twice as much. Default 32 MiB. */
  readonly pickleBytes: number;
  /** Pickle operations. Default 10 million. */
  readonly opcodes: number;
  /** Values that a pickle remembers to refer to again. Default 4 million. */
  readonly memo: number;
  /** Bytes of one integer. Default 1024. */
  readonly integerBytes: number;
  /** Depth of dicts and lists when values are listed. Default 100. */
  readonly nesting: number;
  /** Values of a safetensors header, or listed when a file is walked (references may repeat values). Default 1 million. */
  readonly values: number;
  /** Dimensions of a tensor. Default 64, as in PyTorch. */
  readonly rank: number;
  /** Elements of a tensor beyond those of its storage (stride 0). Default 2^24. */
  readonly expandedElements: number;
  /** Entries of a zip archive. Default 200,000. */
  readonly zipEntries: number;
  /** Bytes that all deflated entries may inflate to, or `inflatedRatio` × the file, whichever is more. Default 64 MiB. */
  readonly inflatedBytes: number;
  readonly inflatedRatio: number;
}

/** The limits that apply by default. */
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

export type CheckpointContext = Context<CheckpointCode, CheckpointLimits>;

/** Makes the context of one checkpoint. */
export const checkpointContext = contextMaker<CheckpointCode, CheckpointLimits>(CheckpointRefusal, defaultLimits);
