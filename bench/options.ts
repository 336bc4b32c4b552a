import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type ImageSize, isNetwork, type Network, networks, sizeOf } from './networks.ts';

/** The options that all scenarios share. */
export interface Options {
  readonly networks: readonly Network[];
  readonly sizes: readonly ImageSize[];
  readonly engines: readonly string[];
  readonly peers: readonly string[];
  readonly threads: number;
  /** Seconds of rounds for each row. */
  readonly seconds: number;
  readonly rounds: number;
  /** Images of a folder. */
  readonly images: number;
  /** Another checkout of this repository to compare with. */
  readonly before: string | undefined;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  /** Writes the summaries into README. */
  readonly readme: boolean;
  readonly record: boolean;
}

export const allPeers = ['export', 'torch', 'torch-last', 'web', 'plain', 'before'] as const;

const list = (text: string): string[] => text.split(',').filter((word) => word !== '');

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new RangeError(`--${option} is a number above 0, got "${text}"`);
  return value;
}

/** Reads the command line: a scenario and options. @throws RangeError or TypeError for what is unknown */
export function optionsFrom(args: readonly string[]): { readonly what: readonly string[]; readonly options: Options } {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      networks: { type: 'string', default: 'moganet_xt,moganet_t' },
      sizes: { type: 'string', default: '224,512,800x1280' },
      engines: { type: 'string', default: 'auto' },
      peers: { type: 'string', default: 'export,torch' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '25' },
      images: { type: 'string', default: '100' },
      before: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      readme: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
    },
  });
  const named = values.networks === 'all' ? Object.keys(networks) : list(values.networks);
  const unknown = named.find((name) => !isNetwork(name));
  if (unknown !== undefined) {
    throw new RangeError(`unknown network "${unknown}". Known: all, ${Object.keys(networks).join(', ')}.`);
  }
  const peers = values.peers === 'none' ? [] : list(values.peers);
  const strange = peers.find((peer) => !allPeers.some((known) => known === peer));
  if (strange !== undefined) throw new RangeError(`unknown peer "${strange}". Known: none, ${allPeers.join(', ')}.`);
  if (peers.includes('before') && values.before === undefined) {
    throw new RangeError('the peer "before" needs --before DIR, a checkout of an earlier commit');
  }
  return {
    what: positionals,
    options: {
      networks: named.filter(isNetwork),
      sizes: list(values.sizes).map(sizeOf),
      engines: list(values.engines),
      peers,
      threads: positive('threads', values.threads),
      seconds: positive('seconds', values.seconds),
      rounds: positive('rounds', values.rounds),
      images: positive('images', values.images),
      before: values.before,
      json: values.json,
      markdown: values.markdown,
      readme: values.readme,
      record: values.record,
    },
  };
}
