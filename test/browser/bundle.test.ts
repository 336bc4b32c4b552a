import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { build as buildWithVite, type Rolldown } from 'vite';
import { browserBundle } from '../harness/browser_bundle.ts';

interface Bundled {
  /** The files in it. */
  readonly files: readonly string[];
  /** Compressed size of each chunk, in kB, by the largest file in it. */
  readonly chunks: ReadonlyMap<string, number>;
  /** That of the chunks that a page loads before it calls anything. */
  readonly atFirst: number;
}

/** Bundles an import of a page. esbuild fails and names the file if it meets a Node built-in. */
async function bundled(contents: string): Promise<Bundled> {
  const { outputFiles, metafile } = await build({
    ...browserBundle,
    stdin: { contents, resolveDir: browserBundle.absWorkingDir, loader: 'ts' },
    write: false,
    metafile: true,
    splitting: true,
    outdir: 'bundle',
  });
  const sizes = new Map(
    outputFiles.map(({ path, contents }) => [basename(path), gzipSync(contents).length / 1000] as const),
  );
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, output]) => [basename(path), output] as const));
  const loaded = new Set(['stdin.js']);
  for (const name of loaded) {
    for (const { path, kind } of outputs.get(name)?.imports ?? []) {
      if (kind === 'import-statement') loaded.add(basename(path));
    }
  }
  const largest = (name: string) =>
    Object.entries(outputs.get(name)?.inputs ?? {}).sort(([, a], [, b]) => b.bytesInOutput - a.bytesInOutput)[0]?.[0];
  const used = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return {
    files: used.map(([file]) => file),
    chunks: new Map([...sizes].map(([name, size]) => [largest(name) ?? name, size])),
    atFirst: sum([...loaded].map((name) => sizes.get(name) ?? 0)),
  };
}

/** Builds an import of a page as Vite and Next.js do, from the sources. */
async function builtWithVite(contents: string): Promise<readonly Rolldown.OutputChunk[]> {
  const { absWorkingDir: root, alias } = browserBundle;
  const built = await buildWithVite({
    root,
    configFile: false,
    logLevel: 'error',
    resolve: { alias: Object.entries(alias).map(([find, to]) => ({ find, replacement: `${root}${to}` })) },
    plugins: [
      {
        name: 'page',
        resolveId: (id) => (id === 'virtual:page' ? id : null),
        load: (id) => (id === 'virtual:page' ? contents : null),
      },
    ],
    build: { write: false, target: 'es2022', modulePreload: false, rolldownOptions: { input: 'virtual:page' } },
  });
  return [built]
    .flat()
    .flatMap((bundle) => ('output' in bundle ? bundle.output : []))
    .filter((output) => output.type === 'chunk');
}

/** Returns chunks with those that they import. */
function withImports(
  chunks: readonly Rolldown.OutputChunk[],
  some: readonly Rolldown.OutputChunk[],
): readonly Rolldown.OutputChunk[] {
  const names = new Set(some.map(({ fileName }) => fileName));
  for (const name of names) {
    for (const other of chunks.find(({ fileName }) => fileName === name)?.imports ?? []) names.add(other);
  }
  return chunks.filter(({ fileName }) => names.has(fileName));
}

const sizeOf = (chunks: readonly Rolldown.OutputChunk[]): number =>
  sum(chunks.map(({ code }) => gzipSync(code).length / 1000));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Loaded with the first JPEG. */
const decoder = 'src/platform/jpeg_wasm.data.ts';

