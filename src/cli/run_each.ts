import { endingAtOnce, exitCodes } from './failure.ts';
import type { Input } from './inputs.ts';
import { jsonDocument } from './json_document.ts';
import { contentOf, type What } from './outputs.ts';
import type { ImagesJob, Plan, RunSummary } from './run_images.ts';
import { stdoutClosed, writeToStdout } from './stdout.ts';
import type { Terminal } from './terminal.ts';
import { countsByClass, duration, likelyClasses, plural, sharesByClass } from './words.ts';
import { writeWhole } from './write_whole.ts';

type Library = typeof import('../node.ts');
type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;
type RenderOptions = import('../node.ts').RenderOptions;

export interface Work extends Plan {
  readonly model: Model;
  readonly moreGlyphs: RenderOptions['moreGlyphs'];
}

/** Runs every image of the plan. */
export async function runEach(library: Library, job: ImagesJob, work: Work, terminal: Terminal): Promise<RunSummary> {
  const { model, inputs, whats } = work;
  const { score: least = 0, top } = job;
  const asked = { ...(job.score !== undefined && { score: least }), ...(top !== undefined && { top }) };
  const document = job.json ? await jsonDocument(model, asked) : undefined;
  const missing = new Set<string>();
  const render: RenderOptions = {
    moreGlyphs: work.moreGlyphs,
    onMissingGlyphs: (characters) => {
      for (const character of characters) missing.add(character);
    },
  };
  const written: string[] = [];
  let instances = 0;
  let failed = 0;
  for (const [i, input] of inputs.entries()) {
    const { file } = input;
    // nothing is left that anybody would see
    if (stdoutClosed() && work.outputs.length === 0) break;
    if (inputs.length > 1) terminal.progress(i, inputs.length, `${i + 1} of ${inputs.length}  ${file}`);
    try {
      const start = performance.now();
      const all = await endingAtOnce(() => predict(job, work, input));
      const good = all.filter(({ score }) => score >= least);
      const result = job.max === undefined ? good : good.filter((_, rank) => rank < job.max!);
      written.push(...(await write(library, job, work, { result, i, render })));
      instances += result.length;
      await document?.add(result);
      const took = duration(performance.now() - start);
      terminal.print(`${file}: ${describe(all, result, whats, least)} ${terminal.colors.dim(`(${took})`)}`);
    } catch (error) {
      const message = reasonOf(library, error);
      if (message === undefined) throw error;
      failed++;
      const text = nameInFront(message, file);
      document?.fail(file, message);
      terminal.complain(terminal.colors.red(text));
    }
  }
  terminal.settle();
  await document?.finish();
  if (missing.size > 0) terminal.note(missingText([...missing], work.moreGlyphs !== undefined));
  if (failed > 0 && inputs.length > 1) terminal.note(`${failed} of ${plural(inputs.length, 'image')} failed.`);
  return {
    exitCode: failed > 0 ? exitCodes.someImages : exitCodes.good,
    written,
    instances: whats.includes('detections') && failed < inputs.length ? instances : undefined,
  };
}

function predict({ top, size }: ImagesJob, { model, chosen, only }: Work, { file, ref }: Input): Promise<Result> {
  return model.predict(ref ?? file, {
    ...chosen,
    ...(top !== undefined && { top }),
    ...(size && { size }),
    ...(only && { only }),
  });
}

interface Found {
  readonly result: Result;
  /** Of the input. */
  readonly i: number;
  readonly render: RenderOptions;
}

/** Writes the outputs of one image; gives their paths. */
async function write(library: Library, job: ImagesJob, work: Work, { result, i, render }: Found): Promise<string[]> {
  const written: string[] = [];
  const { file } = work.inputs[i]!;
  for (const [j, output] of work.outputs.entries()) {
    const path = work.names[i]![j];
    const content = contentOf(library, output, result, { file, path, render });
    if (path !== undefined) {
      await writeWhole(path, [content]);
      written.push(path);
    } else if (job.out === '-') await writeToStdout(content);
  }
  return written;
}

function describe(all: Result, result: Result, whats: readonly What[], score: number): string {
  const parts: string[] = [];
  if (whats.includes('detections')) {
    const best = all.length > 0 ? ` (best: ${all.at(0).name} ${all.scores[0]!.toFixed(2)})` : '';
    parts.push(result.length > 0 ? countsByClass(result) : `nothing with a score of ${score} or more${best}`);
  }
  if (whats.includes('segmentation')) parts.push(sharesByClass(result));
  if (whats.includes('classification')) parts.push(likelyClasses(result));
  return parts.join('; ');
}

/** Why an image failed; undefined for an error that is ours. */
export function reasonOf({ MoganetError }: Pick<Library, 'MoganetError'>, error: unknown): string | undefined {
  if (error instanceof MoganetError) return error.message;
  // what the engine of JavaScript says of an array that is too long, and of memory that is not there
  if (
    error instanceof RangeError &&
    /^Invalid (typed )?array (buffer )?length|allocation failed/i.test(error.message)
  ) {
    return "the network's input does not fit into memory. Give a smaller --size, or a smaller input in the configuration.";
  }
  return undefined;
}

const nameInFront = (message: string, file: string): string =>
  message.startsWith(file) ? message : `${file}: ${message}`;

function missingText(characters: readonly string[], hasFont: boolean): string {
  const what = `Drawn as boxes, since ${hasFont ? 'no font has them' : 'the built-in font lacks them'}`;
  const how = hasFont ? 'Another --font may have them.' : '--font FILE takes them from a TrueType font.';
  return `${what}: ${characters.join(' ')}\n${how}`;
}
