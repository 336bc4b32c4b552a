import type { OnnxRuntime } from './runtime.ts';

/** The runtime, or why there is none. */
export type FoundRuntime =
  | { readonly ort: OnnxRuntime; readonly reason?: undefined }
  | { readonly ort?: undefined; readonly reason: string };

/** Without its install script, which fetches files for GPUs; those for the CPU are in the package. */
export const howToInstall = 'npm install onnxruntime-node --ignore-scripts';

/**
 * `onnxruntime-node`, if it is installed and starts here: npm leaves this optional dependency out where its install script
 * fails, and it has no binaries for some systems (musl).
 */
export async function loadOnnxRuntime(): Promise<FoundRuntime> {
  // it keeps a device id and a database of events in the user's cache otherwise; who wants that sets the variable to 0
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const name: string = 'onnxruntime-node'; // a variable, so that neither compiler nor bundler insists on the package
  try {
    return { ort: (await import(name)) as OnnxRuntime };
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    return { reason: missing ? 'onnxruntime-node is not installed' : `onnxruntime-node does not start: ${cause}` };
  }
}
