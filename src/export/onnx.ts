import type { Named, Weights } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import type { DetectorConfig, ResolvedConfig, SegmentorConfig } from '../models/config.ts';
import type { ModelDefinition } from '../models/create.ts';
import { type InputExtent, type Part, type Program, passes, programOf, recordPart, shapesOf } from '../nn/index.ts';
import { anchorLevels } from '../postprocess/anchors.ts';

/** In words and numbers: what goes in before an exported model's parts, between them and after them. */
export interface ExportGuide {
  readonly preprocessing: readonly string[];
  readonly postprocessing: readonly string[];
  /** Of the detector, finest level first: the anchors of position (0, 0) as x1, y1, x2, y2 in pixels of the input. */
  readonly anchors?: readonly { readonly stride: number; readonly base: readonly (readonly number[])[] }[];
  readonly classes?: Readonly<Partial<Record<'detector' | 'segmentor' | 'classifier', readonly string[] | number>>>;
}

export function guideTo(config: ResolvedConfig): ExportGuide {
  const { detection: detector, segmentation: segmentor, classification: classifier } = config;
  const anchors = detector && (detector.type === 'retinanet' ? detector.head.anchors : detector.rpn.anchors);
  const classes = {
    ...(detector && { detector: detector.classes }),
    ...(segmentor && { segmentor: segmentor.classes }),
    ...(classifier && { classifier: classifier.classes }),
  };
  return {
    preprocessing: preprocessing(config),
    postprocessing: [
      ...(detector ? detection(detector) : []),
      ...(segmentor ? segmentation(segmentor, detector !== undefined) : []),
      ...(classifier ? ['Scores are softmax(logits) over the classes.'] : []),
    ],
    ...(anchors && {
      anchors: anchorLevels(anchors).map(({ stride, base }) => ({
        stride: stride.width,
        base: Array.from({ length: base.length / 4 }, (_, a) => [...base.subarray(4 * a, 4 * a + 4)]),
      })),
    }),
    ...(Object.keys(classes).length > 0 && { classes }),
  };
}

function preprocessing({
  image,
  detection: detector,
  segmentation: segmentor,
  classification: classifier,
}: ResolvedConfig): string[] {
  const { mean, std, channelOrder } = image;
  const bytes = 'Decode to bytes: EXIF orientation applied, alpha dropped, grey repeated to three channels.';
  const planes =
    `Planes in the order ${channelOrder}, each (byte - mean) / std with mean ${mean.join(', ')} and std ` +
    `${std.join(', ')}; float32, N x 3 x height x width.`;
  const input = (detector ?? segmentor)?.input;
  if (classifier) {
    const { size, cropPct, interpolation } = classifier.input;
    const edge = Math.floor(size / cropPct);
    return [
      bytes,
      `Resize the short side to ${edge} pixels (Pillow's antialiased ${interpolation}), crop the ${size} x ${size} in the middle.`,
      planes,
    ];
  }
  if (!input) return [planes];
  const { scale, divisor } = input;
  const fit =
    `Resize, keeping the ratio, so that the long side is at most ${Math.max(...scale)} and the short side at most ` +
    `${Math.min(...scale)}: each edge becomes floor(edge * ratio + 0.5). Bilinear as OpenCV's INTER_LINEAR on bytes.`;
  return detector
    ? [bytes, fit, planes, `Pad with zeros at the right and bottom to multiples of ${divisor}.`]
    : [bytes, fit, `Resize again, in bytes, up to multiples of ${divisor}.`, planes];
}

const box = '(x1, y1, x2, y2)';
const coder = ({ means, stds }: { means: readonly number[]; stds: readonly number[] }, from: string): string =>
  `(dx, dy, dw, dh) = delta * [${stds.join(', ')}] + [${means.join(', ')}], dw and dh clamped to +-ln(1000 / 16); centre ` +
  `moved by (dx * width, dy * height) of the ${from}, width and height times exp(dw), exp(dh); clipped to the image before padding`;

