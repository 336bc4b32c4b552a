import type { Size } from '../../arrays.ts';
import { type Graph, inputsOf, nodeAt } from '../../nn/graph.ts';
import type { Attributes, Axis, Operands, Operation, Window } from '../../nn/ops.ts';
import type { Dimension } from './writer.ts';

/**
 * Names the batch, height and width of every value by what they are computed from, so that equal names are equal extents.
 * onnxruntime cannot know this by itself, and keeps sums and products in its blocked layout only for maps of which it knows
 * that they are of one size.
 */

/** Undefined if nothing is known. */
type Extent = Dimension | undefined;

export interface Extents {
  readonly batch: Extent;
  readonly height: Extent;
  readonly width: Extent;
}

type Rule<K extends Operation> = (attributes: Attributes[K], inputs: Operands<Extents, undefined>[K]) => Extents;

const unit = { height: 1, width: 1 };
const same = (_: unknown, [x]: readonly [Extents, ...unknown[]]): Extents => x;
const rounded = (extent: Extent, by: number): Extent =>
  typeof extent === 'string' && by > 1 ? `ceil(${extent}/${by})` : changed(extent, (n) => Math.ceil(n / by));
const times = (extent: Extent, by: number): Extent =>
  typeof extent === 'string' && by > 1 ? `${by}*${extent}` : changed(extent, (n) => n * by);
const plus = (extent: Extent, more: number): Extent =>
  typeof extent === 'string' && more !== 0
    ? `(${extent}${more < 0 ? '-' : '+'}${Math.abs(more)})`
    : changed(extent, (n) => n + more);
const changed = (extent: Extent, change: (extent: number) => number): Extent =>
  typeof extent === 'number' ? change(extent) : extent;

/** floor((x + 2·padding − dilation · (kernel − 1) − 1) / stride) + 1 */
function slid(x: Extents, { kernel, stride, padding }: Window, dilation = unit): Extents {
  const along = (axis: Axis): Extent => {
    const more = 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1);
    return rounded(plus(x[axis], more), stride[axis]); // floor((n − 1) / s) + 1 is ceil(n / s)
  };
  return { batch: x.batch, height: along('height'), width: along('width') };
}

function broadcast(_: unknown, [a, b]: readonly [Extents, Extents]): Extents {
  const along = (axis: keyof Extents): Extent =>
    a[axis] === 1 ? b[axis] : b[axis] === 1 || a[axis] === b[axis] ? a[axis] : undefined;
  return { batch: along('batch'), height: along('height'), width: along('width') };
}

const rules: { readonly [K in Operation]: Rule<K> } = {
  conv2d: (attributes, [x]) => slid(x, attributes, attributes.dilation),
  convTranspose2d: ({ kernel, stride, padding, outputPadding }, [x]) => {
    const along = (axis: Axis): Extent =>
      plus(times(x[axis], stride[axis]), kernel[axis] - stride[axis] - 2 * padding[axis] + outputPadding[axis]);
    return { batch: x.batch, height: along('height'), width: along('width') };
  },
  linear: (_, [{ batch }]) => ({ batch, ...unit }),
  batchNorm: same,
  groupNorm: same,
  layerNorm: same,
  relu: same,
  silu: same,
  sigmoid: same,
  gelu: same,
  hardsigmoid: same,
  hardswish: same,
  scale: same,
  add: broadcast,
  sub: broadcast,
  mul: broadcast,
  concat: ({ axis }, [first]) => (axis === 'channels' ? first : { ...first, batch: undefined }),
  slice: same,
  globalAvgPool: (_, [{ batch }]) => ({ batch, ...unit }),
  adaptiveAvgPool: ({ bins }, [{ batch }]) => ({ batch, ...bins }),
  maxPool: (attributes, [x]) => slid(x, attributes),
  avgPool: (attributes, [x]) => slid(x, attributes),
  resize: ({ factor = 1 }, [x, like]) => {
    if (like) return { ...like, batch: x.batch };
    return { batch: x.batch, height: times(x.height, factor), width: times(x.width, factor) };
  },
  roiAlign: ({ outputSize }, [, { batch }]) => ({ batch, ...outputSize }),
  padToMultiple: ({ multiple: { height, width } }, [x]) => ({
    batch: x.batch,
    height: times(rounded(x.height, height), height),
    width: times(rounded(x.width, width), width),
  }),
  mergePatches: (_, [x]) => ({ batch: x.batch, height: rounded(x.height, 2), width: rounded(x.width, 2) }),
  windowAttention: same,
  attention: same,
  linearAttention: same,
  mixPositions: ({ to }, [{ batch }]) => ({ batch, ...to }),
  shift: same,
  circularConv2d: same,
  addAlongAxis: same,
};

/**
 * Returns the extents of every map by node id.
 *
 * @param size heights and widths are those for inputs of this size, and numbers
 */
export function extentsOf(graph: Graph, size?: Size): readonly (Extents | undefined)[] {
  const extents: (Extents | undefined)[] = [];
  for (const node of graph.nodes) {
    if (node.op === 'param') {
      extents.push(undefined);
    } else if (node.op === 'input') {
      const { name, kind } = node.attributes;
      const { height, width } = size ?? { height: `${name}.height`, width: `${name}.width` };
      const map = { batch: `${name}.batch`, height, width };
      extents.push(kind === 'regions' ? { batch: `${name}.count`, ...unit } : map);
    } else {
      const rule = rules[node.op] as (attributes: unknown, inputs: unknown) => Extents; // the table pairs them
      extents.push(
        rule(
          node.attributes,
          inputsOf(node).flatMap((id) => (nodeAt(graph, id).op === 'param' ? [] : [extents[id]])),
        ),
      );
    }
  }
  return extents;
}
