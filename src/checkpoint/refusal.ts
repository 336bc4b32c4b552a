import { CheckpointError, type RefusalFacts, type Refuse as RefuseOf, refusalText } from '../errors.ts';

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

export type Refuse = RefuseOf<CheckpointCode, CheckpointRefusal>;

/** Makes the refusals of one file. */
export function refuserOf(file: string): Refuse {
  return (code, place, reason, remedy, cause) =>
    new CheckpointRefusal(code, file, place, reason, remedy, cause === undefined ? undefined : { cause });
}

/** Text of a file in a message: short, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(short);
}
