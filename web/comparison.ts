import { withAssets } from 'moganet/ort';
import { reasonOf } from './words.ts';

/** The worker of the comparison: tries one engine after the other, so that none of them stops the page. */

/** What the page asks for. */
export interface CompareOrder {
  /** The page's address, under which its folders are. */
  readonly base: string;
  readonly engines: readonly string[];
  /** Engines that shall not run, each with the reason. */
  readonly exclude: Readonly<Record<string, string>>;
  /** Whether the demo model runs on a picture, too. */
  readonly image: boolean;
}

/** What the worker tells of an engine. */
export type CompareNews =
  | { readonly kind: 'begins'; readonly engine: string; readonly what: 'numbers' | 'image' | 'poses' }
  | { readonly kind: 'ends'; readonly check: Check }
  | { readonly kind: 'failed'; readonly text: string };

type Check = Awaited<ReturnType<ReturnType<typeof withAssets>['verify']>>[number] & {
  /** That the processor computes for the graphics, or in half precision. */
  readonly weakness?: string | undefined;
};

const tell = (news: CompareNews) => self.postMessage(news);

/** Returns the order that the page has given as the worker's name: messages belong to the library's own worker. */
export const orderOf = (name: string): CompareOrder | undefined => (name === '' ? undefined : JSON.parse(name));

/** Carries out an order, and tells the page what it finds. */
export async function runComparison(order: CompareOrder): Promise<void> {
  await compare(order).catch((error: unknown) => tell({ kind: 'failed', text: reasonOf(error) }));
}

async function compare({ base, engines, exclude, image }: CompareOrder): Promise<void> {
  const url = (path: string) => new URL(path, base).href;
  const { verify, probeEngines } = withAssets({ ortWasm: url('ort/') });
  const samples = {
    numbers: url('verify/moganet_pico.safetensors'),
    image: {
      model: { config: 'facade', weights: url('models/facade.safetensors') },
      file: url('images/street-house.jpg'),
      boxes: url('verify/street-house.json'),
      labels: url('verify/street-house.png'),
    },
  };
  for (const engine of engines) {
    const [probe] = exclude[engine] === undefined ? await probeEngines({ engines: [engine] }) : [];
    const [check] = await verify({
      samples,
      engines: [engine],
      exclude: exclude[engine] === undefined ? {} : { [engine]: exclude[engine] },
      image: () => image,
      onProgress: (_, what) => tell({ kind: 'begins', engine, what }),
    });
    if (check) tell({ kind: 'ends', check: { ...check, weakness: probe?.weakness } });
  }
}
