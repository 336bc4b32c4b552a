import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { checkFile, collected, readGiven, unitInterval, wholeNumber } from './arguments.ts';
import { addLayoutOptions, type DataOptions, openData } from './data_options.ts';
import { endingAtOnce, UsageError } from './failure.ts';
import { namesIn } from './model.ts';
import { checkOutput, outputStems, pageEndings, refuseExisting, writeWhole } from './outputs.ts';
import { pictureCodec } from './reports.ts';
import { bytes, openTerminal, type Terminal } from './terminal.ts';
import { worded } from './words.ts';

interface Options extends Pick<DataOptions, 'annotations' | 'format' | 'split'> {
  readonly out?: string;
  readonly limit: number;
  readonly maxSize: number;
  readonly classes?: readonly string[];
  readonly results?: string;
  readonly score?: number;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
The file opens in any browser, without a server and without a network. Boxes, masks, keypoints, label maps and classes can
be switched; an image opens large, and the arrow keys go on. It holds small copies of the images: --limit and --max-size
bound them, and it says how many of how many are shown.

Examples:
  moganet browse facades/
  moganet browse coco/ --split val2017 --classes cat,dog --limit 100 -o cats_and_dogs.html
  moganet browse coco/ --split val2017 --results detections.json --score 0.5`;

/** `moganet browse`: writes a data set as one HTML file to look through. */
export function addBrowseCommand(program: Command): void {
  const command = program
    .command('browse')
    .summary('write a data set as one HTML file to look through')
    .description('Writes a data set as one HTML file: small images with boxes, masks, keypoints and label maps.')
    .argument('<data>', 'the folder of the data set, or its annotation file')
    .option('-o, --out <file>', 'the HTML file (default: named after the folder)');
  addLayoutOptions(command)
    .option(
      '--classes <names>',
      'only objects of these classes, separated by commas, and images that have one; may be repeated',
      collected,
    )
    .option('--results <file>', "results in COCO's format, drawn with dashed lines")
    .option('--score <score>', 'least score of results (default: 0.3)', unitInterval)
    .option('--limit <n>', 'the most images', wholeNumber, 200)
    .option('--max-size <MB>', 'the most megabytes of the file, about', wholeNumber, 40)
    .option('--overwrite', 'replace an existing file')
    .option('-q, --quiet', 'only the result and errors')
    .addHelpText('after', help)
    .action(browse);
}

async function browse(data: string, options: Options): Promise<void> {
  const { results, overwrite, quiet, limit, score, classes, maxSize } = options;
  if (score !== undefined && results === undefined) {
    throw new UsageError('--score chooses among results: name their file with --results, or leave it out.');
  }
  checkFile(data);
  const out = options.out ?? defaultName(data, options.split);
  checkOutput(out, '--out', pageEndings);
  if (!overwrite) refuseExisting([out], 'give another name with --out');
  const terminal = openTerminal({ quiet });
  const found = results === undefined ? undefined : { bytes: readGiven(results), name: results };
  const gallery = await endingAtOnce(async () => {
    const [{ galleryHtml }, { parseCocoResults }, set] = await Promise.all([
      import('../report/gallery.ts'),
      import('../data/coco_json.ts'),
      openData({ ...options, data }),
    ]);
    return galleryHtml(set, pictureCodec, {
      limit,
      score,
      classes: classes?.flatMap((text) => namesIn(text, set.classes)),
      maxBytes: 1e6 * maxSize,
      results: found && parseCocoResults(found.bytes, found.name),
      onProgress: (done, total, file) => terminal.progress(done, total, file),
    });
  });
  terminal.settle();
  say(gallery.notices, terminal);
  const content = new TextEncoder().encode(gallery.html);
  await writeWhole(out, [content]);
  const { shown, count, cut } = gallery;
  terminal.print(
    `${out}: ${shown} of ${count} images, ${bytes(content.length)}${cut === undefined ? '' : ` (${cut})`}`,
  );
}

/** `facades.html`, `coco_val2017.html`, in the current folder. */
function defaultName(data: string, split: string | undefined): string {
  const [stem = 'data'] = outputStems([`${[basename(resolve(data), '.json'), split].filter(Boolean).join('_')}.html`]);
  return `${stem}.html`;
}

/** The most notices that are printed; the page has all. */
const mostNotices = 8;

function say(notices: readonly string[], terminal: Terminal): void {
  for (const notice of notices.slice(0, mostNotices)) terminal.note(terminal.colors.yellow(worded(notice)));
  if (notices.length > mostNotices) terminal.note(`… and ${notices.length - mostNotices} more, which the page lists`);
}
