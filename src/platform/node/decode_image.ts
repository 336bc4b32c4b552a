import { imageDecoder } from '../../codecs/decode.ts';
import { loadJpegWasm } from './jpeg_wasm.ts';

/**
 * PNG and JPEG bytes to RGBA pixels as OpenCV reads them: turned as EXIF says, alpha dropped, 16 bits by the high byte.
 */
export const decodeImage = imageDecoder(loadJpegWasm);
