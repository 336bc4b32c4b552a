import { availableParallelism } from 'node:os';

/**
 * What `--threads` comes to, where that is not what was asked for.
 *
 * @param engine the one that runs
 * @param most as many as this process may use, to which the library keeps
 */
export function threadsNotice(
  asked: number | undefined,
  engine: string,
  most = availableParallelism(),
): string | undefined {
  if (asked === undefined || asked === 1) return undefined;
  if (engine !== 'onnxruntime')
    return `--threads ${asked} changes nothing: the engine ${engine} has one thread in Node.`;
  return asked > most ? `--threads ${asked}: this process may use ${most}, so it takes ${most}.` : undefined;
}
