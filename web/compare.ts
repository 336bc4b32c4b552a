import type { CompareNews, CompareOrder } from './comparison.ts';
import { element, find } from './elements.ts';
import { isThere } from './offline.ts';
import type { Session } from './session.ts';
import type { Store } from './state.ts';
import { duration } from './words.ts';

/** The comparison of the engines on this device: which start, how exact they are against PyTorch, and how fast. */

const engines = ['webgpu', 'ort-wasm', 'webgl', 'wasm', 'cpu'] as const;

/** The words of the table for what was found. */
const words = {
  passed: 'pass',
  failed: 'fail',
  unsupported: 'unsupported',
  excluded: 'excluded',
  'not run': 'not run',
} as const;

/** Fills the section of the comparison. */
export function connectComparison(store: Store, session: Session): void {
  const start = element('button', { type: 'button' }, 'Compare engines');
  const picture = element('input', { type: 'checkbox', id: 'compare-picture' });
  const said = element('p', { class: 'small', role: 'status' });
  const rows = new Map(
    engines.map((engine) => [engine as string, rowOf(engine, () => void session.useEngine(engine))]),
  );
  const head = ['Engine', 'Result', 'Error', 'Time'].map((text, i) =>
    element('th', { class: i > 1 ? 'number' : '', scope: 'col' }, text),
  );
  const table = element(
    'table',
    {},
    element('caption', { class: 'unseen' }, 'Engines on this device, against numbers of PyTorch'),
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...Array.from(rows.values(), ({ row }) => row)),
  );
  let worker: Worker | undefined;

  const end = (text: string) => {
    worker?.terminate();
    worker = undefined;
    start.textContent = 'Compare engines';
    said.textContent = text;
    for (const { clear } of rows.values()) clear();
  };

  const hear = ({ data }: MessageEvent<CompareNews>) => {
    if (data.kind === 'failed') return end(`The comparison ended: ${data.text}`);
    if (data.kind === 'begins') {
      rows.get(data.engine)?.show({ status: 'running' });
      said.textContent = `${data.engine}: ${data.what === 'numbers' ? 'a small network' : 'the demo model on a picture'}…`;
      return;
    }
    const { engine, status, detail, reason, weakness, numbers, image } = data.check;
    const time = image ?? numbers;
    rows.get(engine)?.show({
      status: words[status],
      error: numbers?.maxError,
      milliseconds: time?.milliseconds,
      text: [detail, weakness, reason, image && `${image.found} of ${image.expected} instances`]
        .filter(Boolean)
        .join('. '),
    });
    if (engine === engines.at(-1)) end('Error: the largest distance to the outputs of PyTorch. Time: the second run.');
  };

  start.onclick = async () => {
    if (worker) return end('Stopped.');
    start.textContent = 'Stop';
    for (const { show } of rows.values()) show({ status: 'not run' });
    const reason = 'The files of onnxruntime-web are not beside this page';
    const exclude: Record<string, string> = (await isThere('ort/ort-wasm-simd-threaded.mjs'))
      ? {}
      : { webgpu: reason, 'ort-wasm': reason };
    const order: CompareOrder = { base: document.baseURI, engines, exclude, image: picture.checked };
    worker = new Worker(new URL('./thread.ts', import.meta.url), { type: 'module', name: JSON.stringify(order) });
    worker.onmessage = hear;
    worker.onerror = ({ message }) => end(`The comparison did not start. ${message ?? ''}`);
  };

  store.on(['model'], ({ model }) => {
    for (const [engine, { row }] of rows) row.setAttribute('aria-current', `${engine === model?.engine}`);
  });
  find('compare', HTMLElement).append(
    element('h2', {}, 'Engines on this device'),
    element('p', { class: 'small' }, 'Runs a small MogaNet, whose outputs PyTorch has computed, on each engine.'),
    table,
    said,
    element('label', { class: 'check' }, picture, 'the demo model on a picture, too (slow)'),
    element('div', { class: 'buttons' }, start),
  );
}

interface Found {
  readonly status: (typeof words)[keyof typeof words] | 'running';
  readonly error?: number | undefined;
  readonly milliseconds?: number | undefined;
  readonly text?: string;
}

interface Row {
  readonly row: HTMLTableRowElement;
  show(found: Found): void;
  /** Says "not run" of an engine that had not come to its end. */
  clear(): void;
}

function rowOf(engine: string, use: () => void): Row {
  const text = element('small');
  const status = element('td');
  const error = element('td', { class: 'number' });
  const time = element('td', { class: 'number' });
  const name = element('button', { type: 'button', class: 'quiet tiny', title: `Use ${engine}`, onclick: use }, engine);
  const row = element('tr', {}, element('th', { scope: 'row' }, name, text), status, error, time);
  const show = (found: Found) => {
    status.textContent = found.status;
    status.className = found.status.replace(' ', '-');
    error.textContent = found.error === undefined ? '' : found.error.toExponential(0);
    time.textContent = found.milliseconds === undefined ? '' : duration(found.milliseconds);
    text.textContent = found.text ?? '';
  };
  show({ status: 'not run' });
  return {
    row,
    show,
    clear: () => {
      if (status.textContent === 'running') show({ status: 'not run' });
    },
  };
}
