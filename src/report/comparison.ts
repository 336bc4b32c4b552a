import type { ComparedFigure, ComparedImage, ComparisonReport } from '../evaluate/evaluation.ts';
import { aboutSection, baseName, defaultImages, type ReportOptions } from './about.ts';
import { type Html, html, mostRows, nameHtml, nothing, pageHtml, remarksBox, type Section, table } from './html.ts';
import { imageCard } from './images.ts';
import { count, counted, exists, none, noTruth, overlapName, percent, percentText, signed } from './numbers.ts';
import { objectTitle } from './objects.ts';
import { markSwitches, overlayStyles } from './overlay.ts';
import type { PictureCodec } from './pictures.ts';
import { axisNames, figure, legend, type Plotter, plotter, roomFor } from './plots.ts';
import { reportStyles } from './styles.ts';

/** The report of a comparison: what differs between two models on one data set, and whether that is more than chance. */

/**
 * Writes a comparison as one HTML file: differences with their intervals, by figure and by class, and the images that
 * changed most, side by side. It makes no request and runs no script.
 *
 * @param comparison its `shown` pairs are read one after the other
 * @param codec reads the image files, and writes them small as JPEG
 * @param options `maxImages` counts pictures: two for each pair
 * @throws UnsupportedError if the optional packages `@observablehq/plot` and `linkedom` are not installed
 */
export async function comparisonReport(
  comparison: ComparisonReport,
  codec: PictureCodec,
  options: ReportOptions = {},
): Promise<string> {
  const plots = await plotter();
  const { data, type, a, b, resamples, seed, figures, perClass } = comparison;
  const sections: Section[] = [
    {
      id: 'figures',
      title: objectTitle(type),
      lead: html`Points are differences of per cent, B minus A. Intervals are those of ${count(resamples)} resamples of the images (seed ${seed}): one that holds 0 may be chance.`,
      body: html`<div class="duo">${differenceTable('figure', figures, comparison)}${differencePlot(plots, figures, comparison, 'Differences')}</div>`,
    },
  ];
  if (perClass.length > 0) {
    const rows = differenceTable('class', perClass, comparison);
    sections.push({
      id: 'classes',
      title: 'Classes',
      lead: 'AP of each class.',
      body: html`<div class="duo">${perClass.length > 40 ? html`<details><summary>Table of the ${count(perClass.length)} classes</summary>${rows}</details>` : rows}${differencePlot(plots, perClass, comparison, 'Differences by class')}</div>`,
    });
  }
  sections.push(
    await imagesSection(comparison, codec, options.maxImages ?? defaultImages),
    aboutSection(comparison, options),
  );
  return pageHtml({
    title: options.title ?? `${baseName(a)} and ${baseName(b)} on ${baseName(data.name)}`,
    lead: html`${counted(data.evaluated, 'image')} of ${nameHtml(data.name)}${data.split !== undefined && html`, split ${nameHtml(data.split, 30)}`}.`,
    opening: html`${tiles(comparison)}${remarks(comparison)}`,
    sections,
    styles: reportStyles + overlayStyles + comparisonStyles,
  });
}

const there = ({ a, b }: ComparedFigure): boolean => exists(a) && exists(b);

type Verdict = 'better' | 'worse' | 'open';
/** Tells whether an interval leaves 0 out. */
const verdictOf = ({ lower, upper }: ComparedFigure): Verdict => (lower > 0 ? 'better' : upper < 0 ? 'worse' : 'open');
const verdictColors = { better: 'var(--hit)', worse: 'var(--alarm)', open: 'var(--quiet)' } as const;
const verdictNames = { better: 'B is better', worse: 'B is worse', open: 'the interval holds 0' } as const;

