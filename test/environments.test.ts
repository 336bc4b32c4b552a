import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const snippet = `${root}src/snippet.ts`;

/** Names of a line of code that do not compile where `config` says what there is. */
function unknownNames(config: string, code: string): string[] {
  const { config: json } = ts.readConfigFile(`${root}${config}`, ts.sys.readFile);
  const { options, fileNames } = ts.parseJsonConfigFileContent(json, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile } = host;
  host.getSourceFile = (name, version) =>
    name === snippet ? ts.createSourceFile(name, code, version) : getSourceFile(name, version);
  const declarations = fileNames.filter((name) => name.endsWith('.d.ts') && name.includes('/types/'));
  const program = ts.createProgram([snippet, ...declarations], { ...options, incremental: false }, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
    .map((text) => /Cannot find name '(\w+)'/.exec(text)?.[1] ?? text);
}

const shared =
  'export const a = [fetch, URL, Blob, TextDecoder, performance.now(), WebAssembly.compile]; export type S = AbortSignal;';
const node = 'export const b = [process, Buffer];';
const dom = 'export const c = [document, localStorage];';

describe('the types of an environment', () => {
  it('know neither Node nor the DOM in code that runs in both', function () {
    this.timeout(30_000);
    expect(unknownNames('tsconfig.universal.json', shared)).to.deep.equal([]);
    expect(unknownNames('tsconfig.universal.json', node)).to.deep.equal(['process', 'Buffer']);
    expect(unknownNames('tsconfig.universal.json', dom)).to.deep.equal(['document', 'localStorage']);
  });

  it('do not know the DOM in code for Node', function () {
    this.timeout(30_000);
    expect(unknownNames('tsconfig.json', shared + node)).to.deep.equal([]);
    expect(unknownNames('tsconfig.json', dom)).to.deep.equal(['document', 'localStorage']);
  });
});
