import type { Size } from '../arrays.ts';
import {
  type CalibrationFigures,
  type ErrorFigures,
  errorTypes,
  type ObjectFigures,
  type PrecisionCurve,
} from '../evaluate/evaluation.ts';
import { meanOfKnown } from '../evaluate/statistics.ts';
import { type Html, html } from './html.ts';
import { count, errorNames, exists, overlapName, percentText } from './numbers.ts';
import { axisNames, figure, legend, lineColor, lineDash, type Plotter, plotWidth, roomFor } from './plots.ts';

/** The plots of objects: curves, classes, errors, calibration. */

const share = { domain: [0, 1], percent: false, tickFormat: (value: number) => `${Math.round(100 * value)}` };

/** Curves of more classes than this cannot be told apart. */
const mostCurves = 8;

const meanOf = ({ precision }: PrecisionCurve): number => meanOfKnown(precision);

interface DrawnCurve {
  readonly curve: PrecisionCurve;
  readonly name: string;
  readonly color: string;
  readonly dash: string;
}

function curvePlot(
  { Plot, draw }: Plotter,
  drawn: readonly DrawnCurve[],
  recalls: readonly number[],
  alt: string,
  size: Size = { width: plotWidth, height: 290 },
): Html {
  const lines = drawn.map(({ curve, name, color, dash }) =>
    Plot.line(
      curve.precision.map((precision, i) => ({ recall: recalls[i]!, precision })),
      { x: 'recall', y: 'precision', stroke: color, strokeWidth: 2, strokeDasharray: dash, title: () => name },
    ),
  );
  const axis = { ...share, grid: true, ticks: 5, labelAnchor: 'center', labelArrow: 'none' } as const;
  return draw(
    {
      ...size,
      marginLeft: 44,
      marginBottom: 40,
      x: { ...axis, label: 'recall, %' },
      y: { ...axis, label: 'precision, %' },
      marks: [Plot.ruleX([0]), Plot.ruleY([0]), ...lines],
    },
    alt,
  );
}

/** Curves of the mean over the classes, one per IoU threshold. */
export function curvesByIou(plotter: Plotter, { curves, recallThresholds, type }: ObjectFigures): Html | undefined {
  const mean = curves.filter(
    ({ name, iou, precision }) => name === undefined && iou !== undefined && precision.some(exists),
  );
  if (mean.length === 0) return undefined;
  const drawn = mean.map((curve, i) => ({
    curve,
    name: `${overlapName(type)} ${curve.iou?.toFixed(2)}`,
    color: `color-mix(in oklab, var(--accent) ${Math.round(100 - (100 * i) / Math.max(1, mean.length - 1))}%, var(--alarm))`,
    dash: 'none',
  }));
  const alt =
    'Precision over recall, mean over the classes. Average precision in per cent: ' +
    `${drawn.map(({ curve, name }) => `${percentText(meanOf(curve))} at ${name}`).join(', ')}.`;
  const items = drawn.map(({ curve, name, color }) => ({
    name: html`${name} <small>${percentText(meanOf(curve))}</small>`,
    color,
    dash: 'none',
  }));
  return figure(
    'Precision and recall by overlap',
    `Mean over the classes. A curve for each threshold of ${overlapName(type)}, with its AP.`,
    curvePlot(plotter, drawn, recallThresholds, alt, { width: 500, height: 380 }),
    legend(items),
  );
}

