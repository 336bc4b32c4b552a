import { imageDecoder } from '../../codecs/decode.ts';
import { jpegWasmFrom } from './jpeg_wasm.ts';

/** Expects `mozjpeg_dec.wasm` beside the bundle; for another place: `imageDecoder(jpegWasmFrom(url))`. */
export const decodeImage = imageDecoder(jpegWasmFrom());
