import type { Command, Option } from 'commander';
import { collected, sizes } from './arguments.ts';
import { UsageError } from './failure.ts';

/** Parsers of options that may be given several times. */
const repeated: readonly unknown[] = [collected, sizes];

/**
 * Makes a command refuse an option that is given twice, of which commander would take the last without a word, and two that
 * contradict each other (`--flip --no-flip`). A flag may be repeated.
 */
export function refuseRepeated(command: Command): void {
  const given = new Map<string, { readonly option: Option; readonly value: string }>();
  for (const option of command.options) {
    if (repeated.includes(option.parseArg)) continue;
    command.on(`option:${option.name()}`, (value: string) => {
      const key = option.attributeName();
      const first = given.get(key);
      given.set(key, { option, value });
      if (!first) return;
      const name = option.long ?? option.flags;
      if (first.option !== option) {
        throw new UsageError(`${first.option.long} and ${name} contradict each other. Leave one of them out.`);
      }
      if (!option.required) return;
      const how = /\bcommas\b/.test(option.description) ? ', with commas between the values' : '';
      throw new UsageError(`${name} is given twice: ${first.value} and ${value}. Give it once${how}.`);
    });
  }
}

/**
 * Makes a command refuse an option whose value is empty: no option has a use for one, and an empty folder would be the current
 * one.
 */
export function refuseEmpty(command: Command): void {
  for (const option of command.options) {
    command.on(`option:${option.name()}`, (value: unknown) => {
      if (value === '') throw new UsageError(`empty ${option.long ?? option.flags}. Is a shell variable unset?`);
    });
  }
}
