import type { GoldenCase } from '../golden.ts';

/** Runners of the evaluation's cases (`eval/`), by kind. Each owner of a kind adds its line. */
export const runners: Readonly<Record<string, (golden: GoldenCase) => Promise<void>>> = {};
