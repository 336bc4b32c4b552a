import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readModel } from 'moganet';
import { moganet, useFolder } from '../harness/command_line.ts';
import { smallClassification, smallDetection, smallSegmentation, smallWeights } from '../harness/small_model.ts';
import { prefixed, trainerFile } from '../harness/trainer_file.ts';

describe('moganet convert with a model that the file does not name', () => {
  const cwd = useFolder();
  const at = (name: string) => join(cwd, name);
  const student = smallWeights(smallDetection, 'student');

  before(() => {
    writeFileSync(at('mine.json'), JSON.stringify(smallDetection));
    writeFileSync(at('sky.json'), JSON.stringify(smallSegmentation));
    writeFileSync(at('classes.json'), JSON.stringify(smallClassification));
    const teacher = smallWeights(smallDetection, 'teacher');
    writeFileSync(
      at('semi.ckpt'),
      trainerFile(new Map([...prefixed('student.', student), ...prefixed('teacher.', teacher)])),
    );
    writeFileSync(at('detection.pth'), trainerFile({ state_dict: prefixed('model.', smallWeights(smallDetection)) }));
    writeFileSync(at('segmentation.pth'), trainerFile({ state_dict: smallWeights(smallSegmentation) }));
    const surplus = new Map([
      ...smallWeights(smallClassification),
      ['edge_values', { shape: [1], data: new Float32Array(1) }],
    ] as const);
    writeFileSync(at('classes.pth'), trainerFile({ state_dict: surplus }));
  });

  it('takes the model from --model, once per checkpoint, and one file loads by itself', async () => {
    const words = [
      'convert',
      'detection.pth',
      'segmentation.pth',
      'both.safetensors',
      '--model',
      'mine.json',
      '--model',
      'sky.json',
    ];
    const { code, stderr } = await moganet(words, { cwd });
    expect(code, stderr).to.equal(0);
    expect(stderr).to.contain('detection.pth: Every key of the model begins with "model.", which is removed.');
    const { definition } = await readModel({ weights: at('both.safetensors') });
    expect(definition.tasks.map(({ kind }) => kind)).to.deep.equal(['detection', 'segmentation']);
    const once = await moganet([...words.slice(0, 6)], { cwd });
    expect(once.code).to.equal(2);
    expect(once.stderr).to.match(/--model is given 1 time for 2 checkpoints\. Give it once per checkpoint/);
  });

  it('says which prefixes there are, and takes the one that is given', async () => {
    const words = ['convert', 'semi.ckpt', 'student.safetensors', '--model', 'mine.json'];
    const refused = await moganet(words, { cwd });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.contain('--prefix "student."').and.to.contain('--prefix "teacher."');
    const { code, stderr } = await moganet([...words, '--prefix', 'student.'], { cwd });
    expect(code, stderr).to.equal(0);
    const { weights } = await readModel({ weights: at('student.safetensors') });
    for (const [key, { data }] of weights) expect(data, key).to.deep.equal(student.get(key)?.data);
  });

  it('leaves out a key on request, as its message says', async () => {
    const words = ['convert', 'classes.pth', 'classes.safetensors', '--model', 'classes.json'];
    const refused = await moganet(words, { cwd });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.contain('1 unexpected: edge_values').and.to.contain('--ignore edge_values');
    const { code, stderr } = await moganet([...words, '--ignore', 'edge_values'], { cwd });
    expect(code, stderr).to.equal(0);
    expect((await readModel({ weights: at('classes.safetensors') })).definition.tasks).to.have.length(1);
  });

  it('takes the backbone alone, also from below a prefix', async () => {
    for (const prefix of ['backbone.', 'model.backbone.']) {
      const words = [
        'convert',
        'detection.pth',
        'backbone.safetensors',
        '--model',
        'mine.json',
        '--prefix',
        prefix,
        '--overwrite',
      ];
      const { code, stderr } = await moganet(words, { cwd });
      expect(code, stderr).to.equal(0);
      expect((await readModel({ weights: at('backbone.safetensors') })).definition.tasks).to.have.length(0);
    }
  });
});
