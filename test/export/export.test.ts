import { fromBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import { createModel, exportOnnx, exportSample, type ModelConfig, modelParameters } from 'moganet';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { ModelProtoSchema } from '../../src/engines/onnx/generated/onnx_pb.ts';
import { CheckpointError, ConfigError } from '../../src/errors.ts';
import type { ExportedPort, ExportOptions } from '../../src/export/onnx.ts';
import { bytesSource, openSafetensors } from '../../src/formats/index.ts';
import { anchorLevels, gridAnchors } from '../../src/postprocess/anchors.ts';
import { seededWeight } from '../harness/seeded.ts';
import { smallBoth, smallDetector, smallSegmentor } from '../harness/small_model.ts';

const classifier: ModelConfig = { backbone: smallDetector.backbone, classification: { classes: ['cat', 'dog'] } };
const retinanet: ModelConfig = {
  backbone: smallDetector.backbone,
  detection: {
    type: 'retinanet',
    classes: ['left', 'right'],
    neck: { type: 'fpn', channels: 8, outs: 5 },
    head: { convs: 1, channels: 8, anchors: { scales: [4, 5], ratios: [1], strides: [4, 8, 16, 32, 64] } },
    test: {},
    input: { scale: [64, 64] },
  },
};

function exported(config: ModelConfig, options?: ExportOptions) {
  const definition = createModel(config);
  const parameters = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
  const weights = new Map(parameters.map(({ key, shape }) => [key, seededWeight(key, shape)]));
  return { definition, weights, ...exportOnnx(definition, weights, options) };
}

const shapesOf = (ports: readonly ExportedPort[]) => Object.fromEntries(ports.map(({ name, shape }) => [name, shape]));

describe('a model as ONNX files', () => {
  it('is one file for a classifier, whose only output are rows of logits', () => {
    const { description, files } = exported(classifier);
    expect(description.parts).to.have.length(1);
    expect(shapesOf(description.parts[0]!.outputs)).to.deep.equal({ logits: ['batch', 2] });
    expect([...files()].map(({ name }) => name)).to.deep.equal(['features.onnx']);
    expect(description.classes).to.deep.equal({ classifier: ['cat', 'dog'] });
    expect(description.preprocessing[1]).to.equal(
      "Resize the short side to 248 pixels (Pillow's antialiased bicubic), crop the 224 x 224 in the middle.",
    );
  });

  it('is the pyramid alone where only the backbone is asked for', () => {
    for (const config of [smallBoth, classifier, { backbone: smallDetector.backbone }]) {
      const { description } = exported(config, { backbone: true, stem: 'trunk' });
      expect(description.parts.map(({ name, file }) => [name, file])).to.deep.equal([['backbone', 'trunk.onnx']]);
      expect(shapesOf(description.parts[0]!.outputs)).to.deep.equal({
        stage0: ['batch', 8, 'height / 4', 'width / 4'],
        stage1: ['batch', 8, 'height / 8', 'width / 8'],
        stage2: ['batch', 16, 'height / 16', 'width / 16'],
        stage3: ['batch', 16, 'height / 32', 'width / 32'],
      });
      expect(description.postprocessing).to.deep.equal([]);
    }
  });

  it('is the parts of a detector, and how they join', () => {
    const { description, files } = exported(smallDetector);
    const [features, box, mask] = description.parts;
    expect(Object.keys(shapesOf(features!.outputs)).filter((name) => name.startsWith('stage'))).to.deep.equal([]);
    expect(box!.inputs.map(({ name, from }) => [name, from])).to.deep.include.members([
      ['fpn3', 'features: fpn3'],
      ['rois0', 'regions of this level'],
    ]);
    expect(shapesOf(box!.outputs)).to.deep.equal({ cls_score: ['all rows', 3], bbox_pred: ['all rows', 8] });
    expect(shapesOf(mask!.outputs)).to.deep.equal({ mask_logits: ['all rows', 2, 28, 28] });
    // what joins has the same name and channels on both sides
    const given = new Map(features!.outputs.map((port) => [port.name, port.shape[1]]));
    for (const { name, shape, from } of [...box!.inputs, ...mask!.inputs]) {
      if (from?.startsWith('features')) expect(given.get(name)).to.equal(shape[1]);
    }
    expect([...files()].map(({ name }) => name)).to.deep.equal(['features.onnx', 'box.onnx', 'mask.onnx']);
  });

  it('says the numbers of its configuration in its steps', () => {
    const { description } = exported({
      ...smallDetector,
      detection: { ...smallDetector.detection!, test: { score: 0.07, iou: 0.41, max: 13 } },
    } as ModelConfig);
    const text = description.postprocessing.join('\n');
    for (const number of ['0.07', '0.41', 'the 13 best', '[0.1, 0.1, 0.2, 0.2]', '/ 28 +', 'at least 0.5']) {
      expect(text).to.include(number);
    }
    expect(exported(retinanet).description.postprocessing.join('\n'))
      .to.include('sigmoid(cls)')
      .and.include('1000 best');
    expect(exported(smallSegmentor).description.postprocessing).to.deep.equal([
      'Resize seg_logits bilinearly (pixel centres at half) to the input, then to the original image; the label is the argmax over the classes.',
    ]);
    const slide = { crop: { height: 64, width: 64 }, stride: { height: 40, width: 40 } };
    const sliding = exported({ ...smallSegmentor, segmentation: { ...smallSegmentor.segmentation!, slide } });
    expect(sliding.description.postprocessing[0]).to.include(
      'windows of 64 x 64 pixels (height x width) every 40 x 40',
    );
  });

  it('lists anchors that a shift by the stride makes the ones of every position', () => {
    const { description, definition } = exported(retinanet);
    const config = definition.config.detection!;
    if (config.type !== 'retinanet') throw new Error('another detector');
    const levels = anchorLevels(config.head.anchors);
    const [x, y, a, width] = [2, 1, 1, 4];
    description.anchors!.forEach(({ stride, base }, level) => {
      const all = gridAnchors(levels[level]!, { height: 3, width });
      const at = 4 * ((y * width + x) * base.length + a);
      expect(base[a]!.map((edge, i) => edge + stride * (i % 2 === 0 ? x : y))).to.deep.equal([
        ...all.subarray(at, at + 4),
      ]);
    });
  });

  it('keeps the checkpoint’s names, unless it is optimised', () => {
    const initializers = (options?: ExportOptions) => {
      const [file] = exported(classifier, options).files();
      const { graph } = fromBinary(ModelProtoSchema, file!.chunks[0]!);
      return { names: graph!.initializer.map(({ name }) => name), nodes: graph!.node.length };
    };
    const plain = initializers();
    const optimised = initializers({ optimise: true });
    const { definition } = exported(classifier);
    const keys = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
    expect(plain.names).to.include.members(keys.map(({ key }) => key));
    expect(optimised.nodes).to.be.below(plain.nodes);
  });

  it('computes in onnxruntime what TensorFlow.js computes, part by part, for two sizes and batches', async function () {
    const { ort, reason } = await loadOnnxRuntime();
    if (!ort) {
      console.log(`      skipped: ${reason}`);
      return this.skip();
    }
    for (const config of [smallBoth, classifier]) {
      const { definition, weights, description, files } = exported(config, { optimise: true });
      const sample = await openSafetensors(
        bytesSource(await (await exportSample(definition, weights, { engine: 'cpu' })).bytes(), 'sample'),
      );
      const made = new Map([...files()].map(({ name, chunks }) => [name, chunks[0]!]));
      for (const { name: part, file, inputs, outputs } of description.parts) {
        const session = await ort.InferenceSession.create(made.get(file)!, { logSeverityLevel: 4 });
        for (const round of [0, 1]) {
          const stored = (way: string, name: string) => sample.tensors.get(`${round}/${part}/${way}/${name}`)!;
          const feeds = inputs.map(async ({ name }) => {
            const { shape, data } = await stored('in', name).readFloat32();
            return [name, new ort.Tensor('float32', data, shape)] as const;
          });
          const results = await session.run(Object.fromEntries(await Promise.all(feeds)));
          for (const { name } of outputs) {
            const wanted = await stored('out', name).readFloat32();
            const peak = wanted.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
            expect(results[name]!.dims, name).to.deep.equal(wanted.shape);
            const found = (await results[name]!.getData()) as Float32Array;
            // single precision, through a dozen layers
            wanted.data.forEach((value, i) => {
              expect(found[i], `${name} ${i}`).to.be.closeTo(value, 1e-5 * peak);
            });
          }
        }
        await session.release();
      }
    }
  });

  it('refuses one name for several parts, and weights that are missing', () => {
    expect(() => exported(smallDetector, { stem: 'one' })).to.throw(
      ConfigError,
      'the model has several parts (features, box, mask): give a folder.',
    );
    const { files } = exportOnnx(createModel(classifier), new Map());
    expect(() => [...files()]).to.throw(CheckpointError, /needs a weight of shape .* got none/);
  });
});
