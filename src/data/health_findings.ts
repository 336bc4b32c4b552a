import { type HealthCode, healthCodes, type Severity, severities, severityOf } from './health_codes.ts';

/** Findings of one code in one split, collected so that a million faults fit into memory: all ids, a few examples. */

/** The kind of entries that a finding is about. */
export type SubjectKind = 'image' | 'annotation' | 'category' | 'result';

/** Ids as they stand in the file, which may be strings where they must not be. */
export type Id = number | string;

/** The entries that a finding is about. */
export interface Subject {
  readonly kind: SubjectKind;
  readonly split: string | undefined;
  /** Ids, each once. Results are named by their position in the file, from 0. */
  readonly ids: readonly Id[];
}

/** One fault as a sentence. */
export interface FindingExample {
  /** The file that has the fault: the annotations, or an image. */
  readonly file: string;
  readonly text: string;
}

/** All faults of one code in one split (or between two). */
export interface Finding {
  readonly code: HealthCode;
  readonly severity: Severity;
  readonly split: string | undefined;
  /** How often it was found. */
  readonly count: number;
  /** Of leakage one per split. Entries that have no id are counted, and named in the examples only. */
  readonly subjects: readonly Subject[];
  /** The first ones. */
  readonly examples: readonly FindingExample[];
  /** The next step for the reader. */
  readonly remedy: string;
}

/** What is reported of one fault. */
export interface Fault {
  readonly kind: SubjectKind;
  readonly ids: readonly Id[];
  readonly file: string;
  /** Called for examples only. */
  text(): string;
}

/** Reports one fault of a split. */
export type Report = (code: HealthCode, fault: Fault) => void;

interface Collected {
  readonly code: HealthCode;
  readonly split: string | undefined;
  count: number;
  /** By kind and split. */
  readonly subjects: Map<string, { readonly kind: SubjectKind; readonly split: string | undefined; ids: Set<Id> }>;
  readonly examples: FindingExample[];
}

/** Returns a collector without a finding. @param mostExamples the examples that are kept of each code and split */
export function findingCollector(mostExamples: number) {
  const collected = new Map<string, Collected>();
  const at = (code: HealthCode, split: string | undefined): Collected => {
    const key = JSON.stringify([code, split]);
    let found = collected.get(key);
    if (!found) {
      found = { code, split, count: 0, subjects: new Map(), examples: [] };
      collected.set(key, found);
    }
    return found;
  };
  const addIds = (entry: Collected, kind: SubjectKind, split: string | undefined, ids: readonly Id[]) => {
    const key = JSON.stringify([kind, split]);
    let subject = entry.subjects.get(key);
    if (!subject) {
      subject = { kind, split, ids: new Set() };
      entry.subjects.set(key, subject);
    }
    for (const id of ids) subject.ids.add(id);
  };
  const addExample = (entry: Collected, { file, text }: Fault) => {
    entry.count++;
    if (entry.examples.length < mostExamples) entry.examples.push({ file, text: text() });
  };
  return {
    /** Returns the function that reports faults of a split. */
    reporter:
      (split: string | undefined): Report =>
      (code, fault) => {
        const entry = at(code, split);
        if (fault.ids.length > 0) addIds(entry, fault.kind, split, fault.ids);
        addExample(entry, fault);
      },
    /** Reports what two splits have in common. */
    between(code: HealthCode, sides: readonly { readonly split: string; readonly ids: readonly Id[] }[], fault: Fault) {
      const entry = at(code, sides.map(({ split }) => split).join(' and '));
      for (const { split, ids } of sides) addIds(entry, fault.kind, split, ids);
      addExample(entry, fault);
    },
    /** Returns the findings, errors first. */
    finish(): Finding[] {
      const order = Object.keys(healthCodes);
      const rank = ({ code }: Collected) => severities.indexOf(severityOf(code)) * order.length + order.indexOf(code);
      return [...collected.values()]
        .toSorted((a, b) => rank(a) - rank(b))
        .map(({ code, split, count, subjects, examples }) => ({
          code,
          severity: severityOf(code),
          split,
          count,
          subjects: [...subjects.values()].map(({ kind, split: side, ids }) => ({ kind, split: side, ids: [...ids] })),
          examples,
          remedy: healthCodes[code].remedy,
        }));
    },
  };
}

/** What `findingCollector` returns. */
export type FindingCollector = ReturnType<typeof findingCollector>;

/** Returns the finding's ids by name, as in its JSON: `image_ids`, `annotation_ids`; of leakage `train_image_ids`, `val_image_ids`. */
export function subjectOf({ subjects }: Pick<Finding, 'subjects'>): ReadonlyMap<string, readonly Id[]> {
  const severalSplits = new Set(subjects.map(({ split }) => split)).size > 1;
  return new Map(
    subjects.map(({ kind, split, ids }) => {
      const name = kind === 'result' ? 'result_indices' : `${kind}_ids`;
      return [severalSplits ? `${split}_${name}` : name, ids];
    }),
  );
}
