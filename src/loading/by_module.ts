import type { Named, NDArray, Weights } from '../arrays.ts';
import { ConfigError, unknownName } from '../errors.ts';
import type { Source } from '../formats/source.ts';
import { createModel, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
import { type Parameter, parametersOf, prune, recordPart } from '../nn/index.ts';
import { fillParameters } from './fill.ts';
import { withoutPrefix } from './state_dict.ts';
import { openWeights } from './weights.ts';

/** Weights of some of a model's modules, each from a file of its own: a trained trunk below heads that are yet to be trained. */

export interface FilledParts {
  readonly weights: Weights;
  /** Modules without weights, in the order of the checkpoint. */
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
}

export interface PartOptions {
  readonly ema?: boolean | undefined;
  readonly tables?: Tables;
  readonly onTensor?: (file: string, done: number, total: number) => void;
}

/**
 * Fills whole modules (`backbone`, `neck`, `rpn_head`, `decode_head`, …). A trunk comes from its own checkpoint, a
 * classifier's, or that of any model that has it in it, in any known layout; a head from a model that has it under the
 * same name, or from a file of it alone.
 *
 * @throws ConfigError for a module that the model has not; CheckpointError where a file does not hold a module completely
 */
export async function fillParts(
  definition: ModelDefinition,
  sources: Named<Source>,
  options: PartOptions = {},
): Promise<FilledParts> {
  const parts = partParameters(definition);
  for (const name of Object.keys(sources)) {
    if (!parts.has(name)) throw new ConfigError(unknownName('part of the model', name, [...parts.keys()]));
  }
  const weights = new Map<string, NDArray>();
  const unfilled: string[] = [];
  const notices: string[] = [];
  for (const [name, parameters] of parts) {
    const source = sources[name];
    if (!source) {
      unfilled.push(name);
      continue;
    }
    const fill = name === trunkName ? fillTrunk : fillHead;
    const found = await fill(definition, name, parameters, source, options);
    for (const [key, value] of found.weights) weights.set(key, value);
    unfilled.push(...found.unfilled);
    notices.push(...found.notices.map((notice) => `${source.name}: ${notice}`));
  }
  return { weights, unfilled, notices };
}

const trunkName = 'backbone';

/** By the first name of the key; a trunk whose keys begin at the root is called as it is elsewhere. */
export function partParameters(definition: ModelDefinition): Map<string, Parameter[]> {
  const trunk = new Set(trunkParameters(definition).map(({ key }) => key));
  const parts = new Map<string, Parameter[]>();
  for (const parameter of modelParameters(definition)) {
    const { key, aliasOf = key } = parameter;
    const name = trunk.has(aliasOf) ? trunkName : key.slice(0, key.indexOf('.'));
    parts.set(name, [...(parts.get(name) ?? []), parameter]);
  }
  return parts;
}

/** Of a classifier, the parameters that its logits alone need are none of the trunk's. */
function trunkParameters({ trunk }: ModelDefinition): Parameter[] {
  const graph = recordPart(trunk);
  const used = new Set(parametersOf(prune(graph)).map(({ key }) => moduleOf(key)));
  return parametersOf(graph).filter(({ key }) => used.has(moduleOf(key))); // with the counters that nothing reads
}

const moduleOf = (key: string): string => key.slice(0, key.lastIndexOf('.'));

type Fill = (
  definition: ModelDefinition,
  name: string,
  parameters: readonly Parameter[],
  source: Source,
  options: PartOptions,
) => Promise<FilledParts>;

const fillTrunk: Fill = async (definition, name, parameters, source, { ema, tables, onTensor }) => {
  const { backbone, image } = definition.config;
  const opened = await openWeights(source, { config: { backbone, image }, ema, ...(tables && { tables }) });
  const prefix = parameters.every(({ key }) => key.startsWith(`${name}.`)) ? `${name}.` : '';
  const bare = parameters.map((parameter) => within(parameter, prefix));
  const added = addedToClassifier(definition, bare, tables);
  const absent = [...added].some((key) => opened.entries.has(key)) ? new Set<string>() : added;
  const wanted = bare.filter(({ key }) => !absent.has(key));
  const filled = await opened.fill(wanted, (done, total) => onTensor?.(source.name, done, total));
  return {
    weights: new Map([...filled].map(([key, value]) => [prefix + key, value])),
    unfilled: [...new Set([...absent].map((key) => moduleOf(`${name}.${key}`)))],
    notices: opened.notices,
  };
};

/** A parameter as a file of its module alone has it. */
function within({ aliasOf, ...parameter }: Parameter, prefix: string): Parameter {
  const inner = (key: string) => key.slice(prefix.length);
  return { ...parameter, key: inner(parameter.key), ...(aliasOf !== undefined && { aliasOf: inner(aliasOf) }) };
}

/**
 * Keys of a trunk that its classifier has not: norms on the stages' outputs, which are trained with the heads. A
 * classifier's file fills all but these.
 */
function addedToClassifier(
  { config, backbone }: ModelDefinition,
  trunk: readonly Parameter[],
  tables?: Tables,
): Set<string> {
  if (!('classify' in backbone)) return new Set();
  const classifier = createModel({ backbone: config.backbone, classification: { classes: 1 } }, tables);
  const known = new Set(modelParameters(classifier).map(({ key }) => key));
  return new Set(trunk.flatMap(({ key, kind }) => (kind === 'ignored' || known.has(key) ? [] : [key])));
}

const fillHead: Fill = async ({ config }, name, parameters, source, { ema, tables, onTensor }) => {
  const opened = await openWeights(source, { config, ema, ...(tables && { tables }) });
  const inner = withoutPrefix(opened.entries, `${name}.`);
  const entries = inner.size > 0 ? inner : opened.entries;
  const bare = parameters.map((parameter) => within(parameter, `${name}.`));
  const filled = await fillParameters(bare, entries, {
    file: `${source.name}: ${name}`,
    onTensor: (done, total) => onTensor?.(source.name, done, total),
  });
  const weights = new Map([...filled].map(([key, value]) => [`${name}.${key}`, value]));
  return { weights, unfilled: [], notices: opened.notices };
};
