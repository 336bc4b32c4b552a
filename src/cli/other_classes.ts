/** How to get from the demo's classes to those of COCO and ADE20K: said after the demo, in the help and where nothing is found. */

const published = [
  {
    task: 'detect',
    classes: "COCO's 80 classes (people, cars, animals, furniture, …), boxes and masks",
    model: 'mask_rcnn_moganet_xt_fpn_1x_coco',
  },
  {
    task: 'segment',
    classes: "ADE20K's 150 classes (wall, sky, road, tree, …), every pixel",
    model: 'upernet_moganet_xt_512x512_160k_ade20k',
  },
] as const;

/**
 * @param command how the command line is called here: `moganet`, `npx moganet`, …
 * @param only models for this task
 */
export function otherClasses(command: string, only?: 'detect' | 'segment'): string {
  const lines = ['Other classes come with the official weights, which are fetched once and kept:'];
  for (const { task, classes, model } of published) {
    if (only !== undefined && task !== only) continue;
    lines.push(
      '',
      `  ${classes}:`,
      `    ${command} pull ${model}`,
      `    ${command} ${only ?? 'predict'} photo.jpg --model ${model}`,
    );
  }
  lines.push('', `All models: ${command} models`);
  return lines.join('\n');
}

/** How to get a classifier: the package ships none. */
export function howToClassify(command: string): string {
  return [
    "ImageNet's 1000 classes (animals, vehicles, tools, food, …) come with the official weights, which are fetched once and kept:",
    '',
    `    ${command} pull moganet_xt`,
    `    ${command} classify photo.jpg --model moganet_xt`,
    '',
    `All classifiers with the addresses of their weights: ${command} models --task classify`,
  ].join('\n');
}

/** How to call the command line again: from a checkout it runs uncompiled. Without -s npm writes its own lines to stdout. */
export function ownCommand(): string {
  return import.meta.url.endsWith('.ts') ? 'npm run -s moganet --' : 'npx moganet';
}
