/** How to get from the demo's classes to those of COCO and ADE20K: said after the demo, in the help and where nothing is found. */

interface Published {
  readonly classes: string;
  readonly model: string;
  readonly url: string;
}

const releases = 'https://github.com/Westlake-AI/MogaNet/releases/download';
const published: readonly Published[] = [
  {
    classes: "COCO's 80 classes (people, cars, animals, furniture, …), boxes and masks",
    model: 'mask_rcnn_moganet_xt_fpn_1x_coco',
    url: `${releases}/moganet-det-weights/mask_rcnn_moganet_xtiny_fpn_1x_coco.pth`,
  },
  {
    classes: "ADE20K's 150 classes (wall, sky, road, tree, …), every pixel",
    model: 'upernet_moganet_xt_512x512_160k_ade20k',
    url: `${releases}/moganet-seg-weights/upernet_moganet_xtiny_512x512_160k_ade20k.pth`,
  },
];

/** @param command how the command line is called here: `moganet`, `npx moganet`, … */
export function otherClasses(command: string): string {
  const lines = ['Other classes come with the official weights, which you download once:'];
  for (const { classes, model, url } of published) {
    const file = url.slice(url.lastIndexOf('/') + 1);
    lines.push(
      '',
      `  ${classes}:`,
      `    curl -LO ${url}`,
      `    ${command} predict photo.jpg --model ${model} --weights ${file}`,
    );
  }
  lines.push('', `All models: ${command} models`);
  return lines.join('\n');
}

const classifier = {
  model: 'moganet_xt',
  url: `${releases}/moganet-in1k-weights/moganet_xtiny_sz224_8xbs128_ep300.pth.tar`,
};

/** How to get a classifier: the package ships none. */
export function howToClassify(command: string): string {
  const { model, url } = classifier;
  return [
    "ImageNet's 1000 classes (animals, vehicles, tools, food, …) come with the official weights, which you download once:",
    '',
    `    curl -LO ${url}`,
    `    ${command} classify photo.jpg --model ${model} --weights ${url.slice(url.lastIndexOf('/') + 1)}`,
    '',
    `All classifiers with the addresses of their weights: ${command} models --task classify`,
  ].join('\n');
}

/** How to call the command line again: from a checkout it runs uncompiled. */
export function ownCommand(): string {
  return import.meta.url.endsWith('.ts') ? 'npm run moganet --' : 'npx moganet';
}
