import { UsageError } from './failure.ts';
import { howToClassify, ownCommand } from './other_classes.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;

/** What the commands on images do; `predict` is whatever the model does. */
export type Task = 'predict' | 'detect' | 'segment' | 'classify';

const refusals = {
  detect: 'finds no objects',
  segment: 'does not segment',
  classify: 'does not classify',
} as const;

/**
 * @param name what messages call the model
 * @throws UsageError where the model cannot do the task, with what it can and with models that can
 */
export function checkTask(
  { entries }: Library,
  task: Task,
  name: string,
  { detector, segmentor, classifier }: Config,
): void {
  const able = [
    ...(detector ? (['detect'] as const) : []),
    ...(segmentor ? (['segment'] as const) : []),
    ...(classifier ? (['classify'] as const) : []),
  ];
  if (able.length === 0) {
    throw new UsageError(
      `${name} neither finds objects nor segments nor classifies: there is nothing to show. See \`moganet models\`.`,
    );
  }
  if (task === 'predict' || able.includes(task)) return;
  const use = `Use \`moganet ${able.length > 1 ? 'predict' : able[0]}\``;
  if (task !== 'classify') throw new UsageError(`${name} ${refusals[task]}. ${use}.`);
  const classifiers = entries.filter(({ config }) => config.classifier).map((entry) => entry.name);
  throw new UsageError(
    `${name} ${refusals[task]}. ${use}, or one of these: ${classifiers.join(', ')}.\n${howToClassify(ownCommand())}`,
  );
}
