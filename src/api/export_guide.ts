import type { DetectorConfig, ResolvedConfig, SegmentorConfig } from '../models/config.ts';
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
  const { detector, segmentor, classifier } = config;
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

function preprocessing({ image, detector, segmentor, classifier }: ResolvedConfig): string[] {
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
  const keep = `NMS per class at IoU ${test.nmsIou}; keep the ${test.maxPerImage} best`;
  const grid =
    'At position (x, y) of a level the anchors are its base anchors plus (x, y, x, y) * stride; anchor a is channels of ' +
    'the score map (a * classes + class) and 4 * a to 4 * a + 3 of the delta map.';
  const original = 'Divide boxes by resized size / original size, along each axis.';
  if (config.type === 'retinanet') {
    return [
      grid,
      `Scores are sigmoid(cls). Of each level keep the ${config.test.nmsPre} best pairs of anchor and class above ${test.scoreThr}.`,
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
      `those of width or height ${rpn.minSize} or less; NMS within each level at IoU ${rpn.nmsIou}; keep the ` +
      `${rpn.maxPerImage} best of all by sigmoid(rpn_cls).`,
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
      `${test.scoreThr} counts. Boxes: ${coder(last.deltas, 'region')}; deltas of class c are columns ` +
      `${last.classAgnostic ? '0 to 3' : '4 * c to 4 * c + 3'}. ${original} ${keep}.`,
    ...(config.mask
      ? [
          `Part mask on the boxes ${box} that stay, in pixels of the input. Of each box take the map of its class` +
            `${config.mask.classAgnostic ? ' (there is one for all)' : ''}, sigmoid` +
            `${stages.length > 1 ? ', the mean of all outputs' : ''}, resize bilinearly (pixel centres at half) onto the box ` +
            `in the original image; the mask is where it is at least ${config.test.maskThr}.`,
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
