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
 * The ablation of the MogaNet article (arXiv 2211.03295), counted on our own graphs: its networks are configurations of the
 * macro framework, classifiers of ImageNet's 1000 classes.
 */

export type ArchName = keyof typeof mogaNetArchs;
export const archNames = Object.keys(mogaNetArchs) as ArchName[];

export interface Count {
  readonly parameters: number;
  /** By the article's rule: multiply-adds and biases. */
  readonly flops: number;
}

/** A network of the ablation, and what it costs. */
export interface AblationRow extends Count {
  readonly name: string;
  readonly config: MacroConfig;
  /** Against the row before (spatial mixers), or against the MLP of the same ratio (channel mixers); none where it is the first. */
  readonly added?: Count;
}

/** The article's ablation, counted. */
export interface Ablation {
  readonly arch: ArchName;
  readonly size: Size;
  /** The ratios of the stages in the rows of spatial mixers and of the whole. */
  readonly ratios: readonly number[];
  /** Each row has one step more than the one before. */
  readonly spatial: readonly AblationRow[];
  /** With one ratio in all stages, three mixers to a ratio. */
  readonly channel: readonly (AblationRow & { readonly ratio: number })[];
  /** The published network, with its published accuracy where there is one for the size. */
  readonly whole: AblationRow & { readonly top1?: { readonly percent: number; readonly source: string } };
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
 * @throws ConfigError for an arch that MogaNet has not
 * @throws ShapeError where the size is too small for the network
 */
export function ablation(arch: ArchName, size: Size): Ablation {
  if (!Object.hasOwn(mogaNetArchs, arch)) throw new ConfigError(unknownName('MogaNet arch', arch, archNames));
  const row = (name: string, config: MacroConfig): AblationRow => ({ name, config, ...counter(config)(size) });

  const spatial: AblationRow[] = [];
  for (const [name, form] of spatialSteps) {
    const next = row(name, network(arch, form, channelMixers.mlp));
    const before = spatial.at(-1);
    spatial.push(before ? { ...next, added: difference(before, next) } : next);
  }
  const channel = ablatedRatios.flatMap((ratio) => {
    const rows = channelSteps.map(([name, form]) => row(name, network(arch, moga, form, ratio)));
    const [mlp] = rows;
    return rows.map((one) => ({ ...one, ratio, ...(one !== mlp && { added: difference(mlp!, one) }) }));
  });
  const top1 = publishedTop1(arch, size);
  const whole = { ...row('MogaNet', network(arch, moga, channelMixers.ca)), ...(top1 && { top1 }) };
  return { arch, size, ratios: mogaNetArchs[arch].ratios, spatial, channel, whole };
}

/** Mixers in the frame of a MogaNet, at its own ratios or at one for all stages. */
function network(arch: ArchName, spatial: SpatialForm, channel: ChannelForm, ratio?: number): MacroConfig {
  const { dims, depths, ratios } = mogaNetArchs[arch];
  const record = { dims: [...dims], depths: [...depths], ratios: ratios.map((own) => ratio ?? own) };
  return { type: 'macro', arch: record, spatial, channel };
}

const classes = 1000;

/** Records once; counts for any size. */
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
    const { backbone, classification: classifier } = config;
    const same = backbone.type === 'moganet' && 'arch' in backbone && backbone.arch === arch;
    if (percent === undefined || !same || !classifier) continue;
    if (classifier.input?.size === height && height === width) return { percent, source: published!.source };
  }
  return undefined;
}

/** What the article says a step adds, in its own decimals, and between which networks that is. */
export interface Statement {
  readonly text: string;
  /** Where the words leave the networks open, one reading each. */
  readonly readings: readonly { readonly name: string; readonly found: readonly Finding[] }[];
}

/** Whether a statement follows from our counts, in the two decimals that it has. */
export interface Finding {
  readonly arch: ArchName;
  readonly size: Size;
  readonly added: Count;
  readonly parametersFollow: boolean;
  readonly flopsFollow: boolean;
}

/** What both statements say a step adds. */
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

/** Square sizes at which the statements are tried. */
export const triedSizes = [224, 256, 320, 384] as const;

/** The article's two statements at every arch, at the sizes that are tried and one more. */
export function articleStatements(another?: Size): Statement[] {
  const sizes: Size[] = triedSizes.map((edge) => ({ height: edge, width: edge }));
  const known = sizes.some(({ height, width }) => height === another?.height && width === another.width);
  if (another && !known) sizes.push(another);
  return statements.map(({ text, readings }) => ({
    text,
    readings: readings.map(({ name, networks }) => ({
      name,
      found: archNames.flatMap((arch) => {
        const [before, after] = networks(arch).map(counter);
        return sizes.map((size): Finding => {
          const added = difference(before!(size), after!(size));
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

/** The ablation of the MogaNet article as text. */

const millions = (value: number): string => (value / 1e6).toFixed(3);
const billions = (value: number): string => (value / 1e9).toFixed(3);
const signed = (text: string): string => (text.startsWith('-') ? text : `+${text}`);
const square = ({ height, width }: Size): string => (height === width ? `${height}` : `${height}×${width}`);
const titled = (arch: string): string => `MogaNet-${arch.toUpperCase()}`;
const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Tables of the steps with what each adds, and where the article's statements follow from the counts. */
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
    `The whole: Moga, CA at ratios ${ratios.join(', ')}`,
    `  ${millions(whole.parameters)} M, ${billions(whole.flops)} G${top1 ? `; published top-1 ${top1.percent} % (${top1.source})` : ''}`,
    '  The MLP has the depthwise 3×3 of CA; SE squeezes its hidden channels to a sixteenth. No accuracies of the ablated networks are listed: no source of them could be cited.',
    '',
    'What the article states, and where it follows from these counts, rounded to its two decimals',
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

/** Over all that was tried: where the parameters follow (no size matters to them), where the FLOPs, and where both. */
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
