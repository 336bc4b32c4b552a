import type { Progress } from './platform.ts';

/** Says how far one count has come: its start, its end and each hundredth, however many steps there are. */
export function countOf(
  onProgress: ((progress: Progress) => void) | undefined,
  stage: Progress['stage'],
  file: string,
): (done: number, total: number) => void {
  const text = lastOf(file);
  let said = -1;
  let saidTotal = -1;
  return (done, total) => {
    // where the total is not known, each mebibyte of a download
    const step = total > 0 ? Math.floor((100 * done) / total) : Math.floor(done / 2 ** 20);
    if (step === said && total === saidTotal) return;
    [said, saidTotal] = [step, total];
    onProgress?.({ stage, done, total, text });
  };
}

/** The file's own name of a path or an address. */
const lastOf = (file: string): string => file.split(/[?#]/)[0]!.split(/[/\\]/).at(-1) || file;
