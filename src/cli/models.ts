import { type Command, Option } from 'commander';
import { datasetOf } from '../datasets/index.ts';
import { someOf } from './arguments.ts';
import { openTerminal, type Terminal } from './terminal.ts';

type Library = typeof import('../node.ts');
type ZooEntry = import('../node.ts').ZooEntry;

const taskOf = ({
  config: { detection: detector, segmentation: segmentor, classification: classifier },
}: ZooEntry): string[] => [
  ...(detector ? ['detect'] : []),
  ...(segmentor ? ['segment'] : []),
  ...(classifier ? ['classify'] : []),
];

interface Options {
  readonly task?: string;
  readonly json?: boolean;
  readonly compare?: boolean;
}

const help = `
--json gives an array of { "name", "tasks", "published", "weights", "file" (in the cache or the package), "terms" }, with
--compare one of { "name", "family", "table", "input", "parameters", "macs", "published", "scores", "source", "reason" }.

Examples:
  moganet models
  moganet models --task detect
  moganet models --compare`;

/** `moganet models`: the zoo. */
export function addModelsCommand(program: Command, end: (code: number) => void): void {
  program
    .command('models')
    .summary('list the models that are known by name, or compare them')
    .description(
      'Lists the models that are known by name: parameters in millions, FLOPs in billions and scores as published; where ' +
        'their weights are, and under which terms.',
    )
    .addOption(new Option('--task <task>', 'only those for a task').choices(['detect', 'segment', 'classify']))
    .option('--json', 'as JSON on stdout')
    .option('--compare', "the MogaNet article's comparison: our counts by one rule beside published figures and scores")
    .addHelpText('after', help)
    .action(async (options: Options) => {
      const library = await import('../node.ts');
      const { task } = options;
      const entries = library.entries.filter((entry) => task === undefined || taskOf(entry).includes(task));
      const terminal = openTerminal();
      if (options.compare) await compare(entries, options, terminal);
      else if (options.json)
        terminal.print(
          JSON.stringify(
            entries.map((entry) => described(library, entry)),
            null,
            2,
          ),
        );
      else list(library, entries, terminal);
      end(0);
    });
}

async function compare(entries: readonly ZooEntry[], { json }: Options, terminal: Terminal) {
  const { comparison, comparisonText } = await import('../article/index.ts');
  const rows = comparison(entries);
  terminal.print(json ? JSON.stringify(rows, null, 2) : comparisonText(rows));
}

function described(library: Library, entry: ZooEntry) {
  const { name, published, weights } = entry;
  return {
    name,
    tasks: taskOf(entry),
    published,
    weights,
    file: fileOf(library, entry),
    terms: library.termsOf(entry),
  };
}

const fileOf = (library: Library, entry: ZooEntry): string | undefined =>
  entry.weights?.shipped ? library.shippedWeights(entry.weights.shipped) : library.cachedWeights(entry);

/** Terms are many entries' own: they are said once, at the end. */
function list(library: Library, entries: readonly ZooEntry[], terminal: Terminal): void {
  const { bold, dim, green } = terminal.colors;
  const terms = new Map<string, number>();
  const data = new Set<string>();
  for (const entry of entries) {
    const cached = library.cachedWeights(entry);
    terminal.print(`${bold(entry.name)}  ${taskOf(entry).join(', ')}${cached ? `  ${green('in the cache')}` : ''}`);
    for (const line of linesOf(entry)) terminal.print(`  ${dim(line)}`);
    const found = library.termsOf(entry);
    if (!found) continue;
    terms.set(found.weights, (terms.get(found.weights) ?? 0) + 1);
    for (const set of found.data) data.add(set);
  }
  terminal.print(`\nTerms of the weights, by where they are published:`);
  for (const [text, count] of terms) terminal.print(`  ${text}: ${count} of these models`);
  terminal.print('and of the data that they were trained on:');
  for (const text of data) terminal.print(`  ${text}`);
}

/** As it was published: numbers have lost the zero behind the point. */
const figure = (value: number): string => (Number.isInteger(value) ? value.toFixed(1) : `${value}`);

function linesOf({ config: { detection: detector, segmentation: segmentor }, published, weights }: ZooEntry): string[] {
  const lines: string[] = [];
  if (published) {
    const { params, flops, input, scores = {} } = published;
    const figures = [
      ...(params === undefined ? [] : [`${figure(params)} M parameters`]),
      ...(flops === undefined || !input ? [] : [`${figure(flops)} GFLOPs at ${input.height}×${input.width}`]),
      ...Object.entries(scores).map(([metric, value]) => `${metric} ${figure(value)}`),
    ];
    lines.push(figures.join(', '));
  }
  if (detector && weights?.shipped) lines.push(`finds ${someOf(datasetOf(detector).classes)}`);
  if (segmentor && weights?.shipped) lines.push(`segments ${someOf(datasetOf(segmentor).classes)}`);
  lines.push(weights?.shipped ? 'weights in the package' : `weights: ${weights?.url ?? 'none published'}`);
  return lines;
}
