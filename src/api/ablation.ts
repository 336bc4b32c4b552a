import type { Size } from '../ndarray.ts';
import { alignedColumns } from '../nn/summary.ts';
import {
  type Ablation,
  type AblationRow,
  articleStatements,
  type Count,
  type Finding,
  type Statement,
  stated,
} from '../zoo/ablation.ts';

export { type Ablation, type ArchName, ablation, articleStatements } from '../zoo/ablation.ts';

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
