import type { Predictor, Result } from '../node.ts';
import type { LeftOut } from './inputs.ts';
import type { Kind, Library, TaskCommand } from './model.ts';
import { kindsOfCommand } from './outputs.ts';
import { writeToStdout } from './terminal.ts';

/** The document of `--json`. */

const jsonOf: Readonly<Record<Kind, string>> = {
  detection: '"detection": [{ "label", "name", "score", "box": [x1, y1, x2, y2], "area", "mask" }]',
  segmentation: '"segmentation": [{ "label", "name", "pixels", "share", "mask" }]',
  classification: '"classification": [{ "label", "name", "score" }]',
  pose: '"pose": [{ "name", "score", "box": [x1, y1, x2, y2], "keypoints": [{ "name", "x", "y", "score" }] }], "keypoints"',
};

const jsonAsked: Readonly<Record<TaskCommand, string>> = {
  predict: '\n    "score": least score,',
  detect: '\n    "score": least score,',
  segment: '',
  classify: '\n    "top": number of classes,',
  pose: '\n    "detector": { "name", "sha256", "class" }, "boxes": file, "score": least score,',
};

const boxesText = 'Boxes are in pixels of the image.';
const masksText = 'Masks are COCO run lengths { "size": [height, width], "counts" }.';
const jsonUnits: Readonly<Record<TaskCommand, string>> = {
  predict: `\n  ${boxesText} ${masksText}`,
  detect: `\n  ${boxesText} ${masksText}`,
  segment: `\n  ${masksText}`,
  classify: '',
  pose: '\n  Boxes and keypoints are in pixels of the image; "keypoints" of a result has their names, skeleton and flip pairs.',
};

/** Describes what `--json` writes; part of the help. */
export function jsonHelp(task: TaskCommand): string {
  const results = kindsOfCommand(task)
    .map((kind) => jsonOf[kind])
    .join(`,\n${' '.repeat(18)}`);
  return `--json writes one document to stdout (see docs/results.md):
  { "schema": 2, "moganet": version, "model": { "name", "sha256" }, "engine": name,${jsonAsked[task]}
    "results": [{ "file", "image": { "height", "width" },
                  ${results} }],
    "failures": [{ "file", "error" }], "leftOut": [{ "argument", "endings", "outputs" }] }${jsonUnits[task]}
  An image has "notices" if there is something to know about its file; "leftOut" is there if a folder has other files.
  It is whole however the run ends: what ended it is among the failures.
  In a checkout: \`npm run -s moganet -- …\`; without -s npm writes its own lines first.`;
}

/** Options that the document repeats. */
interface Asked {
  readonly detector?:
    | { readonly name: string; readonly sha256: string | undefined; readonly class: string }
    | undefined;
  /** The file of the boxes. */
  readonly boxes?: string | undefined;
  readonly score?: number | undefined;
  readonly top?: number | undefined;
}

export interface JsonDocument {
  /** Something of it is written. */
  readonly begun: boolean;
  /** Says which image is next. */
  begin(file: string): void;
  /** Adds the entry of an image, see `jsonEntry`. */
  add(entry: string): Promise<void>;
  fail(file: string, error: string): void;
  finish(): Promise<void>;
}

/** Ends the document that is being written. */
let endNow: ((reason: string) => void) | undefined;

/** Ends a document that has begun, at once, before the process ends; the reason is among its failures. */
export function endDocument(reason: string): void {
  endNow?.(reason);
  endNow = undefined;
}

/** The entry of an image in the document. @param name if the result has no file of its own */
export function jsonEntry(result: Result, name: string): string {
  const { file = name, image, notices, detection, segmentation, classification, pose, keypoints } = result.toJSON();
  return JSON.stringify({ file, image, notices, detection, segmentation, classification, pose, keypoints });
}

/** One JSON document that is written as it grows, so that a thousand images need no more memory than one. */
export function jsonDocument(
  { resultSchema, version }: Library,
  { name, sha256, engine }: Predictor,
  asked: Asked,
  leftOut: readonly LeftOut[],
): JsonDocument {
  const head = { schema: resultSchema, moganet: version, model: { name, sha256 }, engine: engine.name, ...asked };
  const failures: { file: string; error: string }[] = [];
  let before = `${JSON.stringify(head).slice(0, -1)},"results":[\n`;
  let current: string | undefined;
  const ending = () => {
    const opening = before.startsWith(',') ? '' : before;
    const others = leftOut.length > 0 ? `,"leftOut":${JSON.stringify(leftOut)}` : '';
    return `${opening}\n],"failures":${JSON.stringify(failures)}${others}}\n`;
  };
  endNow = (reason) => {
    failures.push({ file: current ?? '', error: reason });
    process.stdout.write(ending());
  };
  return {
    get begun() {
      return before.startsWith(',');
    },
    begin: (file) => {
      current = file;
    },
    async add(entry) {
      const text = `${before}${entry}`;
      before = ',\n';
      await writeToStdout(text);
    },
    fail: (file, error) => void failures.push({ file, error }),
    async finish() {
      endNow = undefined;
      await writeToStdout(ending());
    },
  };
}
