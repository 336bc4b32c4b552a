import { loadModel, type Result } from 'moganet';
import { shipped } from './site.ts';

/** What Node finds in a shipped image at the size of the tests of the page, with the options of the page. */
export async function nodeResult(image: string): Promise<Result> {
  const model = await loadModel('facade', { engine: 'wasm' });
  const result = await model.predict(shipped(image), { size: { width: 320, height: 320 }, score: 0.05 });
  await model.dispose();
  return result;
}
