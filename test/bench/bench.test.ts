import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { createBackbone, createModel, exportOnnx, initialWeights } from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { programOf } from 'moganet/nn';
import { turnsOf } from '../../bench/alternate.ts';
import { childrenCpuSeconds } from '../../bench/children_cpu.ts';
import { definitionOf, imageOf, macsOf, networks, sizeOf, sizeText, weightsOf } from '../../bench/networks.ts';
import { onnxOperators } from '../../bench/onnx_operators.ts';
import { optionsFrom } from '../../bench/options.ts';
import { stretched } from '../../bench/photo.ts';
import { plainMogaNet } from '../../bench/plain_tfjs.ts';
import { markdownOf, shown, textOf, verdictOf, withTables } from '../../bench/report.ts';
import { scenarios } from '../../bench/scenarios/index.ts';
import {
  fallenBehind,
  geometricMean,
  keepsBound,
  longestGap,
  median,
  type Ratio,
  recordedWith,
} from '../../bench/statistics.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { passes } from '../../src/nn/optimise/index.ts';

/** The arithmetic around the benchmarks. Nothing here is timed. */

describe('CPU time of processes', () => {
  it('is counted when they have ended', function () {
    const before = childrenCpuSeconds();
    if (Number.isNaN(before)) this.skip(); // only Linux counts it so
    const busy = 'const start = process.cpuUsage(); while (process.cpuUsage(start).user < 300_000);';
    execFileSync(process.execPath, ['-e', busy]);
    expect(childrenCpuSeconds() - before).to.be.within(0.25, 5);
  });
});

describe('statistics of the benchmarks', () => {
  it('takes the middle of an odd number of values, and the mean of the two middle ones of an even number', () => {
    expect(median([9, 1, 5])).to.equal(5);
    expect(median([9, 1, 5, 6])).to.equal(5.5);
    expect(median([10, 9, 100])).to.equal(10); // by value, not by text
    expect(() => median([])).to.throw(RangeError);
  });

  it('takes the geometric mean of ratios', () => {
    expect(geometricMean([0.5, 2])).to.be.closeTo(1, 1e-12);
    expect(geometricMean([0.6, 0.7, 0.8])).to.be.closeTo((0.6 * 0.7 * 0.8) ** (1 / 3), 1e-12);
    expect(() => geometricMean([])).to.throw(RangeError);
    expect(() => geometricMean([1, 0])).to.throw(RangeError);
    expect(() => geometricMean([1, Number.NaN])).to.throw(RangeError);
  });

  it('lets slow contenders sit out rounds', () => {
    expect(turnsOf([100, 120, 199, 200, 350, 9000])).to.deep.equal([1, 1, 1, 2, 3, 4]);
    expect(turnsOf([50])).to.deep.equal([1]);
  });

  it('finds the longest gap of a timer', () => {
    expect(longestGap([0, 5, 11, 50, 52])).to.equal(39);
    expect(longestGap([50, 0, 5])).to.equal(45);
    expect(longestGap([3])).to.equal(0);
  });

  it('holds ratios to their bounds, and what is no number to none', () => {
    const ratio = (value: number, bound: Partial<Ratio>): Ratio => ({ name: 'a', value, ...bound });
    expect(keepsBound(ratio(0.7, { most: 0.78 }))).to.equal(true);
    expect(keepsBound(ratio(0.8, { most: 0.78 }))).to.equal(false);
    expect(keepsBound(ratio(1.7, { least: 1.7 }))).to.equal(true);
    expect(keepsBound(ratio(1.6, { least: 1.7 }))).to.equal(false);
    expect(keepsBound(ratio(5, {}))).to.equal(true);
    expect(keepsBound(ratio(Number.NaN, { most: 1 }))).to.equal(false);
  });

  it('finds ratios that fell more than 10 % behind, in the direction that is worse', () => {
    const measured: Ratio[] = [
      { name: 'slower', value: 0.78, most: 1 },
      { name: 'as before', value: 0.76, most: 1 },
      { name: 'faster', value: 0.2 },
      { name: 'fewer images', value: 1.5, least: 1 },
      { name: 'more images', value: 2.5, least: 1 },
      { name: 'new', value: 99 },
      { name: 'seconds', value: 99, unit: 's' },
    ];
    const before = {
      slower: 0.7,
      'as before': 0.7,
      faster: 0.7,
      'fewer images': 1.7,
      'more images': 1.7,
      seconds: 1,
      gone: 1,
    };
    const lines = fallenBehind(measured, before);
    expect(lines.map((line) => line.split(':')[0])).to.deep.equal(['slower', 'fewer images']);
    expect(lines[0]).to.include('0.780').and.include('0.700');
  });

  it('counts a ratio that could not be computed as fallen behind', () => {
    expect(fallenBehind([{ name: 'a', value: Number.NaN, most: 1 }], { a: 0.5 })).to.have.length(1);
    expect(fallenBehind([{ name: 'a', value: Number.NaN, least: 1 }], { a: 0.5 })).to.have.length(1);
  });

  it('records ratios over the old ones, but no figure that depends on the machine', () => {
    const measured: Ratio[] = [
      { name: 'b', value: 0.123456 },
      { name: 'cold', value: 2, unit: 's' },
    ];
    const recorded = recordedWith({ b: 1, a: 2 }, measured);
    expect(recorded).to.deep.equal({ a: 2, b: 0.1235 });
    expect(Object.keys(recorded)).to.deep.equal(['a', 'b']);
  });
});

