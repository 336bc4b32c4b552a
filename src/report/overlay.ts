import type { ShownDetection, ShownTruth } from '../evaluate/evaluation.ts';
import type { Scale } from '../postprocess/boxes.ts';
import { pointsOf, type Ring } from '../postprocess/polygons.ts';
import type { Rle } from '../postprocess/rle.ts';
import type { Rect } from '../render/canvas.ts';
import { placeLabels } from '../render/labels.ts';
import { drawnKeypoints, outlinesOf, type Skeleton, short } from './drawing.ts';
import { cutName, type Html, html, nothing } from './html.ts';
import { errorNames, percentText } from './numbers.ts';
import type { Picture } from './pictures.ts';

/**
 * Hits, false alarms and misses over an image, as SVG: sharp at every size, in the colours of the page, each kind with a
 * letter and with lines of its own, so that colour is not the only sign.
 */

/** The kinds of marks. */
export const markKinds = {
  hit: { letter: 'H', name: 'hit', names: 'hits', dash: 'none' },
  alarm: { letter: 'F', name: 'false alarm', names: 'false alarms', dash: '9 5' },
  miss: { letter: 'M', name: 'missed', names: 'misses', dash: '2 4' },
} as const;
/** A kind of marks. */
export type MarkKind = keyof typeof markKinds;

type Thing = Pick<ShownDetection, 'name' | 'box' | 'mask' | 'keypoints' | 'error'> & {
  readonly score?: number | undefined;
};

/** A mark on an image. */
interface Mark {
  readonly kind: MarkKind;
  readonly thing: Thing;
}

/** What is drawn of an image. False alarms of low scores are many: those of the highest scores are drawn. */
export interface Marks {
  readonly list: readonly Mark[];
  readonly counts: Readonly<Record<MarkKind, number>>;
  readonly drawn: Readonly<Record<MarkKind, number>>;
}

/** Chooses what is drawn: every miss and hit up to a bound, and the false alarms with the highest scores. */
export function marksOf(
  { truths, detections }: { readonly truths: readonly ShownTruth[]; readonly detections: readonly ShownDetection[] },
  most = { hit: 60, alarm: 20, miss: 60 },
): Marks {
  const things = {
    hit: detections.filter(({ status }) => status === 'hit'),
    alarm: detections.filter(({ status }) => status === 'false'),
    miss: truths.filter(({ status }) => status === 'missed'),
  };
  const kinds = ['alarm', 'miss', 'hit'] as const;
  const list = kinds.flatMap((kind) => things[kind].slice(0, most[kind]).map((thing: Thing) => ({ kind, thing })));
  const amounts = (of: (kind: MarkKind) => number) => ({ hit: of('hit'), alarm: of('alarm'), miss: of('miss') });
  return {
    list,
    counts: amounts((kind) => things[kind].length),
    drawn: amounts((kind) => Math.min(most[kind], things[kind].length)),
  };
}

/** Up to so many marks have their names beside the letters. */
const mostNamed = 12;

/** Draws the marks over an image: all lines, and above them the plates, which keep clear of each other. */
export function overlay({ list }: Marks, { size, original }: Picture, skeleton: Skeleton = []): Html {
  const scale = { x: size.width / original.width, y: size.height / original.height };
  const drawn = list.map((mark) => {
    const box = boxOf(mark.thing, scale, size);
    const rings = mark.thing.mask === undefined ? [] : shownOutlines(mark.thing.mask, scale);
    const label = labelOf(mark, list.length <= mostNamed);
    return { ...mark, label, rings, box, at: rings.length === 0 ? box : topOf(rings, box) };
  });
  // hits are last, so that their lines lie above; the plates are placed from the last on
  const plates = placeLabels(
    drawn.map(({ at, label }) => ({ box: at, width: plateWidth(label), height: plateHeight })).reverse(),
    size,
  ).reverse();
  return html`<svg class="marks" viewBox="0 0 ${size.width} ${size.height}" aria-hidden="true">${drawn.map(
    ({ kind, thing, box, rings }) =>
      linesSvg(kind, thing, rings.length === 0 ? boxPath(box) : pathOf(rings), rings.length > 0, scale, skeleton),
  )}${drawn.map(({ kind, at, label }, i) => plateSvg(kind, label, plates[i]!, at))}</svg>`;
}

