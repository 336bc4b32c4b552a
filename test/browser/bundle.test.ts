import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { browserBundle } from '../../scripts/build_browser.ts';

/** Bundles an import of a page. esbuild fails and names the file if it meets a Node built-in. */
async function bundled(contents: string) {
  const { outputFiles, metafile } = await build({
    ...browserBundle,
    stdin: { contents, resolveDir: browserBundle.absWorkingDir, loader: 'ts' },
    write: false,
    metafile: true,
  });
  const used = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const bytes = outputFiles.map(({ contents }) => gzipSync(contents).length);
  return { kilobytes: Math.max(...bytes) / 1000, files: used.map(([file]) => file) };
}

describe('the browser entry', () => {
  it('bundles without Node, onnxruntime and their packages', async () => {
    const { kilobytes, files } = await bundled("export * from 'moganet'");
    console.log(`      ${kilobytes.toFixed(0)} kB compressed`);
    const strangers = /onnxruntime|pngjs|commander|protobuf|platform\/node|src\/cli|engines\/onnx/;
    expect(files.filter((file) => strangers.test(file))).to.deep.equal([]);
    // most of it is TensorFlow.js, then zod
    expect(kilobytes).to.be.below(490);
  });

  it('bundles drawing without the engines', async () => {
    const { kilobytes, files } = await bundled("export { drawDetections } from 'moganet/render'");
    // which orders names from right to left
    expect(files.filter((file) => file.includes('node_modules'))).to.deep.equal(['node_modules/bidi-js/dist/bidi.mjs']);
    expect(kilobytes).to.be.below(40);
  });
});
