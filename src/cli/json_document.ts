import type { What } from './inputs.ts';

type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;

/** Says what `--json` writes; part of the help. */
export const jsonHelp = `--json writes one document to stdout:
  { "moganet": version, "model": name, "engine": name, "score": least score (or "top": number of classes),
    "results": [{ "file", "image": { "height", "width" },
                  "instances": [{ "label", "name", "score", "box": [x1, y1, x2, y2], "area", "mask" }],
                  "regions": [{ "label", "name", "pixels", "share", "mask" }],
                  "classes": [{ "label", "name", "score" }] }],
    "failures": [{ "file", "error" }] }
  Boxes are in pixels of the image; masks are COCO run lengths { "size": [height, width], "counts" }.`;

/** One JSON document that is written as it grows, so that a thousand photos need no more memory than one. */
export function jsonDocument({
  version,
  model,
  ...asked
}: {
  version: string;
  model: Model;
  score?: number;
  top?: number;
}) {
  const failures: { file: string; error: string }[] = [];
  const write = (text: string) => process.stdout.write(text);
  const head = { moganet: version, model: model.name, engine: model.engine.name, ...asked };
  write(`${JSON.stringify(head).slice(0, -1)},"results":[`);
  let separator = '\n';
  return {
    add(file: string, result: Result, whats: readonly What[]): void {
      const { instances, regions, classes, ...rest } = result.toJSON();
      const shown = {
        ...(whats.includes('detections') && { instances }),
        ...(whats.includes('segmentation') && { regions }),
        ...(whats.includes('classification') && { classes }),
      };
      write(`${separator}${JSON.stringify({ file, ...rest, ...shown })}`);
      separator = ',\n';
    },
    fail(file: string, error: string): void {
      failures.push({ file, error });
    },
    finish(): void {
      write(`\n],"failures":${JSON.stringify(failures)}}\n`);
    },
  };
}
