/**
 * Runs one Mask R-CNN on every backbone by changing one field of its configuration.
 * Run: npx tsx samples/swap_backbone.ts [size] [image]
 */
import { createModel, findEntry, loadModel, type ModelConfig, modelParameters } from 'moganet';
import { families } from 'moganet/backbones';
import { writeSafetensors } from 'moganet/formats';
import { costOf, parameterCount, type RecordedPart, totalCost } from 'moganet/nn';

const size = Number(process.argv[2] ?? 320);
const maskRcnn = findEntry('mask_rcnn_moganet_s_fpn_1x_coco').config;
// a square by default (768×768), so that the input is one, too
const image = process.argv[3] ?? new URL('images/street-house.jpg', import.meta.url);

console.log(`features (backbone, FPN, RPN) at ${size}×${size}; weights are zero, so nothing is detected`);
console.log('backbone   stages (channels at stride)                parameters     MACs       ms');
for (const [name, { medium: backbone }] of Object.entries(families)) {
  const config: ModelConfig = { ...maskRcnn, name, backbone };
  const definition = createModel(config);
  const { graph } = definition.parts.features as RecordedPart;
  const { macs } = totalCost(costOf(graph, { image: { batch: 1, height: size, width: size } }));
  const model = await loadModel({ config, weights: await zeros(config) });
  await model.predict(image, { size: { height: size, width: size } }); // warms up
  const { timings } = await model.predict(image, { size: { height: size, width: size } });
  await model.dispose();
  const stages = definition.stages.map(({ channels, stride }) => `${channels} at ${stride}`).join(', ');
  const parameters = `${(parameterCount(graph, 'backbone') / 1e6).toFixed(1)} M`;
  console.log(
    name.padEnd(10),
    stages.padEnd(42),
    parameters.padStart(10),
    `${(macs / 1e9).toFixed(1)} G`.padStart(8),
    (timings.features ?? 0).toFixed(0).padStart(8),
  );
}

/** Returns a checkpoint of the model with all weights zero. */
async function zeros(config: ModelConfig): Promise<Uint8Array> {
  const tensors = modelParameters(createModel(config))
    .filter(({ kind }) => kind !== 'ignored')
    .map(({ key, shape }) => {
      const length = shape.reduce((product, extent) => product * extent, 1);
      return [key, { shape, data: new Float32Array(length) }] as const;
    });
  return writeSafetensors(new Map(tensors)).bytes();
}
