import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseCocoFile, parseCocoResults } from 'moganet/data';
import { type CocoType, evaluateCoco } from 'moganet/evaluate';
import { peakBytes } from '../test/harness/peak.ts';

/** One evaluation in a process of its own: `evaluate_child.ts LABELS RESULTS TYPE`. Prints what `peers/evaluate.py` prints. */

export interface EvaluationRun {
  /** CPU time, threads of the garbage collector included. */
  readonly readSeconds: number;
  readonly evaluateSeconds: number;
  readonly peakBytes: number;
  /** The hash of precision, recall and scores. */
  readonly arrays: string;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function evaluated(labels: string, results: string, type: CocoType): EvaluationRun {
  const start = cpuSeconds();
  const { file } = parseCocoFile(readFileSync(labels), labels);
  const detections = parseCocoResults(readFileSync(results), results);
  const read = cpuSeconds();
  const { precision, recall, scores } = evaluateCoco(file, detections, { type });
  const done = cpuSeconds();
  const hash = createHash('sha256');
  for (const { buffer } of [precision, recall, scores]) hash.update(new Uint8Array(buffer));
  return {
    readSeconds: read - start,
    evaluateSeconds: done - read,
    peakBytes: peakBytes(),
    arrays: hash.digest('hex'),
  };
}

const [labels = '', results = '', type = ''] = process.argv.slice(2);
console.log(JSON.stringify(evaluated(labels, results, type as CocoType)));