function detection(config: DetectorConfig): string[] {
  const { test } = config;
  const keep = `NMS per class at IoU ${test.iou}; keep the ${test.max} best`;
  const grid =
    'At position (x, y) of a level the anchors are its base anchors plus (x, y, x, y) * stride; anchor a is channels of ' +
    'the score map (a * classes + class) and 4 * a to 4 * a + 3 of the delta map.';
  const original = 'Divide boxes by resized size / original size, along each axis.';
  if (config.type === 'retinanet') {
    return [
      grid,
      `Scores are sigmoid(cls). Of each level keep the ${config.test.nmsPre} best pairs of anchor and class above ${test.score}.`,
      `Boxes: ${coder(config.head.deltas, 'anchor')}. Drop those of width or height ${config.test.minSize} or less. ${original} ${keep}.`,
    ];
  }
  const { rpn } = config;
  const stages = config.type === 'mask_rcnn' ? [config.box] : config.box;
  const last = stages.at(-1)!;
  const region = last.region;
  return [
    `${grid} The proposals have one class.`,
    `Proposals: of each level the ${rpn.nmsPre} best of rpn_cls; boxes from rpn_reg: ${coder(rpn.deltas, 'anchor')}. Drop ` +
      `those of width or height ${rpn.minSize} or less; NMS within each level at IoU ${rpn.iou}; keep the ` +
      `${rpn.max} best of all by sigmoid(rpn_cls).`,
    `Regions go to level floor(log2(sqrt(area) / ${region.finestScale} + 1e-6)), limited to 0 .. ${region.strides.length - 1}: ` +
      `input rois<level> of a region part has their rows (index in the batch, x1, y1, x2, y2), in pixels of the input, and ` +
      'may have no row. Outputs have the rows of rois0, rois1, ... one after the other; the fpn<level> are outputs of features.',
    ...stages
      .slice(0, -1)
      .map(
        (stage, i) =>
          `Part box${i} on the regions; the next stage's regions are moved by the deltas of their best class other than the ` +
          `background: ${coder(stage.deltas, 'region')}.`,
      ),
    `Part ${config.type === 'mask_rcnn' ? 'box' : `box${stages.length - 1}`} on the regions. Scores are softmax of cls_score` +
      `${stages.length > 1 ? ', the mean of all stages' : ''}; the last column is the background. Every class above ` +
      `${test.score} counts. Boxes: ${coder(last.deltas, 'region')}; deltas of class c are columns ` +
      `${last.classAgnostic ? '0 to 3' : '4 * c to 4 * c + 3'}. ${original} ${keep}.`,
    ...(config.mask
      ? [
          `Part mask on the boxes ${box} that stay, in pixels of the input. Of each box take the map of its class` +
            `${config.mask.classAgnostic ? ' (there is one for all)' : ''}, sigmoid` +
            `${stages.length > 1 ? ', the mean of all outputs' : ''}, resize bilinearly (pixel centres at half) onto the box ` +
            `in the original image; the mask is where it is at least ${config.test.maskThreshold}.`,
        ]
      : []),
  ];
}

function segmentation({ head, slide }: SegmentorConfig, padded: boolean): string[] {
  const corners = head.alignCorners ? 'corners aligned' : 'pixel centres at half';
  const to = padded
    ? `Resize seg_logits bilinearly (${corners}) to the input, crop to the image before padding, resize to the original image; argmax.`
    : `Resize seg_logits bilinearly (${corners}) to the input, then to the original image; the label is the argmax over the classes.`;
  if (!slide) return [to];
  const { crop, stride } = slide;
  return [
    `Run on windows of ${crop.height} x ${crop.width} pixels (height x width) every ${stride.height} x ${stride.width}, the ` +
      'last ones moved inside; resize each seg_logits to its window, and take the mean where windows overlap.',
    to,
  ];
}

/** A program as a model file, and its weights where they need one of their own. */
export type WriteOnnx = (
  program: Program,
  weightsFile: string,
) => { readonly model: Uint8Array; readonly weights?: readonly Uint8Array[] };

/** What is exported, and in what form. */
export interface ExportOptions {
  /** Only the image to the pyramid, whatever heads the model has. */
  readonly backbone?: boolean;
  /** Norms and scales folded into convolutions. Weights and operators then have other names than the checkpoint's. */
  readonly optimise?: boolean;
  /** The name of the file without its ending, where there is only one part; otherwise parts are called as they are. */
  readonly stem?: string;
}

export interface ExportedPort {
  readonly name: string;
  /** Extents that a run decides have names; `height / 4` is of the image's, rounded up. */
  readonly shape: readonly (number | string)[];
  /** Of an input: where its values come from. */
  readonly from?: string;
}

export interface ExportedPart {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
}

/** How the files are used: what `model.json` says. All values are float32. */
export interface ExportDescription extends ExportGuide {
  readonly format: 'moganet.onnx/1';
  readonly name: string;
  readonly parts: readonly ExportedPart[];
  readonly config: ResolvedConfig;
}

