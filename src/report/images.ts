import { MoganetError } from '../errors.ts';
import { type CocoType, cocoTypeNames } from '../evaluate/coco_parameters.ts';
import type { DataFacts, ImageRow, MatchCounts, ShownImage } from '../evaluate/evaluation.ts';
import { type LabelMap, sameSize } from '../image/raster.ts';
import { colorFor } from '../render/colors.ts';
import { cutName, type Html, type HtmlValue, html, nameHtml, nothing, table } from './html.ts';
import { count, counted, errorNames, exists, none, percent, percentText } from './numbers.ts';
import { type MarkKind, type Marks, markKinds, markSwitches, marksOf, overlay } from './overlay.ts';
import { errorPicture, labelPicture, type Picture, type PictureCodec, pictureOf } from './pictures.ts';
import { legend } from './plots.ts';

/** Images with what was found in them, and the table of all images. */

/** The measures by which images are chosen, in sentences. */
export const measureNames = {
  ...cocoTypeNames,
  semseg: 'label maps',
  classification: 'classes',
} satisfies Readonly<Record<ShownImage['by'], string>>;

/** Writes a card for each image, one after the other, so that few rasters are in memory. */
export async function imageCards(images: readonly ShownImage[], data: DataFacts, codec: PictureCodec): Promise<Html> {
  const cards: Html[] = [];
  for (const image of images) cards.push(await imageCard(image, data, codec));
  const marked = images.some((image) => isObjects(image.by));
  const broad = images.some((image) => image.by === 'semseg');
  return html`${marked && markSwitches}<div class="shown${broad && ' broad'}">${cards}</div>`;
}

/** Tells if an image is shown by one of COCO's three measures. */
export const isObjects = (by: ShownImage['by']): by is CocoType => by === 'bbox' || by === 'segm' || by === 'keypoints';

/** Writes one image. `heading` stands before its name. */
export async function imageCard(
  image: ShownImage,
  data: DataFacts,
  codec: PictureCodec,
  heading: HtmlValue = nothing,
): Promise<Html> {
  const { row, by } = image;
  const picture = await pictureOf({ file: row.file, bytes: () => image.bytes() }, codec);
  const marks = isObjects(by) ? marksOf(image) : undefined;
  const head = html`<figcaption>${heading}${nameHtml(row.file, 56)}<small>${rowFigures(row, by) ?? (marks && countsText(marks))}</small></figcaption>`;
  if (typeof picture === 'string') {
    return html`<figure class="card">${head}<p class="small">The image cannot be shown: ${cutName(picture, 300)}</p>${marks && marksTable(marks)}</figure>`;
  }
  if (by === 'semseg') return html`<figure class="card">${head}${await labelPanels(image, data, picture)}</figure>`;
  return html`<figure class="card">${head}${framed(picture, altOf(image, marks), marks && overlay(marks, picture, data.keypoints?.skeleton))}${marks && marksTable(marks)}</figure>`;
}

/** Writes an image, and what lies over it. */
const framed = ({ url, size }: Picture, alt: string, over: HtmlValue): Html =>
  html`<div class="picture"><img src="${url}" width="${size.width}" height="${size.height}" alt="${alt}" decoding="async">${over}</div>`;

function altOf({ row, by }: ShownImage, marks: Marks | undefined): string {
  if (!marks) return by === 'classification' ? 'The image that was classified.' : 'The image.';
  const { hit, alarm, miss } = marks.counts;
  return `The image with ${counted(hit, 'hit')}, ${counted(alarm, 'false alarm')} and ${counted(miss, 'missed object')}${row.size.width > 0 ? `, ${row.size.width} × ${row.size.height} pixels` : ''}.`;
}

/** What was found in an image without figures. */
const countsText = ({ counts: { hit, alarm, miss } }: Marks): string =>
  `${count(hit)} hit · ${count(alarm)} false · ${count(miss)} missed`;

