import { zipSync } from 'fflate';
import type { Result } from 'moganet';
import { download, element } from '../elements.ts';
import { canvasOf } from '../stage/bitmaps.ts';
import { cropOf, pngOf } from '../stage/cutout.ts';
import { shownInstances } from '../stage/layers.ts';
import type { Stage } from '../stage/stage.ts';
import { counted, fileWord, imageIdOf, stemOf } from '../stage/words.ts';

/** The result as files: what is shown, no more. */
export function createDownloads(stage: Stage): HTMLElement {
  const note = element('p', { class: 'small' });
  const problem = element('p', { class: 'small bad', role: 'alert' });
  const row = element('div', { class: 'buttons' });
  const root = element('section', { 'aria-labelledby': 'save-title' });
  root.append(element('h2', { id: 'save-title' }, 'Save'), row, note, problem);

  const button = (title: string, hint: string, save: (result: Result, stem: string) => Promise<void> | void) => {
    const made = element('button', { type: 'button', title: hint }, title);
    made.onclick = async () => {
      const { result } = stage;
      if (!result) return;
      problem.textContent = '';
      made.disabled = true;
      try {
        await save(shownOf(result), stemOf(stage.name));
      } catch (error) {
        problem.textContent = `${title}: ${error instanceof Error ? error.message : error}`;
      } finally {
        made.disabled = false;
      }
    };
    row.append(made);
    return made;
  };
  const shownOf = (result: Result): Result => {
    const shown = new Set(shownInstances(result, stage.layers.state));
    return result.filter((_, i) => shown.has(i));
  };

  button('PNG', 'The picture with its layers, at full size', async (_, stem) =>
    download(await stage.exportPng(), `${stem}.overlay.png`),
  );
  button('JSON', 'Everything that was found, masks as run lengths', (result, stem) =>
    saveJson(result, `${stem}.result.json`),
  );
  const coco = button('COCO', "COCO's results format, for pycocotools", (result, stem) =>
    saveJson(result.toCOCO({ imageId: imageIdOf(stem) }), `${stem}.coco.json`),
  );
  button('labelme', 'Polygons for the annotation tool labelme', (result, stem) =>
    saveJson(result.toLabelme({ imagePath: stage.name }), `${stem}.json`),
  );
  const cutouts = button('Cut-outs', 'Every instance that is shown as a PNG with transparency, in a ZIP', saveCutouts);
  const labelMap = button('Labels', 'The segmentation as a PNG of class labels', (result, stem) =>
    download(new Blob([new Uint8Array(result.toLabelPng())], { type: 'image/png' }), `${stem}.labels.png`),
  );

  const showState = () => {
    const { result } = stage;
    if (!result) return;
    const count = shownInstances(result, stage.layers.state).length;
    const hasInstances = result.classes.length > 0;
    cutouts.hidden = !hasInstances;
    coco.hidden = !hasInstances && !result.poses;
    cutouts.disabled = count === 0;
    labelMap.hidden = !result.segmentation;
    note.hidden = !hasInstances;
    note.textContent = `The files hold the ${counted(count, 'instance')} shown.`;
  };
  stage.onResult(() => {
    problem.textContent = '';
    showState();
  });
  stage.layers.subscribe((state, before) => {
    if (state.score !== before.score || state.hidden !== before.hidden) showState();
  });
  return root;
}

const saveJson = (content: unknown, name: string): void =>
  download(new Blob([`${JSON.stringify(content)}\n`], { type: 'application/json' }), name);

async function saveCutouts(result: Result, stem: string): Promise<void> {
  const files: Record<string, Uint8Array> = {};
  for (const { index, name } of result) {
    const image = cropOf(result, index);
    if (!image) continue;
    const png = await pngOf(canvasOf(image));
    files[`${stem}.${String(index + 1).padStart(3, '0')}-${fileWord(name)}.png`] = new Uint8Array(
      await png.arrayBuffer(),
    );
  }
  // PNG is compressed already
  const zip = zipSync(files, { level: 0 });
  download(new Blob([new Uint8Array(zip)], { type: 'application/zip' }), `${stem}.cutouts.zip`);
}
