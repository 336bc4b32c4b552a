import { ConfigError, listed } from '../errors.ts';

/** The classes of a model beside those of a data set. They are one if their names are, never because of their numbers. */

export interface ClassMatch {
  /** The data set's label for each label of the model; -1 if it has no such class. */
  readonly toData: Int32Array;
  /** Names that only the model has. */
  readonly onlyModel: readonly string[];
  /** Names that only the data set has. */
  readonly onlyData: readonly string[];
}

/** Compares names as they are, without the space around them. Of equal names of the data set the first is taken. */
export function matchClasses(model: readonly string[], data: readonly string[]): ClassMatch {
  const labels = new Map<string, number>();
  for (const [label, name] of data.entries()) if (!labels.has(name.trim())) labels.set(name.trim(), label);
  const known = new Set(model.map((name) => name.trim()));
  const toData = Int32Array.from(model, (name) => labels.get(name.trim()) ?? -1);
  return {
    toData,
    onlyModel: model.filter((_, label) => toData[label] === -1),
    onlyData: data.filter((name) => !known.has(name.trim())),
  };
}

/** Tells whether any class is on both sides. */
export const hasCommon = ({ toData }: ClassMatch): boolean => toData.some((label) => label >= 0);

/** What becomes of classes that one side lacks, as ends of sentences. */
export interface Unmatched {
  readonly onlyData: string;
  readonly onlyModel: string;
}

/** Sentences about classes that only one side has. */
export function matchNotices(task: string, { onlyModel, onlyData }: ClassMatch, effects: Unmatched): string[] {
  const notices: string[] = [];
  if (onlyData.length > 0) {
    notices.push(`${task}: the model does not know ${few(onlyData)} of the data set; ${effects.onlyData}.`);
  }
  if (onlyModel.length > 0) {
    notices.push(`${task}: the data set does not have ${few(onlyModel)} of the model; ${effects.onlyModel}.`);
  }
  notices.push(...alike(onlyModel, onlyData).map((sentence) => `${task}: ${sentence}`));
  return notices;
}

/** Says that nothing can be compared, with both lists. */
export const nothingInCommon = (what: string, model: readonly string[], data: readonly string[]): string =>
  [
    `${what}: the model and the data set have no class in common. The model's: ${few(model)}. The data set's: ${few(data)}.`,
    ...alike(model, data),
  ].join(' ');

/** Says which names are probably meant to be one: those that differ in capitals, signs between words, or a plural s. */
function alike(model: readonly string[], data: readonly string[]): string[] {
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replace(/[\s_-]+/g, '')
      .replace(/(?<=..)s$/, '');
  const pairs = model.flatMap((name) => {
    const other = data.find((one) => one.trim() !== name.trim() && plain(one) === plain(name));
    return other === undefined ? [] : [`"${other}" and "${name}"`];
  });
  if (pairs.length === 0) return [];
  const more = pairs.length > 3 ? ` and ${pairs.length - 3} more` : '';
  return [
    `Names must be equal to the letter: ${pairs.slice(0, 3).join(', ')}${more} are not. Rename one side if they mean the same.`,
  ];
}

/** Refuses a model and a data set. @throws ConfigError with both lists of every task that could have been measured */
export function refuseNothing(reasons: readonly string[], name: string): never {
  throw new ConfigError(
    `${name}: nothing can be measured. ${reasons.join(' ')} Choose a model of this data set's classes and labels.`,
  );
}

const few = (names: readonly string[]): string => listed(names, 20) || 'none';
