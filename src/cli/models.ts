import { type Command, Option } from 'commander';
import type { ZooEntry } from '../node.ts';
import { type Kind, kinds, kindsOf, type Library } from './model.ts';
import { openTerminal, someOf, type Terminal } from './terminal.ts';

interface Options {
  readonly task?: Kind;
  readonly json?: boolean;
  readonly compare?: boolean;
}

const help = `
--json gives an array of { "name", "tasks", "published", "weights", "file" (in the cache or the package), "terms" }; with
--compare an array of { "name", "family", "table", "input", "parameters", "macs", "published", "scores", "source", "reason" }.

Examples:
  moganet models
  moganet models --task detection
  moganet models --compare`;

/** `moganet models`: lists the zoo. */
export function addModelsCommand(program: Command): void {
  program
    .command('models')
    .summary('list or compare the models that are known by name')
    .description(
      'Lists the models that are known by name: parameters in millions, FLOPs in billions and scores as published; the URL ' +
        'and the terms of their weights.',
    )
    .addOption(new Option('--task <task>', 'only models for this task').choices(kinds))
    .option('--json', 'as JSON on stdout')
    .option('--compare', "the MogaNet article's comparison: counts by one rule beside published figures and scores")
    .addHelpText('after', help)
    .action(async ({ task, json, compare }: Options) => {
      const library = await import('../node.ts');
      const entries = library.entries.filter(({ config }) => task === undefined || kindsOf(config).includes(task));
      const terminal = openTerminal();
      if (compare) {
        const { comparison, comparisonText } = await import('../article/index.ts');
        terminal.progress(0, 1, 'counting the networks');
        const rows = comparison(entries);
        terminal.print(json ? JSON.stringify(rows, null, 2) : comparisonText(rows));
      } else if (json) {
        const described = entries.map((entry) => description(library, entry));
        terminal.print(JSON.stringify(described, null, 2));
      } else list(library, entries, terminal);
    });
}

function description(library: Library, entry: ZooEntry) {
  const { name, config, published, weights } = entry;
  const file = weights?.shipped ? library.shippedWeights(weights.shipped) : library.cachedWeights(entry);
  return { name, tasks: kindsOf(config), published, weights, file, terms: library.termsOf(entry) };
}

/** Entries share their terms, so these come once, at the end. */
function list(library: Library, entries: readonly ZooEntry[], terminal: Terminal): void {
  const { bold, dim, green } = terminal.colors;
  const terms = new Map<string, number>();
  const data = new Set<string>();
  for (const entry of entries) {
    const cached = library.cachedWeights(entry) ? `  ${green('in the cache')}` : '';
    terminal.print(`${bold(entry.name)}  ${kindsOf(entry.config).join(', ')}${cached}`);
    for (const line of linesOf(library, entry)) terminal.print(`  ${dim(line)}`);
    const found = library.termsOf(entry);
    if (!found) continue;
    terms.set(found.weights, (terms.get(found.weights) ?? 0) + 1);
    for (const set of found.data) data.add(set);
  }
  terminal.print('\nTerms of the weights, by publisher:');
  for (const [text, count] of terms) terminal.print(`  ${text}: ${count} of these models`);
  terminal.print('and of their training data:');
  for (const text of data) terminal.print(`  ${text}`);
}

/** A number as it was published, with the zero behind its point. */
const figure = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : `${value}`);

function linesOf({ datasetOf }: Library, { config, published, weights }: ZooEntry): string[] {
  const { detection, segmentation } = config;
  const lines: string[] = [];
  if (published) {
    const { params, flops, input, scores = {} } = published;
    const figures = Object.entries(scores).map(([metric, value]) => `${metric} ${figure(value)}`);
    if (flops !== undefined && input) figures.unshift(`${figure(flops)} GFLOPs at ${input.height}×${input.width}`);
    if (params !== undefined) figures.unshift(`${figure(params)} M parameters`);
    lines.push(figures.join(', '));
  }
  if (!weights?.shipped) return [...lines, `weights: ${weights?.url ?? 'none published'}`];
  if (detection) lines.push(`finds ${someOf(datasetOf(detection).classes)}`);
  if (segmentation) lines.push(`segments ${someOf(datasetOf(segmentation).classes)}`);
  return [...lines, 'weights in the package'];
}
