import { withAssets } from 'moganet/ort';

/** The library with the engines of onnxruntime-web, whose files the page serves beside itself. */
export const { loadModel } = withAssets({ ortWasm: new URL('ort/', document.baseURI).href });