const plateHeight = 16;
const plateWidth = (label: string): number => Math.ceil(8 + 6.8 * Array.from(label).length);

/** Scores of poses may be above 1, and are not shares then. */
function scoreOf({ score }: Thing): string {
  if (score === undefined) return '';
  return score > 1 ? ` ${score.toFixed(2)}` : ` ${percentText(score, 0)} %`;
}

const labelOf = ({ kind, thing }: Mark, named: boolean): string =>
  named ? `${markKinds[kind].letter} ${cutName(thing.name, 16)}${scoreOf(thing)}` : markKinds[kind].letter;

/** Returns the box in whole pixels of what is shown, within it. */
function boxOf({ box: [x1, y1, x2, y2] }: Thing, scale: Scale, size: Picture['size']): Rect {
  const within = (value: number, most: number) => Math.round(Math.min(Math.max(value, 1), Math.max(1, most - 1)));
  return {
    left: within(x1 * scale.x, size.width),
    top: within(y1 * scale.y, size.height),
    right: within(x2 * scale.x, size.width),
    bottom: within(y2 * scale.y, size.height),
  };
}

const boxPath = ({ left, top, right, bottom }: Rect): string => `M${left} ${top}H${right}V${bottom}H${left}Z`;

function linesSvg(kind: MarkKind, thing: Thing, path: string, filled: boolean, scale: Scale, skeleton: Skeleton): Html {
  const title = `${markKinds[kind].name}: ${cutName(thing.name, 60)}${scoreOf(thing)}${thing.error === undefined ? '' : ` (${errorNames[thing.error]})`}`;
  // a dark line below keeps dashes visible on any image
  return html`<g class="${kind}"><title>${title}</title><path class="below" d="${path}"/><path class="line${filled && ' fill'}" d="${path}"/>${keypointsSvg(thing, scale, skeleton)}</g>`;
}

/** A plate with a letter, and a line into its box if it had to move away. */
function plateSvg(kind: MarkKind, label: string, plate: Rect, box: Rect): Html {
  const apart =
    plate.bottom < box.top - 2 ||
    plate.top > box.bottom + 2 ||
    plate.right < box.left - 2 ||
    plate.left > box.right + 2;
  const nearest = (from: number, to: number, low: number, high: number) =>
    Math.round(Math.min(Math.max((from + to) / 2, low), high));
  const line = `M${nearest(plate.left, plate.right, plate.left, plate.right)} ${nearest(plate.top, plate.bottom, plate.top, plate.bottom)}L${nearest(plate.left, plate.right, box.left, box.right)} ${nearest(plate.top, plate.bottom, box.top, box.bottom)}`;
  const width = plate.right - plate.left;
  // the letters take the plate's width, whatever the font
  return html`<g class="${kind}">${apart && html`<path class="lead-line" d="${line}"/>`}<rect class="plate" x="${plate.left}" y="${plate.top}" width="${width}" height="${plate.bottom - plate.top}" rx="2"/><text x="${plate.left + 4}" y="${plate.top + 12}"${label.length > 1 && html` textLength="${width - 8}" lengthAdjust="spacingAndGlyphs"`}>${label}</text></g>`;
}

/** Returns the outlines of a mask in pixels of what is shown. */
const shownOutlines = (mask: Rle, scale: Scale): Ring[] =>
  outlinesOf(mask, scale).map((ring) => ring.map((value, i) => short(value * (i % 2 === 0 ? scale.x : scale.y))));

const pathOf = (rings: readonly Ring[]): string =>
  rings
    .map(
      (ring) =>
        `M${pointsOf(ring)
          .map(({ x, y }) => `${x} ${y}`)
          .join('L')}Z`,
    )
    .join('');

