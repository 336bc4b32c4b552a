import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type BuildFailure, build } from 'esbuild';

/** Compares the imports of the sources with the table of who may import whom. */

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

interface Room {
  /** Rooms whose values and types it may use, besides itself and the `shared` files. */
  readonly imports: readonly string[];
  /** Rooms whose types it may use. */
  readonly types?: readonly string[];
  /** Packages and their sub-paths. `node:` stands for all built-ins of Node. */
  readonly packages?: readonly string[];
}

/** The ladder of rooms. Read it first. */
const rooms: Readonly<Record<string, Room>> = {
  nn: { imports: [] },
  // classes, colours, category ids and licences as values
  datasets: { imports: [] },
  image: { imports: [] },
  postprocess: { imports: [] },
  formats: { imports: ['image'], packages: ['fflate', '@jsquash/jpeg', 'zod/mini'] },
  render: { imports: ['postprocess', 'image'], packages: ['bidi-js'] },
  backbones: { imports: ['nn'], packages: ['zod/mini'] },
  heads: { imports: ['nn'], types: ['backbones'], packages: ['zod/mini'] },
  engines: {
    imports: ['nn', 'postprocess', 'engines/onnx_worker'],
    packages: ['@tensorflow/', '@bufbuild/protobuf', 'onnxruntime-web/'],
  },
  // onnxruntime in a thread of Node
  'engines/onnx_worker': { imports: [], types: ['engines'], packages: ['node:'] },
  models: { imports: ['nn', 'backbones', 'heads', 'postprocess', 'image', 'datasets'], packages: ['zod/mini'] },
  // data, typed by what it configures
  configs: { imports: ['datasets'], types: ['models', 'backbones', 'heads'] },
  zoo: { imports: ['configs', 'backbones', 'nn'], types: ['models'] },
  // the types that Node and the browser implement for the library
  platform: { imports: ['formats'], types: ['image', 'nn'] },
  'platform/node': { imports: ['platform', 'formats', 'image'], packages: ['node:', 'undici', 'pngjs'] },
  'platform/browser': { imports: ['platform', 'formats'], types: ['image'] },
  loading: { imports: ['nn', 'backbones', 'models', 'datasets', 'formats', 'zoo', 'platform'], packages: ['zod/mini'] },
  results: { imports: ['postprocess', 'formats', 'render', 'image'], types: ['datasets'], packages: ['zod/mini'] },
  // results in the shapes of other packages
  adapters: { imports: ['results', 'postprocess'], types: ['library', 'platform'], packages: ['zod/mini'] },
  library: {
    imports: ['nn', 'backbones', 'models', 'datasets', 'image', 'formats', 'platform', 'zoo', 'loading', 'results'],
    types: ['postprocess'],
    packages: ['zod/mini'],
  },
  export: {
    imports: ['nn', 'models', 'postprocess', 'formats', 'loading', 'library'],
    types: ['datasets', 'image', 'platform', 'results'],
    packages: ['zod/mini'],
  },
  // both ends of a web worker: the page's, and the thread's with the library of an entry
  worker: {
    imports: ['library', 'results', 'formats', 'platform', 'platform/browser', 'entries'],
    types: ['backbones', 'datasets', 'image', 'loading', 'models', 'nn', 'postprocess'],
    packages: ['zod/mini'],
  },
  // data sets as others write them: labels in, checked objects and label maps out
  data: {
    imports: ['postprocess', 'formats', 'datasets'],
    types: ['image'],
    packages: ['zod/mini', 'yaml', 'saxes'],
  },
  // measures results against labels, on typed arrays
  evaluate: {
    imports: ['data', 'postprocess', 'datasets', 'image'],
    types: ['library', 'results'],
  },
  // what was measured as one HTML file
  report: {
    imports: ['evaluate', 'data', 'render', 'formats', 'image', 'postprocess'],
    packages: ['@observablehq/plot', 'linkedom'],
  },
  // counts and comparisons of the article; nothing that runs a model needs it
  article: { imports: ['nn', 'backbones', 'models', 'datasets', 'zoo', 'configs'] },
  // the entries pass in platform and engines, so that a browser bundle does not meet those of Node
  entries: {
    imports: [
      'formats',
      'loading',
      'library',
      'export',
      'engines',
      'worker',
      'data',
      'platform/node',
      'platform/browser',
    ],
    types: ['platform'],
  },
  cli: {
    imports: ['entries', 'article', 'render', 'image', 'platform/node', 'formats', 'data', 'evaluate', 'report'],
    packages: ['node:', 'commander', 'picocolors', 'tinyglobby', 'opentype.js'],
  },
  samples: { imports: [], packages: ['moganet', 'node:', 'zod'] },
  // the page, which uses the published entries only
  web: { imports: [], packages: ['moganet', 'fflate', 'node:', 'esbuild', 'vite'] },
  // measures the package as samples use it, with the seeded weights of the tests
  bench: { imports: ['test'], packages: ['moganet', 'node:', '@tensorflow/', 'esbuild', 'playwright-core'] },
};

