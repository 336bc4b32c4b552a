import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { branchesOf } from '../../src/engines/onnx/branches.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import type { SessionOptions } from '../../src/engines/onnx/engine.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import {
  conv2d,
  type Engine,
  F,
  layerNorm,
  map,
  parametersOf,
  programOf,
  recordedByReader,
  type Value,
} from '../../src/nn/index.ts';
import { engines, useEngine } from '../harness/engines.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** A stem for all, a pyramid that a head reads again with one weight for two levels, and a second head. */
const part = recordedByReader('features', { x: map(2) }, (scope, { x }) => {
  const stem = conv2d(scope.at('stem'), x, 4, { kernel: 3 });
  const fine = conv2d(scope.at('neck.0'), stem, 4, { kernel: 1 });
  const coarse = F.relu(fine);
  const shared = conv2d(scope.at('neck.shared'), coarse, 4, { kernel: 1 });
  return {
    stages: { stage: stem, same: stem },
    detection: { fine, coarse, cls: conv2d(scope.at('rpn'), F.add(shared, fine), 1, { kernel: 1 }) },
    segmentation: { logits: conv2d(scope.at('decode'), F.sigmoid(stem), 3, { kernel: 1 }) },
  };
});
const program = {
  ...programOf(
    part.name,
    part.graph,
    new Map(parametersOf(part.graph).map(({ key, shape }) => [key, seededWeight(key, shape)])),
  ),
  readers: part.readers,
};
const x = seededInput('x', [1, 2, 6, 5]);

