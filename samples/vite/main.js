import { loadModel } from 'moganet/worker';
import weights from 'moganet/samples/weights/facade.safetensors?url';

const status = document.querySelector('[role=status]');
const input = document.querySelector('input');
const canvas = document.querySelector('canvas');
const engine = new URLSearchParams(location.search).get('engine') ?? 'auto';

async function show(model, file) {
  status.textContent = `Looking at ${file.name} …`;
  const result = await model.predict(file, { score: 0.5, size: { height: 320, width: 320 } });
  const { width, height, data } = result.render();
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d').putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  status.textContent = `Found ${result.length} on ${model.engine.name}.`;
}

try {
  const model = await loadModel({ config: 'facade', weights }, { engine });
  status.textContent = 'Choose a picture of a street.';
  input.addEventListener('change', () => {
    show(model, input.files[0]).catch((error) => {
      status.textContent = error.message;
    });
  });
} catch (error) {
  status.textContent = error.message;
}
