import { entries } from '../../configs/index.ts';
import type { Size } from '../arrays.ts';
import {
  type ChannelForm,
  channelMixers,
  type MacroConfig,
  macro,
  mogaNetArchs,
  type SpatialForm,
  spatialMixers,
} from '../backbones/index.ts';
import { ConfigError, unknownName } from '../errors.ts';
import { costOf, map, parameterCount, recordPart } from '../nn/index.ts';
import { alignedColumns } from '../nn/summary.ts';
import { paperMacs } from '../zoo/counting.ts';

/**
 * The ablation of the MogaNet article (arXiv 2211.03295), counted on recorded graphs: its networks are configurations of
 * the macro framework, classifiers of ImageNet's 1000 classes.
 */

export type ArchName = keyof typeof mogaNetArchs;
export const archNames = Object.keys(mogaNetArchs) as ArchName[];

export interface Count {
  readonly parameters: number;
  /** By the article's rule: multiply-adds and biases. */
  readonly flops: number;
}

/** A network of the ablation and its cost. */
export interface AblationRow extends Count {
  readonly name: string;
  readonly config: MacroConfig;
  /** Difference from the row before (spatial mixers) or from the MLP of the same ratio (channel mixers). The first row has none. */
  readonly added?: Count | undefined;
}

/** The counted ablation. */
export interface Ablation {
  readonly arch: ArchName;
  readonly size: Size;
  /** Ratios of the stages in the rows of spatial mixers and of the whole network. */
  readonly ratios: readonly number[];
  /** Each row has one step more than the one before. */
  readonly spatial: readonly AblationRow[];
  /** One ratio in all stages, three mixers for each ratio. */
  readonly channel: readonly (AblationRow & { readonly ratio: number })[];
  /** The published network, with its published accuracy if there is one for the size. */
  readonly whole: AblationRow & {
    readonly top1?: { readonly percent: number; readonly source: string } | undefined;
  };
}

const { dw7x7, moga } = spatialMixers;
const gated = { ...dw7x7, aggregation: 'gate' } as const satisfies SpatialForm;

const spatialSteps: readonly (readonly [name: string, form: SpatialForm])[] = [
  ['DW 7×7', dw7x7],
  ['+ gating', gated],
  ['+ multi-order', { ...gated, context: 'multi_order' }],
  ['+ FD', moga],
];

const channelSteps: readonly (readonly [name: string, form: ChannelForm])[] = [
  ['MLP', channelMixers.mlp],
  ['MLP + SE', channelMixers.mlp_se],
  ['CA', channelMixers.ca],
];

export const ablatedRatios = [2, 4, 6, 8] as const;

/**
 * Counts the networks of the ablation for images of `size`.
 *
 * @throws ConfigError for an unknown arch
 * @throws ShapeError if the size is too small for the network
 */
export function ablation(arch: ArchName, size: Size): Ablation {
  if (!Object.hasOwn(mogaNetArchs, arch)) throw new ConfigError(unknownName('MogaNet arch', arch, archNames));
  const row = (name: string, config: MacroConfig): AblationRow => ({ name, config, ...counter(config)(size) });

  const spatial: AblationRow[] = [];
  for (const [name, form] of spatialSteps) {
    const next = row(name, network(arch, form, channelMixers.mlp));
    const before = spatial.at(-1);
    spatial.push({ ...next, added: before && difference(before, next) });
  }
  const channel = ablatedRatios.flatMap((ratio) => {
    const rows = channelSteps.map(([name, form]) => ({ ...row(name, network(arch, moga, form, ratio)), ratio }));
    const [mlp, ...others] = rows;
    return mlp ? [mlp, ...others.map((one) => ({ ...one, added: difference(mlp, one) }))] : [];
  });
  const whole = { ...row('MogaNet', network(arch, moga, channelMixers.ca)), top1: publishedTop1(arch, size) };
  return { arch, size, ratios: mogaNetArchs[arch].ratios, spatial, channel, whole };
}

/** Puts mixers into the frame of a MogaNet, at its ratios or at one ratio for all stages. */
function network(arch: ArchName, spatial: SpatialForm, channel: ChannelForm, ratio?: number): MacroConfig {
  const { dims, depths, ratios } = mogaNetArchs[arch];
  const record = { dims: [...dims], depths: [...depths], ratios: ratios.map((published) => ratio ?? published) };
  return { type: 'macro', arch: record, spatial, channel };
}

const classes = 1000;