/** A file to write: its chunks one after another. */
export interface ExportedFile {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
}

/** A model as ONNX files and what is said of them. */
export interface OnnxExport {
  readonly description: ExportDescription;
  /** One part after the other, made when it is asked for. */
  files(): Generator<ExportedFile>;
}

export type ExportOnnx = (definition: ModelDefinition, weights: Weights, options?: ExportOptions) => OnnxExport;

/**
 * A model as standalone ONNX: opset 17, batch, height and width symbolic, no inputs but images, maps and regions.
 *
 * @throws ConfigError where a stem is given for several parts; CheckpointError, from `files`, where a weight is missing
 */
export function onnxExporter(write: WriteOnnx): ExportOnnx {
  return (definition, weights, options = {}) => {
    const { optimise = false, stem } = options;
    const parts = exportedParts(definition, options.backbone ?? false);
    if (stem !== undefined && parts.length > 1) {
      throw new ConfigError(
        `the model has several parts (${parts.map(({ name }) => name).join(', ')}): give a folder.`,
      );
    }
    const fileOf = ({ name }: Part) => `${stem ?? name}.onnx`;
    return {
      description: {
        format: 'moganet.onnx/1',
        name: definition.config.name ?? 'model',
        parts: parts.map((part) => describe(part, fileOf(part))),
        ...(options.backbone ? guideTo({ ...definition.config, ...headless }) : guideTo(definition.config)),
        config: definition.config,
      },
      *files() {
        for (const part of parts) {
          const name = fileOf(part);
          const program = programOf(part.name, recordPart(part), weights, optimise ? passes : []);
          const { model, weights: beside } = write(program, `${name}.data`);
          yield { name, chunks: [model] };
          if (beside) yield { name: `${name}.data`, chunks: beside };
        }
      },
    };
  };
}

const headless = { detector: undefined, segmentor: undefined, classifier: undefined, head: undefined };

/** The parts with what their users ask of them: of a model with heads not the pyramid, which `backbone` gives. */
export function exportedParts({ parts, trunk, config }: ModelDefinition, backbone: boolean): Part[] {
  if (backbone) return [{ ...trunk, name: 'backbone' }];
  const { detection: detector, segmentation: segmentor, classification: classifier, head } = config;
  if (!detector && !segmentor && !classifier && !head) return Object.values(parts);
  return Object.values(parts).map((part) =>
    part.name === 'features'
      ? { ...part, forward: (scope, inputs) => withoutPyramid(part.forward(scope, inputs)) }
      : part,
  );
}

const withoutPyramid = <T>(outputs: Named<T>): Named<T> =>
  Object.fromEntries(Object.entries(outputs).filter(([name]) => !/^stage\d+$/.test(name)));

/** Large enough that every stride divides it. */
const probe = 1024;

function describe(part: Part, file: string): ExportedPart {
  const graph = recordPart(part);
  const onRegions = Object.values(part.inputs).some(({ kind }) => kind === 'regions');
  const extents: Named<InputExtent> = Object.fromEntries(
    Object.entries(part.inputs).map(([name, { kind }]) => [
      name,
      kind === 'regions' ? { batch: 1 } : { batch: 1, height: probe, width: probe },
    ]),
  );
  const shapes = shapesOf(graph, extents);
  const inputs = Object.entries(part.inputs).map(([name, input]): ExportedPort => {
    if (input.kind === 'regions') return { name, shape: [`${name} rows`, 5], from: 'regions of this level' };
    const shape = ['batch', input.channels, 'height', 'width'];
    return onRegions
      ? { name, shape: [shape[0]!, shape[1]!, `${name} height`, `${name} width`], from: `features: ${name}` }
      : { name, shape, from: 'preprocessing' };
  });
  const outputs = Object.entries(graph.outputs).map(([name, id]): ExportedPort => {
    const { channels, height, width } = shapes[id]!;
    const batch = onRegions ? 'all rows' : 'batch';
    if (graph.nodes[id]!.op === 'linear') return { name, shape: [batch, channels] };
    const along = (extent: number, axis: string) =>
      onRegions || extent === 1 ? extent : strided(axis, probe / extent);
    return { name, shape: [batch, channels, along(height, 'height'), along(width, 'width')] };
  });
  return { name: part.name, file, inputs, outputs };
}

const strided = (axis: string, stride: number): string => (stride === 1 ? axis : `${axis} / ${stride}`);