describe('the browser entry', () => {
  it('bundles without Node, onnxruntime and their packages', async () => {
    const { files, chunks, atFirst } = await bundled("export * from 'moganet'");
    const all = sum([...chunks.values()]);
    const jpeg = chunks.get(decoder) ?? 0;
    console.log(
      `      ${all.toFixed(0)} kB compressed, ${atFirst.toFixed(0)} at first, ${jpeg.toFixed(0)} with the first JPEG`,
    );
    const strangers = /onnxruntime|pngjs|commander|protobuf|platform\/node|src\/cli|engines\/(onnx|ort)/;
    expect(files.filter((file) => strangers.test(file))).to.deep.equal([]);
    // everything that a page may ever load: most of it is TensorFlow.js. Poses take 30: crops, decoding, drawings, mmpose's configurations
    // with the keypoints of its data sets, results, detectors in front of them, and a program of WebGL
    expect(all - jpeg).to.be.below(495);
    expect(jpeg).to.be.within(1, 66);
    // esbuild keeps with an entry what it exports again, used or not
    expect(atFirst).to.be.below(180);
  });

  it('costs at most 105 kB before an engine is chosen, what a prediction needs besides at most 60, and weights and a detector 30 more', async () => {
    const chunks = await builtWithVite("import { loadModel } from 'moganet'; globalThis.loadModel = loadModel;");
    const first = withImports(
      chunks,
      chunks.filter(({ isEntry }) => isEntry),
    );
    const named = (file: string) => chunks.filter(({ moduleIds }) => moduleIds.some((id) => id.endsWith(file)));
    const predicting = withImports(chunks, [...named('src/library/model.ts'), ...named('src/formats/png.ts')]);
    const later = predicting.filter((chunk) => !first.includes(chunk));
    // with weights, the engine and the first prediction
    const detecting = withImports(chunks, [
      ...named('src/loading/reading.ts'),
      ...named('src/platform/browser/weights.ts'),
      ...named('src/nn/optimise/index.ts'),
      ...named('src/postprocess/detecting.ts'),
    ]);
    const last = detecting.filter((chunk) => !first.includes(chunk) && !later.includes(chunk));
    const sizes = [first, later, last].map(sizeOf);
    console.log(
      `      ${sizes.map((size) => size.toFixed(1)).join(' + ')} kB compressed at first, with the first PNG, with weights and a detector`,
    );
    expect(sizes[0]).to.be.within(60, 105);
    expect(sizes[1]).to.be.within(20, 60);
    expect(sizes[2]).to.be.within(2, 30);
    // all that a detector needs: moving code between the three changes nothing here
    expect(sum(sizes)).to.be.below(175);
    const lazy = /@tensorflow|onnxruntime|jsquash|formats\/(torch|png)\.ts|models\/mm\/|src\/render\//;
    expect(first.flatMap(({ moduleIds }) => moduleIds).filter((id) => lazy.test(id))).to.deep.equal([]);
  }).timeout(60_000);

  it('costs at most 118 kB before an engine is chosen if esbuild splits it', async () => {
    const { atFirst } = await bundled("import { loadModel } from 'moganet'; globalThis.loadModel = loadModel;");
    console.log(`      ${atFirst.toFixed(1)} kB compressed at first`);
    expect(atFirst).to.be.within(60, 118);
  });

  it('checks by the small form of zod, without the other form and its languages and JSON schemas', async () => {
    const { files } = await bundled("export * from 'moganet'");
    const large = /zod\/v4\/(classic|locales\/|core\/(to-json-schema|json-schema-processors))/;
    expect(files.filter((file) => large.test(file))).to.deep.equal([]);
  });

  it('costs a page that does not load a model what it calls', async () => {
    const costs = async (contents: string) => sizeOf(await builtWithVite(contents));
    expect(await costs("import { encodePng } from 'moganet'; globalThis.encode = encodePng;")).to.be.below(6);
    expect(await costs("import { nms } from 'moganet/postprocess'; globalThis.nms = nms;")).to.be.below(2);
    expect(await costs("import * as all from 'moganet/postprocess'; globalThis.all = { ...all };")).to.be.below(20);
  }).timeout(60_000);

  it('loads onnxruntime with the first engine that needs it', async () => {
    const { files, chunks, atFirst } = await bundled("export * from 'moganet/ort'");
    expect(files.filter((file) => /onnxruntime-web.*(jsep|webgl)/.test(file))).to.deep.equal([]);
    expect([...chunks.keys()].filter((file) => file.includes('onnxruntime-web'))).to.have.length(2);
    expect(atFirst).to.be.below(180);
  });

  it('bundles the page of a worker without networks and engines', async () => {
    const { files, atFirst } = await bundled("export { loadModel } from './src/worker.ts'");
    // options are checked in the page: by what is in models/task.ts and models/boxes.ts
    const strangers = /tensorflow|onnxruntime|src\/(backbones|engines|models\/(?!task|boxes)|zoo|configs)/;
    expect(files.filter((file) => strangers.test(file))).to.deep.equal([]);
    console.log(`      ${atFirst.toFixed(0)} kB compressed at first, the script of the worker apart`);
    expect(atFirst).to.be.below(80);
  });

  it('bundles drawing without the engines', async () => {
    const { atFirst, files } = await bundled("export { drawDetections } from 'moganet/render'");
    // which orders names from right to left
    const foreign = files.filter((file) => file.includes('node_modules'));
    expect(foreign.map((file) => file.replace(/^.*node_modules\//, ''))).to.deep.equal(['bidi-js/dist/bidi.mjs']);
    expect(atFirst).to.be.below(40);
  });
});
