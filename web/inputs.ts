import { element, find } from './elements.ts';
import { isModelFile, modelOfFiles } from './models.ts';
import type { Session } from './session.ts';
import type { Store } from './state.ts';
import { createWebcam } from './webcam.ts';
import { reasonOf } from './words.ts';

/** How pictures and models get onto the page: choosing, dropping, pasting, the samples and the webcam. */

/** The pictures that the page brings. */
export const samples = [
  { file: 'street-house.jpg', title: 'A house in a street' },
  { file: 'facade-balconies.jpg', title: 'A facade with balconies' },
  { file: 'street-corner.jpg', title: 'A street corner' },
] as const;

export interface Inputs {
  /** Opens a picture that the page brings. */
  openSample(index: number): Promise<void>;
  /** Opens the dialog of the system for files. */
  choose(): void;
  /** Opens that dialog for a detector, which finds the boxes for the pose model. */
  chooseDetector(): void;
  toggleWebcam(): Promise<void>;
}

/** Connects all ways in. */
export function connectInputs(store: Store, session: Session): Inputs {
  const say = (text: string) => store.set({ notice: { kind: 'error', text } });
  const webcam = createWebcam(store, session);
  const input = find('file', HTMLInputElement);
  const button = find('webcam', HTMLButtonElement);
  const dropzone = find('dropzone', HTMLElement);

  async function openFiles(files: readonly File[], take = session.load): Promise<void> {
    webcam.stop();
    const ofModel = files.filter(isModelFile);
    const [picture] = files.filter((file) => !isModelFile(file));
    try {
      if (ofModel.length > 0) {
        const model = await modelOfFiles(ofModel);
        if (typeof model === 'string') store.set({ notice: { kind: 'info', text: model } });
        else await take(model);
      }
      if (picture) await session.open(picture, picture.name);
    } catch (error) {
      say(reasonOf(error));
    }
  }

  async function openSample(index: number): Promise<void> {
    const sample = samples[index];
    if (!sample) return;
    webcam.stop();
    const response = await fetch(new URL(`images/${sample.file}`, document.baseURI)).catch(() => undefined);
    if (response?.ok) await session.open(await response.blob(), sample.file);
    else
      say(`images/${sample.file} cannot be downloaded${response ? `: the server answered ${response.status}` : ''}.`);
  }

  async function toggleWebcam(): Promise<void> {
    if (store.state.live) webcam.stop();
    else await webcam.start().catch((error: unknown) => say(reasonOf(error)));
  }

  const detector = element('input', { type: 'file', accept: '.pth,.pt,.safetensors,.json', multiple: true });
  for (const [one, take] of [
    [input, session.load],
    [detector, session.useDetector],
  ] as const) {
    one.onchange = () => {
      void openFiles([...(one.files ?? [])], take);
      one.value = ''; // so that the same file can be opened again
    };
  }
  button.onclick = () => void toggleWebcam();
  store.on(['live'], ({ live }) => {
    button.setAttribute('aria-pressed', `${live}`);
    button.textContent = live ? 'Stop webcam' : 'Webcam';
  });
  find('samples', HTMLElement).append(
    ...samples.map(({ file, title }, index) => {
      const image = element('img', { src: `images/${file}`, alt: title, width: 56, height: 56, loading: 'lazy' });
      return element('button', { type: 'button', title, onclick: () => void openSample(index) }, image);
    }),
  );

  let inside = 0;
  const lit = (change: number) => {
    inside = Math.max(0, inside + change);
    dropzone.hidden = inside === 0;
  };
  document.ondragenter = () => lit(1);
  document.ondragleave = () => lit(-1);
  document.ondragover = (event) => event.preventDefault();
  document.ondrop = (event) => {
    event.preventDefault();
    lit(-inside);
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length > 0) void openFiles(files);
    else say('That was not a file. Save the picture first, then drop the file.');
  };
  document.onpaste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) void openFiles(files);
    else if (!(event.target instanceof HTMLInputElement))
      say('The clipboard has no picture. Copy one, then paste again.');
  };
  return { openSample, choose: () => input.click(), chooseDetector: () => detector.click(), toggleWebcam };
}