/** Writes the figures of an image in one line. */
function rowFigures(row: ImageRow, by: ShownImage['by']): HtmlValue {
  if (isObjects(by)) {
    const found = row[by];
    return (
      found &&
      html`F1 ${percent(found.f1, 'nothing to find')} · AP ${percent(found.ap, 'nothing to find')} · ${count(found.tp)} hit · ${count(found.fp)} false · ${count(found.fn)} missed`
    );
  }
  if (by === 'semseg') {
    return (
      row.semseg &&
      html`mIoU ${percent(row.semseg.miou, 'nothing is labelled')} · ${percent(row.semseg.aacc, 'nothing is labelled')} % of the pixels right`
    );
  }
  const found = row.classification;
  return (
    found &&
    html`is ${nameHtml(found.truth, 30)}, predicted ${nameHtml(found.predicted, 30)} with ${percentText(found.score)} %; the right class has rank ${found.rank + 1}`
  );
}

/** Lists what is drawn, as text: for those who do not see the image, and for names and scores that have no room on it. */
function marksTable(marks: Marks): Html {
  const kinds = (['hit', 'alarm', 'miss'] as const).filter((kind) => marks.counts[kind] > marks.drawn[kind]);
  const cut = kinds.map((kind) => `${marks.drawn[kind]} of ${count(marks.counts[kind])} ${markKinds[kind].names}`);
  const order: readonly MarkKind[] = ['miss', 'alarm', 'hit'];
  const rows = order.flatMap((kind) => marks.list.filter((mark) => mark.kind === kind));
  return html`${cut.length > 0 && html`<p class="small">Drawn: ${cut.join(', ')}, those with the highest scores.</p>`}${
    rows.length > 0 &&
    html`<details><summary>List of ${counted(rows.length, 'mark')}</summary>${table(
      'Marks on this image',
      [{ head: 'kind' }, { head: 'class' }, { head: 'score, %', numeric: true }, { head: 'error' }],
      rows.map(({ kind, thing }) => [
        `${markKinds[kind].letter} ${markKinds[kind].name}`,
        nameHtml(thing.name, 30),
        thing.score === undefined ? none('a truth has no score') : percentText(thing.score),
        thing.error === undefined ? '' : errorNames[thing.error],
      ]),
    )}</details>`
  }`;
}

/** The truth, the prediction and the wrong pixels over the image, with the classes that occur. */
async function labelPanels(image: ShownImage, { labelClasses = [] }: DataFacts, picture: Picture): Promise<Html> {
  const truth = await labelsOf(image);
  const { predicted } = image;
  const seen = new Set<number>();
  const panel = (title: string, alt: string, url: string) =>
    html`<div><h3>${title}</h3>${framed(picture, alt, html`<img class="labels" src="${url}" alt="" decoding="async">`)}</div>`;
  const colored = (title: string, map: LabelMap | string | undefined) => {
    if (map === undefined || typeof map === 'string')
      return html`<div><h3>${title}</h3><p class="small">${map ?? 'There is no label map.'}</p></div>`;
    const { url, seen: labels } = labelPicture(map, labelClasses.length);
    for (const label of labels) seen.add(label);
    return panel(title, `The image with the classes of the ${title} as colours.`, url);
  };
  const both =
    typeof truth === 'object' && predicted !== undefined && sameSize(truth, predicted)
      ? { truth, predicted }
      : undefined;
  const panels = [colored('truth', truth), colored('prediction', predicted)];
  if (both)
    panels.push(
      panel(
        'wrong pixels',
        'The image with its wrong pixels in orange.',
        errorPicture(both.truth, both.predicted, labelClasses.length),
      ),
    );
  const entries = [...seen]
    .sort((a, b) => a - b)
    .map((label) => ({ name: nameHtml(labelClasses[label] ?? '', 24), color: `rgb(${colorFor(label).join(' ')})` }));
  return html`<div class="panels">${panels}</div>${legend(entries)}${both && agreement(both.truth, both.predicted, labelClasses)}`;
}

/** Reads the label map of the truth. Returns the reason if it cannot be read: a report is useful without it. */
async function labelsOf(image: ShownImage): Promise<LabelMap | string | undefined> {
  try {
    return await image.labels?.();
  } catch (error) {
    if (error instanceof MoganetError) return `The label map cannot be shown: ${cutName(error.message, 300)}`;
    throw error;
  }
}