/** The main figure of both, and what to make of it. */
function tiles({ a, b, figures, confidence }: ComparisonReport): Html {
  const [main] = figures;
  if (!main) return nothing;
  const value = (share: number) => (exists(share) ? percentText(share) : none(noTruth));
  const verdict = verdictOf(main);
  const sentence = {
    better: 'B is better than A by more than chance.',
    worse: 'B is worse than A by more than chance.',
    open: 'No difference beyond chance: the interval holds 0.',
  }[verdict];
  return html`<ul class="tiles">
<li class="card"><span class="small">A: ${main.name}</span><strong>${value(main.a)}</strong><span class="small">${nameHtml(a)}</span></li>
<li class="card"><span class="small">B: ${main.name}</span><strong>${value(main.b)}</strong><span class="small">${nameHtml(b)}</span></li>
<li class="card verdict ${verdict}"><span class="small">B minus A, points</span><strong>${there(main) ? signed(main.difference) : none(noTruth)}</strong><span class="small">${there(main) && html`${intervalText(main)} (${percentText(confidence, 0)} %). ${sentence}`}</span></li>
</ul>`;
}

const intervalText = ({ lower, upper }: ComparedFigure): string => `${signed(lower, 2)} to ${signed(upper, 2)}`;

function remarks({ notices, data }: ComparisonReport): Html {
  const list: (Html | string)[] = notices.map((notice) => nameHtml(notice, 600));
  if (data.limit !== undefined && data.evaluated < data.count) {
    list.unshift(
      html`<strong>A part of the data set:</strong> ${count(data.evaluated)} of ${counted(data.count, 'image')}.`,
    );
  }
  return remarksBox(list);
}

function differenceTable(head: string, figures: readonly ComparedFigure[], { confidence }: ComparisonReport): Html {
  const missing = figures.some((one) => !there(one));
  const columns = [`A`, 'B', 'B − A', `${percentText(confidence, 0)} % interval`, 'B better in'].map((name) => ({
    head: name,
    numeric: true,
  }));
  return table(
    html`${head === 'class' ? 'AP by class' : "COCO's figures"} <small>Per cent; differences in points. The last column: the share of resamples in which B is better.${missing && html` A dash: ${noTruth}.`}</small>`,
    [{ head }, ...columns],
    figures.slice(0, mostRows).map((one) => {
      const dash = none(noTruth);
      const values = there(one)
        ? [
            html`<span class="verdict ${verdictOf(one)}">${signed(one.difference, 2)}</span>`,
            intervalText(one),
            `${percentText(one.better, 0)} %`,
          ]
        : [dash, dash, dash];
      return [nameHtml(one.name, 32), percent(one.a, noTruth), percent(one.b, noTruth), ...values];
    }),
  );
}

/** More rows than this are not read. */
const mostShown = 60;

interface DifferenceRow extends ComparedFigure {
  readonly label: string;
  readonly verdict: Verdict;
}

