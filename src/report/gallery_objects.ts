import type { LabelledObject } from '../data/image_set.ts';
import type { Scale } from '../postprocess/boxes.ts';
import { drawnKeypoints, outlinesOf, type Skeleton, short } from './drawing.ts';
import { cutName, type Html, html, nothing } from './html.ts';
import type { Picture } from './pictures.ts';

/** Objects over a thumbnail as SVG, in layers that the page switches: boxes, masks, keypoints, names. */

/** An object, or a result, as it is drawn. */
export interface DrawnObject
  extends Pick<LabelledObject, 'label' | 'box' | 'area' | 'polygons' | 'mask' | 'keypoints'> {
  readonly name: string;
  /** Set for results. */
  readonly score?: number | undefined;
  /** What the tooltip says beside the name: crowd, difficult. */
  readonly marks: readonly string[];
}

/** Returns the style class of a label: several rare classes may share one. */
export type ClassOf = (label: number) => string;

/** So many objects can have their names beside them. */
const mostNamed = 20;
/** More objects in one image are counted, not drawn. */
export const mostDrawn = 300;

/** Names and points have fixed sizes, which are for drawings of at least this length; images may be smaller. */
const leastEdge = 400;

/** Draws objects, the large ones below. */
export function objectsSvg(
  objects: readonly DrawnObject[],
  { size: thumbnail, original }: Pick<Picture, 'size' | 'original'>,
  classOf: ClassOf,
  skeleton: Skeleton,
): Html {
  const larger = Math.max(1, leastEdge / Math.max(thumbnail.width, thumbnail.height));
  const size = { width: short(larger * thumbnail.width), height: short(larger * thumbnail.height) };
  const scale = { x: size.width / original.width, y: size.height / original.height };
  const drawn = objects.slice(0, mostDrawn).toSorted((a, b) => b.area - a.area);
  const named = drawn.length <= mostNamed;
  return html`<svg class="objects" viewBox="0 0 ${size.width} ${size.height}" aria-hidden="true">${drawn.map((object) =>
    objectSvg(object, scale, size, classOf(object.label), named, skeleton),
  )}</svg>`;
}

function objectSvg(
  object: DrawnObject,
  scale: Scale,
  size: Picture['size'],
  style: string,
  named: boolean,
  skeleton: Skeleton,
): Html {
  const { name, score, marks, box } = object;
  const within = (value: number, most: number) => short(Math.min(Math.max(value, 0.5), Math.max(0.5, most - 0.5)));
  const [x1, x2] = [within(box[0] * scale.x, size.width), within(box[2] * scale.x, size.width)];
  const [y1, y2] = [within(box[1] * scale.y, size.height), within(box[3] * scale.y, size.height)];
  const said = score === undefined ? '' : ` ${Math.round(100 * score)} %`;
  const outline = maskPath(object, scale);
  const text = `${cutName(name, 16)}${said}`;
  const top = y1 >= 14 ? y1 - 14 : y1;
  const details = [...marks, `box ${box.map((value) => short(value)).join(', ')}`].join('; ');
  return html`<g class="${score === undefined ? 'truth' : 'result'} ${style}"><title>${cutName(name, 60)}${said} (${details})</title>${
    outline && html`<path class="mask" d="${outline}"/>`
  }<path class="box" d="M${x1} ${y1}H${x2}V${y2}H${x1}Z"/>${keypointsSvg(object, scale, skeleton)}${
    named &&
    html`<g class="tag"><rect x="${x1}" y="${short(top)}" width="${short(6 + 6.2 * Array.from(text).length)}" height="14"/><text x="${short(x1 + 3)}" y="${short(top + 10.5)}">${text}</text></g>`
  }</g>`;
}

/** Returns the outlines as the data of a path, within a pixel of what is shown. Empty if there is no mask. */
function maskPath({ polygons, mask }: DrawnObject, scale: Scale): string {
  const rings = polygons ?? (mask ? outlinesOf(mask, scale) : []);
  return rings.map((ring) => ringPath(ring, scale)).join('');
}

/** The nearest that two points of an outline are drawn, in pixels of the thumbnail. */
const apart = 0.7;

function ringPath(ring: readonly number[], scale: Scale): string {
  const points: string[] = [];
  let [lastX, lastY] = [Infinity, Infinity];
  for (let i = 0; i + 1 < ring.length; i += 2) {
    const [x, y] = [(ring[i] ?? 0) * scale.x, (ring[i + 1] ?? 0) * scale.y];
    if (Math.abs(x - lastX) < apart && Math.abs(y - lastY) < apart) continue;
    points.push(`${short(x)} ${short(y)}`);
    [lastX, lastY] = [x, y];
  }
  return points.length < 2 ? '' : `M${points.join('L')}Z`;
}

function keypointsSvg({ keypoints }: DrawnObject, scale: Scale, skeleton: Skeleton): Html {
  if (!keypoints) return nothing;
  const { points, links } = drawnKeypoints(keypoints, scale, skeleton);
  return html`<g class="keypoints"><path d="${links}"/>${points.map(
    ({ x, y, hidden }) => html`<circle cx="${x}" cy="${y}" r="3"${hidden && html` class="covered"`}/>`,
  )}</g>`;
}
