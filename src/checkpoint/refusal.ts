import { CheckpointError } from '../errors.ts';

/**
 * Why a checkpoint is refused: a closed list, so that callers can branch on it. The value is the usual remedy, used
 * where a message has no better one.
 */
export const remedies = {
  truncated: 'The file is cut short: download or copy it again.',
  checksum: 'The file is damaged: download or copy it again.',
  malformed:
    'The file does not keep to its own format: obtain it again, or save it again with torch.save or safetensors.',
  limit: 'If the file is trusted, raise the limit in the options.',
  unsupported: 'Load it in Python and save a plain state_dict (torch.save) or a safetensors file.',
  'not-a-checkpoint': 'Give a PyTorch state_dict file (.pth) or a .safetensors file.',
  'forbidden-global':
    'Nothing of it was run. Save model.state_dict() alone; a harmless class can be named in the option inertClasses.',
  missing: 'Check that the file belongs to this model, or name the prefix of its keys.',
  shape: 'Check that the file belongs to this model and size.',
  dtype: 'Save the weights as float32, float16 or bfloat16.',
  value: 'Check the file: a model with such weights gives no usable result.',
} as const;

export type CheckpointCode = keyof typeof remedies;

/** A checkpoint that is refused, with what a program needs to tell why and where. */
export class CheckpointRefusal extends CheckpointError {
  /** @param place offset, entry or key, as short as it can be found again. */
  constructor(
    readonly code: CheckpointCode,
    readonly file: string,
    readonly place: string,
    readonly reason: string,
    readonly remedy: string = remedies[code],
    options?: ErrorOptions,
  ) {
    super(`${file}${place && `, ${place}`}: ${reason}. ${remedy}`, options);
  }
}

/** Makes the refusals of one file: `throw refuse('malformed', 'entry data/0', 'it is empty')`. */
export type Refuse = (
  code: CheckpointCode,
  place: string,
  reason: string,
  remedy?: string,
  cause?: unknown,
) => CheckpointRefusal;

export function refuserOf(file: string): Refuse {
  return (code, place, reason, remedy, cause) =>
    new CheckpointRefusal(code, file, place, reason, remedy, cause === undefined ? undefined : { cause });
}

/** Text of a file in a message: short, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  return JSON.stringify(short);
}