/** Dots with their intervals around 0: filled if the interval leaves 0 out. */
function differencePlot(
  { Plot, draw }: Plotter,
  figures: readonly ComparedFigure[],
  { confidence }: ComparisonReport,
  caption: string,
): Html | undefined {
  const all = figures.filter(there);
  if (all.length === 0) return undefined;
  const chosen =
    all.length <= mostShown
      ? all
      : [...all].sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference)).slice(0, mostShown);
  const names = axisNames(chosen.map(({ name }) => name));
  const rows: DifferenceRow[] = chosen.map((one, i) => ({ ...one, label: names[i]!, verdict: verdictOf(one) }));
  const reach =
    Math.max(0.005, ...rows.flatMap(({ lower, upper, difference }) => [-lower, upper, Math.abs(difference)])) * 1.08;
  const plot = draw(
    {
      height: 56 + 22 * rows.length,
      marginLeft: roomFor(names),
      marginRight: 14,
      marginTop: 8,
      marginBottom: 40,
      x: {
        domain: [-reach, reach],
        grid: true,
        ticks: 5,
        tickFormat: (value: number) => signed(value),
        label: 'B − A, points',
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: { domain: names, label: null, tickSize: 0 },
      marks: [
        Plot.ruleX([0]),
        Plot.link(rows, {
          x1: 'lower',
          x2: 'upper',
          y: 'label',
          stroke: ({ verdict }: DifferenceRow) => verdictColors[verdict],
          strokeWidth: 3,
          strokeOpacity: 0.55,
        }),
        Plot.dot(rows, {
          x: 'difference',
          y: 'label',
          r: 4.5,
          fill: ({ verdict }: DifferenceRow) => (verdict === 'open' ? 'var(--sheet)' : verdictColors[verdict]),
          stroke: ({ verdict }: DifferenceRow) => verdictColors[verdict],
          strokeWidth: 2,
          title: (row: DifferenceRow) => `${row.label}: ${signed(row.difference)}, ${intervalText(row)}`,
        }),
      ],
    },
    `Differences in points, B minus A, with intervals of ${percentText(confidence, 0)} per cent: ${rows
      .slice(0, 20)
      .map((row) => `${row.label} ${signed(row.difference)} (${intervalText(row)})`)
      .join(', ')}${rows.length > 20 ? ', …' : ''}.`,
  );
  const cut = chosen.length < all.length ? ` The ${mostShown} of ${all.length} with the largest difference.` : '';
  const seen = (['better', 'worse', 'open'] as const).filter((verdict) => rows.some((row) => row.verdict === verdict));
  return figure(
    caption,
    `With intervals of ${percentText(confidence, 0)} %.${cut}`,
    plot,
    legend(
      seen.map((verdict) => ({ name: verdictNames[verdict], color: verdictColors[verdict], ring: verdict === 'open' })),
    ),
  );
}

async function imagesSection(comparison: ComparisonReport, codec: PictureCodec, most: number): Promise<Section> {
  const { shown, images, data, type } = comparison;
  const pairs: Html[] = [];
  for (const { a, b } of shown.slice(0, Math.floor(Math.max(0, most) / 2))) {
    const [left, right] = [await imageCard(a, data, codec, html`A · `), await imageCard(b, data, codec, html`B · `)];
    pairs.push(html`<div class="pair">${left}${right}</div>`);
  }
  const lead =
    images.length === 0
      ? 'No image differs: both find the same.'
      : `${counted(images.length, 'image')} of ${count(data.evaluated)} ${images.length === 1 ? 'differs' : 'differ'} at ${overlapName(type)} 0.50.${pairs.length > 0 ? ` The ${counted(pairs.length, 'image')} with the largest change of F1, A at the left (above on a phone).` : ''}`;
  return {
    id: 'images',
    title: 'Images that changed most',
    lead,
    body: html`${pairs.length > 0 && markSwitches}${pairs}${images.length > 0 && changesTable(images, type)}`,
  };
}

const mostImages = 200;

function changesTable(images: readonly ComparedImage[], type: ComparisonReport['type']): Html {
  const shown = images.slice(0, mostImages);
  const note = shown.length < images.length ? `The first ${mostImages} of ${count(images.length)}` : 'All that differ';
  const numeric = ['F1 of A', 'F1 of B', 'change', 'hits A', 'hits B', 'false A', 'false B', 'missed A', 'missed B'];
  return html`<details><summary>Table of the images</summary>${table(
    html`Images <small>${note}, the largest change first, by ${objectTitle(type).toLowerCase()}. F1 in per cent.</small>`,
    [{ head: 'image' }, ...numeric.map((head) => ({ head, numeric: true }))],
    shown.map(({ file, a, b, change }) => [
      nameHtml(file, 48),
      percent(a.f1, 'nothing to find'),
      percent(b.f1, 'nothing to find'),
      signed(change),
      ...[a.tp, b.tp, a.fp, b.fp, a.fn, b.fn].map(count),
    ]),
  )}</details>`;
}

const comparisonStyles = `
.verdict.better, .verdict.better strong { color: var(--hit); }
.verdict.worse, .verdict.worse strong { color: var(--alarm); }
td .verdict { font-weight: 600; }
.card.verdict { color: inherit; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; }
`;