/** Curves of classes at IoU 0.5, or of the mean over the thresholds: those with the most truths. */
export function curvesByClass(
  plotter: Plotter,
  { curves, perClass, recallThresholds, type }: ObjectFigures,
): Html | undefined {
  const named = curves.filter(({ name, precision }) => name !== undefined && precision.some(exists));
  const atHalf = named.filter(({ iou }) => iou !== undefined && Math.abs(iou - 0.5) < 1e-9);
  const candidates = atHalf.length > 0 ? atHalf : named.filter(({ iou }) => iou === undefined);
  if (candidates.length === 0) return undefined;
  const truths = new Map(perClass.map((one) => [one.name, one.truths]));
  const chosen = candidates
    .map((curve) => ({ curve, truths: truths.get(curve.name ?? '') ?? 0 }))
    .sort((a, b) => b.truths - a.truths)
    .slice(0, mostCurves);
  const names = axisNames(
    chosen.map(({ curve }) => curve.name ?? ''),
    28,
  );
  const drawn = chosen.map(({ curve }, i) => ({ curve, name: names[i]!, color: lineColor(i), dash: lineDash(i) }));
  const of =
    candidates.length > chosen.length
      ? ` The ${chosen.length} of ${candidates.length} classes with the most objects.`
      : '';
  const alt = `Precision over recall by class. Average precision in per cent: ${drawn.map(({ curve, name }) => `${name} ${percentText(meanOf(curve))}`).join(', ')}.`;
  return figure(
    'Precision and recall by class',
    `${atHalf.length > 0 ? `At ${overlapName(type)} 0.50.` : `Mean over the thresholds of ${overlapName(type)}.`}${of} With their AP.`,
    curvePlot(plotter, drawn, recallThresholds, alt),
    legend(
      drawn.map(({ curve, name, color, dash }) => ({
        name: html`<bdi>${name}</bdi> <small>${percentText(meanOf(curve))}</small>`,
        color,
        dash,
      })),
    ),
  );
}

const sizeNames = ['small', 'medium', 'large'] as const;

/** AP and recall by the size of objects. */
export function sizesPlot({ Plot, draw }: Plotter, { stats, statNames }: ObjectFigures): Html | undefined {
  const bars = sizeNames.flatMap((size) =>
    (['AP', 'AR'] as const).flatMap((measure) => {
      const value = stats[statNames.findIndex((name) => name.startsWith(measure) && name.endsWith(size))];
      return value === undefined ? [] : [{ size, measure, value }];
    }),
  );
  if (!bars.some(({ value }) => exists(value))) return undefined;
  const there = bars.filter(({ value }) => exists(value));
  const plot = draw(
    {
      height: 240,
      marginLeft: 44,
      marginBottom: 40,
      fx: { domain: sizeNames.filter((size) => bars.some((bar) => bar.size === size)), label: null, padding: 0.15 },
      x: { axis: null, domain: ['AP', 'AR'], padding: 0.12 },
      y: {
        ...share,
        domain: [0, Math.max(0.1, ...there.map(({ value }) => value)) * 1.12],
        grid: true,
        ticks: 4,
        label: '%',
        labelArrow: 'none',
      },
      marks: [
        Plot.barY(there, {
          fx: 'size',
          x: 'measure',
          y: 'value',
          fill: (bar) => (bar.measure === 'AP' ? 'var(--accent)' : 'var(--hit)'),
        }),
        Plot.text(bars, {
          fx: 'size',
          x: 'measure',
          y: ({ value }) => (exists(value) ? value : 0),
          text: ({ value }) => (exists(value) ? percentText(value) : '–'),
          dy: -8,
        }),
        Plot.ruleY([0]),
      ],
    },
    `Average precision and recall by size of the object: ${bars.map(({ size, measure, value }) => `${measure} ${size} ${exists(value) ? `${percentText(value)} per cent` : 'none'}`).join(', ')}.`,
  );
  const missing = bars.some(({ value }) => !exists(value)) ? ' A dash: no object of this size.' : '';
  return figure(
    'Size of objects',
    `Small: under 32 × 32 pixels; large: over 96 × 96.${missing}`,
    plot,
    legend([
      { name: 'AP', color: 'var(--accent)' },
      { name: 'AR, recall', color: 'var(--hit)' },
    ]),
  );
}

/** A bar of a list by class. */
export interface NamedValue {
  readonly name: string;
  readonly value: number;
  /** A second figure, as a dot. */
  readonly dot?: number | undefined;
}

/** More bars than this are not read. */
const mostBars = 60;

