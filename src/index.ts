/** The library in a browser, or wherever there is no Node. */
import { backboneLoader } from './api/backbone.ts';
import { modelLoader } from './api/load_model.ts';
import { browserEngines, openBrowserEngine } from './engines/browser.ts';
import { decodeImage } from './platform/browser/decode_image.ts';
import * as files from './platform/browser/files.ts';

const platform = {
  ...files,
  decodeImage: (bytes: Uint8Array, name: string) => decodeImage(bytes, { name }),
  engines: browserEngines,
  openEngine: openBrowserEngine,
};

export const loadModel = modelLoader(platform);
export const createBackbone = backboneLoader(platform);

export * from './api/index.ts';
export { encodePng } from './codecs/png_write_portable.ts';
