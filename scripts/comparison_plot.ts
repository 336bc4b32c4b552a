import { UsageError } from '../src/cli/failure.ts';

type Compared = import('../src/node.ts').Compared;

const names: Readonly<Record<string, string>> = {
  moganet: 'MogaNet',
  convnext: 'ConvNeXt',
  resnet: 'ResNet',
  swin: 'Swin',
  parcnet: 'ParC-Net',
};

/** Where names stand, seen from their points: families that meet on other sides. */
const beside: Readonly<Record<string, { textAnchor: 'start' | 'end'; dx: number; dy: number }>> = {
  MogaNet: { textAnchor: 'end', dx: -8, dy: -12 },
  Swin: { textAnchor: 'start', dx: 6, dy: 18 },
};

/** Larger pictures are another comparison. */
const largest = 256;

/**
 * The article's figure 1 as SVG: parameters against top-1 for classifiers trained on ImageNet-1k alone, an area for their
 * multiply-adds.
 *
 * @throws UsageError where the plotting library is not installed
 */
export async function scatterOf(rows: readonly Compared[]): Promise<string> {
  const { Plot, document } = await plotting();
  const points = rows
    .filter(({ scores, moreData, input }) => scores['top-1'] !== undefined && !moreData && input.height <= largest)
    .map(({ name, family, parameters, macs, input, scores }) => ({
      name,
      family: names[family] ?? family,
      parameters: parameters / 1e6,
      macs: macs / 1e9,
      size: input.height,
      top1: scores['top-1']!,
    }));
  const families = [...new Set(points.map(({ family }) => family))];
  const place = { x: 'parameters', y: 'top1' } as const;
  const plot = Plot.plot({
    document,
    width: 960,
    height: 620,
    marginTop: 64,
    marginBottom: 48,
    marginLeft: 56,
    marginRight: 72,
    style: { background: 'white', color: '#222', fontFamily: 'sans-serif', fontSize: '12px' },
    x: {
      type: 'log',
      domain: [1.5, 300],
      label: 'parameters (millions) →',
      ticks: [2, 3, 5, 10, 20, 50, 100, 200, 300],
      tickFormat: 'd',
      grid: true,
    },
    y: { label: '↑ ImageNet-1k top-1 (%), as published', grid: true, nice: true },
    r: { range: [0, 26] },
    color: { domain: families, scheme: 'tableau10' },
    marks: [
      Plot.line(points, {
        ...place,
        stroke: 'family',
        z: ({ family, size }) => `${family} ${size}`,
        strokeOpacity: 0.5,
      }),
      Plot.dot(points, { ...place, r: 'macs', fill: 'family', fillOpacity: 0.25, stroke: 'family' }),
      Plot.dot(points, { ...place, r: 2, fill: 'family' }),
      ...families.map((family) =>
        Plot.text(points, {
          ...place,
          filter: (point) => point.family === family,
          text: 'name',
          fill: 'family',
          stroke: 'white',
          strokeWidth: 3,
          ...(beside[family] ?? { textAnchor: 'start', dx: 14, dy: 0 }),
        }),
      ),
      Plot.text(
        ['Parameters and multiply-adds (area) counted by one rule; sources of the scores: moganet models --compare'],
        {
          frameAnchor: 'top-left',
          dy: -34,
        },
      ),
    ],
  });
  plot.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${plot.outerHTML}\n`;
}

/** Not part of the package: few need a picture of the zoo. */
async function plotting() {
  try {
    const [Plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
    return { Plot, document: parseHTML('<html><body></body></html>').document };
  } catch (cause) {
    throw new UsageError('--svg needs a plotting library: npm install @observablehq/plot linkedom', { cause });
  }
}
