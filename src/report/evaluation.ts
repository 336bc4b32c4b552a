import type { Evaluation, ShownImage } from '../evaluate/evaluation.ts';
import { aboutSection, defaultImages, type ReportOptions, titleOf } from './about.ts';
import { classificationSection, labelMapSection } from './dense.ts';
import { type Html, type HtmlValue, html, nameHtml, nothing, pageHtml, remarksBox, type Section } from './html.ts';
import { imageCards, imageTable, isObjects, measureNames } from './images.ts';
import { count, counted, exists, none, overlapName, percentText } from './numbers.ts';
import { objectSection, objectTitle } from './objects.ts';
import { overlayStyles } from './overlay.ts';
import type { PictureCodec } from './pictures.ts';
import { plotter } from './plots.ts';
import { reportStyles } from './styles.ts';

export type { ReportOptions } from './about.ts';

/** The report of an evaluation: one HTML file that needs nothing else. */

/**
 * Writes an evaluation as one HTML file: figures, curves, classes, error types, confusion, calibration, and the worst
 * images with hits, false alarms and misses. It makes no request and runs no script.
 *
 * @param evaluation its `shown` images are read one after the other
 * @param codec reads their files, and writes them small as JPEG
 * @throws UnsupportedError if the optional packages `@observablehq/plot` and `linkedom` are not installed
 */
export async function evaluationReport(
  evaluation: Evaluation,
  codec: PictureCodec,
  options: ReportOptions = {},
): Promise<string> {
  const plots = await plotter();
  const { data, model, results, bbox, segm, keypoints, semseg, classification } = evaluation;
  const subject = model?.name ?? results?.name ?? 'results';
  const objects = [bbox, segm, keypoints].filter((figures) => figures !== undefined);
  const sections: Section[] = objects.map((figures) => objectSection(figures, plots));
  if (semseg) sections.push(labelMapSection(semseg, plots));
  if (classification) sections.push(classificationSection(classification, plots));
  sections.push(...(await imageSections(evaluation, codec, options.maxImages ?? defaultImages)));
  sections.push(aboutSection(evaluation, options));
  return pageHtml({
    title: options.title ?? titleOf(subject, data),
    lead: leadOf(evaluation),
    opening: html`${tiles(evaluation)}${remarks(evaluation)}`,
    sections,
    styles: reportStyles + overlayStyles,
  });
}

function leadOf({ data, detections, model, results }: Evaluation): Html {
  const of = data.evaluated < data.count ? html` of ${count(data.count)}` : nothing;
  const found = detections === undefined ? nothing : html`, ${counted(detections, 'detection')}`;
  const by = model
    ? html` Model ${nameHtml(model.name)} on ${model.engine}.`
    : results && html` Results from ${nameHtml(results.name)}.`;
  return html`${count(data.evaluated)}${of} ${data.count === 1 ? 'image' : 'images'} of ${nameHtml(data.name)}${data.split !== undefined && html`, split ${nameHtml(data.split, 30)}`}${found}.${by}`;
}

/** The figures that everyone asks for first. */
function tiles({ bbox, segm, keypoints, semseg, classification, speed }: Evaluation): Html {
  const list: { readonly name: string; readonly value: HtmlValue; readonly more: HtmlValue; readonly href?: string }[] =
    [];
  for (const figures of [bbox, segm, keypoints]) {
    if (!figures) continue;
    const [ap = -1, ap50 = -1] = figures.stats;
    const second = figures.statNames[1] ?? '';
    list.push({
      name: `${objectTitle(figures.type)}: AP`,
      value: exists(ap) ? percentText(ap) : none('no object in the truth'),
      more: exists(ap50) ? `${second} ${percentText(ap50)}` : '',
      href: `#${figures.type}`,
    });
  }
  if (semseg) {
    const right = exists(semseg.aacc) ? `${percentText(semseg.aacc)} % of the pixels right` : '';
    list.push({
      name: 'Label maps: mIoU',
      value: exists(semseg.miou) ? percentText(semseg.miou) : none('nothing is labelled'),
      more: right,
      href: '#semseg',
    });
  }
  if (classification) {
    const { top1, top5 } = classification;
    const more = top5 === undefined ? '' : `top-5 ${percentText(top5)}`;
    list.push({
      name: 'Classes: top-1',
      value: exists(top1) ? percentText(top1) : none('no image'),
      more,
      href: '#classification',
    });
  }
  if (speed) {
    list.push({
      name: 'Time an image',
      value: html`${count(Math.round(speed.millisecondsPerImage))}<small> ms</small>`,
      more: `${speed.imagesPerSecond.toFixed(speed.imagesPerSecond < 10 ? 2 : 0)} images a second`,
    });
  }
  return html`<ul class="tiles">${list.map(
    ({ name, value, more, href }) =>
      html`<li class="card"><span class="small">${href === undefined ? name : html`<a href="${href}">${name}</a>`}</span><strong>${value}</strong><span class="small">${more}</span></li>`,
  )}</ul>`;
}

