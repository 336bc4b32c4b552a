import type { CocoDetection } from '../data/coco_file.ts';
import type { ImageSet, LabelledImage, LabelledObject } from '../data/image_set.ts';
import { ConfigError, MoganetError, unknownName } from '../errors.ts';
import { type Color, colorFor } from '../render/colors.ts';
import { classList } from './gallery_classes.ts';
import { type DrawnObject, mostDrawn, objectsSvg } from './gallery_objects.ts';
import { galleryScript, galleryStyles } from './gallery_page.ts';
import { detectionsByImage, unknownImages } from './gallery_results.ts';
import { facts, type Html, html, nameHtml, nothing, pageHtml } from './html.ts';
import { fitted, labelPicture, type Picture, type PictureCodec, pictureOf } from './pictures.ts';

/** A data set as one HTML file to look through: thumbnails with boxes, masks, label maps and keypoints. */

/** What is in the page. */
export interface GalleryOptions {
  /** The most images. Default 200. */
  readonly limit?: number | undefined;
  /** The most bytes of the file, about. Default 40 million. */
  readonly maxBytes?: number | undefined;
  /** Only objects of these classes, and only images that have one. */
  readonly classes?: readonly string[] | undefined;
  /** Results, drawn with dashed lines. They are joined by the ids of images and classes. */
  readonly results?: readonly CocoDetection[] | undefined;
  /** Results below are left out. Default 0.3. */
  readonly score?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  onProgress?(done: number, total: number, file: string): void;
}

/** A page, and how much of the data set is in it. */
export interface Gallery {
  readonly html: string;
  /** How many images are in the file, and how many the data set has. */
  readonly shown: number;
  readonly count: number;
  /** Why there are fewer; undefined if all are there. */
  readonly cut: string | undefined;
  /** Sentences about what could not be read. */
  readonly notices: readonly string[];
}

/** Thumbnails are smaller if there are many of them. */
const edges: readonly (readonly [most: number, edge: number])[] = [
  [60, 640],
  [200, 480],
  [Infinity, 320],
];

/**
 * Writes a gallery of a data set's first images. The file needs no server and makes no request. Everything from the data
 * set is written as text.
 *
 * @throws ConfigError for a class that the data set does not have; the signal's reason
 */
export async function galleryHtml(set: ImageSet, codec: PictureCodec, options: GalleryOptions = {}): Promise<Gallery> {
  const { limit = 200, maxBytes = 40e6, signal, onProgress } = options;
  const names = namesOf(set);
  const total = Math.min(limit, set.count);
  const context: Context = {
    set,
    codec,
    names,
    edge: edges.find(([most]) => total <= most)?.[1] ?? 320,
    wanted: wantedLabels(set, options.classes),
    results: detectionsByImage(set, options.results ?? [], options.score ?? 0.3),
  };
  const items: Item[] = [];
  let [bytes, read] = [0, 0];
  let cut: string | undefined;
  let failure: string | undefined;
  const faults: string[] = [];
  try {
    for await (const image of set.images({ onFault: ({ message }) => faults.push(message) })) {
      if (items.length >= limit || bytes >= maxBytes) {
        cut =
          bytes >= maxBytes
            ? `the file would be larger than ${Math.round(maxBytes / 1e6)} MB`
            : `the limit is ${limit}`;
        break;
      }
      signal?.throwIfAborted();
      onProgress?.(items.length, total, image.file);
      read++;
      const item = await itemOf(image, set.categoryIds ? image.id : read, context);
      if (!item) continue;
      if (item.fault !== undefined) faults.push(item.fault);
      bytes += item.bytes;
      items.push(item);
    }
  } catch (error) {
    // what was read until then can be looked at
    if (!(error instanceof MoganetError)) throw error;
    failure = `After ${read} ${read === 1 ? 'image' : 'images'}: ${error.message}`;
  }
  const strangers = unknownImages(set, options.results ?? []);
  const notices = [...set.notices, ...strangers, ...faults, ...(failure === undefined ? [] : [failure])];
  const page = { set, names, items, cut, notices, wanted: context.wanted };
  return { html: await pageOf(page), shown: items.length, count: set.count, cut: cut ?? failure, notices };
}

/** The classes of objects and of label maps in one list, so that one name has one colour. */
interface Names {
  readonly list: readonly string[];
  /** Position in the list by label of an object, or of the whole image. */
  readonly object: (label: number) => number;
  readonly map: (label: number) => number;
}

function namesOf({ classes, labelClasses = [] }: ImageSet): Names {
  const list = [...new Set([...labelClasses, ...classes])];
  const at = new Map(list.map((name, i) => [name, i]));
  const indexIn = (names: readonly string[]) => (label: number) => at.get(names[label] ?? '') ?? list.length + label;
  return { list, object: indexIn(classes), map: indexIn(labelClasses) };
}

const nameAt = (names: Names, index: number): string => names.list[index] ?? `class ${index - names.list.length}`;

