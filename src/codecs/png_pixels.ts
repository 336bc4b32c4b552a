import type { Raster } from '../image/raster.ts';

/** A raster's bytes as a PNG writer wants them: without the alpha channel where it says nothing (a fifth less to store). */
export function packedPixels({ data }: Raster): { readonly channels: 3 | 4; readonly bytes: Raster['data'] } {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return { channels: 4, bytes: data };
  const bytes = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    bytes[o++] = data[i]!;
    bytes[o++] = data[i + 1]!;
    bytes[o++] = data[i + 2]!;
  }
  return { channels: 3, bytes };
}
