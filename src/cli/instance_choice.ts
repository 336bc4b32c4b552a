import { unknownName } from '../errors.ts';
import { UsageError } from './failure.ts';

type Config = import('../node.ts').ModelConfig;

/** Which of the instances are wanted: the options of `predict` and `detect`. */
export interface InstanceChoice {
  /** As given: names, or several with commas between them. */
  readonly classes?: readonly string[] | undefined;
  readonly max?: number | undefined;
  readonly iou?: number | undefined;
}

/** The same in the form that `predict` takes. */
export interface ChosenInstances {
  readonly classes?: readonly string[];
  readonly max?: number;
  readonly iou?: number;
}

/**
 * @param name what messages call the model
 * @throws UsageError for an unknown class, and where the model finds no instances at all
 */
export function chooseInstances(choice: InstanceChoice, name: string, { detector }: Config): ChosenInstances {
  const { classes, max, iou } = choice;
  const given = Object.entries({ classes, max, iou }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`],
  );
  if (given.length === 0) return {};
  if (!detector) throw new UsageError(`${name} finds no objects for ${given.join(' and ')} to choose from.`);
  const names = classes?.flatMap((text) => namesIn(text, detector.classes));
  // of a hundred instances the ten best cars may be far down
  const most = names && max !== undefined ? Math.max(max, detector.test?.maxPerImage ?? 100) : max;
  return {
    ...(names && { classes: names }),
    ...(most !== undefined && { max: most }),
    ...(iou !== undefined && { iou }),
  };
}

/** A class name may have a comma in it. */
function namesIn(text: string, known: readonly string[]): string[] {
  if (known.includes(text)) return [text];
  return text.split(',').map((word) => {
    const name = word.trim();
    if (!known.includes(name)) throw new UsageError(unknownName('class', name, known));
    return name;
  });
}
