import { type Command, Option } from 'commander';
import { openTerminal } from './terminal.ts';
import { someOf } from './words.ts';

type ZooEntry = import('../node.ts').ZooEntry;

const taskOf = ({ config: { detector, segmentor, classifier } }: ZooEntry): string[] => [
  ...(detector ? ['detect'] : []),
  ...(segmentor ? ['segment'] : []),
  ...(classifier ? ['classify'] : []),
];

/** `moganet models`: the zoo. */
export function addModelsCommand(program: Command, end: (code: number) => void): void {
  program
    .command('models')
    .summary('list the models that are known by name')
    .description(
      'Lists the models that are known by name: parameters in millions, FLOPs in billions and scores as published.',
    )
    .addOption(new Option('--task <task>', 'only those for a task').choices(['detect', 'segment', 'classify']))
    .addHelpText('after', '\nExamples:\n  moganet models\n  moganet models --task detect')
    .action(async ({ task }: { task?: string }) => {
      const { entries } = await import('../node.ts');
      const terminal = openTerminal();
      const { bold, dim } = terminal.colors;
      for (const entry of entries.filter((one) => task === undefined || taskOf(one).includes(task))) {
        terminal.print(`${bold(entry.name)}  ${taskOf(entry).join(', ')}`);
        for (const line of linesOf(entry)) terminal.print(`  ${dim(line)}`);
      }
      end(0);
    });
}

function linesOf({ config: { detector, segmentor }, published, weights }: ZooEntry): string[] {
  const lines: string[] = [];
  if (published) {
    const { params, flops, input, scores = {} } = published;
    const figures = [
      ...(params === undefined ? [] : [`${params} M parameters`]),
      ...(flops === undefined || !input ? [] : [`${flops} GFLOPs at ${input.height}×${input.width}`]),
      ...Object.entries(scores).map(([metric, value]) => `${metric} ${value}`),
    ];
    lines.push(figures.join(', '));
  }
  if (detector && weights?.shipped) lines.push(`finds ${someOf(detector.classes)}`);
  if (segmentor && weights?.shipped) lines.push(`segments ${someOf(segmentor.classes)}`);
  lines.push(weights?.shipped ? 'weights in the package' : `weights: ${weights?.url ?? 'none published'}`);
  return lines;
}
