import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { build } from 'esbuild';
import { browserBundle } from '../../scripts/build_browser.ts';

/** Bundles what a page imports; a Node built-in would make esbuild fail by name. */
async function bundled(contents: string) {
  const { outputFiles, metafile } = await build({
    ...browserBundle,
    stdin: { contents, resolveDir: browserBundle.absWorkingDir, loader: 'ts' },
    write: false,
    metafile: true,
  });
  const [output] = Object.values(metafile.outputs);
  const used = Object.entries(output!.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  return { kilobytes: gzipSync(outputFiles[0]!.contents).length / 1000, files: used.map(([file]) => file) };
}

describe('the browser entry', () => {
  it('bundles without Node, onnxruntime and their friends', async () => {
    const { kilobytes, files } = await bundled("export * from 'moganet'");
    console.log(`      ${kilobytes.toFixed(0)} kB compressed`);
    const strangers = /onnxruntime|pngjs|commander|protobuf|platform\/node|src\/cli|engines\/onnx/;
    expect(files.filter((file) => strangers.test(file))).to.deep.equal([]);
    // most of it is TensorFlow.js, then zod
    expect(kilobytes).to.be.below(490);
  });

  it('gives drawing alone without the engines', async () => {
    const { kilobytes, files } = await bundled("export { drawDetections } from 'moganet/render'");
    expect(files.filter((file) => file.includes('node_modules'))).to.deep.equal([]);
    expect(kilobytes).to.be.below(40);
  });
});
