import { existsSync, readdirSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { PixelFormat } from '../formats/frames.ts';
import { OutputError, UsageError } from './failure.ts';
import { type Input, outputNames } from './inputs.ts';
import type { Library } from './model.ts';

/** A video on stdin: its frames, one after another, and the names of their outputs. */

/** `auto` for PNG and JPEG files, or what raw frames do not say themselves. */
export type FramesChoice = 'auto' | { readonly width: number; readonly height: number; readonly pixels: PixelFormat };

export const framesHelp = `A video comes through ffmpeg, and goes back to it:
  ffmpeg -i in.mp4 -f image2pipe -c:v png - | moganet predict - --frames auto --out frames
  ffmpeg -i in.mp4 -f rawvideo -pix_fmt rgb24 - | moganet predict - --frames 1280x720:rgb24 --json > frames.json
  ffmpeg -i in.mp4 -f image2pipe -c:v png - | moganet predict - --frames auto --out - |
    ffmpeg -f image2pipe -framerate 25 -i - out.mp4`;

const pixelFormats: readonly string[] = ['rgb24', 'bgr24', 'rgba', 'bgra', 'gray'] satisfies readonly PixelFormat[];

/** Reads `--frames`. */
export function framesChoice(text: string): FramesChoice {
  if (text === 'auto') return 'auto';
  const [, width = '', height = '', pixels = ''] = /^(\d{1,5})x(\d{1,5}):(\w+)$/.exec(text) ?? [];
  if (Number(width) < 1 || Number(height) < 1 || !pixelFormats.includes(pixels)) {
    throw new InvalidArgumentError(
      `auto for PNG or JPEG frames, or width, height and pixel format of raw ones, such as 1280x720:rgb24 (${pixelFormats.join(', ')}).`,
    );
  }
  return { width: Number(width), height: Number(height), pixels: pixels as PixelFormat };
}

/** `frame-000001` is the first. */
export const frameName = (index: number): string => `frame-${`${index + 1}`.padStart(6, '0')}`;

const isFrame = (name: string): boolean => /^frame-\d{6,}\./.test(name);

const frameInput = (index: number): Input => ({ file: frameName(index), folder: '' });

/** Stands for all frames while the outputs are planned. */
export const firstFrame = (): Input => frameInput(0);

/** @throws OutputError if the folder has frames of another video, with which those of this one would be mixed */
export function refuseFrames(out: string): void {
  const found = existsSync(out) ? readdirSync(out).find(isFrame) : undefined;
  if (found === undefined) return;
  throw new OutputError(
    `${out} has frames already (${found}). Replace them with --overwrite, or choose another folder with --out.`,
  );
}

interface FrameInput extends Input {
  /** Empty if the outputs go to stdout or nowhere. */
  readonly paths: readonly string[];
  readonly imageId: number;
}

/**
 * Yields the frames as they come.
 *
 * @param suffixes of the names of each frame's outputs
 * @throws UsageError if nothing is piped in
 */
export async function* framesFromStdin(
  { framesOf, ImageError, isRefusal }: Library,
  choice: FramesChoice,
  suffixes: readonly string[],
  out: string | undefined,
): AsyncGenerator<FrameInput, void, undefined> {
  const { stdin } = process;
  if (stdin.isTTY) throw new UsageError(`--frames reads a video from stdin, but nothing is piped in.\n${framesHelp}`);
  const toFiles = out !== undefined && out !== '-';
  const pathsOf = (input: Input) => (toFiles ? (outputNames([input], out, suffixes)[0] ?? []) : []);
  let index = 0;
  try {
    for await (const frame of framesOf(stdin, { name: 'stdin', raw: choice === 'auto' ? undefined : choice })) {
      const input = frameInput(index++);
      yield { ...input, ref: frame, paths: pathsOf(input), imageId: index };
    }
    if (index === 0) {
      const missing = 'stdin has no frames. Did the program before the pipe fail?';
      yield { ...frameInput(0), missing, paths: [], imageId: 1 };
    }
  } catch (error) {
    if (!(error instanceof ImageError) || !isRefusal(error)) throw error;
    // a frame that is damaged fails at its turn, after the ones before it
    yield { ...frameInput(index), missing: `${error.reason}. ${error.remedy}`, paths: [], imageId: index + 1 };
  }
}
