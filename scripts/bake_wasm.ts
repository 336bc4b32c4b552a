import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { deflateRawSync } from 'node:zlib';

/**
 * Writes `src/platform/jpeg_wasm.data.ts`: the WebAssembly of the JPEG decoder as text, so that no bundler and no server has
 * to know about a file. Run it after a new version of `@jsquash/jpeg`; `test/platform/shipped.test.ts` compares the two:
 *
 *     npx tsx scripts/bake_wasm.ts
 */

const target = new URL('../src/platform/jpeg_wasm.data.ts', import.meta.url);
const wasm = readFileSync(createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));

writeFileSync(
  target,
  `/**
 * mozjpeg_dec.wasm of @jsquash/jpeg (licence in THIRD_PARTY_NOTICES.md), written by scripts/bake_wasm.ts: do not edit.
 * Deflated, in base64; \`jpeg_wasm.ts\` reads it.
 */

export const size = ${wasm.length};

export const deflated =
  '${deflateRawSync(wasm, { level: 9 }).toString('base64')}';
`,
);
console.log(`${wasm.length} bytes -> ${target.pathname}`);
