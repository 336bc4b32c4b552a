'use client';

import { withAssets } from 'moganet/ort';
import { useEffect } from 'react';

async function predict(engine, { threads, ortWasm } = {}) {
  const { loadModel } = withAssets({ ortWasm });
  const model = await loadModel({ config: 'facade', weights: '/facade.safetensors' }, { engine, threads });
  const { image, length } = await model.predict('/photo.jpg', { size: { height: 64, width: 64 } });
  await model.dispose();
  return { engine: model.engine.name, width: image.width, length };
}

export default function Page() {
  useEffect(() => {
    globalThis.predict = predict;
  }, []);
  return <p>ready</p>;
}
