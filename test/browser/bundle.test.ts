import { basename } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { browserBundle } from '../../scripts/build_browser.ts';

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
    // most of it is TensorFlow.js, then zod
    expect(all - jpeg).to.be.below(450);
    expect(jpeg).to.be.within(1, 66);
    expect(atFirst).to.be.below(285);
  });

  it('loads onnxruntime with the first engine that needs it', async () => {
    const { files, chunks, atFirst } = await bundled("export * from 'moganet/ort'");
    expect(files.filter((file) => /onnxruntime-web.*(jsep|webgl)/.test(file))).to.deep.equal([]);
    expect([...chunks.keys()].filter((file) => file.includes('onnxruntime-web'))).to.have.length(2);
    expect(atFirst).to.be.below(350);
  });

  it('bundles drawing without the engines', async () => {
    const { atFirst, files } = await bundled("export { drawDetections } from 'moganet/render'");
    // which orders names from right to left
    const foreign = files.filter((file) => file.includes('node_modules'));
    expect(foreign.map((file) => file.replace(/^.*node_modules\//, ''))).to.deep.equal(['bidi-js/dist/bidi.mjs']);
    expect(atFirst).to.be.below(40);
  });
});