describe('branches of an ONNX model', () => {
  it('has what one reader needs in branches, and shared nodes outside', () => {
    const branches = branchesOf(program.graph, part.readers);
    expect(branches.map(({ reader, outputs }) => [reader, ...outputs])).to.deep.equal([
      ['stages', 'stage'],
      ['stages', 'same'],
      ['detection', 'fine', 'coarse'],
      ['detection', 'cls'],
      ['segmentation', 'logits'],
    ]);
    const pathsOf = (nodes: ReadonlySet<number>) =>
      program.graph.nodes.filter(({ id, op }) => nodes.has(id) && op !== 'param').map(({ path }) => path);
    expect(branches.map(({ nodes }) => pathsOf(nodes))).to.deep.equal([
      [],
      [],
      ['neck.0', ':relu'],
      ['neck.shared', ':add', 'rpn'],
      [':sigmoid', 'decode'],
    ]);
  });

  it('has none if there is one reader', () => {
    expect(branchesOf(program.graph, {})).to.deep.equal([]);
    expect(branchesOf(program.graph, { all: Object.keys(program.graph.outputs), none: [] })).to.deep.equal([]);
  });

  it('runs the wanted branches only', async function () {
    const { ort } = await loadOnnxRuntime();
    if (!ort) return this.skip();
    const emitted = emitOnnx(program);
    const { model, externalData } = onnxInParts(emitted);
    const folder = mkdtempSync(join(tmpdir(), 'moganet-profile-'));
    const profiling = { enableProfiling: true, profileFilePrefix: join(folder, 'run') };
    const session = await ort.InferenceSession.create(model, { ...profiling, externalData } as SessionOptions);
    const feeds = { x: new ort.Tensor('float32', x.data, x.shape) };
    const conditions = Object.entries(emitted.conditions).map(([name, outputs]) => {
      const wanted = outputs.includes('logits');
      return [name, new ort.Tensor('bool', Uint8Array.of(Number(wanted)), [])];
    });
    expect(conditions).to.have.length(3);
    await session.run({ ...feeds, ...Object.fromEntries(conditions) }, ['logits']);
    (session as unknown as { endProfiling(): void }).endProfiling();
    await session.release();
    const [file = ''] = readdirSync(folder);
    const events: { readonly name: string }[] = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const ran = events.map(({ name }) => name).filter((name) => name.endsWith('_kernel_time'));
    const has = (path: string) => ran.some((name) => name.startsWith(path));
    expect([has('stem'), has('decode'), has('neck.0'), has('neck.shared'), has('rpn')]).to.deep.equal([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  for (const name of ['cpu', 'onnxruntime', 'ort-wasm'] as const) {
    describe(`on ${name}`, () => {
      const here = useEngine(engines[name] as () => Promise<Engine | string>);

      it('gives the same values whatever is wanted', async () => {
        const [branched, whole] = [
          await here.engine.load(program),
          await here.engine.load({ ...program, readers: undefined }),
        ];
        const everything = await whole.run({ x });
        const expected = new Map<string, NDArray>();
        for (const [output, tensor] of Object.entries(everything)) expected.set(output, await tensor.read());
        const all = [...expected.keys()];
        for (const wanted of [all, ...all.map((output) => [output]), ...Object.values(part.readers)]) {
          const outputs = await branched.run({ x }, wanted);
          expect(Object.keys(outputs)).to.have.members([...wanted]);
          for (const [output, tensor] of Object.entries(outputs)) {
            const { shape, data } = await tensor.read();
            expect(shape).to.deep.equal(expected.get(output)?.shape);
            for (const [i, value] of data.entries()) {
              expect(value).to.be.closeTo(expected.get(output)?.data[i] ?? Number.NaN, 1e-5, output);
            }
            tensor.dispose();
          }
        }
        branched.dispose();
        whole.dispose();
      });

      it('gives maps whose channels are last outside, inside, or in both', async () => {
        const normed = recordedByReader('normed', { x: map(2) }, (scope, { x }) => {
          const stem = layerNorm(scope.at('stem'), x);
          const sum = F.add(stem, layerNorm(scope.at('sum'), stem));
          const norm = (name: string, value: Value) => layerNorm(scope.at(name), value);
          const fine = norm('fine', sum);
          return {
            one: { stem, y: conv2d(scope.at('y'), stem, 3, { kernel: 3 }), n: norm('n', sum) },
            other: {
              fine,
              same: fine,
              z: conv2d(scope.at('z'), norm('again', fine), 3, { kernel: 1 }),
              stemAgain: stem,
            },
          };
        });
        const weights = parametersOf(normed.graph).map(({ key, shape }) => [key, seededWeight(key, shape)] as const);
        const plain = programOf(normed.name, normed.graph, new Map(weights));
        const [branched, whole] = [
          await here.engine.load({ ...plain, readers: normed.readers }),
          await here.engine.load(plain),
        ];
        const expected = await whole.run({ x });
        for (const wanted of [Object.keys(expected), ...Object.values(normed.readers)]) {
          const outputs = await branched.run({ x }, wanted);
          for (const output of wanted) {
            const [found, same] = [await outputs[output]?.read(), await expected[output]?.read()];
            expect(found?.shape, output).to.deep.equal(same?.shape);
            for (const [i, value] of (found?.data ?? []).entries()) {
              expect(value).to.be.closeTo(same?.data[i] ?? Number.NaN, 1e-5, output);
            }
            outputs[output]?.dispose();
          }
        }
        branched.dispose();
        whole.dispose();
      });

      it('gives a value under two names of one reader', async () => {
        const twice = recordedByReader('twice', { x: map(2) }, (scope, { x }) => {
          const y = conv2d(scope.at('y'), x, 3, { kernel: 1 });
          return { one: { y, again: y }, other: { z: conv2d(scope.at('z'), x, 3, { kernel: 1 }) } };
        });
        const weights = parametersOf(twice.graph).map(({ key, shape }) => [key, seededWeight(key, shape)] as const);
        const runner = await here.engine.load({
          ...programOf(twice.name, twice.graph, new Map(weights)),
          readers: twice.readers,
        });
        const valuesOf = async (...wanted: string[]) => {
          const outputs = await runner.run({ x }, wanted);
          return Promise.all(
            wanted.map(async (output) => {
              const values = await outputs[output]?.read();
              outputs[output]?.dispose();
              return values;
            }),
          );
        };
        const [y, again, alone] = [...(await valuesOf('y', 'again')), ...(await valuesOf('again'))];
        expect(y?.shape).to.deep.equal([1, 3, 6, 5]);
        expect(again).to.deep.equal(y);
        expect(alone).to.deep.equal(y);
        runner.dispose();
      });
    });
  }
});
