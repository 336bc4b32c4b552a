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
