import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type Compared, comparison } from '../src/article/comparison.ts';
import { families } from '../src/backbones/index.ts';

/** Draws figure 1 of the MogaNet article for the known models: npm run plot -- out.svg */

const titles = new Map(Object.entries(families).map(([name, { title }]) => [name, title]));

/** Positions of the labels relative to their points, for families whose labels would overlap. */
const beside: Readonly<Record<string, { textAnchor: 'start' | 'end'; dx: number; dy: number }>> = {
  MogaNet: { textAnchor: 'end', dx: -8, dy: -12 },
  Swin: { textAnchor: 'start', dx: 6, dy: 18 },
};

/** Edge of the largest input. Larger ones would need a separate comparison. */
const largest = 256;

/**
 * Draws parameters against top-1 as SVG, for classifiers trained on ImageNet-1k alone; the area of a point is its
 * multiply-adds.
 */
export function scatterOf(rows: readonly Compared[]): string {
  const { document } = parseHTML('<html><body></body></html>') as { readonly document?: unknown };
  const points = rows.flatMap(({ name, family, parameters, macs, input, scores, moreData }) => {
    const top1 = scores['top-1'];
    if (top1 === undefined || moreData || input.height > largest) return [];
    return {
      name,
      family: titles.get(family) ?? family,
      parameters: parameters / 1e6,
      macs: macs / 1e9,
      size: input.height,
      top1,
    };
  });
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

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , file] = process.argv;
  if (!file) throw new Error('name the file to write: npm run plot -- out.svg');
  writeFileSync(file, scatterOf(comparison()));
}