describe('the command line of the benchmarks', () => {
  it('reads scenario, networks, sizes and numbers', () => {
    const { what, options } = optionsFrom([
      'backbone',
      '--networks',
      'resnet_50',
      '--sizes',
      '224,800x1280',
      '--seconds',
      '1.5',
    ]);
    expect(what).to.deep.equal(['backbone']);
    expect(options.networks).to.deep.equal(['resnet_50']);
    expect(options.sizes).to.deep.equal([
      { height: 224, width: 224 },
      { height: 800, width: 1280 },
    ]);
    expect(options.seconds).to.equal(1.5);
    expect(optionsFrom(['backbone', '--networks', 'all']).options.networks).to.deep.equal(Object.keys(networks));
    expect(optionsFrom(['backbone', '--peers', 'none']).options.peers).to.deep.equal([]);
  });

  it('refuses what it does not know', () => {
    expect(() => optionsFrom(['backbone', '--networks', 'resnet'])).to.throw(/unknown network "resnet".*resnet_50/);
    expect(() => optionsFrom(['backbone', '--peers', 'jax'])).to.throw(/unknown peer "jax".*torch/);
    expect(() => optionsFrom(['backbone', '--peers', 'before'])).to.throw(/--before DIR/);
    expect(() => optionsFrom(['backbone', '--sizes', '224x'])).to.throw(/"224x" is no size/);
    expect(() => optionsFrom(['backbone', '--rounds', '0'])).to.throw(/--rounds/);
    expect(() => optionsFrom(['backbone', '--nets', 'a'])).to.throw(/--nets/);
  });

  it('writes sizes as it reads them', () => {
    for (const text of ['224', '800x1280']) expect(sizeText(sizeOf(text))).to.equal(text);
  });

  it('has every scenario in docs/benchmarks.md', () => {
    const text = readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(rows).to.include.members([...Object.keys(scenarios), 'all', 'check']);
  });
});

