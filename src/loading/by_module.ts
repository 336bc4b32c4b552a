import type { Named, NDArray, Weights } from '../arrays.ts';
import { ConfigError, unknownName } from '../errors.ts';
import type { Source } from '../formats/source.ts';
import { createModel, type ModelDefinition, modelParameters, type Tables } from '../models/create.ts';
import { type Parameter, parametersOf, prune } from '../nn/index.ts';
import { fillParameters } from './fill.ts';
import { withoutPrefix } from './prefix.ts';
import { openWeights, type WeightsOptions } from './weights.ts';

/** Fills modules of a model from one file each: for example a trained backbone below heads that are yet to be trained. */

/** The weights of a model, or of some of its modules. */
export interface FilledModules {
  readonly weights: Weights;
  /** Modules without weights, in the order of the model. */
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
}

/** Options of `fillModules`. */
export interface ModuleOptions extends Pick<WeightsOptions, 'ema' | 'prefix' | 'ignore' | 'tables'> {
  /** Called after each tensor, for progress. */
  readonly onTensor?: ((file: string, done: number, total: number) => unknown) | undefined;
}

/**
 * Fills whole modules (`backbone`, `neck`, `rpn_head`, `decode_head`, …). A backbone comes from its own checkpoint, from a
 * classifier's, or from that of any model that contains it, in any known key layout. A head comes from a model that has it under the same
 * name, or from a file that holds only this head.
 *
 * @throws ConfigError for a module that the model does not have, CheckpointError if a weight of a module is missing
 */
export async function fillModules(
  definition: ModelDefinition,
  sources: Named<Source>,
  options: ModuleOptions = {},
): Promise<FilledModules> {
  const modules = moduleParameters(definition);
  for (const name of Object.keys(sources)) {
    if (!modules.has(name)) throw new ConfigError(unknownName('module', name, [...modules.keys()]));
  }
  const weights = new Map<string, NDArray>();
  const unfilled: string[] = [];
  const notices: string[] = [];
  for (const [name, parameters] of modules) {
    const source = sources[name];
    if (!source) {
      unfilled.push(name);
      continue;
    }
    const fill = name === backboneName ? fillBackbone : fillHead;
    const found = await fill(definition, name, parameters, source, options);
    for (const [key, value] of found.weights) weights.set(key, value);
    unfilled.push(...found.unfilled);
    notices.push(...found.notices.map((notice) => `${source.name}: ${notice}`));
  }
  return { weights, unfilled, notices };
}

const backboneName = 'backbone';

/** Groups parameters by the first name of their key. A backbone whose keys begin at the root is also called `backbone`. */
export function moduleParameters(definition: ModelDefinition): Map<string, Parameter[]> {
  const backbone = new Set(backboneParameters(definition).map(({ key }) => key));
  const modules = new Map<string, Parameter[]>();
  for (const parameter of modelParameters(definition)) {
    const { key, aliasOf = key } = parameter;
    const name = backbone.has(aliasOf) ? backboneName : key.slice(0, key.indexOf('.'));
    modules.set(name, [...(modules.get(name) ?? []), parameter]);
  }
  return modules;
}

/** Returns the parameters of the pyramid, without those that only a classifier's logits need. */
function backboneParameters({ pyramid: { graph } }: ModelDefinition): Parameter[] {
  const used = new Set(parametersOf(prune(graph)).map(({ key }) => parentOf(key)));
  return parametersOf(graph).filter(({ key }) => used.has(parentOf(key))); // with the counters of BatchNorm, which no operation reads
}

/** Returns the path of the module that has a parameter. */
const parentOf = (key: string): string => key.slice(0, key.lastIndexOf('.'));

type Fill = (
  definition: ModelDefinition,
  name: string,
  parameters: readonly Parameter[],
  source: Source,
  options: ModuleOptions,
) => Promise<FilledModules>;

const fillBackbone: Fill = async (definition, name, parameters, source, { onTensor, ...options }) => {
  const { tables } = options;
  const { backbone, image } = definition.config;
  const config = { backbone, image };
  const opened = await openWeights(source, { ...options, model: { config, definition: createModel(config, tables) } });
  const prefix = parameters.every(({ key }) => key.startsWith(`${name}.`)) ? `${name}.` : '';
  const bare = parameters.map((parameter) => within(parameter, prefix));
  const added = addedToClassifier(definition, bare, tables);
  const absent = [...added].some((key) => opened.entries.has(key)) ? new Set<string>() : added;
  const wanted = bare.filter(({ key }) => !absent.has(key));
  const filled = await opened.fill(wanted, (done, total) => onTensor?.(source.name, done, total));
  return {
    weights: new Map([...filled].map(([key, value]) => [prefix + key, value])),
    unfilled: [...new Set([...absent].map((key) => parentOf(`${name}.${key}`)))],
    notices: opened.notices,
  };
};

/** Returns a parameter as a file that holds only its module has it. */
function within({ aliasOf, ...parameter }: Parameter, prefix: string): Parameter {
  return { ...parameter, key: parameter.key.slice(prefix.length), aliasOf: aliasOf?.slice(prefix.length) };
}

/**
 * Returns the keys of a backbone that its classifier does not have: norms on the stages' outputs, which are trained with the heads. A
 * classifier's file fills all others.
 */
function addedToClassifier(
  { config, backbone }: ModelDefinition,
  parameters: readonly Parameter[],
  tables: Tables | undefined,
): Set<string> {
  if (!('classify' in backbone)) return new Set();
  const classifier = createModel({ backbone: config.backbone, classification: { classes: 1 } }, tables);
  const known = new Set(modelParameters(classifier).map(({ key }) => key));
  return new Set(parameters.flatMap(({ key, kind }) => (kind === 'ignored' || known.has(key) ? [] : [key])));
}

const fillHead: Fill = async (definition, name, parameters, source, { onTensor, ...options }) => {
  const model = { config: definition.config, definition };
  const opened = await openWeights(source, { ...options, model, module: name });
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
