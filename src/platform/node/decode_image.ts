import { imageDecoder } from '../../codecs/decode.ts';
import { loadJpegWasm } from './jpeg_wasm.ts';

export const decodeImage = imageDecoder(loadJpegWasm);
