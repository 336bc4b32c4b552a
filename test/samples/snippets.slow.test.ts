import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';

/** Checks the types of every `ts` block of the documents, with the names that a page leaves to its reader declared before it. */

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Declares the names that the text around a block explains. */
const given: Readonly<Record<string, string>> = {
  'docs/architecture.md': `
    import { conv2d, gelu, module, type Scope, type Value } from 'moganet/nn';
    declare function channelAggregation(scope: Scope, x: Value): Value;`,
  'docs/browser.md': 'declare const file: Blob, context: CanvasRenderingContext2D;',
  'docs/custom.md': `
    import type * as types from 'moganet';
    type Entries = { [K in keyof types.Tables]-?: NonNullable<types.Tables[K]>[string] };
    declare const config: types.ModelConfig, tables: types.Tables, weights: Uint8Array;
    declare const peaksConfig: Entries['detectors']['config'], makePeaks: Entries['detectors']['make'];
    declare const linearConfig: Entries['segmentationHeads']['config'], makeLinear: Entries['segmentationHeads']['make'];`,
  'docs/errors.md': 'declare const bytes: Uint8Array;',
  'docs/from_coco_ssd.md': `
    declare const img: HTMLImageElement;
    declare function draw(name: string, x: number, y: number, width: number, height: number, score: number): void;`,
  'docs/from_pose_detection.md': `
    import type { PoseDetectionKeypoint } from 'moganet/adapters';
    declare const video: HTMLVideoElement;
    declare function draw(keypoints: readonly PoseDetectionKeypoint[]): void;`,
  'docs/inputs.md': `
    import { loadModel, type Model, type Result } from 'moganet';
    declare const model: Model, result: Result;
    declare const canvas: HTMLCanvasElement, video: HTMLVideoElement, link: HTMLAnchorElement, bar: HTMLElement;`,
  'docs/pose.md': 'declare const video: HTMLVideoElement;',
  'docs/worker.md': 'declare const file: Blob, canvas: HTMLCanvasElement, video: HTMLVideoElement;',
  'docs/from_mediapipe.md': 'declare const img: HTMLImageElement;',
};

/** Returns the blocks as the texts of modules, by path. A block becomes a function, so that its constants hide the given names. */
function blocks(): Map<string, string> {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const modules = new Map<string, string>();
  for (const page of ['README.md', ...pages.map((name) => `docs/${name}`)]) {
    const found = readFileSync(join(root, page), 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm);
    for (const [i, [, code = '']] of [...found].entries()) {
      // in browsers the package's first entry is another file
      const block = page === 'docs/browser.md' ? code.replaceAll("'moganet'", "'moganet/index'") : code;
      const imports = block.match(/^import .*;$/gm) ?? [];
      const body = block.replace(/^import .*;$/gm, '');
      const text = [given[page] ?? '', ...imports, 'export async function block() {', body, '}'].join('\n');
      modules.set(`${root}samples/${page.replace(/\W/g, '_')}_${i + 1}.ts`, text); // no such file: `moganet` is found from there
    }
  }
  return modules;
}

describe('the ts blocks of the documents', function () {
  this.timeout(120_000);

  it('have correct types', () => {
    const modules = blocks();
    expect(modules.size).to.be.at.least(15);
    const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
    const { options } = ts.parseJsonConfigFileContent(
      { ...config, include: [], files: ['samples/detect.ts'] },
      ts.sys,
      root,
    );
    const settings = {
      ...options,
      incremental: false,
      tsBuildInfoFile: undefined,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    };
    const host = ts.createCompilerHost(settings);
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (path) => modules.has(path) || fileExists(path);
    host.readFile = (path) => modules.get(path) ?? readFile(path);
    host.getSourceFile = (path, language, ...rest) => {
      const text = modules.get(path);
      return text === undefined ? getSourceFile(path, language, ...rest) : ts.createSourceFile(path, text, language);
    };
    const program = ts.createProgram([...modules.keys(), join(root, 'types/node_gaps.d.ts')], settings, host);
    const faults = [...modules.keys()].flatMap((path) => {
      const source = program.getSourceFile(path);
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
      return found.map(({ messageText }) => `${path}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);
    });
    expect(faults).to.deep.equal([]);
  });
});
