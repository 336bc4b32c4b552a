import { withAssets } from 'moganet/worker';

const worker = () => new Worker(new URL('./thread.js', import.meta.url), { type: 'module' });
const { loadModel } = withAssets({ worker });

globalThis.predict = async (engine) => {
  const model = await loadModel({ config: 'facade', weights: '/facade.safetensors' }, { engine });
  const { image, length } = await model.predict('/photo.jpg', { size: { height: 64, width: 64 } });
  await model.dispose();
  return { engine: model.engine.name, width: image.width, length };
};
