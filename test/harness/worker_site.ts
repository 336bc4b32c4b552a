import { cpSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { tfjsWasmFiles } from '../../scripts/build_page_files.ts';
import { encodePng } from '../../src/node.ts';
import { type Site, servedSite } from './browser.ts';
import { browserBundle } from './browser_bundle.ts';
import { smallPersons, smallPose, writeSmallModel } from './small_model.ts';

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Serves `test/browser/page/worker_page.ts` and the script of its worker, built as docs/worker.md says for esbuild. */
export const workerSite = (): Site =>
  servedSite(async (folder) => {
    await build({
      ...browserBundle,
      entryPoints: {
        worker_page: pathOf('../browser/page/worker_page.ts'),
        'worker/thread': pathOf('../../src/worker/thread.ts'),
      },
      outdir: folder,
      splitting: true,
      minify: false,
    });
    cpSync(pathOf('../browser/page/worker.html'), join(folder, 'index.html'));
    cpSync(pathOf('../../samples/weights'), join(folder, 'weights'), { recursive: true });
    cpSync(pathOf('../../samples/images'), join(folder, 'images'), { recursive: true });
    const alpha = { width: 60, height: 40, data: new Uint8ClampedArray(4 * 60 * 40).map((_, i) => (i * 13) % 256) };
    writeFileSync(join(folder, 'images/alpha.png'), encodePng(alpha));
    await writeSmallModel(join(folder, 'weights/pose.safetensors'), smallPose);
    await writeSmallModel(join(folder, 'weights/persons.safetensors'), smallPersons);
    // beside the thread, whose modules look for them
    for (const file of tfjsWasmFiles) cpSync(file, join(folder, basename(file)));
  });
