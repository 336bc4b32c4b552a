import { type DecodeImage, imageDecoder } from '../../codecs/decode.ts';
import { jpegWasmFrom } from './jpeg_wasm.ts';

/** PNG and JPEG in a page. `jpegWasm` is the address of `mozjpeg_dec.wasm`; beside the bundle where it is not given. */
export const imageDecoderFor = (jpegWasm?: string | URL): DecodeImage => imageDecoder(jpegWasmFrom(jpegWasm));
