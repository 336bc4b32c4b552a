'use client';

import { loadModel } from 'moganet/worker';
import { useEffect, useRef, useState } from 'react';

/** Loads the model in the page, in a worker, and draws what it finds in a picture. */
export function Finder() {
  const canvas = useRef(null);
  const model = useRef(undefined);
  const [status, setStatus] = useState('Loading the model …');

  useEffect(() => {
    const engine = new URLSearchParams(location.search).get('engine') ?? 'auto';
    const loading = loadModel({ config: 'facade', weights: '/facade.safetensors' }, { engine });
    loading.then(
      (loaded) => {
        model.current = loaded;
        setStatus('Choose a picture of a street.');
      },
      (error) => setStatus(error.message),
    );
    return () => {
      loading.then((loaded) => loaded.dispose()).catch(() => {}); // its message was shown
    };
  }, []);

  async function show(file) {
    setStatus(`Looking at ${file.name} …`);
    const result = await model.current.predict(file, { score: 0.5, size: { height: 320, width: 320 } });
    const { width, height, data } = result.render();
    canvas.current.width = width;
    canvas.current.height = height;
    const pixels = new ImageData(new Uint8ClampedArray(data), width, height);
    canvas.current.getContext('2d').putImageData(pixels, 0, 0);
    setStatus(`Found ${result.length} on ${model.current.engine.name}.`);
  }

  return (
    <>
      <label>
        Picture{' '}
        <input
          type="file"
          accept="image/*"
          onChange={({ target }) => show(target.files[0]).catch((error) => setStatus(error.message))}
        />
      </label>
      <p role="status">{status}</p>
      <canvas ref={canvas} style={{ maxWidth: '100%' }} />
    </>
  );
}
