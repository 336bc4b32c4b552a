import type { Answer, Message, Question } from './worker.ts';

/** The page: takes an image, asks the worker, shows the answer. */

function find<E extends Element>(selector: string): E {
  const element = document.querySelector<E>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

const file = find<HTMLInputElement>('#file');
const drop = find<HTMLElement>('#drop');
const edge = find<HTMLSelectElement>('#edge');
const status = find<HTMLElement>('#status');
const statusText = find<HTMLElement>('#status [role=status]');
const seconds = find<HTMLElement>('#seconds');
const bar = find<HTMLProgressElement>('#status progress');
const problem = find<HTMLElement>('#problem');
const section = find<HTMLElement>('#result');
const canvas = find<HTMLCanvasElement>('canvas');
const context = canvas.getContext('2d') as CanvasRenderingContext2D; // a new canvas has one
const legend = find<HTMLUListElement>('#legend');
const facts = find<HTMLElement>('#facts');
const saveImage = find<HTMLAnchorElement>('#save-image');
const saveJson = find<HTMLAnchorElement>('#save-json');

const script = new URL('worker.js', import.meta.url);
script.search = location.search; // ?engine=wasm
const worker = new Worker(script, { type: 'module' });

let question: (Question & { readonly name: string }) | undefined;
let answer: Answer | undefined;
let device = '';
let classes: readonly string[] = [];
let waiting: ReturnType<typeof setInterval> | undefined;

worker.onmessage = ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'loading') showProgress(data);
  else if (data.kind === 'ready') {
    ({ engine: device, classes } = data);
    if (question) wait();
    else say('Ready. Choose an image.');
  } else if (data.kind === 'failed') {
    if (data.id === undefined || data.id === question?.id) fail(data.message);
  } else if (data.answer.id === question?.id) show(data.answer);
};
worker.onerror = ({ message }) => fail(`The program did not start. ${message ?? ''}`);

file.onchange = () => {
  if (file.files?.[0]) ask(file.files[0], file.files[0].name);
};
edge.onchange = () => {
  if (question) ask(question.image, question.name);
};
for (const button of document.querySelectorAll<HTMLButtonElement>('#shipped button')) {
  button.onclick = async () => {
    const response = await fetch(`images/${button.value}`).catch(() => undefined);
    if (response?.ok) ask(await response.blob(), button.value);
    else fail(`images/${button.value} cannot be downloaded.`);
  };
}
for (const radio of document.querySelectorAll<HTMLInputElement>('#views input')) radio.onchange = paint;

document.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add('over');
};
document.ondragleave = () => drop.classList.remove('over');
document.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  const dropped = event.dataTransfer?.files[0];
  if (dropped) ask(dropped, dropped.name);
  else fail('That was not a file. Save the image first, then drop the file.');
};

function ask(image: Blob, name: string): void {
  question = { id: (question?.id ?? 0) + 1, image, name, edge: Number(edge.value) };
  answer = undefined;
  problem.hidden = true;
  section.classList.add('pending');
  void preview(question);
  if (device) wait();
  const { id } = question;
  worker.postMessage({ id, image, edge: Number(edge.value) } satisfies Question);
}

/** Shows the image while the model computes. If the browser cannot read it, the worker will say why. */
async function preview({ id, image }: Question): Promise<void> {
  const bitmap = await createImageBitmap(image).catch(() => undefined);
  if (bitmap && question?.id === id && !answer) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    context.drawImage(bitmap, 0, 0);
    section.hidden = false;
  }
  bitmap?.close();
}

function show(found: Answer): void {
  answer = found;
  stopWaiting();
  say(`Found ${sentence(found.legends.detection)}.`);
  section.hidden = false;
  section.classList.remove('pending');
  URL.revokeObjectURL(saveJson.href);
  saveJson.href = URL.createObjectURL(new Blob([found.json], { type: 'application/json' }));
  saveJson.download = `${stem()}.json`;
  facts.textContent = `${Math.round(found.milliseconds).toLocaleString()} ms on ${device}`;
  paint();
}

/** Draws the chosen view with its legend. */
function paint(): void {
  if (!answer) return;
  const view = find<HTMLInputElement>('#views :checked').value as keyof Answer['views'];
  const { width, height, data } = answer.views[view];
  canvas.width = width;
  canvas.height = height;
  // the library gives plain bytes, ImageData takes clamped ones
  const pixels = new Uint8ClampedArray(data.buffer as ArrayBuffer, data.byteOffset, data.length);
  context.putImageData(new ImageData(pixels, width, height), 0, 0);

  const entries = answer.legends[view === 'segmentation' ? view : 'detection'];
  legend.replaceChildren(
    ...entries.map(({ color, name, note = '' }) => {
      const item = document.createElement('li');
      item.style.setProperty('--color', `rgb(${color.join(' ')})`);
      const count = document.createElement('b');
      count.textContent = note;
      item.append(`${name} `, count);
      return item;
    }),
  );
  canvas.ariaLabel = `${stem()}: ${sentence(entries)}`;

  canvas.toBlob((blob) => {
    if (!blob) return;
    URL.revokeObjectURL(saveImage.href);
    saveImage.href = URL.createObjectURL(blob);
    saveImage.download = `${stem()}.${view}.png`;
  });
}

const sentence = (entries: Answer['legends']['detection']): string =>
  entries.map(({ name, note = '' }) => `${note} × ${name}`).join(', ') ||
  `nothing. This model knows ${classes.join(', ')}`;

const stem = (): string => (question?.name ?? 'image').replace(/\.[^.]*$/, '');

function showProgress({ done, total, text }: Extract<Message, { kind: 'loading' }>): void {
  statusText.textContent = `${text}…`;
  if (total > 0) {
    bar.max = total;
    bar.value = done;
  } else bar.removeAttribute('value');
}

/** Counts seconds, because the time that a device takes is unknown. */
function wait(): void {
  stopWaiting();
  const begun = performance.now();
  say('Predicting…', true);
  waiting = setInterval(() => {
    seconds.textContent = `${Math.floor((performance.now() - begun) / 1000)} s`;
  }, 1000);
}

function stopWaiting(): void {
  clearInterval(waiting);
  seconds.textContent = '';
}

function say(text: string, busy = false): void {
  status.hidden = false;
  statusText.textContent = text;
  bar.removeAttribute('value');
  bar.style.visibility = busy ? '' : 'hidden';
}

function fail(message: string): void {
  stopWaiting();
  status.hidden = true;
  section.hidden = true;
  problem.hidden = false;
  problem.textContent = message;
}