describe('reports of the benchmarks', () => {
  const table = {
    title: 'a title',
    columns: ['network', 'ms'],
    rows: [['xt', 1234.5] as const, ['t', undefined] as const],
  };

  it('shows three digits', () => {
    expect([1234.5, 123.45, 12.345, 1.2345, 0.12345, 7, undefined, 'text'].map(shown)).to.deep.equal([
      ...['1235', '123', '12.3', '1.23', '0.123', '7', '', 'text'],
    ]);
  });

  it('prints a table, and writes it as Markdown', () => {
    expect(textOf(table)).to.equal('a title\n  network    ms\n  xt       1235\n  t');
    expect(markdownOf(table)).to.equal('a title\n\n| network | ms |\n| --- | --: |\n| xt | 1235 |\n| t |  |');
  });

  it('puts tables into README between its marks', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const once = withTables(readme, 'a machine', [table]);
    expect(once).to.include(`Measured on a machine.\n\n${markdownOf(table)}\n`);
    expect(withTables(once, 'a machine', [table])).to.equal(once);
    expect(once.replace(/(bench: begin -->)[\s\S]*(<!-- measured)/, '$1$2')).to.equal(
      readme.replace(/(bench: begin -->)[\s\S]*(<!-- measured)/, '$1$2'),
    );
    expect(() => withTables('no marks', 'a machine', [table])).to.throw(RangeError);
  });

  it('says whether a bound was missed', () => {
    expect(verdictOf({ name: 'a', value: 0.5, most: 0.78 })).to.equal('a: 0.500 (≤ 0.78)');
    expect(verdictOf({ name: 'a', value: 1.5, least: 1.7 })).to.equal('a: 1.500 (≥ 1.7, missed)');
    expect(verdictOf({ name: 'cold', value: 3, unit: 's', most: 2.5 })).to.equal('cold: 3 s (≤ 2.5, missed)');
    expect(verdictOf({ name: 'a', value: 2 })).to.equal('a: 2.000');
  });
});

describe('what is measured', () => {
  it('counts the multiply-adds that are published', () => {
    expect(macsOf('resnet_50', sizeOf('224')) / 1e9).to.be.closeTo(4.1, 0.05);
    expect(macsOf('moganet_xt', sizeOf('224')) / 1e9).to.be.closeTo(0.8, 0.05);
  });

  it('counts the nodes of an ONNX file', () => {
    const definition = createModel({ backbone: { type: 'resnet', depth: 18 } });
    const [file] = exportOnnx(definition, initialWeights(definition), { backbone: true, optimise: true }).files();
    const operators = onnxOperators(Buffer.concat(file?.chunks ?? []));
    expect(operators.filter((name) => name === 'Conv')).to.have.length(20);
    expect(operators.filter((name) => name === 'MaxPool')).to.have.length(1);
    expect(operators).not.to.include('BatchNormalization');
    expect(() => onnxOperators(Uint8Array.of(0x3a, 0xff))).to.throw(RangeError);
  });

  it('counts the branch of an ONNX file that a small input takes', () => {
    const definition = definitionOf('moganet_xt');
    const program = programOf('moganet_xt', definition.pyramid.graph, weightsOf(definition), passes);
    const [whole, parts] = [false, true].map((blocked) =>
      onnxOperators(onnxInParts(emitOnnx(program, { blocked })).model),
    );
    const isConvolution = (name: string) => name === 'Conv';
    expect(parts).to.include('If');
    expect(parts?.filter(isConvolution)).to.deep.equal(whole?.filter(isConvolution));
  });

  it('stretches a photo to the nearest pixels', () => {
    const image = { height: 1, width: 2, data: Uint8ClampedArray.of(1, 2, 3, 255, 4, 5, 6, 255) };
    const { data } = stretched(image, { height: 2, width: 4 });
    const row = [1, 2, 3, 255, 1, 2, 3, 255, 4, 5, 6, 255, 4, 5, 6, 255];
    expect([...data]).to.deep.equal([...row, ...row]);
  });

  it('is the same network in the plain port', async () => {
    const definition = definitionOf('moganet_xt');
    const weights = weightsOf(definition);
    const image = imageOf({ height: 33, width: 64 });
    await using backbone = await createBackbone(networks.moganet_xt, {
      weights: await writeSafetensors(weights).bytes(),
      engine: 'wasm',
    });
    const expected = await backbone.forward(image);
    await tf.setBackend('wasm');
    const before = tf.memory().numTensors;
    const plain = plainMogaNet('moganet_xt', weights);
    const found = await plain.run(image);
    plain.dispose();
    expect(tf.memory().numTensors).to.equal(before);
    expect(found.map(({ shape }) => shape)).to.deep.equal(expected.map(({ shape }) => shape));
    for (const [i, { data }] of expected.entries()) {
      const peak = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const off = data.reduce(
        (most, value, k) => Math.max(most, Math.abs(value - (found[i]?.data[k] ?? Number.NaN))),
        0,
      );
      expect(off / peak).to.be.below(1e-4);
    }
  });
});