/** What a reader must know before the figures: parts of the data set only, what was not measured, failures, notices. */
function remarks({ data, notMeasured, failures, notices }: Evaluation): Html {
  const list: HtmlValue[] = [];
  if (data.limit !== undefined && data.evaluated < data.count) {
    list.push(
      html`<strong>A part of the data set:</strong> only the first ${count(data.limit)} of ${counted(data.count, 'image')} were taken. The figures of the whole differ.`,
    );
  }
  if (failures.length > 0) {
    list.push(
      html`<strong>${counted(failures.length, 'image')} failed</strong> and ${failures.length === 1 ? 'is' : 'are'} left out, with ${failures.length === 1 ? 'its' : 'their'} labels.${details(
        failures.map(({ file, error }) => html`${nameHtml(file)}: ${cutText(error)}`),
        'Which',
      )}`,
    );
  }
  for (const { what, why } of notMeasured)
    list.push(html`<strong>Not measured: ${notMeasuredNames[what]}.</strong> ${cutText(why)}`);
  const shownNotices = notices.map((notice): HtmlValue => cutText(notice));
  if (shownNotices.length > 6)
    list.push(
      html`<strong>${counted(shownNotices.length, 'remark')} about the data.</strong>${details(shownNotices, 'Read them')}`,
    );
  else list.push(...shownNotices);
  return remarksBox(list);
}

const notMeasuredNames = { ...measureNames, boundary: 'boundary IoU', errors: 'error types' } as const;

const mostListed = 100;
const details = (list: readonly HtmlValue[], title: string): Html =>
  html`<details><summary>${title}</summary><ul class="plain">${list.slice(0, mostListed).map((one) => html`<li>${one}</li>`)}${list.length > mostListed && html`<li>… and ${count(list.length - mostListed)} more</li>`}</ul></details>`;

/** Sentences may quote names of any length. */
const cutText = (text: string): Html => nameHtml(text, 600);

/** Writes a section for each measure by which images were chosen. The bound on images is shared out evenly. */
async function imageSections(evaluation: Evaluation, codec: PictureCodec, most: number): Promise<Section[]> {
  const { shown, images, data } = evaluation;
  if (images.length === 0) return [];
  const chosen = new Set(shown.map(({ by }) => by));
  const measures = chosen.size > 0 ? [...chosen] : measuresOf(evaluation).slice(0, 1);
  const sections: Section[] = [];
  for (const by of measures) {
    const pictures = shown.filter((image) => image.by === by).slice(0, Math.ceil(Math.max(0, most) / measures.length));
    const which = `${counted(pictures.length, 'image')} of ${count(images.length)}, the worst first.`;
    const matched = isObjects(by) ? ` Hits and misses are those at ${overlapName(by)} 0.50, at every score.` : '';
    sections.push({
      id: `images-${by}`,
      title: `Images by ${measureNames[by]}`,
      lead: pictures.length > 0 ? `${which}${matched}` : `${counted(images.length, 'image')}; none is shown.`,
      body: html`${pictures.length > 0 && (await imageCards(pictures, data, codec))}${imageTable(images, by)}`,
    });
  }
  return sections;
}

const measuresOf = (evaluation: Evaluation): ShownImage['by'][] =>
  (['segm', 'bbox', 'keypoints', 'semseg', 'classification'] as const).filter((by) => evaluation[by] !== undefined);
