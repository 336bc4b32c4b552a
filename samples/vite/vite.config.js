import { defineConfig } from 'vite';

export default defineConfig({
  // Vite 7 cannot split the default format of workers
  worker: { format: 'es' },
  // the development server would otherwise bundle the package and lose the place of its worker
  optimizeDeps: { exclude: ['moganet'] },
});