interface Context {
  readonly set: ImageSet;
  readonly codec: PictureCodec;
  readonly names: Names;
  readonly edge: number;
  readonly wanted: ReadonlySet<number> | undefined;
  readonly results: ReadonlyMap<number | string, readonly DrawnObject[]>;
}

function wantedLabels({ classes }: ImageSet, wanted: readonly string[] | undefined): ReadonlySet<number> | undefined {
  if (!wanted) return undefined;
  return new Set(
    wanted.map((name) => {
      const label = classes.indexOf(name);
      if (label < 0) throw new ConfigError(unknownName('class', name, classes));
      return label;
    }),
  );
}

/** An image in the page. */
interface Item {
  readonly html: Html;
  /** How often each class occurs, by position in the names. Results do not count. */
  readonly counts: ReadonlyMap<number, number>;
  readonly bytes: number;
  readonly layers: ReadonlySet<Layer>;
  /** Why the image cannot be shown. */
  readonly fault: string | undefined;
}

/** @param id what results call the image: its id in COCO's file, else its number from 1 */
async function itemOf(image: LabelledImage, id: number | string, context: Context): Promise<Item | undefined> {
  const { set, codec, names, edge, wanted, results } = context;
  const isWanted = ({ label }: { readonly label: number }) => !wanted || wanted.has(label);
  const objects = (image.objects ?? []).filter(isWanted);
  const found = (results.get(id) ?? []).filter(isWanted);
  const isLabelled = image.label !== undefined && isWanted({ label: image.label });
  if (wanted && objects.length + found.length === 0 && !isLabelled) return undefined;
  const picture = await pictureOf(image, codec, edge);
  const shown = typeof picture === 'string' ? { size: fitted(image.size, edge), original: image.size } : picture;
  const drawn = [...objects.map((object) => drawnObject(object, nameAt(names, names.object(object.label)))), ...found];
  const map = await mapOf(image, context);
  const counts = new Map<number, number>();
  const count = (index: number) => counts.set(index, (counts.get(index) ?? 0) + 1);
  for (const { label } of objects) count(names.object(label));
  if (image.label !== undefined) count(names.object(image.label));
  // labels scale with the stated size, which may differ from the file's
  const scaled = { size: shown.size, original: image.size };
  const svg = objectsSvg(drawn, scaled, (label) => `c${names.object(label)}`, set.keypoints?.skeleton ?? []);
  const markup = itemHtml(image, { picture, svg, map, objects, found, counts, names, drawn: drawn.length });
  const layers = new Set<Layer>([...drawn.flatMap(layersOf), ...(map?.url === undefined ? [] : (['labels'] as const))]);
  const fault = typeof picture === 'string' ? picture : undefined;
  return { html: markup, counts, bytes: String(markup).length, layers, fault };
}

const drawnObject = (object: LabelledObject, name: string): DrawnObject => ({
  label: object.label,
  box: object.box,
  area: object.area,
  polygons: object.polygons,
  mask: object.polygons ? undefined : object.mask,
  keypoints: object.keypoints,
  name,
  marks: [...(object.crowd ? ['crowd'] : []), ...(object.difficult ? ['difficult'] : []), `id ${object.id}`],
});

/** What can be switched on and off, if something in the page has it. */
const layers = {
  box: 'boxes',
  mask: 'masks',
  keypoints: 'keypoints',
  tag: 'names',
  labels: 'label maps',
  truth: 'labels',
  result: 'results (dashed)',
} as const;
type Layer = keyof typeof layers;

const layersOf = ({ polygons, mask, keypoints, score }: DrawnObject): Layer[] => [
  'box',
  'tag',
  ...(polygons || mask ? (['mask'] as const) : []),
  ...(keypoints ? (['keypoints'] as const) : []),
  ...(score === undefined ? [] : (['truth', 'result'] as const)),
];

interface MapPicture {
  readonly url?: string;
  /** Why there is none. */
  readonly reason?: string;
}

async function mapOf(image: LabelledImage, { names, set, edge }: Context): Promise<MapPicture | undefined> {
  if (!image.labels) return undefined;
  try {
    const map = await image.labels();
    const colors = (set.labelClasses ?? []).map((_, label) => colorFor(names.map(label)));
    return { url: labelPicture(map, colors.length, { edge, colors }).url };
  } catch (error) {
    if (!(error instanceof MoganetError)) throw error;
    return { reason: error.message };
  }
}

interface ItemParts {
  readonly picture: Picture | string;
  readonly svg: Html;
  readonly map: MapPicture | undefined;
  readonly objects: readonly LabelledObject[];
  readonly found: readonly DrawnObject[];
  readonly counts: ReadonlyMap<number, number>;
  readonly names: Names;
  readonly drawn: number;
}

