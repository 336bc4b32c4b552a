import { UnsupportedError } from '../errors.ts';
import type { CocoDetection, CocoFile } from './coco_file.ts';

/** A file's bytes, its text, or the value that JSON.parse gives. */
export type JsonSource = Uint8Array | string | unknown;

export interface CocoReading {
  readonly file: CocoFile;
  /** Sentences about what was let pass. */
  readonly notices: readonly string[];
}

export interface CocoReadOptions {
  /**
   * What happens with ids given twice, with annotations of images or classes that are not listed, and with other faults
   * that an evaluation can live with: an error, or a notice.
   */
  readonly faults?: 'refuse' | 'report' | undefined;
}

/** Reads COCO's annotation file. @throws DataError with the name of the file, the entry and the field */
export function parseCocoFile(_source: JsonSource, name: string, _options: CocoReadOptions = {}): CocoReading {
  throw new UnsupportedError(`${name}: COCO files are not read yet.`);
}

/** Reads a file of results. @throws DataError with the name of the file, the entry and the field */
export function parseCocoResults(_source: JsonSource, name: string): readonly CocoDetection[] {
  throw new UnsupportedError(`${name}: COCO files are not read yet.`);
}

/**
 * Reads the JSON of a label file: with or without a byte order mark, nested at most 64 deep. Nothing else is checked.
 *
 * @throws DataError with the name of the file
 */
export function readJsonValue(_source: JsonSource, name: string): unknown {
  throw new UnsupportedError(`${name}: COCO files are not read yet.`);
}
