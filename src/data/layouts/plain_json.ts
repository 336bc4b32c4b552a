import { UnsupportedError } from '../../errors.ts';
import type { CocoFile } from '../coco_file.ts';
import { type CocoReading, parseCocoFile, readJsonValue } from '../coco_json.ts';
import { decodeText } from '../text.ts';

/** Reads JSON without checks while `coco_json.ts` reads nothing. */

export function cocoReading(bytes: Uint8Array, name: string): CocoReading {
  try {
    return parseCocoFile(bytes, name, { faults: 'report' });
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    const file = JSON.parse(decodeText(bytes, name)) as CocoFile;
    return { file: { ...file, annotations: file.annotations ?? [] }, notices: [] };
  }
}

export function jsonValue(bytes: Uint8Array, name: string): unknown {
  try {
    return readJsonValue(bytes, name);
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error;
    return JSON.parse(decodeText(bytes, name));
  }
}
