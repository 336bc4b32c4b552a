import { join } from 'node:path';
import { checkpointCases, runners } from '../harness/golden/checkpoints.ts';
import { goldenFolders, openCase, shippedGolden } from '../harness/golden.ts';

describe('checkpoints written by torch.save and safetensors', () => {
  for (const folder of [shippedGolden, ...goldenFolders()]) {
    for (const { name, run } of checkpointCases(folder)) it(`${name} of ${folder.split('/').slice(-2).join('/')}`, run);
  }
  it('configurations as mmcv writes them give the model that they mean, in three spellings', async () => {
    await runners.config_text!(await openCase(join(shippedGolden, 'heads'), 'config_text'));
  });
});
