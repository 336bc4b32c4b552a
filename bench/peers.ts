import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeSafetensors } from 'moganet/formats';
import { type NetworkFiles, root } from './contenders.ts';
import { definitionOf, type Network, weightsOf } from './networks.ts';

/** PyTorch, if there is one, and the files that it and this package are measured with. */

const run = promisify(execFile);

/** The folder of exports and weights, kept between runs. */
export const filesFolder = join(root, 'out/bench');
const exporter = fileURLToPath(new URL('peers/export.py', import.meta.url));

export const howToGetTorch =
  'PyTorch not found, so its peers are left out. To have them: python3 -m venv out/peers-venv && ' +
  'out/peers-venv/bin/pip install -r bench/peers/requirements.txt';

/** Returns the first Python that has PyTorch. */
export const findPython = (): Promise<string | undefined> => pythonWith(['torch', 'onnx', 'onnxscript']);

/** Returns the first Python that has these modules: that of MOGANET_PYTHON, of `out/peers-venv`, or `python3`. */
export async function pythonWith(modules: readonly string[]): Promise<string | undefined> {
  const own = join(root, 'out/peers-venv/bin/python');
  const named = process.env.MOGANET_PYTHON;
  for (const python of named ? [named] : [...(existsSync(own) ? [own] : []), 'python3']) {
    const found = await run(python, ['-c', `import ${modules.join(', ')}`]).catch(() => undefined);
    if (found) return python;
  }
  return undefined;
}

/** Returns the files of a network. Those that are missing are made: exports by `python`, if there is one. */
export async function filesOf(network: Network, python: string | undefined): Promise<NetworkFiles> {
  mkdirSync(filesFolder, { recursive: true });
  const weights = join(filesFolder, `${network}.safetensors`);
  if (!existsSync(weights)) {
    writeFileSync(weights, await writeSafetensors(weightsOf(definitionOf(network))).bytes());
  }
  if (python && Object.keys(exportsOf(network)).length === 0) {
    console.log(`exporting ${network} from PyTorch …`);
    await run(python, [exporter, filesFolder, network]);
  }
  return { weights, exports: exportsOf(network) };
}

/** The exports of a network by form: `swin_t.dynamo.onnx` is its form `dynamo`. */
function exportsOf(network: Network): Record<string, string> {
  const pattern = new RegExp(`^${network}\\.(dynamo|script)\\.onnx$`);
  return Object.fromEntries(
    readdirSync(filesFolder).flatMap((file) => {
      const [, form] = pattern.exec(file) ?? [];
      return form === undefined ? [] : [[form, join(filesFolder, file)]];
    }),
  );
}