/** The files outside the rooms, which any room may use, and their packages. */
const shared: Readonly<Record<string, readonly string[]>> = {
  'src/errors.ts': [],
  'src/arrays.ts': [],
  'src/slices.ts': [],
  'src/ahead.ts': [],
  'src/memory.ts': [],
  'src/turn.ts': [],
  'src/globals.ts': [],
  'src/validate.ts': ['zod/mini', 'zod/v4/core'],
  'src/values.ts': [],
  'src/no_eval.ts': ['zod/mini'],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function filesBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesBelow(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

const sources = ['src', 'heads', 'configs', 'samples', 'bench', 'web'].flatMap(filesBelow);
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Returns the room of a file: `src/nn/ops.ts` → nn; `heads/fpn.ts` → heads; `src/node.ts` → entries; undefined if shared. */
function roomOf(file: string): string | undefined {
  if (Object.hasOwn(shared, file)) return undefined;
  const [first, second = '', third] = file.split('/');
  if (first !== 'src') return first;
  if (second.endsWith('.ts')) return 'entries';
  const inner = `${second}/${third?.replace(/\.ts$/, '')}`;
  return Object.hasOwn(rooms, inner) ? inner : second;
}

/** Returns static and dynamic imports and re-exports. The formatter keeps each statement's `from` on its last line. */
function importsOf(file: string): Import[] {
  const statement = /^(?:import|export)\s+(type\s)?(?:[^;'"]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...textOf(file).matchAll(statement)].map(([, type, from, dynamic]) => ({
    file,
    specifier: from ?? dynamic ?? '',
    typeOnly: type !== undefined,
  }));
}

const allImports = sources.flatMap(importsOf);

const targetOf = (file: string, specifier: string): string => relative(root, join(root, dirname(file), specifier));

const targetRoom = ({ file, specifier }: Import): string | undefined =>
  specifier.startsWith('.') ? roomOf(targetOf(file, specifier)) : undefined;

function faultOf({ file, specifier, typeOnly }: Import): string | undefined {
  const from = roomOf(file);
  if (from === undefined) {
    const allowed = specifier.startsWith('.') || shared[file]?.includes(specifier);
    return allowed ? undefined : `${file} imports ${specifier}: shared files may not`;
  }
  const room = rooms[from];
  if (!room) return `${file}: its room is not in the table`;
  if (!specifier.startsWith('.')) {
    const { packages = [] } = room;
    const allowed = packages.some(
      (name) => specifier === name || specifier.startsWith(/[/:]$/.test(name) ? name : `${name}/`),
    );
    return allowed ? undefined : `${file} imports ${specifier}: not among the packages of ${from}`;
  }
  const to = roomOf(targetOf(file, specifier));
  if (to === undefined || to === from || room.imports.includes(to)) return undefined;
  if (typeOnly && room.types?.includes(to)) return undefined;
  return `${file} imports ${typeOnly ? 'types of ' : ''}${targetOf(file, specifier)}: ${from} may not import ${to}`;
}

/** Returns groups of files that import each other, directly or through others (Tarjan's strongly connected components). */
function circlesOf(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>(sources.map((file) => [file, []]));
  for (const { file, specifier } of imports) {
    const target = specifier.startsWith('.') ? targetOf(file, specifier) : file;
    if (target !== file) targets.get(file)?.push(target);
  }
  const order = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  /** Returns the lowest number of a file on the stack that `file` reaches. */
  const visit = (file: string): number => {
    const number = order.size;
    order.set(file, number);
    stack.push(file);
    let lowest = number;
    for (const target of targets.get(file) ?? []) {
      const seen = order.get(target);
      if (seen === undefined) lowest = Math.min(lowest, visit(target));
      else if (stack.includes(target)) lowest = Math.min(lowest, seen);
    }
    if (lowest === number) {
      const circle = stack.splice(stack.indexOf(file));
      if (circle.length > 1) circles.push(circle);
    }
    return lowest;
  };
  for (const file of sources) if (!order.has(file)) visit(file);
  return circles;
}

describe('the source tree', () => {
  it('reads imports of every form', () => {
    const forms = importsOf('src/nn/layers.ts').map(({ specifier }) => specifier);
    expect(forms).to.include.members(['../errors.ts', './ops.ts', './functional.ts']);
    expect(allImports.length).to.be.greaterThan(sources.length);
    expect(allImports.some(({ typeOnly }) => typeOnly)).to.equal(true);
    expect(faultOf({ file: 'src/nn/ops.ts', specifier: '../models/rcnn.ts', typeOnly: false })).to.equal(
      'src/nn/ops.ts imports src/models/rcnn.ts: nn may not import models',
    );
    expect(faultOf({ file: 'heads/fpn.ts', specifier: '../src/backbones/backbone.ts', typeOnly: true })).to.equal(
      undefined,
    );
    expect(faultOf({ file: 'heads/fpn.ts', specifier: '../src/backbones/moganet.ts', typeOnly: false })).to.be.a(
      'string',
    );
    expect(faultOf({ file: 'src/library/model.ts', specifier: 'node:fs', typeOnly: false })).to.be.a('string');
  });

  it('imports only what the table allows', () => {
    expect(allImports.flatMap((one) => faultOf(one) ?? [])).to.deep.equal([]);
  });

  it('allows nothing in the table that no file imports', () => {
    const idle = Object.entries(rooms).flatMap(([name, { imports, types = [], packages = [] }]) => {
      const own = allImports.filter(({ file }) => roomOf(file) === name);
      const met = (wanted: (one: Import) => boolean) => own.some(wanted);
      return [
        ...imports.filter((room) => !met((one) => !one.typeOnly && targetRoom(one) === room)),
        ...types.filter((room) => imports.includes(room) || !met((one) => targetRoom(one) === room)),
        ...packages.filter((start) => !met(({ specifier }) => specifier.startsWith(start))),
      ].map((one) => `${name}: ${one}`);
    });
    expect(idle).to.deep.equal([]);
  });

  it('has no circle of files, type imports included', () => {
    expect(circlesOf(allImports)).to.deep.equal([]);
  });

  it('has exactly the rooms of the table', () => {
    const found = new Set(sources.map(roomOf).filter((room) => room !== undefined));
    const wanted = Object.keys(rooms).filter((room) => room !== 'platform');
    expect([...found].filter((room) => room !== 'platform').sort()).to.deep.equal(wanted.sort());
  });

  it('imports files with their ending', () => {
    const without = allImports.filter(({ specifier }) => specifier.startsWith('.') && !specifier.endsWith('.ts'));
    expect(without.map(({ file, specifier }) => `${file}: ${specifier}`)).to.deep.equal([]);
  });

  it('has no file over 500 lines except data and generated code', () => {
    const long = [...sources, ...filesBelow('scripts')]
      .filter((file) => !file.endsWith('.data.ts') && !file.includes('/generated/'))
      .map((file) => [file, textOf(file).split('\n').length - 1] as const)
      .filter(([, lines]) => lines > 500);
    expect(long).to.deep.equal([]);
  });

  it('has default exports in configurations only', () => {
    const isConfig = (file: string) => file.startsWith('configs/') || file.endsWith('.config.ts');
    const files = sources.filter((file) => !isConfig(file) && /^export default /m.test(textOf(file)));
    expect(files).to.deep.equal([]);
  });

  it('uses neither process nor Buffer in code for browsers', () => {
    const nodeOnly =
      /^src\/(platform\/node|cli)\/|^src\/engines\/(onnx_worker\/|(onnx\/)?node\.ts$)|^(samples|bench|web)\//;
    // code that takes it from globalThis can do without
    const asks = /\{ process \} = globalThis/;
    const touches = (text: string) => /(?<![\w.])(?:process\.|Buffer[.(])/.test(text) && !asks.test(text);
    expect(touches(textOf('src/cli/terminal.ts'))).to.equal(true);
    const files = sources.filter((file) => !nodeOnly.test(file) && touches(withoutComments(textOf(file))));
    expect(files).to.deep.equal([]);
  });

  it('bundles its browser entry without a built-in of Node', async function () {
    this.timeout(60000);
    const bundle = await bundleFor('src/index.ts');
    expect((await bundleFor('src/ort.ts')).faults).to.deep.equal([]);
    expect(bundle.faults).to.deep.equal([]);
    expect(bundle.inputs).to.include('src/library/model.ts');
    expect(bundle.inputs.filter((file) => file.startsWith('src/platform/node/'))).to.deep.equal([]);
    expect(bundle.inputs.filter((file) => file.includes('onnxruntime-node'))).to.deep.equal([]);
    expect(bundle.inputs.filter((file) => file.startsWith('src/data/layouts/'))).to.deep.equal([]);
    const data = await bundleFor('src/data/index.ts');
    expect(data.faults).to.deep.equal([]);
    expect(data.inputs).to.include('src/data/layouts/yolo.ts');
  });

  it('finds a built-in in a bundle', async function () {
    this.timeout(60000);
    const { faults } = await bundleFor('src/node.ts');
    expect(faults.join('\n')).to.include('node:fs');
  });
});

/** Bundles for a browser. A built-in is an error of the bundle, or an import that stays. */
async function bundleFor(entry: string): Promise<{ faults: string[]; inputs: string[] }> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'silent',
  }).catch((failure: BuildFailure) => failure);
  if ('errors' in result && !('metafile' in result)) {
    return { faults: result.errors.map(({ text, location }) => `${location?.file}: ${text}`), inputs: [] };
  }
  const { inputs = {} } = result.metafile ?? {};
  const faults = Object.entries(inputs).flatMap(([file, { imports }]) =>
    imports.flatMap(({ path, external }) => (external && isBuiltin(path) ? [`${file}: ${path}`] : [])),
  );
  return { faults, inputs: Object.keys(inputs) };
}

const isBuiltin = (path: string): boolean => path.startsWith('node:') || builtinModules.includes(path);

/** Removes comments. It may be fooled by strings, but not by those of this repository. */
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(?<!:)\/\/.*$/gm, '');