function itemHtml(image: LabelledImage, parts: ItemParts): Html {
  const { picture, svg, map, objects, found, counts, names, drawn } = parts;
  const { width, height } = image.size;
  const said = [
    `${width} × ${height}`,
    image.objects && `${objects.length} object${objects.length === 1 ? '' : 's'}`,
    found.length > 0 && `${found.length} result${found.length === 1 ? '' : 's'}`,
    drawn > mostDrawn && `the first ${mostDrawn} are drawn`,
    map?.reason,
  ].filter((text) => typeof text === 'string');
  const stage =
    typeof picture === 'string'
      ? html`<span class="reason">${picture}</span>`
      : html`<img src="${picture.url}" width="${picture.size.width}" height="${picture.size.height}" alt="" loading="lazy" decoding="async">${
          map?.url !== undefined && html`<img class="labels" src="${map.url}" alt="" loading="lazy" decoding="async">`
        }${svg}`;
  const label =
    image.label === undefined
      ? nothing
      : html`<strong>${nameHtml(nameAt(names, names.object(image.label)), 40)}</strong> · `;
  return html`<figure class="item" data-classes="${[...counts.keys()].join(' ')}"><button type="button" class="picture" aria-label="Open ${image.file}">${stage}</button><figcaption>${nameHtml(image.file, 48)}<small>${label}${said.join(' · ')}</small></figcaption></figure>
`;
}

interface PageParts {
  readonly set: ImageSet;
  readonly names: Names;
  readonly items: readonly Item[];
  readonly cut: string | undefined;
  readonly notices: readonly string[];
  readonly wanted: ReadonlySet<number> | undefined;
}

function pageOf({ set, names, items, cut, notices, wanted }: PageParts): Promise<string> {
  const counts = new Map<number, number>();
  for (const item of items)
    for (const [index, count] of item.counts) counts.set(index, (counts.get(index) ?? 0) + count);
  const present = (Object.keys(layers) as Layer[]).filter((layer) => items.some((item) => item.layers.has(layer)));
  const classes = classList(counts, (index) => nameAt(names, index));
  const mapNames = set.labelClasses?.map((name, label) => ({ name, color: colorFor(names.map(label)) })) ?? [];
  const shown = `${items.length} of ${set.count} images`;
  const chosen = wanted && [...wanted].map((label) => set.classes[label]).join(', ');
  return pageHtml({
    title: set.name,
    lead: html`${shown}${cut !== undefined && html`: ${cut}`}. Choose an image to see it large; ← and → go on.`,
    sections: [
      {
        id: 'data',
        title: 'Data set',
        body: html`${facts([
          ['Layout', set.format],
          ['Split', set.split],
          ['Images', shown],
          ['Classes', String(set.classes.length)],
          ['Classes of the label maps', set.labelClasses && String(set.labelClasses.length)],
          ['Labels in these images', String([...counts.values()].reduce((sum, count) => sum + count, 0))],
          ['Shown classes', chosen],
        ])}${notices.length > 0 && html`<details><summary>${notices.length} ${notices.length === 1 ? 'notice' : 'notices'} about the files</summary><ul class="plain">${notices.map((notice) => html`<li>${notice}</li>`)}</ul></details>`}`,
      },
      {
        id: 'images',
        title: 'Images',
        body: html`<div class="controls card">${
          present.length > 0 &&
          html`<fieldset class="switches"><legend>Show</legend>${present.map((layer) => switchOf(layer, layer !== 'labels' || !present.includes('box')))}</fieldset>`
        }${classes.switches}${mapLegend(mapNames)}<p class="pick" hidden><label>Images with <select id="only" autocomplete="off"><option value="">anything</option><option value="none">nothing</option>${classes.options}</select></label><span id="seen" role="status"></span><span id="all-classes"></span></p></div>
<div class="gallery">${items.map((item) => item.html)}</div>
<dialog class="viewer" id="viewer" aria-label="Image"><div class="bar"><div class="what"></div></div><div class="stage"></div></dialog>`,
      },
    ],
    styles: galleryStyles + layerStyles + classes.styles,
    script: galleryScript,
  });
}

/** A layer can be off at first: label maps would cover the objects. */
const switchOf = (layer: Layer, isOn: boolean): Html =>
  html`<label><input type="checkbox" id="show-${layer}"${isOn && html` checked`} autocomplete="off">${layers[layer]}</label>`;

const layerStyles = (Object.keys(layers) as Layer[])
  .map((layer) => `main:has(#show-${layer}:not(:checked)) .${layer} { display: none; }`)
  .join('\n');

function mapLegend(classes: readonly { readonly name: string; readonly color: Color }[]): Html {
  if (classes.length === 0) return nothing;
  return html`<details><summary>Colours of the label maps</summary><div class="switches classes">${classes.map(
    ({ name, color }) =>
      html`<span class="switches"><span class="swatch" style="--class:rgb(${color.join(' ')})"></span>${nameHtml(name, 32)}</span>`,
  )}</div></details>`;
}
