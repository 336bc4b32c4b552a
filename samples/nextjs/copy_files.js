// Copies the weights of the demo model to where Next.js serves files from.
import { copyFileSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const weights = import.meta.resolve('moganet/samples/weights/facade.safetensors');
mkdirSync('public', { recursive: true });
copyFileSync(fileURLToPath(weights), 'public/facade.safetensors');
