import { listed } from '../errors.ts';

/** What does not fit but stops nothing: sentences for the user, few of each kind. */

/** The most sentences of one kind. */
const most = 10;

/** Collects sentences about a data set, each once. Beyond the most of a kind they are counted. */
export class Notices {
  /** Every part that the data set has, if it has parts: what was chosen of them is among the notices. */
  splits: readonly string[] | undefined;
  readonly #kinds = new Map<string, Set<string>>();

  /** @param kind what the sentences that are counted together have in common: `labels without an image` */
  add(kind: string, sentence: string): void {
    const sentences = this.#kinds.get(kind) ?? new Set();
    this.#kinds.set(kind, sentences.add(sentence));
  }

  /** Says one sentence about many files, of which it names a few. */
  addFiles(kind: string, sentence: (count: number, names: string) => string, files: readonly string[]): void {
    if (files.length === 0) return;
    this.add(kind, sentence(files.length, listed(files, most)));
  }

  list(): string[] {
    return [...this.#kinds].flatMap(([kind, sentences]) => {
      const few = [...sentences].slice(0, most);
      return sentences.size > most ? [...few, `${kind}: ${sentences.size - most} more.`] : few;
    });
  }
}
