import { expect } from 'chai';
import { moganet, startMoganet } from '../harness/command_line.ts';

const withoutOnnxRuntime = { imports: [new URL('../harness/without_onnxruntime.mjs', import.meta.url).href] };

describe('verify', () => {
  it('prints error, instances, labels, keypoints and time of an engine', async () => {
    const { code, stdout } = await moganet(['verify', '--engine', 'wasm']);
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /^wasm \(.*\): passed\n {2}small MogaNet: error \S+e-\d in \w+, tolerance \S+e-\d \(\d+ ms\)\n/,
    );
    expect(stdout).to.match(
      /\n {2}street-house\.jpg: 24 of 24 instances, (100\.00|99\.\d\d) % of the labels \(.*s\)\n {2}stick-figures\.png: 51 of 51 keypoints, off by at most \S+e-\d pixels \(.*s\)\n$/,
    );
  });

  it('gives JSON, in which an engine that is missing has a reason', async () => {
    const { code, stdout } = await startMoganet(['verify', '--json'], withoutOnnxRuntime);
    const { engines } = JSON.parse(stdout);
    expect(engines.map(({ engine, status }: { engine: string; status: string }) => [engine, status])).to.deep.equal([
      ['onnxruntime', 'unsupported'],
      ['ort-wasm', 'unsupported'],
      ['wasm', 'passed'],
      ['cpu', 'passed'],
    ]);
    expect(engines[0].reason).to.include('onnxruntime-node is not installed');
    expect(engines[2].image).to.include({ expected: 24, found: 24, additional: 0 });
    expect(engines[2].poses).to.include({ passed: true, expected: 51, found: 51 });
    expect(engines[3]).not.to.have.any.keys('image', 'poses');
    expect(code).to.equal(0);
  });

  it('fails who asks for a missing engine by name', async () => {
    const { code, stdout } = await startMoganet(['verify', '--engine', 'onnxruntime'], withoutOnnxRuntime);
    expect(code).to.equal(1);
    expect(stdout).to.match(/^onnxruntime: unsupported\n {2}onnxruntime-node is not installed/);
  });
});
