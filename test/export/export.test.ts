import { readFileSync } from 'node:fs';
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
import { smallPoseHeads } from '../harness/small_heads.ts';
import { smallBoth, smallDetection, smallSegmentation } from '../harness/small_model.ts';

const classifier: ModelConfig = { backbone: smallDetection.backbone, classification: { classes: ['cat', 'dog'] } };
const pose: ModelConfig = { backbone: smallDetection.backbone, pose: smallPoseHeads.heatmap_head };
const retinanet: ModelConfig = {
  backbone: smallDetection.backbone,
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

function boxOf({ detection }: ModelConfig): unknown {
  return detection && 'box' in detection ? detection.box : undefined;
}

const shapesOf = (ports: readonly ExportedPort[]) => Object.fromEntries(ports.map(({ name, shape }) => [name, shape]));

describe('a model as ONNX files', () => {
  it('is one file for a classifier, whose only output are rows of logits', () => {
    const { description, files } = exported(classifier);
    expect(description.parts).to.have.length(1);
    expect(shapesOf(description.parts[0]!.outputs)).to.deep.equal({ logits: ['batch', 2] });
    expect([...files()].map(({ name }) => name)).to.deep.equal(['features.onnx']);
    expect(description.classes).to.deep.equal({ classification: ['cat', 'dog'] });
    expect(description.config.classification!.input).to.deep.equal({
      size: 224,
      cropPct: 0.9,
      interpolation: 'bicubic',
    });
  });

  it('is only the pyramid with the option backbone', () => {
    for (const config of [smallBoth, classifier, { backbone: smallDetection.backbone }]) {
      const { description } = exported(config, { backbone: true, stem: 'pyramid' });
      expect(description.parts.map(({ name, file }) => [name, file])).to.deep.equal([['backbone', 'pyramid.onnx']]);
      expect(shapesOf(description.parts[0]!.outputs)).to.deep.equal({
        stage0: ['batch', 8, 'height / 4', 'width / 4'],
        stage1: ['batch', 8, 'height / 8', 'width / 8'],
        stage2: ['batch', 16, 'height / 16', 'width / 16'],
        stage3: ['batch', 16, 'height / 32', 'width / 32'],
      });
      expect(JSON.parse(JSON.stringify(description))).not.to.have.any.keys('classes', 'anchors');
    }
  });

  it('is the parts of a detector, whose ports match', () => {
    const { description, files } = exported(smallDetection);
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

  it('of poses says what its heatmaps are, and how large: rounded up before they are doubled', () => {
    const { description } = exported(pose);
    expect(shapesOf(description.parts[0]!.outputs)).to.deep.equal({
      heatmaps: ['batch', 3, '4 * (height / 32)', '4 * (width / 32)'],
    });
    expect(description.classes).to.deep.equal({ pose: ['person'] });
    const { names, skeleton = [], flipPairs = [] } = pose.pose!.keypoints!;
    expect(description.keypoints).to.deep.include({ names, skeleton, flipPairs });
    const coco = exported({ ...pose, pose: { dataset: 'coco_keypoints' } }).description;
    expect(coco.keypoints?.names).to.have.length(17);
    expect(exported(pose, { backbone: true }).description.keypoints).to.equal(undefined);
    const level = { type: 'heatmap_head' as const, channels: [], level: 1 };
    const plain = exported({ ...pose, pose: { ...pose.pose, head: level } }).description;
    expect(shapesOf(plain.parts[0]!.outputs)).to.deep.equal({ heatmaps: ['batch', 3, 'height / 8', 'width / 8'] });
  });

  it('has its configuration, which holds the numbers of the steps between the parts', () => {
    const test = { score: 0.07, iou: 0.41, max: 13 };
    const config = { ...smallDetection, detection: { ...smallDetection.detection!, test } } as ModelConfig;
    const { description } = exported(config);
    expect(description.format).to.equal('moganet.onnx/2');
    expect(description.config.detection!.test).to.deep.equal({ ...test, maskThreshold: 0.5 });
    expect(description.classes).to.deep.equal({ detection: smallDetection.detection!.classes });
    const both = exported(smallBoth).description;
    expect(Object.keys(both.classes!)).to.deep.equal(['detection', 'segmentation']);
  });

  it('lists the anchors of one position, from which a shift by the stride makes all others', () => {
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

  it('is explained in docs/onnx.md: every part, port, field and number of the steps in between', () => {
    const page = readFileSync(new URL('../../docs/onnx.md', import.meta.url), 'utf8');
    const cascade = {
      ...smallDetection,
      detection: {
        ...smallDetection.detection!,
        type: 'cascade_mask_rcnn',
        box: [boxOf(smallDetection), boxOf(smallDetection)],
      },
    } as ModelConfig;
    const named = [smallDetection, smallBoth, smallSegmentation, classifier, retinanet, cascade, pose].flatMap(
      (config) => {
        const { description } = exported(config);
        const ports = description.parts.flatMap(({ name, inputs, outputs }) => [
          name,
          ...[...inputs, ...outputs].map((port) =>
            port.name.replace(/^(fpn|rois|rpn_cls|rpn_reg|cls|reg)\d$/, '$1<level>'),
          ),
        ]);
        const { detection, classification, pose: ofPose } = description.config;
        const thresholds = Object.keys(detection?.test ?? {}).map((name) => `test.${name}`);
        const proposals = ['nmsPre', 'iou', 'max', 'minSize'].map((name) => `rpn.${name}`);
        const crop = Object.keys(classification?.input ?? {}).map((name) => `input.${name}`);
        const decoding = Object.keys(ofPose?.test ?? {}).map((name) => `test.${name}`);
        const cut = Object.keys(ofPose?.input ?? {}).map((name) => `input.${name}`);
        return [...ports, ...decoding, ...cut, ...thresholds, ...proposals, ...crop, ...Object.keys(description)];
      },
    );
    const more = ['image.mean', 'image.std', 'image.channelOrder', 'input.scale', 'input.divisor', 'head.alignCorners'];
    const code = [...page.matchAll(/`[^`\n]+`|^\(dx.*/gm)].join('\n');
    const missing = [...new Set([...named, ...more])].filter((name) => name !== 'image' && !code.includes(name));
    expect(missing).to.deep.equal([]);
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

  it('computes the same in onnxruntime as in TensorFlow.js, part by part, for two sizes and batches', async function () {
    const { ort, reason } = await loadOnnxRuntime();
    if (!ort) {
      console.log(`      skipped: ${reason}`);
      return this.skip();
    }
    for (const config of [smallBoth, classifier, pose]) {
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
          const names = outputs.map(({ name }) => name);
          const results = await session.run(Object.fromEntries(await Promise.all(feeds)), names);
          for (const { name } of outputs) {
            const wanted = await stored('out', name).readFloat32();
            const peak = wanted.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
            expect(results[name]!.dims, name).to.deep.equal(wanted.shape);
            const found = (await results[name]!.getData()) as Float32Array;
            // single precision, through several layers
            wanted.data.forEach((value, i) => {
              expect(found[i], `${name} ${i}`).to.be.closeTo(value, 1e-5 * peak);
            });
          }
        }
        await session.release();
      }
    }
  });

  it('refuses one name for several parts, and missing weights', () => {
    expect(() => exported(smallDetection, { stem: 'one' })).to.throw(
      ConfigError,
      'the model has several parts (features, box, mask): give a folder.',
    );
    const { files } = exportOnnx(createModel(classifier), new Map());
    expect(() => [...files()]).to.throw(CheckpointError, /needs a weight of shape .* got none/);
  });
});
