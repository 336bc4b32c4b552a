import type { Result } from 'moganet';
import { download, element, icon, icons } from '../elements.ts';
import { imageDataOf } from './bitmaps.ts';
import { contextOf } from './canvas.ts';
import type { InstanceShape } from './shapes.ts';
import { percent, pixels, scoreText } from './words.ts';

/** The card with an instance cut out of the picture: copied, saved, closed. */

export interface CutoutCard {
  readonly root: HTMLElement;
  /** Shows an instance. @param takeFocus moves the keyboard's focus into the card */
  show(cut: Cutout, takeFocus: boolean): void;
  hide(): void;
}

export interface Cutout {
  readonly result: Result;
  readonly shape: InstanceShape;
  /** Name of the file that is saved. */
  readonly fileName: string;
}

/** @param onClose is called when the visitor closes the card */
export function createCutoutCard(onClose: () => void): CutoutCard {
  const canvas = element('canvas', { role: 'img' });
  const title = element('h2', { id: 'cutout-title' });
  const facts = element('p', { class: 'small' });
  const said = element('p', { class: 'small', role: 'status' });
  const copy = element('button', { type: 'button' }, icon(icons.copy), 'Copy');
  const save = element('button', { type: 'button' }, icon(icons.download), 'PNG');
  const close = element('button', { type: 'button', class: 'stage-tool', 'aria-label': 'Close the cut-out' });
  close.append(icon(icons.close));
  const preview = element('div', { class: 'cutout-preview' }, canvas);
  const words = element(
    'div',
    { class: 'cutout-words' },
    title,
    facts,
    element('div', { class: 'buttons' }, copy, save),
    said,
  );
  const attributes = { class: 'cutout', role: 'dialog', 'aria-labelledby': 'cutout-title', hidden: true };
  const root = element('div', attributes, preview, words, close);
  let current: Cutout | undefined;

  copy.hidden = typeof ClipboardItem === 'undefined' || navigator.clipboard?.write === undefined;
  copy.onclick = async () => {
    try {
      // Safari wants the item at once, and the picture may come later
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': pngOf(canvas) })]);
      said.textContent = 'Copied.';
    } catch (error) {
      said.textContent = `This browser did not copy it (${error instanceof Error ? error.message : error}). Save the PNG.`;
    }
  };
  save.onclick = async () => {
    if (current) download(await pngOf(canvas), current.fileName);
  };
  close.onclick = onClose;
  root.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    onClose();
  });

  return {
    root,
    show(cut, takeFocus) {
      const { result, shape } = cut;
      current = cut;
      said.textContent = '';
      title.textContent = shape.name;
      const image = cropOf(result, shape.index);
      if (image) {
        canvas.width = image.width;
        canvas.height = image.height;
        contextOf(canvas).putImageData(image, 0, 0);
      }
      preview.hidden = !image;
      copy.disabled = save.disabled = !image;
      canvas.ariaLabel = `${shape.name}, cut out`;
      const size = image ? `${image.width}\u00a0×\u00a0${image.height}` : 'no pixel to cut out';
      facts.textContent = [
        `score ${scoreText(shape.score)}`,
        pixels(shape.area),
        `${percent(shape.share)} of the picture`,
        size,
      ].join(' · ');
      root.hidden = false;
      if (takeFocus) save.focus({ preventScroll: true });
    },
    hide() {
      root.hidden = true;
      current = undefined;
    },
  };
}

/** Returns instance `index` cut out; undefined if it has no pixel of the picture (its box is empty). */
export function cropOf(result: Result, index: number): ImageData | undefined {
  const [x1, y1, x2, y2] = result.at(index).box;
  const { width, height } = result.image;
  const isEmpty = x2 <= Math.max(0, x1) || y2 <= Math.max(0, y1) || x1 >= width || y1 >= height;
  return isEmpty ? undefined : imageDataOf(result.crop(index));
}

export async function pngOf(canvas: HTMLCanvasElement | OffscreenCanvas): Promise<Blob> {
  if (canvas instanceof OffscreenCanvas) return canvas.convertToBlob({ type: 'image/png' });
  return new Promise((resolve, reject) => {
    const failed = `The browser could not write a PNG of ${canvas.width}×${canvas.height} pixels.`;
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(failed))), 'image/png');
  });
}