/** Bars by class, the best on top. */
export function classBars(
  { Plot, draw }: Plotter,
  all: readonly NamedValue[],
  { caption, alt, value, dot }: { caption: string; alt: string; value: string; dot: string },
): Html | undefined {
  const there = all.filter((one) => exists(one.value)).sort((a, b) => b.value - a.value);
  if (there.length === 0) return undefined;
  const half = mostBars / 2;
  const shown = there.length <= mostBars ? there : [...there.slice(0, half), ...there.slice(-half)];
  const names = axisNames(shown.map(({ name }) => name));
  const bars = shown.map((one, i) => ({ ...one, label: names[i]! }));
  const most = Math.max(0.05, ...bars.flatMap((one) => [one.value, one.dot ?? 0]));
  const dots = bars.filter((one) => exists(one.dot));
  const plot = draw(
    {
      height: 46 + 24 * bars.length,
      marginLeft: roomFor(names),
      marginRight: 40,
      marginTop: 10,
      marginBottom: 40,
      x: {
        ...share,
        domain: [0, most],
        grid: true,
        ticks: 4,
        label: `${value}, %`,
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: { domain: names, label: null, tickSize: 0, padding: 0.3 },
      marks: [
        Plot.barX(bars, { x: 'value', y: 'label', fill: 'var(--accent)' }),
        Plot.dot(dots, { x: 'dot', y: 'label', r: 4, fill: 'var(--sheet)', stroke: 'var(--alarm)', strokeWidth: 2 }),
        Plot.text(bars, { x: most, y: 'label', text: (one) => percentText(one.value), textAnchor: 'start', dx: 8 }),
        Plot.ruleX([0]),
      ],
    },
    `${alt} In per cent: ${bars
      .slice(0, 20)
      .map(({ label, value: figure }) => `${label} ${percentText(figure)}`)
      .join(', ')}${bars.length > 20 ? ', …' : ''}.`,
  );
  const cut = shown.length < there.length ? ` The best ${half} and the worst ${half} of ${there.length} classes.` : '';
  const none =
    all.length > there.length
      ? ` ${all.length - there.length} without objects ${all.length - there.length === 1 ? 'is' : 'are'} left out.`
      : '';
  const items = [
    { name: value, color: 'var(--accent)' },
    { name: dot, color: 'var(--alarm)', ring: true },
  ];
  return figure(caption, `${cut}${none}`.trim(), plot, dots.length > 0 && legend(items));
}

/** What AP would gain without errors of each type. */
export function errorsPlot({ Plot, draw }: Plotter, { ap, gain, count: counts, foreground }: ErrorFigures): Html {
  const bars = [
    ...errorTypes.map((type) => ({ name: errorNames[type], gain: gain[type], count: counts[type] })),
    { name: 'false positives', gain: gain.falsePositive, count: undefined },
    { name: 'false negatives', gain: gain.falseNegative, count: undefined },
  ];
  const labelOf = (bar: (typeof bars)[number]) =>
    `${percentText(bar.gain)}${bar.count === undefined ? '' : ` (${count(bar.count)})`}`;
  const plot = draw(
    {
      height: 270,
      marginLeft: 108,
      marginRight: 84,
      marginTop: 10,
      marginBottom: 36,
      x: {
        ...share,
        domain: [0, Math.max(0.02, ...bars.map((bar) => bar.gain))],
        grid: true,
        ticks: 4,
        label: 'gain in AP, points',
        labelAnchor: 'center',
        labelArrow: 'none',
      },
      y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0, padding: 0.3 },
      marks: [
        Plot.barX(bars, {
          x: 'gain',
          y: 'name',
          fill: (bar) => (bar.count === undefined ? 'var(--quiet)' : 'var(--alarm)'),
        }),
        Plot.text(bars, { x: 'gain', y: 'name', text: labelOf, textAnchor: 'start', dx: 6 }),
        Plot.ruleX([0]),
      ],
    },
    `Gain in AP without errors of a type, in points: ${bars.map((bar) => `${bar.name} ${percentText(bar.gain)}`).join(', ')}.`,
  );
  return figure(
    'What costs precision',
    `How much AP at IoU ${foreground.toFixed(2)} (${percentText(ap)}) would gain if errors of one type were mended, and how many there are. TIDE.`,
    plot,
  );
}

