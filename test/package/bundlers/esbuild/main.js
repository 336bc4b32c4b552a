import { decodeImage, loadModel } from 'moganet';

globalThis.decode = async () => {
  const response = await fetch('/photo.jpg');
  const { width } = await decodeImage(new Uint8Array(await response.arrayBuffer()));
  return width;
};

globalThis.predict = async (engine) => {
  const model = await loadModel({ config: 'facade', weights: '/facade.safetensors' }, { engine });
  const { image, length } = await model.predict('/photo.jpg', { size: { height: 64, width: 64 } });
  await model.dispose();
  return { engine: model.engine.name, width: image.width, length };
};
