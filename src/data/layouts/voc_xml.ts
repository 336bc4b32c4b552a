import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import type { LabelledObject } from '../image_set.ts';
import { type Box, boxObject, checkOutlines, checkSize, outlineObject, type Stated } from '../objects.ts';
import { childOf, childrenOf, numberOf, readXml, textOf, type XmlElement } from '../xml.ts';

/** VOC's XML of one image. Pixels count from 1, and a box includes both its corners. */

/** A label file: one image. */
export interface VocImage {
  readonly fileName: string | undefined;
  /** Undefined if it is not stated, or as 0, which some tools write. */
  readonly size: Size | undefined;
  readonly objects: readonly VocObject[];
}

/** An object, whose size of image may have to be looked up. */
export interface VocObject {
  readonly name: string;
  readonly difficult: boolean;
  readonly polygon: readonly number[] | undefined;
  labelled(stated: Stated, size: Size): LabelledObject;
}

/** Reads a label file. @throws DataError with the object and the field */
export function readVocXml(bytes: Uint8Array, name: string): VocImage {
  const root = readXml(bytes, name, { elements: 200_000 });
  if (root.name !== 'annotation')
    throw new DataError(`${name}: the first element is <${root.name}>, not <annotation> as in VOC.`);
  return {
    fileName: textOf(root, 'filename'),
    size: sizeOf(root, name),
    objects: childrenOf(root, 'object').map((object, i) => objectOf(object, `${name}: object ${i + 1}`)),
  };
}

function sizeOf(root: XmlElement, name: string): Size | undefined {
  const size = childOf(root, 'size');
  if (!size) return undefined;
  const width = numberOf(textOf(size, 'width') ?? '0', `${name}: size: width`);
  const height = numberOf(textOf(size, 'height') ?? '0', `${name}: size: height`);
  return width === 0 || height === 0 ? undefined : checkSize({ height, width }, `${name}: size`);
}

function objectOf(object: XmlElement, place: string): VocObject {
  const name = textOf(object, 'name');
  if (name === undefined) throw new DataError(`${place}: has no <name>.`);
  const here = `${place} (${name.slice(0, 80)})`;
  const polygon = polygonOf(childOf(object, 'polygon'), here);
  const bounds = childOf(object, 'bndbox');
  if (!bounds && !polygon) {
    const turned = childOf(object, 'robndbox') ? ' Turned boxes (<robndbox>) are not read.' : '';
    throw new DataError(`${here}: has no <bndbox>.${turned}`);
  }
  const box = bounds && boxOf(bounds, here);
  return {
    name,
    difficult: flagOf(object, 'difficult'),
    polygon,
    labelled: (stated, size) =>
      polygon ? outlineObject({ ...stated, box }, [polygon], size) : boxObject({ ...stated, box: box! }),
  };
}

/** Tools write 1, true or nothing. */
const flagOf = (object: XmlElement, name: string): boolean => /^(?:1|true|yes)$/i.test(textOf(object, name) ?? '');

function boxOf(bounds: XmlElement, place: string): Box {
  const [xmin, ymin, xmax, ymax] = ['xmin', 'ymin', 'xmax', 'ymax'].map((side) =>
    numberOf(textOf(bounds, side), `${place}: ${side}`),
  ) as [number, number, number, number];
  if (xmax < xmin || ymax < ymin) {
    throw new DataError(
      `${place}: the box (${xmin}, ${ymin}, ${xmax}, ${ymax}) ends before it begins. Exchange its corners.`,
    );
  }
  checkOutlines([[xmin, ymin, xmax, ymax]], place);
  return [xmin - 1, ymin - 1, xmax, ymax];
}

/** Roboflow's outlines, `<x1>…</x1><y1>…</y1><x2>…`, or points as LabelMe's web tool writes them: `<pt><x>…</x><y>…</y></pt>`. */
function polygonOf(polygon: XmlElement | undefined, place: string): number[] | undefined {
  if (!polygon) return undefined;
  const points = childrenOf(polygon, 'pt');
  const flat =
    points.length > 0
      ? points.flatMap((point) => [numberOf(textOf(point, 'x'), place), numberOf(textOf(point, 'y'), place)])
      : numberedPoints(polygon, place);
  if (flat.length < 6) return undefined;
  checkOutlines([flat], place);
  return flat;
}

function numberedPoints(polygon: XmlElement, place: string): number[] {
  const values = new Map(polygon.children.map((child) => [child.name, child.text]));
  const flat: number[] = [];
  for (let i = 1; values.has(`x${i}`) && values.has(`y${i}`); i++) {
    flat.push(numberOf(values.get(`x${i}`), `${place}: x${i}`), numberOf(values.get(`y${i}`), `${place}: y${i}`));
  }
  return flat;
}