/** Records the network once and returns a counter for any size. */
function counter(config: MacroConfig): (size: Size) => Count {
  const graph = recordPart({
    name: 'classifier',
    inputs: { image: map(3) },
    forward: (scope, { image }) => ({ logits: macro(config).classify(scope, image!, classes).logits }),
  });
  const parameters = parameterCount(graph);
  return (size) => ({ parameters, flops: paperMacs(costOf(graph, { image: { batch: 1, ...size } })) });
}

const difference = (before: Count, after: Count): Count => ({
  parameters: after.parameters - before.parameters,
  flops: after.flops - before.flops,
});

function publishedTop1(arch: ArchName, { height, width }: Size): Ablation['whole']['top1'] {
  for (const { config, published } of entries) {
    const percent = published?.scores?.['top-1'];
    const { backbone, classification } = config;
    const same = backbone.type === 'moganet' && 'arch' in backbone && backbone.arch === arch;
    if (!published || percent === undefined || !same || !classification) continue;
    if (classification.input?.size === height && height === width) return { percent, source: published.source };
  }
  return undefined;
}

/** A statement of the article about what a step adds, and the networks that it may mean. */
export interface Statement {
  readonly text: string;
  /** One reading for each pair of networks that the words allow. */
  readonly readings: readonly { readonly name: string; readonly found: readonly Finding[] }[];
}

/** The counted difference of a statement, and if the statement follows from it in its two decimals. */
export interface Finding {
  readonly arch: ArchName;
  readonly size: Size;
  readonly added: Count;
  readonly parametersFollow: boolean;
  readonly flopsFollow: boolean;
}

/** The difference that both statements claim for a step. */
export const stated = { parameters: 0.04e6, flops: 0.01e9 } as const satisfies Count;
const twoDecimals = (value: number, unit: number): number => Math.round((100 * value) / unit);

const plainMlp: ChannelForm = { depthwise: false };
type Networks = (arch: ArchName) => readonly [before: MacroConfig, after: MacroConfig];

const statements: readonly { text: string; readings: readonly { name: string; networks: Networks }[] }[] = [
  {
    text: 'multi-order DW and FD over DW 7×7: +0.04 M parameters, +0.01 G FLOPs',
    readings: [
      {
        name: 'both gated, with the MLP',
        networks: (arch) => [network(arch, gated, channelMixers.mlp), network(arch, moga, channelMixers.mlp)],
      },
    ],
  },
  {
    text: 'CA at ratio 4 over the MLP: +0.04 M parameters, +0.01 G FLOPs',
    readings: [
      {
        name: 'an MLP with the depthwise 3×3 that CA has',
        networks: (arch) => [network(arch, moga, channelMixers.mlp, 4), network(arch, moga, channelMixers.ca, 4)],
      },
      {
        name: 'an MLP without it',
        networks: (arch) => [network(arch, moga, plainMlp, 4), network(arch, moga, channelMixers.ca, 4)],
      },
    ],
  },
];

/** Edges of the square images at which the statements are tried. */
export const triedSizes = [224, 256, 320, 384] as const;

/** Checks the article's two statements for every arch, at the tried sizes and one more. */
export function articleStatements(another?: Size): Statement[] {
  const sizes: Size[] = triedSizes.map((edge) => ({ height: edge, width: edge }));
  const known = sizes.some(({ height, width }) => height === another?.height && width === another.width);
  if (another && !known) sizes.push(another);
  return statements.map(({ text, readings }) => ({
    text,
    readings: readings.map(({ name, networks }) => ({
      name,
      found: archNames.flatMap((arch) => {
        const [before, after] = networks(arch);
        const [countBefore, countAfter] = [counter(before), counter(after)];
        return sizes.map((size): Finding => {
          const added = difference(countBefore(size), countAfter(size));
          return {
            arch,
            size,
            added,
            parametersFollow: twoDecimals(added.parameters, 1e6) === twoDecimals(stated.parameters, 1e6),
            flopsFollow: twoDecimals(added.flops, 1e9) === twoDecimals(stated.flops, 1e9),
          };
        });
      }),
    })),
  }));
}