/** Returns a small box at the top of a mask: the box around a slanted one has its corners far from it. */
function topOf(rings: readonly Ring[], box: Rect): Rect {
  const { x, y } = rings.flatMap(pointsOf).reduce((top, point) => (point.y < top.y ? point : top));
  const left = Math.max(box.left, Math.round(x) - 6);
  const top = Math.round(y);
  return {
    left,
    top,
    right: Math.max(left + 1, Math.min(box.right, left + 12)),
    bottom: Math.max(top + 1, Math.min(box.bottom, top + 12)),
  };
}

function keypointsSvg({ keypoints }: Thing, scale: Scale, skeleton: Skeleton): Html {
  if (!keypoints) return nothing;
  const { points, links } = drawnKeypoints(keypoints, scale, skeleton);
  return html`<path class="below" d="${links}"/><path class="line link" d="${links}"/>${points.map(({ x, y }) => html`<circle cx="${x}" cy="${y}" r="3"/>`)}`;
}

/** Rules of the marks. `:has` lets a box of the legend hide a kind without a script. */
export const overlayStyles = `
.shown { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1.25rem; align-items: start; }
.shown.broad { grid-template-columns: minmax(0, 1fr); }
.picture { position: relative; overflow: hidden; border-radius: 0.5rem; background: var(--sunken); line-height: 0; }
.picture > img { width: 100%; height: auto; }
.picture > .marks { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture > .labels { position: absolute; inset: 0; width: 100%; height: 100%; opacity: 0.62; }
.marks .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; paint-order: stroke; }
.marks text { font: 600 11px system-ui, sans-serif; fill: #fff; }
.marks .hit { --mark: #0f766e; --bright: #5eead4; }
.marks .alarm { --mark: #b5460f; --bright: #ff9d5c; }
.marks .miss { --mark: #8b2fa8; --bright: #eab0ff; }
.marks .below { fill: none; stroke: #000; stroke-opacity: 0.5; stroke-width: 4.5; stroke-linejoin: round; }
.marks .line { stroke: var(--bright); }
.marks .fill { fill: var(--bright); fill-opacity: 0.16; fill-rule: evenodd; }
.marks circle { fill: var(--bright); stroke: #000; stroke-width: 0.75; }
.marks .lead-line { stroke: var(--bright); stroke-width: 1.5; }
.marks .plate { fill: var(--mark); stroke: #fff; stroke-opacity: 0.55; }
.marks .link { stroke-linecap: round; }
.marks .alarm .line { stroke-dasharray: 9 5; }
.marks .miss .line { stroke-dasharray: 2 4; stroke-width: 3; stroke-linecap: round; }
.marks g:hover .line { stroke-width: 5; }
.switches { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; align-items: center; margin: 0; padding-block: 0.6rem; }
.switches legend { float: left; padding: 0; color: var(--quiet); }
.switches label { display: inline-flex; gap: 0.45rem; align-items: center; cursor: pointer; min-height: 1.75rem; }
.switches input { width: 1.05rem; height: 1.05rem; margin: 0; accent-color: var(--accent); }
.switches svg { flex: none; }
${(Object.keys(markKinds) as MarkKind[]).map((kind) => `main:has(#show-${kind}:not(:checked)) .marks .${kind} { display: none; }`).join('\n')}
`;

/** The legend of the marks: a box for each kind, which hides it. It works without a script. */
export const markSwitches: Html = html`<fieldset class="switches card"><legend>Show</legend>${(
  Object.keys(markKinds) as MarkKind[]
).map((kind) => {
  const { letter, names, dash } = markKinds[kind];
  return html`<label><input type="checkbox" id="show-${kind}" checked autocomplete="off"><svg width="46" height="18" aria-hidden="true"><rect width="18" height="18" rx="3" fill="var(--${kind})"/><text x="9" y="13" text-anchor="middle" font-size="12" font-weight="600" fill="var(--sheet)">${letter}</text><path d="M20 9H46" stroke="var(--${kind})" stroke-width="3" stroke-dasharray="${dash}"/></svg>${names}</label>`;
})}</fieldset>`;