/** Lists the classes of one image with the most wrong pixels. */
function agreement(truth: LabelMap, predicted: LabelMap, classes: readonly string[]): Html {
  const wrong = new Uint32Array(classes.length);
  const total = new Uint32Array(classes.length);
  for (let i = 0; i < truth.labels.length; i++) {
    const label = truth.labels[i]!;
    if (label >= classes.length) continue;
    total[label]!++;
    if (predicted.labels[i] !== label) wrong[label]!++;
  }
  const worst = [...wrong.entries()]
    .filter(([, pixels]) => pixels > 0)
    .sort((x, y) => y[1] - x[1])
    .slice(0, 3);
  if (worst.length === 0) return nothing;
  return html`<p class="small">Most wrong pixels: ${worst.map(
    ([label, pixels], i) =>
      html`${i > 0 && ', '}${nameHtml(classes[label] ?? '', 24)} (${percentText(pixels / total[label]!, 0)} % of its pixels)`,
  )}.</p>`;
}

const mostRows = 200;

/** Lists the images, the worst first. */
export function imageTable(rows: readonly ImageRow[], by: ShownImage['by']): Html {
  const sorted = [...rows].sort((a, b) => badness(b, by) - badness(a, by) || errorsOf(b, by) - errorsOf(a, by));
  const shown = sorted.slice(0, mostRows);
  const note =
    shown.length < rows.length
      ? `The worst ${mostRows} of ${count(rows.length)}, by ${measureNames[by]}.`
      : `All ${counted(rows.length, 'image')}, the worst first, by ${measureNames[by]}.`;
  const heads = isObjects(by)
    ? ['F1', 'AP', 'hits', 'false', 'missed']
    : by === 'semseg'
      ? ['mIoU', 'pixels right']
      : ['truth', 'predicted', 'score', 'rank'];
  const columns = heads.map((head) => ({ head, numeric: head !== 'truth' && head !== 'predicted' }));
  const rowsOf = shown.map((row) => [nameHtml(row.file, 48), ...cellsOf(row, by)]);
  if (shown.some(({ milliseconds }) => milliseconds !== undefined)) {
    columns.push({ head: 'ms', numeric: true });
    for (const [i, { milliseconds }] of shown.entries()) {
      rowsOf[i]?.push(milliseconds === undefined ? none('not timed') : count(Math.round(milliseconds)));
    }
  }
  return html`<details><summary>Table of the images</summary>${table(
    html`Images <small>${note} Shares in per cent.</small>`,
    [{ head: 'image' }, ...columns],
    rowsOf,
  )}</details>`;
}

function cellsOf(row: ImageRow, by: ShownImage['by']): HtmlValue[] {
  const missing = none('this image was not measured');
  if (isObjects(by)) {
    const found = row[by];
    if (!found) return [missing, missing, missing, missing, missing];
    return [
      percent(found.f1, 'nothing to find'),
      percent(found.ap, 'nothing to find'),
      ...[found.tp, found.fp, found.fn].map(count),
    ];
  }
  if (by === 'semseg') {
    const reason = 'nothing of this image is labelled';
    return [percent(row.semseg?.miou, reason), percent(row.semseg?.aacc, reason)];
  }
  const found = row.classification;
  if (!found) return [missing, missing, missing, missing];
  return [nameHtml(found.truth, 30), nameHtml(found.predicted, 30), percent(found.score, 'no score'), found.rank + 1];
}

/** Higher is worse. */
function badness(row: ImageRow, by: ShownImage['by']): number {
  if (isObjects(by)) return row[by] ? 1 - row[by].f1 : -1;
  if (by === 'semseg') return row.semseg && exists(row.semseg.miou) ? 1 - row.semseg.miou : -1;
  return row.classification?.rank ?? -1;
}

const errorsOf = (row: ImageRow, by: ShownImage['by']): number =>
  isObjects(by) ? wrongs(row[by]) : (row.classification?.score ?? 0);
const wrongs = (found: MatchCounts | undefined): number => (found ? found.fp + found.fn : 0);
