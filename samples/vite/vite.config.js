import { defineConfig } from 'vite';

export default defineConfig({
  // the worker loads an engine when it needs it; the default format has all of them in one script, and Vite 7 does not build it
  worker: { format: 'es' },
  // the development server of Vite 7 bundles packages and then does not find their workers; Vite 8 does
  optimizeDeps: { exclude: ['moganet'] },
});
