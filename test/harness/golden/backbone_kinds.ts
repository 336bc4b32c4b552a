import * as z from 'zod/mini';
import type { NDArray, Shape, Weights } from '../../../src/arrays.ts';
import type { Backbone, ClassifierBackbone, Family, KeyLayout } from '../../../src/backbones/backbone.ts';
import { convnext } from '../../../src/backbones/convnext.ts';
import { families, keyLayouts } from '../../../src/backbones/index.ts';
import { moganet } from '../../../src/backbones/moganet.ts';
import { parcnet } from '../../../src/backbones/parcnet.ts';
import { resNetConfig, resnet } from '../../../src/backbones/resnet.ts';
import { swin } from '../../../src/backbones/swin.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { renamedKey } from '../../../src/loading/layouts.ts';
import type { ModelDefinition } from '../../../src/models/create.ts';
import { fromOfficial } from '../../../src/models/mm/moganet.ts';

/**
 * The backbones of golden cases by the `kind` that the cases give them, and the key layouts of their lists. A family
 * needs no line in this file: the kind of its goldens is its type.
 */

export interface ModelSpec {
  readonly kind: string;
  readonly arch?: unknown;
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

export interface BackboneKind {
  readonly backbone: Backbone | ClassifierBackbone;
  /** 0 if the case has a pyramid only. */
  readonly classes: number;
  /** Key layouts that the case's keys may have besides ours. */
  readonly layouts: readonly KeyLayout[];
  /** The top module that the reference counts a module's or step's work for; undefined if it does not count it. */
  readonly moduleOf: (path: string) => string | undefined;
  /** A module with two names, and the name that its work is counted under. Parameters are counted under both. */
  readonly countedAs?: readonly [RegExp, string];
  /** Buffers of this package that the publisher's state dict does not have. */
  readonly absent?: RegExp | undefined;
  /** Modules of the tensors that are neither logits nor stages. */
  readonly taps?: Readonly<Record<string, string>>;
  /** Names of operations if the reference counts them under another name than most. */
  readonly operators?: Readonly<Record<string, string>>;
}

type Make = (spec: ModelSpec, name: string) => BackboneKind;

/**
 * Returns the first step of the path. The mean before a classifier is plain tensor code in most references and not
 * counted.
 */
const topModule = (path: string): string | undefined =>
  path === ':globalAvgPool' ? undefined : path.split(/[.:]/)[0]!;

const timmModules: readonly (readonly [RegExp, string])[] = [
  [/^downsample_layers\.0\b/, 'stem'],
  [/^(downsample_layers|stages)\b/, 'stages'],
  [/^(norm|head|:globalAvgPool)/, 'head'],
];

const convNextSizes = { tiny: 't', small: 's', base: 'b', large: 'l', xlarge: 'xl' } as const;

/** The name alone tells the size, as in `convnext_tiny_timm`. */
const convNext =
  (outputNorms: boolean, moduleOf = topModule): Make =>
  (_, name) => {
    const size = /^convnext_([a-z]+)_/.exec(name)?.[1] ?? '';
    if (!Object.hasOwn(convNextSizes, size)) throw new UnsupportedError(`${name} names no known size of ConvNeXt`);
    const arch = convNextSizes[size as keyof typeof convNextSizes];
    const classes = outputNorms ? 0 : 1000;
    return {
      backbone: convnext({ type: 'convnext', arch, outputNorms }),
      classes,
      layouts: families.convnext.keyLayouts,
      moduleOf,
    };
  };

const swinSizes = { tiny: 't', small: 's', base: 'b', large: 'l' } as const;

const swinOf =
  (classes: number, absent?: RegExp): Make =>
  (_, name) => {
    const size = /^swin_([a-z]+)_/.exec(name)?.[1] ?? '';
    if (!Object.hasOwn(swinSizes, size)) throw new UnsupportedError(`${name} names no known size of Swin`);
    const arch = swinSizes[size as keyof typeof swinSizes];
    return {
      backbone: swin({ type: 'swin', arch }),
      classes,
      layouts: families.swin.keyLayouts,
      moduleOf: topModule,
      absent,
    };
  };

const kinds: Readonly<Record<string, Make>> = {
  moganet: ({ arch, kwargs = {} }) => {
    const { config, classes } = fromOfficial({ arch, ...kwargs });
    return { backbone: moganet(config), classes, layouts: [], moduleOf: topModule };
  },
  convnext_official: convNext(false),
  convnext_timm: convNext(false, (path) => timmModules.find(([pattern]) => pattern.test(path))?.[1]),
  convnext_torchvision: convNext(false),
  convnext_det: convNext(true),
  swin_det: swinOf(0),
  swin_cls: swinOf(1000),
  swin_timm: swinOf(1000, /\.(relative_position_index|attn_mask)$/),
  parcnet: () => ({
    backbone: parcnet({ type: 'parcnet', arch: 's' }),
    classes: 1000,
    layouts: [],
    moduleOf: topModule,
    countedAs: [/^layer_5\.0\b/, 'residual'],
    taps: { layer1: 'layer_1' },
    // counted as `addmm`, without its bias
    operators: { linear: 'addmm' },
  }),
};

/**
 * @param name of the key list or cost row, which tells the size if the spec does not
 * @throws UnsupportedError for an unknown kind
 */
export function backboneKind(spec: ModelSpec, name: string): BackboneKind {
  const depth = /^resnet(\d+)$/.exec(spec.kind)?.[1];
  if (depth) {
    const config = resNetConfig.parse({ type: 'resnet', depth: Number(depth) });
    return { backbone: resnet(config), classes: 1000, layouts: families.resnet.keyLayouts, moduleOf: topModule };
  }
  if (Object.hasOwn(kinds, spec.kind)) return kinds[spec.kind]!(spec, name);
  if (Object.hasOwn(families, spec.kind)) return familyKind(families[spec.kind as keyof typeof families], spec);
  throw new UnsupportedError(`the backbone ${spec.kind} is not supported yet`);
}

/** Returns the default kind of a family's goldens: arch and options as in a configuration, logits of 1000 classes. */
export function familyKind(
  { config, make, keyLayouts: layouts }: Family,
  { kind, arch, kwargs }: ModelSpec,
): BackboneKind {
  const written = arch === undefined ? { type: kind, ...kwargs } : { type: kind, arch, ...kwargs };
  const backbone: Backbone = make(z.parse(config, written));
  return { backbone, classes: 'classify' in backbone ? 1000 : 0, layouts, moduleOf: topModule };
}

/** Cost rows name a model by its kind and size: `moganet_xt`, `resnet50`, `convnext_tiny_timm`. */
export function backboneOfRow(model: string): BackboneKind {
  const [family, size, publisher] = model.split('_');
  return backboneKind({ kind: publisher ? `${family}_${publisher}` : family!, arch: size }, model);
}

/** Returns the key layouts that a model may have its backbone in, below `backbone.`. */
export const layoutsOf = ({ config }: ModelDefinition): readonly KeyLayout[] => keyLayouts[config.backbone.type] ?? [];

type Key = readonly [key: string, shape: Shape, dtype?: string];

/** Returns key and shape in our layout for every key of a list; undefined for a key that is left out. */
export function keysInOurLayout(
  keys: readonly Key[],
  layouts: readonly KeyLayout[],
  prefix = '',
): Map<string, Key | undefined> {
  const names = keys.map(([key]) => key);
  const translate = translator(names, layouts, prefix);
  return new Map(
    keys.map(([key, shape, dtype]) => {
      const found = translate(key);
      return [key, found && [found.key, found.transform?.shape(shape) ?? shape, dtype]];
    }),
  );
}

/** Returns a key list in our layout, without the keys that are left out. */
export const inOurLayout = (keys: readonly Key[], layouts: readonly KeyLayout[], prefix?: string): Key[] =>
  [...keysInOurLayout(keys, layouts, prefix).values()].filter((key) => key !== undefined);

/** Returns weights under our names; they were made under the names of the list. */
export function weightsInOurLayout(weights: Weights, layouts: readonly KeyLayout[], prefix = ''): Weights {
  const translate = translator([...weights.keys()], layouts, prefix);
  return new Map(
    [...weights].flatMap(([key, value]): [string, NDArray][] => {
      const found = translate(key);
      return found ? [[found.key, found.transform?.data(value) ?? value]] : [];
    }),
  );
}

function translator(keys: readonly string[], layouts: readonly KeyLayout[], prefix: string) {
  const layout = layouts.find(({ has }) => keys.includes(prefix + has));
  return (key: string) => {
    if (!layout || !key.startsWith(prefix)) return { key, transform: undefined };
    const to = renamedKey(key, layout.rules, prefix);
    const transform = layout.transforms?.find(({ pattern }) => to !== null && pattern.test(to.slice(prefix.length)));
    return to === null ? undefined : { key: to, transform };
  };
}