/** Shares of right detections by score. */
export function reliabilityPlot(
  { Plot, draw }: Plotter,
  { bins, ece, mce, iou }: CalibrationFigures,
  overlap: string,
): Html {
  const filled = bins.filter((bin) => bin.count > 0);
  const total = filled.reduce((sum, bin) => sum + bin.count, 0);
  const axis = { ...share, labelAnchor: 'center', labelArrow: 'none' } as const;
  const plot = draw(
    {
      height: 290,
      marginLeft: 44,
      marginBottom: 40,
      x: { ...axis, label: 'score, %' },
      y: { ...axis, label: 'right, %', grid: true },
      marks: [
        Plot.rect(filled, {
          x1: 'from',
          x2: 'to',
          y1: 0,
          y2: 'accuracy',
          fill: 'var(--accent)',
          inset: 0.5,
          title: (bin) => `${percentText(bin.accuracy)} % of ${count(bin.count)} are right`,
        }),
        Plot.rect(filled, {
          x1: 'from',
          x2: 'to',
          y1: 'accuracy',
          y2: 'meanScore',
          fill: 'var(--alarm)',
          fillOpacity: 0.22,
          stroke: 'var(--alarm)',
          strokeDasharray: '3 2',
          inset: 0.5,
        }),
        Plot.line(
          [
            [0, 0],
            [1, 1],
          ],
          { stroke: 'var(--quiet)', strokeDasharray: '5 4' },
        ),
        Plot.ruleY([0]),
        Plot.ruleX([0]),
      ],
    },
    `Reliability: share of right detections by score. Expected calibration error ${percentText(ece)} per cent, largest ${percentText(mce)} per cent. ` +
      `${filled.map((bin) => `score ${percentText(bin.from, 0)} to ${percentText(bin.to, 0)}: ${percentText(bin.accuracy, 0)} per cent of ${bin.count}`).join(', ')}.`,
  );
  return figure(
    'Calibration',
    `Of the detections with a score, how many are right at ${overlap} ${iou.toFixed(2)}. ECE ${percentText(ece)} %, largest gap ${percentText(mce)} %, ${count(total)} detections.`,
    plot,
    legend([
      { name: 'right', color: 'var(--accent)' },
      { name: 'gap to the mean score', color: 'color-mix(in srgb, var(--alarm) 35%, var(--sheet))' },
      { name: 'ideal', color: 'var(--quiet)', dash: '5 4' },
    ]),
  );
}

/** How many hits and false alarms have which score. Each has its own scale, since false alarms of low scores are many. */
export function scoresPlot({ Plot, draw }: Plotter, { bins, iou }: CalibrationFigures, overlap: string): Html {
  const halves = [
    { name: 'hits', color: 'var(--hit)', of: (bin: (typeof bins)[number]) => Math.round(bin.count * bin.accuracy) },
    {
      name: 'false alarms',
      color: 'var(--alarm)',
      of: (bin: (typeof bins)[number]) => bin.count - Math.round(bin.count * bin.accuracy),
    },
  ];
  const plots = halves.map(({ name, color, of }, i) => {
    const bars = bins.map((bin) => ({ from: bin.from, to: bin.to, n: of(bin) }));
    return draw(
      {
        height: i === 0 ? 125 : 150,
        width: plotWidth,
        marginLeft: 52,
        marginTop: 24,
        marginBottom: i === 0 ? 16 : 38,
        x: {
          ...share,
          label: i === 0 ? null : 'score, %',
          labelAnchor: 'center',
          labelArrow: 'none',
          tickFormat: i === 0 ? () => '' : share.tickFormat,
        },
        y: {
          grid: true,
          ticks: 3,
          label: name,
          labelArrow: 'none',
          domain: [0, Math.max(1, ...bars.map(({ n }) => n))],
          tickFormat: (n: number) => (Number.isInteger(n) ? count(n) : ''),
        },
        marks: [Plot.rect(bars, { x1: 'from', x2: 'to', y1: 0, y2: 'n', fill: color, inset: 0.5 }), Plot.ruleY([0])],
      },
      `Number of ${name} by score: ${bars.map(({ from, to, n }) => `${percentText(from, 0)} to ${percentText(to, 0)}: ${n}`).join(', ')}.`,
    );
  });
  return figure(
    'Scores of hits and false alarms',
    `At ${overlap} ${iou.toFixed(2)}. Each with a scale of its own.`,
    html`<div>${plots}</div>`,
  );
}
