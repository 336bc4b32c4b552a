import { InvalidArgumentError } from 'commander';

/** Values of options; a wrong one is said with what was expected. */

export function unitInterval(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1.');
  return Number(text);
}

/** `HxW`, or one number for a square. */
export function heightByWidth(text: string): { height: number; width: number } {
  const [height, width] = edges(text, 'Expected height×width in pixels, such as 800x1280.');
  return { height, width };
}

/** More pixels than an image may have: the network's input would not fit into memory. */
const mostPixels = 2 ** 26;

/** `HxW` of the network's input, within what can be run. */
export function inputSize(text: string): { height: number; width: number } {
  const size = heightByWidth(text);
  if (size.height * size.width > mostPixels) {
    throw new InvalidArgumentError(`Expected at most ${mostPixels} pixels, such as 800x1280.`);
  }
  return size;
}

/** An option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `WxH` as test scales are written: `1333x800`. Collects one per input. */
export function scales(text: string, before: readonly (readonly [number, number])[] = []) {
  return [...before, edges(text, 'Expected two edges in pixels, such as 1333x800.')];
}

function edges(text: string, expected: string): [number, number] {
  const match = /^([1-9]\d{0,4})(?:[x×,]([1-9]\d{0,4}))?$/i.exec(text);
  if (!match) throw new InvalidArgumentError(expected);
  return [Number(match[1]), Number(match[2] ?? match[1])];
}
