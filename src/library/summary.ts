import { type Size, sizeOf } from '../arrays.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, type ModelDefinition, modelParameters } from '../models/create.ts';
import { receptiveFields } from '../nn/receptive_field.ts';
import { alignedColumns, summaryLines, summaryOf, withUnit } from '../nn/summary.ts';
import { fvcoreFlops, mmcvFlops, mmposeFlops, modelCost, paperMacs, partExtents } from '../zoo/counting.ts';
import { entries } from '../zoo/index.ts';
import { checkSummary } from './options.ts';

/** Options of `modelSummary`. */
export interface SummaryOptions {
  /** Size of the network's input in pixels. By default that of the published numbers, or of the test scale. */
  readonly size?: Size | undefined;
  /** Depth of the listed modules. By default down to the stages of the backbone. */
  readonly depth?: number | undefined;
}

/**
 * Describes a model as text: its parts by module, its stages, and totals by the counting rules of the published numbers. Needs no weights.
 *
 * @throws ConfigError if the configuration is wrong, ShapeError if the size is too small for the network
 */
export function modelSummary(config: ModelConfig, options: SummaryOptions = {}): string {
  const definition = createModel(config);
  const { size, depth: wanted } = checkSummary(options);
  const depth = wanted ?? (config.detection || config.segmentation ? 2 : 1);
  const published = entries.find(({ name }) => name === config.name)?.published;
  const input = size ?? published?.input ?? testSize(definition);
  const { height, width } = input;
  const lines = [`${config.name ?? 'model'} at ${height}×${width} (height × width)`];
  for (const part of Object.values(definition.parts)) {
    const extents = partExtents(part, input);
    const regions = Object.values(extents).reduce((sum, { batch, height: rows }) => sum + (rows ? 0 : batch), 0);
    lines.push('', regions > 0 ? `${part.name}, ${regions} regions` : part.name);
    lines.push(...indented(summaryLines(summaryOf(part.graph, extents, depth))));
  }
  lines.push('', 'stages', ...indented(stageLines(definition)));
  lines.push('', 'totals', ...indented(totalLines(definition, input)));
  if (published?.flops !== undefined) {
    const { params, flops, input: at = input, source, note } = published;
    lines.push(`  published: ${params} M parameters, ${flops} GFLOPs at ${at.height}×${at.width} (${source})`);
    if (note) lines.push(`  ${note}`);
  }
  return lines.join('\n');
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Returns the input of a typical wide image: the scale's short edge by its long one, padded; that of a crop if the model takes crops. */
function testSize({ config: { detection, segmentation, classification, pose } }: ModelDefinition): Size {
  if (pose) return pose.input.size;
  if (classification) return { height: classification.input.size, width: classification.input.size };
  const { scale, divisor } = (detection ?? segmentation)?.input ?? { scale: [224, 224] as const, divisor: 1 };
  const padded = (edge: number) => Math.ceil(edge / divisor) * divisor;
  return { height: padded(Math.min(...scale)), width: padded(Math.max(...scale)) };
}

function stageLines({ pyramid, stages }: ModelDefinition): string[] {
  const fields = Object.values(receptiveFields(pyramid.graph));
  const rows = stages.map(({ channels, stride }, i) => {
    const extent = fields[i]?.extent;
    const sees = extent ? `${extent.height}×${extent.width}` : 'whole image';
    return [`stage ${i + 1}`, `${channels}`, `${stride}`, sees];
  });
  return alignedColumns([['', 'channels', 'stride', 'receptive field'], ...rows]);
}

function totalLines(definition: ModelDefinition, input: Size): string[] {
  const rows = modelCost(definition, input);
  const macs = rows.reduce((sum, row) => sum + row.macs, 0);
  const trainable = modelParameters(definition).filter(({ kind }) => kind === 'parameter');
  const parameters = trainable.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  const published = definition.config.classification
    ? [
        ["MACs with biases (the paper's rule)", withUnit(paperMacs(rows))],
        ["FLOPs by fvcore's rule", withUnit(fvcoreFlops(rows))],
      ]
    : definition.config.pose
      ? [["FLOPs by mmpose's rule", withUnit(mmposeFlops(rows, definition.config.backbone.type))]]
      : [["FLOPs by mmcv's rule", withUnit(mmcvFlops(rows))]];
  return alignedColumns([['parameters', withUnit(parameters)], ['MACs', withUnit(macs)], ...published]);
}
