import { writeToStdout } from './stdout.ts';

type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;

/** Says what `--json` writes; part of the help. */
export const jsonHelp = `--json writes one document to stdout (docs/results.md describes it):
  { "schema": 1, "moganet": version, "model": { "name", "sha256" }, "engine": name,
    "score": least score (or "top": number of classes),
    "results": [{ "file", "image": { "height", "width" },
                  "instances": [{ "label", "name", "score", "box": [x1, y1, x2, y2], "area", "mask" }],
                  "regions": [{ "label", "name", "pixels", "share", "mask" }],
                  "classes": [{ "label", "name", "score" }] }],
    "failures": [{ "file", "error" }] }
  Boxes are in pixels of the image; masks are COCO run lengths { "size": [height, width], "counts" }.
  From a checkout: \`npm run -s moganet -- …\`; without -s npm's own lines come first.`;

/** One JSON document that is written as it grows, so that a thousand photos need no more memory than one. */
export async function jsonDocument(
  { name, sha256, engine }: Model,
  asked: { readonly score?: number; readonly top?: number },
) {
  const { resultSchema, version } = await import('../node.ts');
  const model = { name, ...(sha256 !== undefined && { sha256 }) };
  const head = { schema: resultSchema, moganet: version, model, engine: engine.name, ...asked };
  const failures: { file: string; error: string }[] = [];
  let before = `${JSON.stringify(head).slice(0, -1)},"results":[\n`;
  return {
    async add(result: Result): Promise<void> {
      // what stands at the top is the same for all of them
      const { schema: _, moganet: __, model: ___, engine: ____, ...own } = result.toJSON();
      await writeToStdout(`${before}${JSON.stringify(own)}`);
      before = ',\n';
    },
    fail(file: string, error: string): void {
      failures.push({ file, error });
    },
    async finish(): Promise<void> {
      const opening = before.startsWith(',') ? '' : before;
      await writeToStdout(`${opening}\n],"failures":${JSON.stringify(failures)}}\n`);
    },
  };
}
