import type { ZooEntry } from '../../configs/index.ts';
import { mogaNetSize } from '../backbones/index.ts';

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
