import { legacy, safetensors, torch } from './checkpoints.ts';
import { jpeg, png } from './images.ts';
import { type Fuzzer, fuzzerOf } from './index.ts';

/** Every reader of files, by the name that `npm run fuzz -- --reader` takes. */
export const readers = {
  png: fuzzerOf(png),
  jpeg: fuzzerOf(jpeg),
  torch: fuzzerOf(torch),
  legacy: fuzzerOf(legacy),
  safetensors: fuzzerOf(safetensors),
} satisfies Record<string, Fuzzer>;
