import { loadModel } from 'moganet';
import type { Options } from '../options.ts';
import { photo } from '../photo.ts';
import type { Report } from '../report.ts';
import { longestGap, median } from '../statistics.ts';

/** How long the event loop stands still: the longest gap of a 5 ms timer while a model is loaded and while it predicts. */
export async function gap({ engines, rounds }: Options): Promise<Report> {
  const rows = [];
  const ratios = [];
  for (const engine of engines) {
    let loaded: Awaited<ReturnType<typeof loadModel>> | undefined;
    const loading = await gapDuring(async () => {
      loaded = await loadModel('facade', { engine });
    });
    const model = loaded;
    if (!model) continue;
    const first = await gapDuring(() => model.predict(photo));
    const gaps: number[] = [];
    for (let i = 0; i < Math.min(rounds, 9); i++) gaps.push(await gapDuring(() => model.predict(photo)));
    const value = median(gaps);
    rows.push([
      engine,
      model.engine.name,
      `${model.engine.blocking === true}`,
      loading,
      first,
      value,
      Math.max(...gaps),
    ]);
    const most = engine === 'auto' || engine === 'onnxruntime' ? 50 : undefined;
    ratios.push({ name: `gap ${engine}: longest of a predict`, value, unit: 'ms', most } as const);
    await model.dispose();
  }
  const columns = ['asked for', 'engine', 'blocking', 'load ms', 'first predict ms', 'predict ms', 'longest of all'];
  const title = 'gap: the longest gap of a 5 ms timer, the demo model with both heads on a photo of 1024×1024';
  return { tables: [{ title, columns, rows }], ratios, notes: [] };
}

async function gapDuring(work: () => Promise<unknown>): Promise<number> {
  const times = [performance.now()];
  const timer = setInterval(() => times.push(performance.now()), 5);
  try {
    await work();
    times.push(performance.now());
  } finally {
    clearInterval(timer);
  }
  return longestGap(times);
}
