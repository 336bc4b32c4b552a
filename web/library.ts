import { withAssets } from 'moganet/worker/ort';

/** The library in a worker (its script is `thread.ts`), with the engines of onnxruntime-web, whose files the page serves beside itself. */
export const { loadModel } = withAssets({ ortWasm: new URL('ort/', document.baseURI).href });