const millions = (value: number): string => (value / 1e6).toFixed(3);
const billions = (value: number): string => (value / 1e9).toFixed(3);
const signed = (text: string): string => (text.startsWith('-') ? text : `+${text}`);
const square = ({ height, width }: Size): string => (height === width ? `${height}` : `${height}×${width}`);
const titled = (arch: string): string => `MogaNet-${arch.toUpperCase()}`;
const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Prints tables of the steps with the difference that each makes, and the findings about the article's statements. */
export function ablationText(
  ablation: Ablation,
  statements: readonly Statement[] = articleStatements(ablation.size),
): string {
  const { arch, size, ratios, spatial, channel, whole } = ablation;
  const { top1 } = whole;
  return [
    `The ablation of the MogaNet article (arXiv 2211.03295): ${titled(arch)} at ${size.height}×${size.width}, 1000 classes.`,
    'Millions of parameters; billions of FLOPs by the rule of the article, multiply-adds and biases.',
    '',
    `Spatial mixers, with the MLP at ratios ${ratios.join(', ')}; each step against the one before`,
    ...indented(
      table(
        spatial.map((row) => [row.name, row]),
        'step',
      ),
    ),
    '',
    'Channel mixers, with Moga and one ratio in all stages; differences from the MLP of the same ratio',
    ...indented(
      table(
        channel.map((row) => [`${row.name}, ratio ${row.ratio}`, row]),
        'over MLP',
      ),
    ),
    '',
    `The whole network: Moga, CA at ratios ${ratios.join(', ')}`,
    `  ${millions(whole.parameters)} M, ${billions(whole.flops)} G${top1 ? `; published top-1 ${top1.percent} % (${top1.source})` : ''}`,
    '  The MLP has the depthwise 3×3 of CA; SE squeezes its hidden channels to a sixteenth. No accuracies of the ablated networks are listed: no source of them could be cited.',
    '',
    'Statements of the article, and where they follow from these counts, rounded to two decimals',
    ...statements.flatMap((statement, i) => indented(statementLines(statement, i + 1, ablation))),
  ].join('\n');
}

function table(rows: readonly (readonly [name: string, row: AblationRow])[], difference: string): string[] {
  const added = (of: Count | undefined, key: keyof Count, format: (value: number) => string) =>
    of ? signed(format(of[key])) : '';
  return alignedColumns([
    ['', 'parameters', difference, 'FLOPs', difference],
    ...rows.map(([name, { parameters, flops, added: step }]) => [
      name,
      millions(parameters),
      added(step, 'parameters', millions),
      billions(flops),
      added(step, 'flops', billions),
    ]),
  ]);
}

function statementLines({ text, readings }: Statement, number: number, { arch, size }: Ablation): string[] {
  return [
    `${number}. ${text}`,
    ...readings.flatMap(({ name, found }) => {
      const here = found.find((one) => one.arch === arch && square(one.size) === square(size));
      return [
        `   ${name}`,
        ...(here ? [`     here: ${verdict(here)}`] : []),
        ...whereLines(found).map((line) => `     ${line}`),
      ];
    }),
  ];
}

/** `+0.019 M, +0.007 G: the FLOPs follow, the parameters do not`. */
function verdict({ added, parametersFollow, flopsFollow }: Finding): string {
  const numbers = `${signed(millions(added.parameters))} M, ${signed(billions(added.flops))} G`;
  if (parametersFollow === flopsFollow) return `${numbers}: ${parametersFollow ? 'both follow' : 'neither follows'}`;
  const [yes, no] = parametersFollow ? ['parameters', 'FLOPs'] : ['FLOPs', 'parameters'];
  return `${numbers}: the ${yes} follow, the ${no} do not`;
}

/** Lists where the parameters follow (they do not depend on the size), where the FLOPs follow, and where both do. */
export function whereLines(found: readonly Finding[]): string[] {
  const withParameters = [...new Set(found.filter((one) => one.parametersFollow).map(({ arch }) => arch))];
  const distance = ({ added }: Finding) => Math.abs(added.parameters - stated.parameters);
  const nearest = found.reduce((best, one) => (distance(one) < distance(best) ? one : best));
  const parameters =
    withParameters.length > 0
      ? `for ${withParameters.map(titled).join(', ')}`
      : `for no arch; the nearest is ${titled(nearest.arch)}, ${signed(millions(nearest.added.parameters))} M`;
  return [
    `parameters: ${parameters}`,
    `FLOPs: ${places(found.filter((one) => one.flopsFollow))}`,
    `both: ${places(found.filter((one) => one.parametersFollow && one.flopsFollow))}`,
  ];
}

/** `for MogaNet-XT at 224, 256; MogaNet-T at 224`. */
function places(found: readonly Finding[]): string {
  if (found.length === 0) return 'nowhere';
  const archs = [...new Set(found.map(({ arch }) => arch))];
  const sizesOf = (arch: string) => found.filter((one) => one.arch === arch).map(({ size }) => square(size));
  return `for ${archs.map((arch) => `${titled(arch)} at ${sizesOf(arch).join(', ')}`).join('; ')}`;
}
