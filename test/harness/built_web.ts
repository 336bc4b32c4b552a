import { buildWeb } from '../../scripts/build_web.ts';

let building: Promise<void> | undefined;

/** Builds the page into `dist/web`, once for all tests of a process. */
export function builtWeb(): Promise<void> {
  building ??= buildWeb();
  return building;
}
