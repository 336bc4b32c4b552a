import { entries, type ZooEntry } from '../../configs/index.ts';
import { mogaNetSize } from '../backbones/index.ts';
import { ConfigError, unknownName } from '../errors.ts';

/**
 * Whether `name` means an entry: its own name, the name of its published file, or another spelling of them
 * (`moganet-x-tiny`). Folders, endings and a browser's ` (1)` do not matter.
 */
export function isNamed({ name, weights }: ZooEntry, wanted: string): boolean {
  const canonicalName = canonical(wanted);
  return name === canonicalName || (weights?.url !== undefined && canonical(weights.url) === canonicalName);
}

/** Lower case, underscores, and the short forms of a MogaNet size and of multi-scale training. */
function canonical(name: string): string {
  const words = name
    .replace(/^.*[/\\]/, '')
    .toLowerCase()
    .replace(/ \(\d+\)(?=\.|$)/, '')
    .replace(/\.(pth|pth\.tar|pt|safetensors)$/, '')
    .replace(/-/g, '_')
    .replace('mstrain_480_800', 'ms');
  return words.replace(/(^|_)moganet_(x_)?([a-z]+)(?=_|$)/, (whole, before: string, x = '', size: string) => {
    const short = mogaNetSize(x + size);
    return short ? `${before}moganet_${short}` : whole;
  });
}

/** Under which terms weights and the data they were trained on are published. Facts to read up, no legal advice. */

export interface Terms {
  /** Of the weights. */
  readonly weights: string;
  /** Of each data set that they were trained on. */
  readonly data: readonly string[];
}

/** By the beginning of the address of the weights. */
const publishers: readonly (readonly [address: string, terms: string])[] = [
  ['https://github.com/Westlake-AI/MogaNet/', 'Apache-2.0 (github.com/Westlake-AI/MogaNet)'],
  ['https://github.com/Westlake-AI/openmixup/', 'Apache-2.0 (github.com/Westlake-AI/openmixup)'],
  ['https://dl.fbaipublicfiles.com/convnext/', 'MIT (github.com/facebookresearch/ConvNeXt)'],
  ['https://github.com/SwinTransformer/storage/', 'MIT (github.com/SwinTransformer/storage)'],
  ['https://github.com/hkzhang-git/ParC-Net/', 'none stated (github.com/hkzhang-git/ParC-Net): ask its authors'],
  [
    'https://download.pytorch.org/models/',
    'torchvision, BSD-3-Clause; its README: weights may have terms that derive from the data',
  ],
  ['https://download.openmmlab.com/mmdetection/', 'Apache-2.0 (github.com/open-mmlab/mmdetection)'],
  ['https://download.openmmlab.com/mmsegmentation/', 'Apache-2.0 (github.com/open-mmlab/mmsegmentation)'],
];

const dataTerms = {
  imageNet: 'ImageNet: pictures for non-commercial research and education (image-net.org/download)',
  coco: "COCO: annotations CC BY 4.0, pictures under Flickr's terms (cocodataset.org/#termsofuse)",
  ade20k:
    'ADE20K: annotations BSD-3-Clause, pictures for non-commercial research and education (ade20k.csail.mit.edu/terms)',
} as const;

/** The terms of an entry's published weights; those of shipped ones are in the package's THIRD_PARTY_NOTICES. */
export function termsOf({
  weights,
  config: { detection: detector, segmentation: segmentor },
}: ZooEntry): Terms | undefined {
  const { url } = weights ?? {};
  const terms = url && publishers.find(([address]) => url.startsWith(address))?.[1];
  if (!terms) return undefined;
  return {
    weights: terms,
    data: [
      ...(detector ? [dataTerms.coco] : []),
      ...(segmentor ? [dataTerms.ade20k] : []),
      dataTerms.imageNet, // trunks of detectors and segmentors were trained on it first
    ],
  };
}

export { entries, type ZooEntry } from '../../configs/index.ts';

/**
 * A published or shipped model by its name. Official spellings of sizes are aliases (`moganet_xtiny`, `moganet-x-tiny`),
 * and so are the stems of the published weight files.
 *
 * @throws ConfigError listing the known names
 */
export function findEntry(name: string): ZooEntry {
  const found = entries.find((entry) => isNamed(entry, name));
  if (found) return found;
  const names = entries.map((entry) => entry.name);
  throw new ConfigError(unknownName('model', name, names));
}
