import { configFromText, type ModelRef } from 'moganet';

/** The models of the page: the demo that it brings, and those that a visitor opens. */

/** A model that can be loaded. */
export interface ModelSource {
  readonly name: string;
  readonly ref: ModelRef;
  /** What the model really finds, one sentence each. */
  readonly card: readonly string[];
  /** A detector that finds the boxes for a pose model. */
  readonly detector?: Omit<ModelSource, 'detector'> | undefined;
}

/** The demo. Its card says what `samples/weights/MODEL_CARD.md` measured. */
export const demo: ModelSource = {
  name: 'Street facades (demo)',
  ref: { config: 'facade', weights: new URL('models/facade.safetensors', document.baseURI).href },
  card: [
    'Made for photographs of European street facades, taken from the ground.',
    'Finds windows (doors are found as windows, too). Balcony fences, plants, cars and shops are found by chance.',
    'Colours sky, facade, window, plants, street and balconies fairly well; cars, shops and fences often wrongly.',
  ],
};

const isCheckpoint = (name: string): boolean => /\.(pth|pt|tar|bin|ckpt|safetensors)$/i.test(name);
const isConfig = (name: string): boolean => /\.json$/i.test(name);

/** Tells whether a file belongs to a model and not to a picture. */
export const isModelFile = ({ name }: File): boolean => isCheckpoint(name) || isConfig(name) || /\.py$/i.test(name);

/** A configuration that waits for its weights. */
let waiting: { readonly file: string; readonly config: ReturnType<typeof configFromText> } | undefined;

/**
 * Returns the model of files that a visitor opened, or a sentence that says what to open next.
 *
 * @throws Error saying what is wrong with the files
 */
export async function modelOfFiles(files: readonly File[]): Promise<ModelSource | string> {
  const script = files.find(({ name }) => /\.py$/i.test(name));
  if (script) {
    throw new Error(
      `${script.name}: a Python configuration would have to be run. Write it as JSON: \`moganet config NAME > model.json\`.`,
    );
  }
  const config = files.find(({ name }) => isConfig(name));
  if (config) waiting = { file: config.name, config: configFromText(await config.text(), config.name) };
  const weights = files.filter(({ name }) => isCheckpoint(name));
  const [first, second] = weights;
  if (second) throw new Error(`${weights.map(({ name }) => name).join(', ')}: open one checkpoint at a time.`);
  if (!first) return `${waiting?.file} is a valid configuration. Now open the checkpoint that belongs to it.`;
  const given = waiting;
  waiting = undefined;
  return {
    name: first.name,
    ref: given ? { config: given.config, weights: first } : { weights: first },
    card: [
      given
        ? `Weights of ${first.name} in the model of ${given.file}.`
        : `The model was recognised from ${first.name}.`,
      'Nothing was uploaded. Both files are read in this browser.',
    ],
  };
}
