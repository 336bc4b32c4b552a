import type { Command } from 'commander';

/**
 * The library's messages in the words of the command line. They name an option as code writes it, with the command line's
 * spelling behind it; what a command prints names only what it can do itself, or the command that can.
 */

let running: Command | undefined;

/** Says which command runs. */
export function runs(command: Command | undefined): void {
  running = command;
}

/** The library's text for the command that runs. */
export const worded = (text: string): string => (running ? wordedFor(running, text) : text);

const camelToKebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** Commands that have most options, for those that another lacks. */
const wellEquipped = ['predict', 'classify', 'convert', 'export', 'pull', 'models'];

/** The library's text in the words of a command. */
export function wordedFor(command: Command, text: string): string {
  const siblings = command.parent?.commands ?? [command];
  const has = (one: Command, option: string) => one.options.some(({ long }) => long === option);
  const known = (option: string) => siblings.some((one) => has(one, option));
  const spelled = text
    // `{ ema: true } (--ema on the command line)`
    .replace(/(?:`[^`\n]*`|\{[^{}\n]*\}) \((--[^()\n]*?) on the command line\)/g, '$1')
    // `in code { config, weights }, on the command line --model …`
    .replace(/in code (?:`[^`\n]*`|\{[^{}\n]*\}), on the command line (?=--)/g, '')
    // `predict takes a higher maxPixels, the command line --max-pixels`
    .replace(/\b\w+(?: and \w+)? takes? a higher \w+, the command line (--[a-z-]+)/g, 'give a higher $1')
    // `Name one with the option `annotations`` if this command has it
    .replace(/\b(?:the )?option `(\w+)`/g, (words, name: string) =>
      has(command, `--${camelToKebab(name)}`) ? `--${camelToKebab(name)}` : words,
    )
    .replace(/\bthe option (\w+)\b/g, (words, name: string) =>
      known(`--${camelToKebab(name)}`) ? `--${camelToKebab(name)}` : words,
    );
  // what stands behind the name of a command is for that command
  return spelled.replace(
    /(`?moganet (?:-- )?[a-z]+\b[^`\n]*)|(?<![\w-])(--[a-z][a-z-]*)/g,
    (all, other: string, option: string) => {
      if (other !== undefined || has(command, option) || option === '--help') return all;
      const able = wellEquipped.find((name) => siblings.some((one) => one.name() === name && has(one, option)));
      return able === undefined ? all : `${option} of \`moganet ${able}\``;
    },
  );
}
